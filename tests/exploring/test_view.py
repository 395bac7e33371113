"""Views of a run: pictures of panels, and where their controls stand."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import semreg
from semreg.core import UserError
from semreg.exploring.view import MOST_IMAGES, Explorer, RunGone, View, columns
from semreg.trained.panels import Choice, Mask, Panel, Slider, Strip
from semreg.trained.run import Run

Register = Callable[[str, str, Any], None]


def shifted(run: Run) -> Panel:
    """Codes moved by a number."""

    def strips(seen: Sequence[Any], values: Any) -> list[Strip]:
        size = {"few": 1, "many": MOST_IMAGES + 1}[values["size"]]
        moved = {name: (code + values["by"]).expand(size, -1) for name, code in seen[0].codes.items()}
        return [Strip(codes=moved, labels=[str(int(values["part"].sum()))])]

    controls = (Slider("by", -1, 1, 0.5), Choice("size", ("few", "many"), "few"), Mask("part"))
    return Panel("Shifted", "", strips, controls, start=lambda seen: {"by": 0.0})


@pytest.fixture
def shifting(register: Register, run: Run) -> Explorer:
    register("panel", "shifted", shifted)
    return Explorer(run)


def test_a_view_decodes_what_a_panel_builds(shifting: Explorer, run: Run) -> None:
    [strip] = shifting.show(View("shifted", ["test:3"], {"by": 0.25})).strips
    codes = [run.tensor(name).read("test")[3:4] + 0.25 for name in run.roles.code]
    assert strip.images is not None
    assert torch.allclose(strip.images, run.decode(*codes).clamp(*run.value_range), atol=1e-5)


def test_controls_stand_at_the_images_own_until_they_are_moved(shifting: Explorer) -> None:
    assert shifting.show(View("shifted", ["test:3"])).values["by"] == 0
    made = shifting.encode("test:3")
    [strip] = shifting.show(View("shifted", ["test:3"])).strips
    assert torch.equal(strip.images, made[1:])
    assert strip.labels == ["0"]
    [painted] = shifting.show(View("shifted", ["test:3"], {"part": "_wAAAAAAAAA="})).strips
    assert painted.labels == ["8"]


@pytest.mark.parametrize(
    ("view", "said"),
    [
        (View("none"), "there is no panel 'none'"),
        (View("shifted"), "takes 1 images; 0 are given"),
        (View("shifted", ["test:9999"]), "there is no test image 9999"),
        (View("shifted", ["../secret"]), "names no image"),
        (View("shifted", ["test:0"], {"by": 2}), "by goes from -1 to 1; found 2"),
        (View("shifted", ["test:0"], {"by": float("nan")}), "found nan"),
        (View("shifted", ["test:0"], {"by": True}), "found True"),
        (View("shifted", ["test:0"], {"size": "all"}), "size has no 'all'"),
        (View("shifted", ["test:0"], {"size": "many"}), f"{MOST_IMAGES + 1} pictures are more than"),
        (View("shifted", ["test:0"], {"part": 3}), "part is not a mask"),
        (View("shifted", ["test:0"], {"part": "ab"}), "8 × 8 pixels is 8 bytes"),
    ],
)
def test_what_does_not_fit_is_said(view: View, said: str, shifting: Explorer) -> None:
    with pytest.raises(ValueError, match=said):
        shifting.show(view)


def test_a_sweep_goes_from_end_to_end(shifting: Explorer) -> None:
    [strip] = shifting.sweep(View("shifted", ["test:3"]), "by", 3)
    assert strip.labels == ["-1", "0", "1"]
    [middle] = shifting.show(View("shifted", ["test:3"])).strips
    assert strip.images is not None
    assert torch.equal(strip.images[1:2], middle.images)
    with pytest.raises(ValueError, match="'part' has no steps to go through"):
        shifting.sweep(View("shifted", ["test:3"]), "part", 3)


def test_columns_are_frames() -> None:
    above, below = torch.zeros(3, 1, 2, 2), torch.ones(2, 1, 2, 2)
    frames = columns([Strip(images=above), Strip(images=below)])
    assert [frame.shape for frame in frames] == [(1, 4, 2)] * 2
    assert frames[0][0, :2].sum() == 0
    assert frames[0][0, 2:].sum() == 4


def test_a_panel_that_fails_is_left_out_and_named(register: Register, run: Run) -> None:
    def broken(run: Run) -> Panel:
        raise RuntimeError("a fault")

    register("panel", "broken", broken)
    register("panel", "for_others", lambda run: None)
    explorer = Explorer(run)
    assert explorer.left_out == {"broken": "this process: RuntimeError: a fault"}
    assert not {"broken", "for_others"} & explorer.panels.keys()


def test_a_run_that_is_deleted_is_said(folder: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    explorer = Explorer(semreg.open_run(copy, device="cpu"))
    assert explorer.encode("test:0").shape == (2, 1, 8, 8)
    shutil.rmtree(copy)
    with pytest.raises(RunGone, match="the run's folder is gone"):
        explorer.show(View("directions", ["test:0"]))


def with_roles(run: Run, **roles: str) -> Run:
    """The run of another `[model]`."""
    other = copy(run)
    other.plan = replace(run.plan, roles=replace(run.plan.roles, **roles))
    return other


def test_roles_that_are_missing_are_asked_for(run: Run) -> None:
    with pytest.raises(UserError, match='names no output; add `output = "reconstruction"`'):
        Explorer(with_roles(run, output=""))


def test_an_output_that_is_no_image_is_refused(run: Run) -> None:
    with pytest.raises(UserError, match=r"the output of its \[model\], 'w', is not an image but a tensor \(4,\)"):
        Explorer(with_roles(run, output="w"))
    with pytest.raises(UserError, match=r"the input of its \[model\], 'digit', is not an image"):
        Explorer(with_roles(run, input="digit"))
