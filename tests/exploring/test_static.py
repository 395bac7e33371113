"""A page of pictures made in advance."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from semreg.core import UserError
from semreg.exploring import static
from semreg.exploring.map import CodeMap
from semreg.exploring.static import render
from semreg.exploring.view import Explorer
from semreg.pictures import pixels
from semreg.pictures.cutting import whole
from semreg.trained.panels import Panel, Slider, Strip
from tests.exploring.test_view import Register


@pytest.fixture
def small(explorer: Explorer) -> Explorer:
    """With a few controls of a few panels."""
    directions = explorer.panels["directions"]
    few = Panel(**{**vars(directions), "controls": directions.controls[:2], "strips": _others_still(directions)})
    explorer.panels = {
        "directions": few,
        "paths": explorer.panels["paths"],
        "inpainting": explorer.panels["inpainting"],
    }
    return explorer


def _others_still(panel: Panel) -> Callable[..., Any]:
    assert panel.start is not None
    return lambda seen, values: panel.strips(seen, {**panel.start(seen), **values})


def test_it_has_a_walk_for_each_slider_and_a_map_and_asks_nobody(small: Explorer) -> None:
    page = render(small, images=2)
    assert page.count("data-walk=") == 3
    assert page.count("data-points=") == 2
    assert page.count('id="pictured"') == 1
    assert page.count('"stops":') + page.count("&#34;stops&#34;:") == 3
    assert "Inpainting" not in page, "nobody paints in advance"
    assert not re.findall(r"""(?:src|href)=["'](?!data:|#)""", page)
    assert "default-src 'none'" in page


def test_a_maps_images_stand_in_the_order_of_its_points(explorer: Explorer) -> None:
    found = static._pictured(explorer)
    assert (found.height, found.width, found.columns) == (8, 8, 32)
    drawn = whole(found.picture.png)
    for place in (0, 31, 32, 358):
        row, column = divmod(place, 32)
        own = drawn[8 * row : 8 * row + 8, 8 * column : 8 * column + 8, :1]
        assert np.array_equal(own, pixels(explorer.read_tests([place])[0], explorer.run.value_range))


def test_a_large_image_is_shrunk_for_the_pointer(explorer: Explorer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explorer, "read_tests", lambda places: torch.zeros(len(places), 3, 100, 50))
    found = static._pictured(explorer)
    assert (found.height, found.width) == (32, 16)


def test_a_map_of_very_many_classes_names_thirty(explorer: Explorer, monkeypatch: pytest.MonkeyPatch) -> None:
    names = tuple(f"person {place}" for place in range(100))
    many = CodeMap(torch.rand(100, 3), torch.arange(100), names)
    explorer.panels = {}
    monkeypatch.setattr(static, "map_of", lambda *_: many)
    page = render(explorer, images=2)
    assert "<span>person 29</span>" in page
    assert "<span>person 30</span>" not in page
    assert "and 70 more</p>" in page


def test_hostile_names_are_texts(small: Explorer, register: Register) -> None:
    evil = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"

    def strips(seen: object, values: object) -> list[Strip]:
        return [Strip(images=small.read_tests([0]))]

    small.panels = {"evil": Panel(evil, evil, strips, [Slider(evil, 0, 1)], images=1)}
    page = render(small, images=2)
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert page.count("alert(1)") >= 3


def test_a_page_that_is_too_large_is_refused(small: Explorer, monkeypatch: pytest.MonkeyPatch) -> None:
    small.panels = {}
    monkeypatch.setattr(static, "MOST_BYTES", 10_000)
    with pytest.raises(UserError, match="choose fewer by --images"):
        render(small, images=2)


def test_what_has_nothing_to_show_is_left_out_and_said(
    small: Explorer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def equal(*_: object) -> None:
        raise ValueError("the codes are equal")

    small.panels = {"evil": Panel("Evil", "", equal, [Slider("by", 0, 1)], images=1)}  # type: ignore[arg-type]
    monkeypatch.setattr(static, "map_of", equal)
    page = render(small, images=2)
    assert "<h2" not in page
    said = capsys.readouterr().err
    assert "warning: Evil is left out: the codes are equal" in said
    assert "warning: the map of z is left out: the codes are equal" in said
