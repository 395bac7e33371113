"""Two commands make one grid at the same time."""

from __future__ import annotations

import json
import multiprocessing
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from semreg.store.folder import RunFolder
from semreg.tables import growing
from semreg.tables.making import MadeTable
from semreg.tables.pages import DATA
from semreg.training.trainer import Trainer

Make = Callable[..., MadeTable]

FORK = multiprocessing.get_context("fork")


def test_each_run_is_trained_once_and_both_write_the_same_table(
    make: Make, two: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train, together = Trainer.train, FORK.Barrier(2)

    def recorded(self: Trainer) -> None:
        with (tmp_path / "trained").open("a") as file:
            file.write(f"{self.setting.plan.name}:{self.setting.seed}\n")
        train(self)

    monkeypatch.setattr(Trainer, "train", recorded)

    def one(number: int) -> None:
        together.wait()
        table = make(two, seeds=2, command="semreg table …")
        (tmp_path / f"{number}.json").write_bytes((table.folder / DATA).read_bytes())

    processes = [FORK.Process(target=one, args=(number,)) for number in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    assert Counter((tmp_path / "trained").read_text().split()) == {
        f"{name}:{seed}": 1 for name in ("plain", "better") for seed in range(2)
    }
    tables = [json.loads((tmp_path / f"{number}.json").read_text()) for number in range(2)]
    assert tables[0] == tables[1]
    assert [cell["state"] for row in tables[0]["rows"] for cell in row["runs"]] == ["finished"] * 4
    assert not list(tmp_path.rglob("*.part"))


def test_a_run_that_another_command_makes_is_passed_over_and_waited_for_at_the_end(
    make: Make, two: list[Path], made: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    write, states = growing.write_table, []
    locks: list[FileLock] = []

    def told(grid: Any, folder: Path) -> str:
        states.append([cell.state for _, cell in grid.cells])
        if not locks:
            busy = grid.cells[0][1].folder
            busy.mkdir()
            locks.append(FileLock(busy / ".lock", thread_local=False))
            locks[0].acquire()
        return write(grid, folder)

    def waited(self: RunFolder) -> None:
        locks[0].release()

    monkeypatch.setattr(growing, "write_table", told)
    monkeypatch.setattr(growing, "PAUSE", 0)  # the table is written after each run, however long that takes
    monkeypatch.setattr(RunFolder, "wait", waited)
    table = make(two, seeds=2)
    assert [cell.state for _, cell in table.grid.cells] == ["finished"] * 4
    assert states[3][0] != "finished"
    assert made == ["better:0", "plain:1", "better:1", "plain:0"]
    assert "busy, another process works on it; its turn is last" in capsys.readouterr().err
