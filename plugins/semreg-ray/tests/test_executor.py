"""Grids on real clusters of this machine, of two nodes with one CPU each."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from semreg.core import Needs, UserError
from semreg.testing import check_executor
from semreg.testing.executors import RECIPE

ray = pytest.importorskip("ray", reason="optional: `make test-optional` installs it")
from semreg_ray.executor import Ray  # noqa: E402

UNSHARED = 'mount -t tmpfs none "$1" && exec "$2" start --address "$3" --num-cpus 2 --block --disable-usage-stats'


def test_it_conforms(cluster: Any) -> None:
    check_executor(Ray, cluster.address)


def grid(folder: Path, *more: str) -> subprocess.Popen[str]:
    """Begin a grid of two seeds."""
    (folder / "small.toml").write_text(RECIPE.format(epochs=100))
    return subprocess.Popen(
        [sys.executable, "-m", "semreg", "table", "small.toml", "--seeds", "2", "--device", "cpu", "--name", "grid",
         "--threads", "1", *more],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, cwd=folder,
        env={**os.environ, "SEMREG_CACHE": str(folder / "cache")},
    )  # fmt: skip


def figures(folder: Path) -> str:
    (table,) = folder.glob("runs/tables/grid*/table.csv")
    return table.read_text()


def test_a_node_is_killed(cluster: Any, tmp_path: Path) -> None:
    quiet, killed = tmp_path / "quiet", tmp_path / "killed"
    for folder in (quiet, killed):
        folder.mkdir()
    _, said = grid(quiet).communicate()
    made = grid(killed, "--on", f"ray:{cluster.address}")
    while made.poll() is None and len(list(killed.glob("runs/*/metrics.jsonl"))) < 2:
        time.sleep(0.05)
    (other,) = cluster.worker_nodes
    cluster.remove_node(other, allow_graceful=False)
    _, said = made.communicate()
    assert made.returncode == 0, said
    assert said.count("begun") > 2, said
    assert figures(killed) == figures(quiet)


@contextmanager
def unshared(cluster: Any, hidden: Path) -> Iterator[None]:
    """A third node, of two CPUs, that sees an empty folder in the place of one."""
    start = ["unshare", "-rm", "sh", "-c", UNSHARED, "sh", str(hidden), str(Path(sys.executable).with_name("ray"))]
    if subprocess.run([*start[:4], UNSHARED.partition(" &&")[0], *start[5:]], check=False).returncode:
        pytest.skip("no mount of one's own is allowed here")
    with subprocess.Popen([*start, cluster.address], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as node:
        try:
            while sum(one["Alive"] for one in ray.nodes()) < 3:
                assert node.poll() is None
                time.sleep(0.1)
            yield
        finally:
            node.terminate()


def test_a_node_that_does_not_see_the_folder(cluster: Any, tmp_path: Path) -> None:
    shared, copied = Ray(cluster.address), Ray(f"{cluster.address},copy")
    recipe, out = tmp_path / "runs/small/trials/small.toml", tmp_path / "runs"
    recipe.parent.mkdir(parents=True)
    recipe.write_text(RECIPE.format(epochs=2))
    needs = Needs(threads=2, environment={"SEMREG_CACHE": str(tmp_path / "cache")}, log=recipe.with_suffix(".log"))
    run = ["run", str(recipe), "--out", str(out), "--threads", "2", "--device", "cpu"]
    with unshared(cluster, tmp_path):
        with pytest.raises(UserError, match=f"doesn't see the folder {recipe.parent}; choose one by --out"):
            shared.submit(run, needs)
        assert list(recipe.parent.iterdir()) == [recipe]
        job = copied.submit(run, needs)
        while job.state() != "ended":
            time.sleep(0.05)
        assert "report: " in needs.log.read_text()
        with pytest.raises(UserError, match=r"and .*/said is in none"):
            copied.submit(run, Needs(threads=2, log=tmp_path / "said"))


def test_what_no_node_has(cluster: Any, tmp_path: Path) -> None:
    executor = Ray(cluster.address)
    assert (executor.slots, executor.needs) == (2, Needs(threads=1))
    with pytest.raises(UserError, match="no node of the cluster has 2 CPUs; expected at most --threads 1"):
        executor.submit(["run", "vae_digits"], Needs(threads=2, log=tmp_path / "said"))
    with pytest.raises(ValueError, match="no node of the cluster has a GPU"):
        Ray(cluster.address, gpu=None)


def test_shares_of_gpus(cluster: Any) -> None:
    cluster.add_node(num_cpus=8, num_gpus=2)
    executor = Ray(cluster.address, gpu=0.25)
    assert (executor.slots, executor.needs) == (8, Needs(threads=1, gpu=0.25))
    executor = Ray(cluster.address, gpu=None)
    assert (executor.slots, executor.needs) == (2, Needs(threads=4, gpu=1.0))


def test_a_trial_that_waits_never_begins(cluster: Any, tmp_path: Path) -> None:
    executor = Ray(cluster.address)
    busy = ray.remote(num_cpus=1)(lambda: time.sleep(600))
    taken = [busy.remote() for _ in range(2)]
    job = executor.submit(["--version"], Needs(threads=1, log=tmp_path / "said"))
    assert job.state() == "waiting"
    job.cancel()
    while job.state() != "ended":
        time.sleep(0.05)
    for one in taken:
        ray.cancel(one, force=True)
    assert not (tmp_path / "said").exists()


def test_a_trial_that_ray_ends_says_so_in_its_log(cluster: Any, tmp_path: Path) -> None:
    job = Ray(cluster.address).submit(["list"], Needs(threads=1, environment={"NULL": "\0"}, log=tmp_path / "said"))
    while job.state() != "ended":
        time.sleep(0.05)
    assert (tmp_path / "said").read_text() == "Ray: ValueError: embedded null byte\n"
