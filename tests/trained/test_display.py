"""Runs and results show themselves: a line or two, and HTML that stands by itself."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import semreg
from semreg.core import Picture, Result, Table
from semreg.pictures import png
from semreg.report.writing import write_report
from semreg.trained.display import Results, ShownResult
from semreg.trained.run import Run
from tests.report.test_page import Page

pytestmark = pytest.mark.usefixtures("no_hooks")


@pytest.fixture
def run(toy: Callable[..., Path], tmp_path: Path) -> Run:
    text = '[evaluate.reconstructions]\nuse = "reconstructions(image, reconstruction)"'
    return semreg.run(toy(text), out=tmp_path / "runs", device="cpu")


def test_a_run_says_what_it_is_in_two_lines(run: Run) -> None:
    first, second = repr(run).splitlines()
    counts = ", ".join(f"{count} {split}" for split, count in run.counts.items() if count)
    assert first == f"<Run {run.folder.name} · finished · toy ({counts})"
    assert second.strip().startswith("reconstructions.mean_absolute_error 0.")
    (run.folder / "run.json").write_text("{")
    assert run.folder.name in repr(run), "even if it is damaged"


def test_a_run_hands_out_what_its_folder_holds(run: Run) -> None:
    assert list(run.results) == ["reconstructions"]
    result = run.result("reconstructions")
    assert result == run.results["reconstructions"] == semreg.evaluate(run.folder)["reconstructions"]
    assert run.report == run.folder / "report.html" == write_report(run.folder)
    assert run.recipe == run.plan.table
    run.recipe["phases"].clear()
    assert run.recipe["phases"], "it was a copy"


def test_a_notebook_shows_figures_curves_and_pictures_of_a_run(run: Run) -> None:
    html = run._repr_html_()
    page = Page(html)
    assert run.folder.name in page.words()
    assert "reconstructions.mean_absolute_error" in page.words()
    assert "losses of main" in page.words()
    addresses = [attributes["src"] for tag, attributes in page.tags if tag == "img"]
    assert len(addresses) == 2
    assert all(address.startswith("data:image/png;base64,") for address in addresses)
    assert not re.search(r"<(script|style|link)|http|class=", html)
    assert len(html) < 300_000


def test_results_show_themselves() -> None:
    picture = Picture("grid", png(np.zeros((1, 4, 4)), (0, 1)))
    result = Result({"accuracy": 0.91234}, tables=[Table("t", ["a"], [[1]])], pictures=[picture], summary="good")
    shown = Results({"probe": result})
    assert repr(shown) == "probe: <Result good; accuracy 0.912, 1 table, 1 picture>"
    assert repr(ShownResult()) == "<Result of nothing>"
    assert shown["probe"] == result
    assert result == shown["probe"]
    assert shown["probe"] != Result()
    words = Page(shown._repr_html_()).words()
    for word in ("probe", "good", "accuracy", "0.912", "grid"):
        assert word in words
    assert "PNG" not in repr(result), "the bytes of pictures aren't printed"
