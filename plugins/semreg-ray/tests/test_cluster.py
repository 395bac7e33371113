"""Addresses at which no cluster is, each of which is refused in one line, soon."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys

import pytest

ray = pytest.importorskip("ray", reason="optional: `make test-optional` installs it")
from semreg_ray import cluster  # noqa: E402
from semreg_ray.cluster import connect  # noqa: E402


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("127.0.0.1:1", "nothing answers at 127.0.0.1:1"),
        ("nosuch.invalid:6379", "nothing answers at nosuch.invalid:6379"),
        ("garbage", "'garbage' is no address"),
        ("host:99999", "'host:99999' is no address"),
        ("ray://127.0.0.1:1", "give the command on a node"),
        ("//127.0.0.1:1", "give the command on a node"),
    ],
)
def test_an_address_without_a_cluster(address: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as error:
        connect(address)
    assert "\n" not in str(error.value)
    assert not ray.is_initialized()


def test_an_address_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    with pytest.raises(ValueError, match=r"nothing answers at 127\.0\.0\.1:1"):
        connect("")


def test_something_else_answers() -> None:
    connecting = (
        "import sys; from semreg_ray import cluster; cluster.SECONDS_TO_JOIN = 1.0\n"
        "try: cluster.connect(sys.argv[1])\n"
        "except ValueError as error: sys.exit(str(error))"
    )
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        ended = subprocess.run(
            [sys.executable, "-c", connecting, address], capture_output=True, text=True, timeout=60, check=False
        )
    assert ended.returncode == 1
    assert f"what answers at {address} is no Ray cluster" in ended.stderr.splitlines()[-1]


def test_one_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_AUTH_TOKEN")
    before = signal.getsignal(signal.SIGTERM)
    connect(cluster.OWN)
    try:
        there = ray.get_runtime_context().gcs_address
        assert signal.getsignal(signal.SIGTERM) is before
        connect("")  # again, with what is there
        connect(there)
        with pytest.raises(ValueError, match=f"is connected to the cluster at {there}"):
            connect("127.0.0.1:1")
    finally:
        ray.shutdown()
