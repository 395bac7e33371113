"""Grids on real clusters of this machine."""

from __future__ import annotations

from typing import Any

import pytest

from semreg.testing import check_executor

pytest.importorskip("ray", reason="optional: `make test-optional` installs it")
from semreg_ray.executor import Ray  # noqa: E402


def test_it_conforms(cluster: Any) -> None:
    check_executor(Ray, cluster.address)
