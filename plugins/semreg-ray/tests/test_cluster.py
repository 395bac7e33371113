"""Addresses at which no cluster is, each of which is refused in one line, soon."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

ray = pytest.importorskip("ray", reason="optional: `make test-optional` installs it")
from semreg_ray.cluster import connect  # noqa: E402


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("127.0.0.1:1", "nothing answers at 127.0.0.1:1"),
        ("nosuch.invalid:6379", "nothing answers at nosuch.invalid:6379"),
        ("garbage", "'garbage' is not an address"),
        ("host:99999", "'host:99999' is not an address"),
        ("ray://127.0.0.1:1", "give the command on a node"),
        ("//127.0.0.1:1", "give the command on a node"),
    ],
)
def test_an_address_without_a_cluster(address: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as error:
        connect(address)
    assert "\n" not in str(error.value)
    assert not ray.is_initialized()


def test_ray_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ValueError, match="`pip install semreg-ray` brings it"):
        connect("")


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
    assert f"{address} answers, but it is not a Ray cluster" in ended.stderr.splitlines()[-1]


HEAD = ("start", "--head", "--num-cpus=1", "--include-dashboard=false", "--block", "--object-store-memory=100000000")
JOINING = (
    "import sys; from semreg_ray import cluster\n"
    "try: cluster.connect(sys.argv[1])\n"
    "except ValueError as error: sys.exit(str(error))\n"
    "print(cluster.imported().get_runtime_context().gcs_address)"
)


def test_the_token_of_the_last_ray_start_is_given(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    plain = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    # Ray finds by the folder of temporary files what was started last.
    environment = plain | {"RAY_AUTH_TOKEN": "ab" * 32, "RAY_TMPDIR": tempfile.mkdtemp(dir="/tmp", prefix="ray-")}
    command = Path(sys.executable).with_name("ray")
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "start_new_session": True}
    head = subprocess.Popen([command, *HEAD, f"--port={port}"], env=environment, **quiet)  # type: ignore[call-overload]

    def joining(address: str) -> subprocess.CompletedProcess[str]:
        given = [sys.executable, "-c", JOINING, address]
        return subprocess.run(given, env=environment, capture_output=True, text=True, timeout=90, check=False)

    try:
        end = time.monotonic() + 60
        while not (ended := joining("")).stdout.strip().endswith(f":{port}"):
            assert time.monotonic() < end, ended.stderr
            time.sleep(1)
        ended = joining(f"127.0.0.1:{port}")
        assert ended.returncode == 1
        assert ended.stderr.count("\n") == 1, "what Ray says of each try is left out"
        assert ended.stderr.strip().endswith("; where it asks for a token, RAY_AUTH_MODE=token gives it")
    finally:
        head.terminate()
        head.wait(30)
        shutil.rmtree(environment["RAY_TMPDIR"], ignore_errors=True)


def test_one_of_its_own() -> None:
    """In a process of its own, since Ray keeps the first token that a process has."""
    script = (
        "import signal\n"
        "from semreg_ray import cluster\n"
        "before = signal.getsignal(signal.SIGTERM)\n"
        "cluster.connect(cluster.OWN)\n"
        "there = cluster.imported().get_runtime_context().gcs_address\n"
        "print(signal.getsignal(signal.SIGTERM) is before)\n"
        "cluster.connect('')  # again, with what is there\n"
        "cluster.connect(there)\n"
        "try: cluster.connect('127.0.0.1:1')\n"
        "except ValueError as error: print(f'is connected to the cluster at {there}' in str(error))\n"
    )
    plain = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    environment = plain | {"RAY_USAGE_STATS_ENABLED": "0"}
    command = [sys.executable, "-c", script]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert ended.stdout.split() == ["True", "True"], ended.stderr
