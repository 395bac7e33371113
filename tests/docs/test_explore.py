"""docs/explore.md: its panel conforms, and all panels that there are stand in its table."""

from __future__ import annotations

from typing import Any

from semreg.core.registry import components
from semreg.exploring.view import Explorer
from semreg.testing import check_panel
from semreg.trained.run import Run
from tests.docs.pages import ROOT, blocks
from tests.exploring.conftest import folder, run
from tests.trained.conftest import Train, train

__all__ = ["folder", "run", "train"]


def test_its_panel_conforms(train: Train) -> None:
    [code] = [text for language, text in blocks("explore.md") if language == "python"]
    names: dict[str, Any] = {"__name__": "semreg_lengths"}
    exec(compile(code, "docs/explore.md", "exec"), names)
    check_panel(names["lengths"], train())


def test_its_table_has_every_panel(run: Run) -> None:
    table = (ROOT / "docs" / "explore.md").read_text().partition("| panel |")[2].partition("\n\n")[0]
    rows = [line.split("|")[1].strip() for line in table.splitlines()[2:]]
    ours = {one.name for one in components("panel") if one.distribution.startswith("semreg")}
    assert len(rows) == len(ours) + 1, "and the map"
    assert {panel.title for panel in Explorer(run).panels.values()} <= set(rows)
