"""docs/trackers.md: its tracker for W&B tracks, with a stand-in for W&B."""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from semreg.core import Picture, Point, RecordedRun, Result
from semreg.pictures import png
from semreg.testing import check_tracker
from tests.docs.pages import ROOT, blocks


@dataclass
class Page:
    """A run of W&B: what it has been told, and by which arguments of `wandb.init`."""

    given: dict[str, Any]
    logged: list[dict[str, Any]] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)
    axes: dict[str, str] = field(default_factory=dict)
    url: str = "https://wandb.ai/me/semreg/runs/x"

    def __enter__(self) -> Page:
        return self

    def __exit__(self, *error: object) -> None:
        """The run is finished."""

    def define_metric(self, name: str, *, step_metric: str) -> None:
        self.axes[name] = step_metric

    def log(self, values: dict[str, Any]) -> None:
        self.logged.append(values)


Tracked = tuple[Callable[[RecordedRun], str], dict[str, Page]]


@pytest.fixture
def tracked(monkeypatch: pytest.MonkeyPatch) -> Tracked:
    """The page's tracker, and the runs of W&B by their numbers."""
    pages: dict[str, Page] = {}

    def init(*, project: str, id: str, resume: str, name: str, config: dict[str, Any]) -> Page:
        assert (project, resume) == ("semreg", "allow")
        return pages.setdefault(id, Page({"name": name, "config": config}))

    wandb: Any = ModuleType("wandb")
    wandb.init, wandb.Image = init, lambda image, caption: (image.size, caption)
    monkeypatch.setitem(sys.modules, "wandb", wandb)
    [code] = [text for language, text in blocks("trackers.md") if language == "python"]
    assert len(code.splitlines()) <= 40
    names: dict[str, Any] = {"__name__": "semreg_wandb"}
    exec(compile(code, "docs/trackers.md", "exec"), names)
    return names["track"], pages


@pytest.mark.parametrize("page", ["docs/install.md", "docs/trackers.md", "plugins/semreg-mlflow/README.md"])
def test_the_plugin_can_be_installed_from_a_clone(page: str) -> None:
    [(folder, extra)] = re.findall(r'pip install .*-e "(plugins/semreg-mlflow)\[(\w+)\]"', (ROOT / page).read_text())
    project = tomllib.loads((ROOT / folder / "pyproject.toml").read_text())["project"]
    assert extra in project["optional-dependencies"]


def test_it_conforms(tracked: Tracked) -> None:
    check_tracker(tracked[0])


def test_a_run_is_there_once_as_it_was_trained(tracked: Tracked, tmp_path: Path) -> None:
    track, pages = tracked
    points = [Point("training/main/l2", step, 1.0 / step, 0.0) for step in (1, 2, 3)]
    picture = Picture("Strip", png([[[0.0, 1.0]]], (0, 1)), "From left to right.")
    run = RecordedRun(tmp_path, "x", "0a" * 32, "running", parameters={"seed": 3}, about={"commit": "c0"})
    for told in (points[:1], points[:2], points[:1], points):  # it was killed, and went on
        track(replace(run, points=told))
    ended = replace(
        run, state="finished", points=points, figures={"evaluation/probe/accuracy": 0.5},
        results={"probe": Result(pictures=[picture])},
    )  # fmt: skip
    assert track(ended) == track(ended) == "https://wandb.ai/me/semreg/runs/x"
    [page] = pages.values()
    assert page.given == {"name": tmp_path.name, "config": {"seed": 3, "commit": "c0"}}
    assert page.logged == [{"training/main/l2": 1.0 / step, "iteration": step} for step in (1, 2, 3)]
    assert page.axes == {"training/main/l2": "iteration"}
    assert page.summary == {
        "evaluation/probe/accuracy": 0.5,
        "probe/Strip": ((2, 1), "From left to right."),
        "semreg.state": "finished",
        "semreg.points": 3,
    }
