"""Runs of a grid, made up."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from semreg.core import Result
from semreg.tables.grid import Cell, Facts

FACTS = Facts("toy", "40 train / 20 test", "sha256:abcdef", "", "2 + 3", 90.0, "cpu", "fp32", "0.1.0")


def finished(
    runs: Path, name: str, accuracies: list[float], paper: float | None = None, **facts: str
) -> tuple[Cell, ...]:
    """A finished run for each of these accuracies, of which the paper has one."""
    papers = {} if paper is None else {"accuracy": paper}
    cells = []
    for seed, value in enumerate(accuracies):
        right = [k < round(20 * value) for k in range(20)]
        result = Result({"accuracy": value, "spare": 1.0}, papers, outcomes={"accuracy": right})
        folder = runs / f"{name}-{seed}"
        cells.append(Cell(seed, folder, "finished", "", {"probe": result}, replace(FACTS, **facts)))
    return tuple(cells)


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A folder of runs, of which two have reports."""
    for name in ("vae-0", "vae-1"):
        (tmp_path / "runs" / name).mkdir(parents=True)
        (tmp_path / "runs" / name / "report.html").write_text("")
    return tmp_path / "runs"
