"""The table of runs that is drawn while they are under way."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from semreg.report.run_table import CELLS, plain, run_table
from semreg.store.status import RunStatus

RUN = RunStatus(
    Path("runs/vae-0a1b2c"), "vae", "running", phase="main", position=1, count=2, epoch=3, epochs=9, iteration=30,
    iterations=120, seconds_left=61.0, losses={"a": 1.0, "b": 2.0, "c": 3.0, "d": 4.0}, seconds_since_update=2.0,
)  # fmt: skip


def test_a_run_has_a_row_with_its_bar_and_its_losses() -> None:
    console = Console(file=io.StringIO(), width=120)
    console.print(run_table([RUN, RunStatus(Path("odd"), "odd", "failed", message="no \x1b[2J room")]))
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    for text in (
        "vae-0a1b2c",
        "main 1/2",
        "epoch 3/9",
        "30/120  25%",
        "1m01s",
        "a 1, b 2, c 3, +1 losses",
        "━",
        "odd",
        "failed",
    ):
        assert text in shown
    assert "\x1b" not in shown


def test_on_a_narrow_terminal_a_run_of_a_sweep_has_two_lines() -> None:
    console = Console(file=io.StringIO(), width=80)
    names = [f"vae_digits-lr_0.00{seed}16-kl_0.1-0bf501" for seed in range(3)]
    runs = [replace(RUN, folder=Path(name), losses={"kl": 1.0}, images_per_second=12345.0) for name in names]
    console.print(run_table(runs))
    shown = console.file.getvalue().strip().splitlines()  # type: ignore[attr-defined]
    assert len(shown) == 2 + 2 * len(names), shown
    assert all("2s ago" in line and "kl 1" in line and "12345 img/s" in line for line in shown[3::2])


def test_a_run_on_another_machine_says_on_which() -> None:
    told = CELLS["updated"](replace(RUN, host="node7\x1b"))
    assert told.endswith("ago, on node7�")


def test_cells_tell_nothing_that_is_not_known() -> None:
    bare = RunStatus(Path("odd"), "odd", "unknown")
    assert {title: cell(bare) for title, cell in CELLS.items() if cell(bare)} == {"run": "odd", "state": "unknown"}


def test_a_cell_is_one_line_of_printable_characters() -> None:
    assert plain("a\n b\x1b[2J") == "a b�[2J"
