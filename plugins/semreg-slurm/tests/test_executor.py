"""The executor, on a cluster that is pretended, and with submitit's local executor in place of the cluster's."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from semreg.core import Needs, UserError
from semreg.store.record import known_runs
from semreg.testing import check_executor

pytest.importorskip("submitit", reason="optional: `make test-optional` installs it")
from semreg_slurm import executor
from semreg_slurm.executor import Queue, Slurm, SlurmJob

RECIPE = 'extends = "vae_digits"\nwithout = ["evaluate.samples"]\nphases.main.epochs = {epochs}\n'
PATIENCE = 300.0


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executor, "SECONDS_BETWEEN_LOOKS", 0.2)


def wait(done: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not done():
        assert time.monotonic() < end
        time.sleep(0.05)


def submitted(made: Slurm, folder: Path, epochs: int = 100_000, name: str = "small") -> SlurmJob:
    """A run that is queued."""
    (folder / f"{name}.toml").write_text(RECIPE.format(epochs=epochs))
    arguments = ["run", str(folder / f"{name}.toml"), "--out", str(folder / "runs"), "--device", "cpu"]
    needs = Needs(threads=1, environment={"SEMREG_CACHE": str(folder / "cache")}, log=folder / f"{name}.log")
    return made.submit(arguments, needs)


def state(folder: Path) -> str:
    """Where the only run stands; its phase, if it trains."""
    runs = known_runs(folder / "runs")
    return (runs[0].state if "phase" in runs[0].status or runs[0].state != "running" else "begun") if runs else ""


# --- what it takes, and refuses ---


def test_words_are_a_number_and_parameters_of_submitit(cluster: Any) -> None:
    made = Slurm("8,partition=short,long,time=240,cpus-per-task=4,mem=8GB,exclusive=true")
    assert made.slots == 8
    assert made.parameters == {
        "partition": "short,long", "time": 240, "cpus_per_task": 4, "mem": "8GB", "exclusive": True,
    }  # fmt: skip
    assert made.needs == Needs(threads=4)
    assert Slurm().slots == executor.MOST_AT_ONCE
    assert Slurm("account=me").parameters == {"account": "me"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("0", "'0' is no number of jobs; slurm:8,partition=gpu has eight at once"),
        ("many", "'many' is no number of jobs"),
        ("4,partion=gpu", "'partion' is no parameter of a job; did you mean 'partition'?"),
        ("setup=rm", "'setup' is no parameter of a job; expected one of: account"),
        ("partition", "partition has no value; write partition=VALUE"),
        ("2,qos=", "qos has no value; write qos=VALUE"),
        ("time=4:00:00", "time=4:00:00: expected a whole number above 0, of minutes"),
        ("time=1", "time=1: Slurm tells a job 90 seconds before, or earlier; 4 or more leaves it time"),
        ("cpus_per_task=0", "cpus_per_task=0: expected a whole number above 0"),
    ],
)
def test_other_words_are_refused(cluster: Any, words: str, said: str) -> None:
    with pytest.raises(ValueError) as refused:
        Slurm(words)
    assert str(refused.value).startswith(said)


def test_a_gpu_is_a_whole_one(cluster: Any) -> None:
    assert Slurm(gpu=1.0).parameters == Slurm(gpu=None).parameters == {"gpus_per_node": 1}
    assert Slurm(gpu=None).needs.gpu == Slurm("gres=gpu:a100:1").needs.gpu == 1.0
    assert Slurm("gres=gpu:1", gpu=None).parameters == {"gres": "gpu:1"}
    assert Slurm("gpus_per_node=0").needs.gpu == 0.0
    with pytest.raises(ValueError, match=r"Slurm gives whole GPUs, no 0\.25 of one; leave --gpus out"):
        Slurm(gpu=0.25)


def test_without_slurm_it_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ValueError, match="sbatch is missing here; give the command on a login node of a cluster"):
        Slurm()


# --- one job ---


def test_the_script_says_what_the_job_needs(cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "64")
    made = Slurm("2,partition=short,time=240")
    made.submit(["--version"], Needs(threads=3, log=tmp_path / "a 5% run.log"))
    script = cluster.script()
    for line in ("job-name='a 5% run'", "partition=short", "time=240", "cpus-per-task=3", "signal=USR2@90"):
        assert f"#SBATCH --{line}\n" in script
    assert f"#SBATCH --output='{tmp_path}/a 5%% run.log'\n" in script
    assert f"--cpus-per-task=3 '--output={tmp_path}/a 5%% run.log' --open-mode=append {sys.executable} " in script
    assert "#SBATCH --error" not in script
    assert "#SBATCH --gpus" not in script
    Slurm(gpu=None).submit(["--version"], Needs(threads=1, gpu=1.0, log=tmp_path / "gpu.log"))
    assert "#SBATCH --gpus-per-node=1\n" in cluster.script(2)


def test_what_sbatch_refuses_is_said(
    cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bin" / "sbatch").write_text("#!/bin/sh\necho 'sbatch: error: invalid partition' >&2\nexit 1\n")
    with pytest.raises(UserError) as refused:
        Slurm("partition=none").submit(["--version"], Needs(threads=1, log=tmp_path / "run.log"))
    assert str(refused.value) == "sbatch: error: invalid partition"
    assert capsys.readouterr().err == ""


def test_a_job_whose_time_is_over_goes_on_with_the_same_arguments(cluster: Any, tmp_path: Path) -> None:
    job = submitted(Slurm(), tmp_path)
    wait(lambda: state(tmp_path) == "running")
    cluster.signal(1, signal.SIGUSR2)
    wait(lambda: "Requeued job 1" in (tmp_path / "small.log").read_text())
    assert "terminated; the same command resumes from the last checkpoint" in (tmp_path / "small.log").read_text()
    wait(lambda: (tmp_path / "small.log").read_text().count("Starting with") == 2 and state(tmp_path) == "running")
    assert job.state() == "running"
    job.cancel()
    wait(lambda: job.state() == "ended")
    assert state(tmp_path) == "stopped"
    assert cluster.numbers() == [1]


def test_a_job_that_waits_never_begins_once_cancelled(cluster: Any, tmp_path: Path) -> None:
    made = Slurm()
    jobs = [submitted(made, tmp_path, name=f"run{k}") for k in range(3)]
    wait(lambda: [job.state() for job in jobs] == ["running", "running", "waiting"])
    jobs[2].cancel()
    wait(lambda: jobs[2].state() == "ended")
    assert not (tmp_path / "run2.log").exists() or "semreg" not in (tmp_path / "run2.log").read_text()
    for job in jobs[:2]:
        job.cancel()
    wait(lambda: all(job.state() == "ended" for job in jobs))
    jobs[0].cancel()


def test_a_job_that_a_killed_coordinator_queued_is_found_again(cluster: Any, tmp_path: Path) -> None:
    first = submitted(Slurm(), tmp_path)
    again = submitted(Slurm(), tmp_path)
    assert first.number == again.number == "1"
    again.cancel()
    wait(lambda: first.state() == "ended")
    assert submitted(Slurm(), tmp_path).number == "2"


def test_a_node_that_does_not_see_the_folder_is_found(cluster: Any, tmp_path: Path) -> None:
    made = Slurm()
    (cluster.folder / "apart").touch()
    job = submitted(made, tmp_path)
    wait(lambda: job.state() == "ended")
    with pytest.raises(UserError) as refused:
        submitted(made, tmp_path)
    said = f"job 1 ended, and there is no {tmp_path / 'small.log'}: its node doesn't see that folder, or someone has"
    assert str(refused.value).startswith(said)
    submitted(Slurm(), tmp_path).cancel()


def test_a_cluster_that_does_not_answer_is_an_error(cluster: Any, tmp_path: Path) -> None:
    queue = Queue()
    queue.add("1")
    assert queue.states() == {}
    silent = cluster.folder / "silent"
    silent.touch()
    queue.forget()
    for _ in range(2):
        with pytest.raises(UserError, match=r"^squeue: error: Unable to contact slurm controller"):
            SlurmJob("1", queue, tmp_path / "stop").state()
    with pytest.raises(UserError, match="Unable to contact"):
        SlurmJob("1", queue, tmp_path / "stop").cancel()
    silent.unlink()
    wait(lambda: not _fails(queue))


def _fails(queue: Queue) -> bool:
    try:
        queue.states()
    except UserError:
        return True
    return False


def test_slurm_that_hangs_is_an_error(monkeypatch: pytest.MonkeyPatch, cluster: Any, tmp_path: Path) -> None:
    monkeypatch.setattr(executor, "PATIENCE", 0.1)
    (tmp_path / "bin" / "squeue").write_text("#!/bin/sh\nexec sleep 60\n")
    with pytest.raises(UserError, match=r"squeue: it doesn't answer within 0 seconds"):
        Queue().states()


# --- grids, whoever is killed ---


@pytest.mark.slow
def test_it_conforms(cluster: Any) -> None:
    check_executor(Slurm, "2")


@pytest.mark.slow
def test_it_conforms_by_the_local_executor_of_submitit(cluster: Any) -> None:
    from processes import ByProcesses

    check_executor(ByProcesses, "2", exempt={"failing trial", "two coordinators"})  # which depend on it no more
