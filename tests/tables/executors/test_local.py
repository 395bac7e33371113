"""Processes of this machine: what each is given of it, and that nothing else reaches them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import joblib
import pytest
import torch
from torch.torch_version import TorchVersion

from semreg.core import Needs, room_on
from semreg.store.disk import read_object
from semreg.store.record import at_work, known_runs
from semreg.tables.executors import local
from semreg.tables.executors.local import Local, LocalJob

GIB = 2**30


@pytest.fixture
def cards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two GPUs of 80 GiB, called 4 and 6, that this process pretends to see."""

    class Properties:
        total_memory = 80 * GIB

    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4, 6")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: Properties)


class Process:
    """A process that is never begun."""

    exitcode: int | None = None
    pid: int | None = None

    def __init__(self, target: Any, args: tuple[Any, ...]) -> None:
        self.arguments, self.environment, self.log = args

    def start(self) -> None: ...


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[Process]:
    """The processes that were to be begun, and were not."""
    made: list[Process] = []

    def process(**given: Any) -> Process:
        made.append(Process(**given))
        return made[-1]

    monkeypatch.setattr(local, "_context", lambda: SimpleNamespace(Process=process))
    return made


def test_cores_are_shared_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joblib, "cpu_count", lambda: 8)
    found = {words: (Local(words).slots, Local(words).needs.threads) for words in ("", "1", "3", "8", "20")}
    assert found == {"": (8, 1), "1": (1, 8), "3": (3, 2), "8": (8, 1), "20": (20, 1)}
    assert Local("2").needs.gpu == 0


def test_its_server_imports_while_the_grid_is_planned(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[list[str]] = []
    context = SimpleNamespace(set_forkserver_preload=begun.append)
    monkeypatch.setattr(local.multiprocessing, "get_context", lambda method: context)
    monkeypatch.setattr(local.forkserver, "ensure_running", lambda: begun.append(["running"]))
    Local("2")
    assert begun == [local.PRELOADED, ["running"]]


@pytest.mark.parametrize("words", ["x", "0", "-1", "1.5", "²", "2:2"])
def test_what_is_no_number_of_processes_is_refused(words: str) -> None:
    with pytest.raises(ValueError, match="is not a number of processes; local:2 trains two runs at a time"):
        Local(words)


@pytest.mark.usefixtures("cards")
@pytest.mark.parametrize(
    ("words", "gpu", "slots", "share"),
    [("", None, 2, 1), ("1", None, 1, 1), ("2", None, 2, 1), ("4", None, 4, 0.5), ("5", None, 5, 1 / 3),
     ("", 0.25, 8, 0.25), ("3", 0.25, 3, 0.25), ("", 0.3, 6, 0.3), ("", 1, 2, 1), ("", 0.1, 20, 0.1)],
)  # fmt: skip
def test_gpus_are_shared_out(words: str, gpu: float | None, slots: int, share: float) -> None:
    made = Local(words, gpu=gpu)
    assert (made.slots, made.needs.gpu) == (slots, share)


@pytest.mark.usefixtures("cards")
def test_more_than_the_gpus_have_room_for_is_refused() -> None:
    with pytest.raises(ValueError, match=r"9 at once with 0\.25 of a GPU each need more GPUs than the 2 are here"):
        Local("9", gpu=0.25)


def test_without_a_gpu_none_is_shared_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(ValueError, match="this machine has no GPU"):
        Local(gpu=0.5)


@pytest.mark.usefixtures("cards")
@pytest.mark.parametrize(("words", "gpu"), [("", 0.5), ("4", None)])
def test_a_pytorch_that_keeps_to_no_share_is_given_whole_gpus(
    words: str, gpu: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "__version__", TorchVersion("2.9.1+cu128"))
    said = r"keeps to a share of a GPU from 2\.10 on, and this is 2\.9\.1\+cu128; local:2 without --gpus gives each"
    with pytest.raises(ValueError, match=said):
        Local(words, gpu=gpu)
    assert Local("2", gpu=None).needs.gpu == 1
    assert Local("4").needs.gpu == 0


@pytest.mark.usefixtures("cards")
def test_each_process_sees_one_gpu_and_takes_no_more_of_it_than_its_share(
    begun: list[Process], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTORCH_CUDA_ALLOC_CONF", "expandable_segments:True")
    made = Local(gpu=0.5)
    for _ in range(3):
        made.submit(["run"], made.needs)
    begun[1].exitcode = 0
    made.submit(["run"], made.needs)
    assert [process.environment["CUDA_VISIBLE_DEVICES"] for process in begun] == ["4", "6", "4", "6"]
    limit = f"per_process_memory_fraction:{room_on(80 * GIB, 0.5) / (80 * GIB):.4f}"
    assert {process.environment["PYTORCH_ALLOC_CONF"] for process in begun} == {f"expandable_segments:True,{limit}"}
    whole = Local(gpu=1.0)
    whole.submit(["run"], whole.needs)
    assert "PYTORCH_ALLOC_CONF" not in begun[-1].environment
    here = Local("2")
    here.submit(["run"], here.needs)
    assert begun[-1].environment["CUDA_VISIBLE_DEVICES"] == "4, 6"


def test_what_has_ended_is_not_sent_a_signal(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda *given: sent.append(given))
    process: Any = Process(None, ([], {}, ""))
    process.pid = 7
    job = LocalJob(process)
    job.cancel()
    process.exitcode = 1
    job.cancel()
    process.exitcode = local.LOST  # nobody knows
    job.cancel()
    assert [pid for pid, _ in sent] == [7, 7]


@pytest.mark.slow
def test_a_script_is_not_executed_again(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(
        'print("executed")\nimport semreg\n'
        'semreg.table(["vae_digits"], overrides=["phases.main.epochs=1"], seeds=2, on="local:2", device="cpu")\n'
    )
    done = subprocess.run([sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "executed\n"
    assert len(known_runs(tmp_path / "runs")) == 2


@pytest.mark.slow
def test_arguments_and_environment_reach_a_process_which_stops_when_it_is_cancelled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEMREG_CACHE", "elsewhere")
    needs = Needs(1, environment={"SEMREG_CACHE": "cache"}, log=tmp_path / "said")
    choices = ["--threads", "1", "--device", "cpu", "--set", "phases.main.epochs=100000"]
    job = Local("1").submit(["run", "vae_digits", *choices], needs)
    end = time.monotonic() + 100
    while not (found := known_runs(tmp_path / "runs")) or "phase" not in found[0].status:
        assert job.state() == "running", (tmp_path / "said").read_text()
        assert time.monotonic() < end
        time.sleep(0.02)
    pid = job.process.pid or 0
    assert os.getsid(pid) == pid, "a signal to this terminal's processes is none to it"
    job.cancel()
    while job.state() == "running":
        assert time.monotonic() < end
        time.sleep(0.02)
    job.cancel()
    (folder,) = (run.folder for run in known_runs(tmp_path / "runs"))
    status = read_object(folder / "status.json") or {}
    assert (status["state"], at_work(folder)) == ("stopped", False)
    assert status["message"].startswith("terminated")
    assert any((tmp_path / "cache").iterdir())
    assert not (tmp_path / "elsewhere").exists()
    assert "1,797 images used" in (tmp_path / "said").read_text()
