"""Losses of rows over each other: those that rows share, in few points, each row in its colour."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from semreg.tables.grid import Cell, Grid, Row
from semreg.tables.pages import write_table
from semreg.tables.pictures import overlaid as module
from semreg.tables.pictures.overlaid import MOST_POINTS, Overlays, overlays
from tests.report.test_page import Page


def row(
    folder: Path, name: str, *losses: str, count: int = 5, phase: str = "main", validated: bool = False, seed: int = 0
) -> Row:
    """A row of a run that logged these losses so many times."""
    run = folder / f"{name}-{seed}"
    run.mkdir(parents=True, exist_ok=True)
    with (run / "metrics.jsonl").open("a") as log:
        for place in range(1, count + 1):
            record = {"phase": phase, "iteration": 10 * place, "losses": dict.fromkeys(losses, 1 / place)}
            log.write(json.dumps(record) + "\n")
        if validated:
            last = {"phase": phase, "iteration": 10 * count, "validation": dict.fromkeys(losses, 0.5)}
            log.write(json.dumps(last) + "\n")
    return Row(name, name.upper(), (Cell(seed, run, "finished"),))


def drawn(*rows: Row) -> Overlays:
    return overlays(Grid("grid", rows), {row.name: row.description for row in rows})


def test_the_losses_that_rows_share_by_phase(tmp_path: Path) -> None:
    rows = [row(tmp_path, "ae", "rec"), row(tmp_path, "vae", "rec", "kl", validated=True), row(tmp_path, "gm", "kl")]
    rows += [row(tmp_path, "gan", "rec", "adv", phase="critic"), Row("late", "LATE", (Cell(0, tmp_path, "not begun"),))]
    found = drawn(*rows)
    told = [(one.phase, one.chart.name, [title for title, _ in one.lines]) for one in found.charts]
    assert told == [("main", "rec", ["AE", "VAE", "VAE"]), ("main", "kl", ["VAE", "VAE", "GM"])]
    assert [line.kind for line in found.charts[0].chart.lines] == ["train", "train", "validation"]
    assert found.charts[0].chart.lines[0].values == [(10 * k, float(f"{1 / k:.5g}")) for k in range(1, 6)]
    assert list(found.colours) == ["AE", "VAE", "GM", "GAN"]
    assert len(set(found.colours.values())) == 4
    assert all(colour == found.colours[title] for one in found.charts for title, colour in one.lines)
    assert found.validated
    assert found.remarks == ["Runs of seed 0."]


def test_one_row_alone_has_nothing_to_lie_over(tmp_path: Path) -> None:
    found = drawn(row(tmp_path, "ae", "rec"), Row("late", "", (Cell(0, tmp_path / "late", "not begun"),)))
    assert (found.charts, found.remarks) == ([], [])


def test_many_points_rows_and_losses_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_CHARTS", 2)
    losses = [f"loss{place}" for place in range(3)]
    found = drawn(*(row(tmp_path, f"row{place}", *losses, count=200) for place in range(12)))
    assert "The first 2 of 3 losses that rows share." in found.remarks
    assert [one.chart.name for one in found.charts] == ["loss0", "loss1"]
    assert len(set(found.colours.values())) == 12
    for one in found.charts:
        assert all(50 < len(line.values) <= MOST_POINTS for line in one.chart.lines)
        assert one.chart.lines[0].values[-1][0] == 2000


def test_a_log_that_grows_is_read_again_and_a_damaged_one_hinders_nothing(tmp_path: Path) -> None:
    rows = [row(tmp_path, name, "rec") for name in ("ae", "vae", "gm")]
    assert len(drawn(*rows).charts[0].chart.lines[0].values) == 5
    row(tmp_path, "ae", "rec", count=7)
    (tmp_path / "gm-0" / "metrics.jsonl").unlink()
    (tmp_path / "gm-0" / "metrics.jsonl").mkdir()
    (one,) = drawn(*rows).charts
    assert [(title, len(line.values)) for (title, _), line in zip(one.lines, one.chart.lines, strict=True)] == [
        ("AE", 12), ("VAE", 5),
    ]  # fmt: skip


def test_losses_that_are_no_numbers_are_left_out(tmp_path: Path) -> None:
    rows = [row(tmp_path, name, "rec") for name in ("ae", "vae")]
    for one in rows:
        text = f'{{"phase": "main", "iteration": 9, "losses": {{"bad": {math.nan!r}}}}}\n'.replace("nan", "NaN")
        with (one.cells[0].folder / "metrics.jsonl").open("a") as log:
            log.write(text)
    assert [one.chart.name for one in drawn(*rows).charts] == ["rec"]


def test_the_page_names_every_line(tmp_path: Path) -> None:
    rows = [row(tmp_path, name, "<b>rec", validated=True) for name in ("ae", "va<i>e")]
    write_table(Grid("grid", tuple(rows)), tmp_path / "tables")
    text = (tmp_path / "tables" / "table.html").read_text()
    page = Page(text)
    assert page.open == []
    assert "<b>rec" not in text
    assert text.count("<polyline") == 4
    assert text.count("va&lt;i&gt;e, validation") == 0, "titles are the descriptions"
    assert text.count("VA&lt;I&gt;E, validation") == text.count("VA&lt;I&gt;E, training") == 1
    assert "training drawn through, validation dashed" in page.words()
