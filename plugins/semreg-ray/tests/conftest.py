"""A cluster of two nodes on this machine, each with one CPU. It is skipped where Ray is not installed."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture(scope="session", autouse=True)
def _no_token_at_home() -> None:
    """Ray's token is in the environment, which it would else write into the home folder."""
    os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"


@pytest.fixture
def cluster() -> Iterator[Any]:
    """Two nodes; processes join them by `cluster.address`."""
    ray = pytest.importorskip("ray", reason="optional: `make test-optional` installs it")
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    made.add_node(num_cpus=1)
    yield made
    ray.shutdown()
    made.shutdown()
