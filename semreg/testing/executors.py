"""Checks of executors, which run the trials of a grid."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from semreg.core import Executor, Job, Needs
from semreg.core.registry import import_target, register
from semreg.store.layout import LOCK, TRIALS
from semreg.store.record import RunRecord, at_work, known_runs
from semreg.testing.checks import Checks, require
from semreg.testing.documented import check_documentation
from semreg.testing.interfaces import require_interface

PATIENCE = 300.0
"""The most seconds that any step may take."""
RECIPE = 'extends = "vae_digits"\nwithout = ["evaluate.samples"]\nphases.main.epochs = {epochs}\n'
SHORT, LONG = 20, 100_000
"""Epochs of a run that should end, and of one that the check stops."""
_COORDINATE = "import sys; from semreg.testing.executors import coordinate; coordinate(*sys.argv[1:])"


def check_executor(executor: type[Executor], words: str = "2", *, exempt: Collection[str] = ()) -> None:
    """Check an executor: it completes grids of small runs on the digits of scikit-learn, even if processes are killed.

    Checks: "documentation", "job" (a run gets the threads and the environment that it needs, its output is in its log,
    and its job ends after it), "cancel" (a running run stops at a checkpoint, and cancelling an ended one does
    nothing), "failing trial" (the others continue, and its cause is reported), "killed worker" (its trial restarts),
    "killed coordinator" (the same command resumes, beside processes that the killed one left) and "two coordinators"
    (on one grid; nothing is trained twice). Separate processes make the grids and import the class by its name. The
    check finds a worker in /proc by the lock of its run, and skips "killed worker" on systems without /proc.

    Args:
        executor: the object that the entry point names: a class that can be imported.
        words: the words after its name in `--on`, for at least two trials at once.
        exempt: names of checks to skip.

    Raises:
        AssertionError: with all failures.
    """
    checks = Checks(executor.__name__, exempt)
    checks.run("documentation", check_documentation, executor)
    checks.run("job", _check_job, executor, words)
    checks.run("cancel", _check_cancel, executor, words)
    checks.run("failing trial", _check_failing, executor, words)
    if Path("/proc/self/fd").is_dir():
        checks.run("killed worker", _check_killed_worker, executor, words)
    checks.run("killed coordinator", _check_killed_coordinator, executor, words)
    checks.run("two coordinators", _check_two, executor, words)
    checks.end()


# --- one job ---


def _check_job(executor: type[Executor], words: str) -> None:
    with _folder() as folder:
        job, log = _submitted(executor(words), folder, SHORT)
        require_interface(job, Job)
        _wait(lambda: job.state() == "ended", "its job doesn't end")
        runs = known_runs(folder / "runs")
        told = log.read_text() if log.is_file() else ""
        require(bool(runs), f"the job ended, and there is no run; its log: {told[-500:]!r}")
        require(runs[0].state == "finished", f"the job ended, and its run is {runs[0].state}: {told[-500:]!r}")
        require(runs[0].record["threads"] == 1, f"a run that needs 1 thread has {runs[0].record['threads']}")
        require("report: " in told, "what a run says isn't in the log that it needs")
        require((folder / "cache").is_dir(), "the environment that a run needs didn't reach it")
        job.cancel()
        require(job.state() == "ended", "a job that has ended, and is cancelled, is no longer ended")


def _check_cancel(executor: type[Executor], words: str) -> None:
    with _folder() as folder:
        job, log = _submitted(executor(words), folder, LONG)
        _wait(lambda: job.state() == "ended" or _under_way(folder), "its run doesn't begin")
        _wait(lambda: job.state() != "waiting", "its run is running, and the job still waits")
        require(job.state() == "running", f"its run is running, and the job is {job.state()}: {_end_of(log)!r}")
        begun = time.monotonic()
        job.cancel()
        require(time.monotonic() - begun < 5, "cancelling waits")
        _wait(lambda: job.state() == "ended", "a job that was cancelled doesn't end")
        (run,) = known_runs(folder / "runs")
        require(run.state == "stopped", f"a run that was cancelled while running is {run.state}, not stopped")
        require(any((run.folder / "checkpoints").glob("0*")), "a run cancelled while running wrote no checkpoint")


def _submitted(executor: Executor, folder: Path, epochs: int) -> tuple[Job, Path]:
    """Submit a job, and return it with its log."""
    recipe, log = folder / "small.toml", folder / "small.log"
    recipe.write_text(RECIPE.format(epochs=epochs))
    where = ["--out", str(folder / "runs"), "--data-root", str(folder / "data")]
    needs = Needs(threads=1, environment={"SEMREG_CACHE": str(folder / "cache")}, log=log)
    return executor.submit(["run", str(recipe), "--threads", "1", "--device", "cpu", *where], needs), log


# --- grids ---


def coordinate(target: str, words: str, folder: str, *recipes: str) -> None:
    """Make a grid of two seeds of some recipes in a folder, by the executor that can be imported from `target`."""
    from semreg.running.choices import Choices
    from semreg.tables.growing import Wanted
    from semreg.tables.making import make_table

    register("executor", "checked", import_target("executor", target, "the executor"))
    out = Path(folder)
    choices = Choices(device="cpu", out=out / "runs", data_root=out / "data")
    made = make_table([out / name for name in recipes], (), 2, Wanted(name="grid", on=f"checked:{words}"), choices)
    sys.exit(any(not cell.finished for _, cell in made.grid.cells))


def _check_failing(executor: type[Executor], words: str) -> None:
    with _folder() as folder:
        (folder / "failing.toml").write_text(f"{RECIPE.format(epochs=1)}optimizer.lr = 1e30\n")
        code, told = _ended(_coordinator(executor, words, folder, "failing.toml", "small.toml"))
        states = sorted((run.name, run.state) for run in known_runs(folder / "runs"))
        wanted = [("failing", "failed")] * 2 + [("small", "finished")] * 2
        require(states == wanted, f"two recipes, one of them failing: {states}; {told}")
        require(code == 1, f"its grid ended with exit code {code}: {told}")
        require("became" in told, f"why the trial failed isn't told: {told}")


def _check_killed_worker(executor: type[Executor], words: str) -> None:
    with _folder() as folder:
        grid = _coordinator(executor, words, folder, "small.toml")
        _wait(lambda: grid.poll() is not None or _under_way(folder), "no run begins")
        killed = [process for run in _under_way(folder)[:1] for process in processes_at_work(run.folder)]
        require(bool(killed), "no process of this machine holds the lock of a running run")
        for process in killed:
            os.kill(process, signal.SIGKILL)
        _require_whole(folder, *_ended(grid))


def _check_killed_coordinator(executor: type[Executor], words: str) -> None:
    with _folder() as folder:
        grid = _coordinator(executor, words, folder, "small.toml")
        _wait(lambda: grid.poll() is not None or _under_way(folder), "no run begins")
        grid.kill()
        grid.communicate()
        _require_whole(folder, *_ended(_coordinator(executor, words, folder, "small.toml")))


def _check_two(executor: type[Executor], words: str) -> None:
    with _folder() as folder:
        grids = [_coordinator(executor, words, folder, "small.toml") for _ in range(2)]
        for code, told in [_ended(grid) for grid in grids]:
            _require_whole(folder, code, told)


def _require_whole(folder: Path, code: int, told: str) -> None:
    """Raise AssertionError unless a grid is finished, and each of its runs was completed once."""
    require(code == 0, f"its grid ended with exit code {code}: {told}")
    logs = [log.read_text() for log in folder.glob(f"runs/*/{TRIALS}/*.log")]
    ends = [text.count("evaluating reconstructions") for text in logs]
    require(ends == [1, 1], f"two runs were evaluated {ends} times: {told}")


def _coordinator(executor: type[Executor], words: str, folder: Path, *recipes: str) -> subprocess.Popen[str]:
    """Start a process that makes a grid."""
    (folder / "small.toml").write_text(RECIPE.format(epochs=SHORT))
    target = f"{executor.__module__}:{executor.__qualname__}"
    here = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "SEMREG_CACHE": str(folder / "cache")}
    return subprocess.Popen(
        [sys.executable, "-c", _COORDINATE, target, words, str(folder), *recipes],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env={**os.environ, **here}, cwd=folder,
    )  # fmt: skip


def _ended(grid: subprocess.Popen[str]) -> tuple[int, str]:
    """Return the exit code of a coordinator and the end of its output."""
    try:
        _, told = grid.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        grid.kill()
        _, told = grid.communicate()
        require(False, f"its grid doesn't end: {told[-2000:]}")
    return grid.returncode, told[-2000:]


# --- what is seen of it ---


@contextmanager
def _folder() -> Iterator[Path]:
    """Provide a folder, and leave it when no process uses it any more."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        try:
            yield folder
        finally:
            for run in known_runs(folder / "runs"):
                for process in processes_at_work(run.folder):
                    os.kill(process, signal.SIGKILL)


def _under_way(folder: Path) -> list[RunRecord]:
    """Return the runs that are in training."""
    runs = known_runs(folder / "runs")
    return [run for run in runs if run.state == "running" and "phase" in run.status and at_work(run.folder)]


def processes_at_work(folder: Path) -> list[int]:
    """Return the processes of this machine that have a run's lock open."""
    lock, found = str((folder / LOCK).resolve()), set()
    for descriptor in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if os.readlink(descriptor) == lock:
                found.add(int(descriptor.parts[2]))
        except OSError:  # it has ended meanwhile, or belongs to another user
            continue
    return sorted(found - {os.getpid()})


def _wait(done: Callable[[], object], otherwise: str) -> None:
    end = time.monotonic() + PATIENCE
    while not done():
        require(time.monotonic() < end, f"{otherwise} within {PATIENCE:.0f} seconds")
        time.sleep(0.05)


def _end_of(log: Path) -> str:
    return log.read_text()[-500:] if log.is_file() else ""
