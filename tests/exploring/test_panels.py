"""The panels that fit any run."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import semreg
from semreg.exploring.view import Explorer, View
from semreg.trained.run import Run
from semreg.trained.sampling import sample


def pictures(explorer: Explorer, view: View) -> list[torch.Tensor]:
    found = [strip.images for strip in explorer.show(view).strips]
    return [images for images in found if images is not None]


def test_directions_begin_at_the_image_and_move_it(explorer: Explorer) -> None:
    view = View("directions", ["test:2"])
    [still] = pictures(explorer, view)
    assert torch.equal(still, explorer.encode("test:2")[1:])
    names = [control.name for control in explorer.panels["directions"].controls]
    assert names[:1] + names[6:7] == ["z: 1", "w: 1"]
    own = explorer.show(view).values
    [again] = pictures(
        explorer, View("directions", ["test:2"], {name: own[name] for name in names if abs(own[name]) < 3})
    )
    assert torch.equal(again, still), "put where they stand, they change nothing"
    for name in names[:2]:
        [changed] = pictures(explorer, View("directions", ["test:2"], {name: -3}))
        assert not torch.equal(changed, still)


def test_paths_lead_from_one_image_to_the_other(explorer: Explorer, run: Run) -> None:
    view = View("paths", ["test:1", "test:8"], {"pictures": 5})
    ends = [explorer.encode(name)[1] for name in view.images]
    strips = explorer.show(view).strips
    assert strips[0].name == "linear"
    assert {"linear", "geodesic", "spherical"} <= {strip.name for strip in strips}
    for strip in strips:
        assert strip.images is not None
        assert len(strip.images) == 5
        for place, end in zip((0, -1), ends, strict=True):
            assert torch.allclose(strip.images[place], end, atol=2e-3), strip.name
    a, b = (run.tensor("image").read("test")[place : place + 1] for place in (1, 8))
    assert torch.allclose(pictures(explorer, view)[0], run.interpolate(a, b, steps=5)[0], atol=1e-5)


def test_codes_are_exchanged(explorer: Explorer, run: Run) -> None:
    names = [control.name for control in explorer.panels["exchange"].controls]
    assert names == ["digit (z)", "the rest (w)"]
    first, second = "of the first", "of the second"
    images = ["test:1", "test:8"]
    for values, expected in (((first, first), 0), ((second, second), 1)):
        [made] = pictures(explorer, View("exchange", images, dict(zip(names, values, strict=True))))
        assert torch.equal(made, explorer.encode(images[expected])[1:])
    [mixed] = pictures(explorer, View("exchange", images))
    codes = {"z": explorer.seen("test:8").codes["z"], "w": explorer.seen("test:1").codes["w"]}
    assert torch.equal(mixed, run.decode(*codes.values()).clamp(*run.value_range))


def test_samples_are_those_of_the_command(explorer: Explorer, run: Run) -> None:
    drawn = torch.cat(pictures(explorer, View("samples", values={"pictures": 6, "seed": 3})))
    assert torch.equal(drawn, sample(run, 6, seed=3))
    again = torch.cat(pictures(explorer, View("samples", values={"pictures": 6, "seed": 4})))
    assert not torch.equal(drawn, again)


@pytest.mark.parametrize("name", ["directions", "paths", "exchange"])
def test_test_images_that_are_elsewhere_leave_out_what_needs_them(
    name: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from semreg.core import DataMissing

    def missing() -> None:
        raise DataMissing("runs/x", "the data that it was trained on are needed here")

    run = semreg.open_run(folder, device="cpu")
    monkeypatch.setattr(run, "_data", missing)
    explorer = Explorer(run)
    assert explorer.tests == 0
    assert ("directions" in explorer.left_out) == ("directions" not in explorer.panels)
    assert (name in explorer.panels) == (name != "directions")
    assert "are needed here" in explorer.left_out["directions"]
