"""What workers do, in this process."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("ray", reason="optional: `make test-optional` installs it")
from semreg_ray import tasks
from semreg_ray.copying import sent, unpack


def made(tmp_path: Path, arguments: list[str], folder: Path) -> str:
    """What a process said."""
    log = tmp_path / "said"
    given, needed = {"SEMREG_NONE": "given", "HOME": "not taken"}, {"SEMREG_CACHE": str(tmp_path)}
    told = list(tasks.make(arguments, 0.0, given, needed, str(log), str(folder)))
    assert [len(one) for one in told] == [2]
    return log.read_text()


def test_what_it_says_is_added_to_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "_node", lambda: "here")
    first = made(tmp_path, ["--version"], tmp_path)
    assert "semreg" in first
    assert made(tmp_path, ["--version"], tmp_path / "missing") == 2 * first


def test_the_folder_of_a_copy_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "_node", lambda: "here")
    folder = tmp_path / "runs/one"
    (folder / "trials").mkdir(parents=True)
    (folder / "trials/one.toml").touch()
    given = ["--version"], 0.0, {}, {}, str(folder / "trials/log"), str(tmp_path)
    told = list(tasks.make_copied(*given, sent(folder)))
    assert isinstance(told[-1], bytes)
    assert not (folder / "trials/log").exists()
    unpack(told[-1], folder)
    assert "semreg" in (folder / "trials/log").read_text()


def test_a_trial_that_is_given_up_is_asked_to_stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "_node", lambda: "here")
    task = tasks.make(["list"], 0.0, {}, {}, str(tmp_path / "said"), str(tmp_path))
    _, process = next(task)
    task.close()  # type: ignore[attr-defined]  # what an exception in the worker does, too
    with pytest.raises(ProcessLookupError):
        tasks.os.kill(process, 0)


def test_a_number_that_has_become_another_process_is_left_alone() -> None:
    waiting = [sys.executable, "-c", "input()"]
    with subprocess.Popen(waiting, stdin=subprocess.PIPE) as other:
        tasks.terminate(other.pid)
        time.sleep(0.1)
        assert other.poll() is None
    with subprocess.Popen(waiting, stdin=subprocess.PIPE, start_new_session=True) as trial:
        tasks.terminate(trial.pid)
        assert trial.wait(10) == -signal.SIGTERM
    tasks.terminate(trial.pid)


def test_a_file_that_is_not_here(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("word")
    assert tasks.read(str(tmp_path / "token")) == "word"
    assert tasks.read(str(tmp_path / "other")) == ""
