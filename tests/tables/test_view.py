"""What a table says: titles that tell rows apart, warnings before figures, numbers with enough decimals."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from semreg.core import Result
from semreg.tables.grid import Cell, Compared, Grid, Row
from semreg.tables.pages import markdown
from semreg.tables.view import row_titles, view
from tests.tables.conftest import finished


def test_fallbacks_and_other_data_are_said_before_anything_else(runs: Path) -> None:
    said = "MNIST not found.\nUsing the recipe's fallback data set, digits, instead."
    rows = (
        Row("vae", "", finished(runs, "vae", [0.9], fallback=said, fingerprint="other")),
        Row("ae", "", finished(runs, "ae", [0.8])),
    )
    shown = view(Grid("toys", rows), "")
    assert shown.warnings[0].startswith("vae: MNIST not found.")
    assert "not comparable with the paper's" in shown.warnings[0]
    assert "Not all runs are on the same images" in shown.warnings[1]
    assert "instead. These figures" in markdown(shown).partition("## probe")[0]
    everywhere = view(Grid("toys", (rows[0],)), "")
    assert everywhere.warnings == [
        f"{said} These figures are not comparable with the paper's, because the data differ."
    ]


def test_what_is_judged_on_validation_images_is_said_first(runs: Path) -> None:
    shown = view(Grid("toys", (Row("vae", "", finished(runs, "vae", [0.9])),), judged_on="validation"), "")
    assert shown.warnings[0].startswith("Judged on the validation images: a test image on this page is one of these.")


def test_how_good_judges_are_stands_below_their_figures(runs: Path) -> None:
    said = "Judged by judge, which itself classifies {} of the test images of its data correctly.".format

    def captions(*shares: str) -> list[str]:
        rows = []
        for name, share in zip(("vae", "ae"), shares, strict=True):
            cells = [replace(cell, judges={"probe": said(share)}) for cell in finished(runs, name, [0.9, 0.8])]
            rows.append(Row(name, "", tuple(cells)))
        probe = view(Grid("toys", tuple(rows)), "").blocks[0]
        return [caption for caption in probe.captions if "Judged by" in caption]

    assert captions("97%", "97%") == [said("97%")]
    assert captions("97%", "98%") == [f"vae: {said('97%')}", f"ae: {said('98%')}"]


def test_rows_without_a_second_run_to_compare_are_named(runs: Path) -> None:
    rows = (Row("vae", "A VAE", finished(runs, "vae", [0.9]), compared={"apart": Compared(1), "other": Compared(2)}),)
    shown = view(Grid("toys", rows, across={"all": Compared(1)}), "")
    said = "Not compared, because a second finished run is missing: A VAE (apart), all rows (all)."
    assert shown.warnings == [said]
    assert shown.failures == []


def test_rows_can_be_told_apart() -> None:
    def titles(*given: tuple[str, str]) -> list[str]:
        return list(row_titles([Row(name, description, ()) for name, description in given]).values())

    assert titles(("a", "A"), ("b", "B"), ("c", "")) == ["A", "B", "c"]
    assert titles(("a", "same"), ("b", "same")) == ["a", "b"]
    assert titles(("a", "b"), ("b", "")) == ["a", "b"]
    assert titles(("a", "x" * 61)) == ["a"]


def test_runs_that_failed_or_are_not_finished_are_told_with_their_row_and_seed(runs: Path) -> None:
    cells = (
        *finished(runs, "vae", [0.9]),
        Cell(1, runs / "vae-1", "failed", "nan"),
        Cell(2, runs / "vae-2", "running"),
        Cell(3, runs / "vae-3", "damaged", "no file"),
    )
    shown = view(Grid("toys", (Row("vae", "A VAE", cells),), command="semreg table x"), "now")
    assert shown.title == "toys: 1 recipe × 4 seeds"
    assert shown.failures == ["A VAE · seed 1 failed: nan", "A VAE · seed 3 damaged: no file"]
    assert shown.warnings == [
        "1 of 4 runs failed; the reasons are below.",
        "1 of 4 runs can't be read; the reasons are below.",
        "1 of 4 runs not finished: A VAE · seed 2 (running).",
    ]
    notes = dict(shown.notes)
    assert notes["finished"] == "1 of 4 runs"
    assert (notes["seeds"], notes["written"], notes["command"]) == ("0, 1, 2, 3", "now", "semreg table x")


def test_an_evaluation_that_failed_is_told_and_its_run_is_finished(runs: Path) -> None:
    first, second = finished(runs, "vae", [0.9, 0.8])
    knn = {"knn": Result({"accuracy": 0.5})}
    rows = (
        Row("vae", "", (replace(first, failures={"knn": "memory | ran out"}),)),
        Row("ae", "", (replace(second, results={**second.results, **knn}),)),
    )
    shown = view(Grid("toys", rows), "")
    assert shown.failures == ["vae · seed 0 knn failed: memory | ran out"]
    assert shown.warnings == ["Evaluations of 1 of 2 runs failed; the reasons are below."]
    assert dict(shown.notes)["finished"] == "2 of 2 runs"
    [block] = [block for block in shown.blocks if block.title == "knn"]
    assert [row[:2] for row in block.rows] == [["vae", "failed"], ["ae", "0.5000"]]


def test_a_description_that_is_no_title_stands_among_the_notes(runs: Path) -> None:
    rows = (Row("vae", "long " * 20, finished(runs, "vae", [0.9])), Row("ae", "An AE", finished(runs, "ae", [0.8])))
    shown = view(Grid("toys", rows), "")
    assert [row[0] for row in shown.blocks[0].rows] == ["vae", "An AE"]
    notes = dict(shown.notes)
    assert notes["vae"] == "long " * 20
    assert "ae" not in notes
    assert "command" not in notes, "what is empty is left out"
