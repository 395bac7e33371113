"""The kit for panels finds what is wrong with one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from semreg.core import registry
from semreg.testing import check_panel
from semreg.trained.panels import Choice, Mask, Panel, Slider, Strip
from semreg.trained.run import Run
from tests.exploring.conftest import folder, run

__all__ = ["folder", "run"]

OWN = ("directions", "exchange", "paths", "samples")


@pytest.mark.parametrize("name", OWN)
def test_our_own_conform(name: str, run: Run) -> None:
    [component] = [one for one in registry.components("panel") if one.name == name]
    check_panel(registry.load(component), run)


def codes(seen: Sequence[Any], values: Any) -> list[Strip]:
    return [Strip(codes=seen[0].codes)]


def spoilt(seen: Sequence[Any], values: Any) -> list[Strip]:
    for code in seen[0].codes.values():
        code.add_(1)
    return [Strip(codes=seen[0].codes)]


def labelled(seen: Sequence[Any], values: Any) -> list[Strip]:
    return [Strip(codes=seen[0].codes, labels=["one", "too many"])]


def infinite(seen: Sequence[Any], values: Any) -> list[Strip]:
    return [Strip(images=seen[0].image / values["by"])]


WRONG: dict[str, tuple[Callable[..., Any], list[Any], int]] = {
    "two controls have one name": (codes, [Slider("a", 0, 1), Choice("a", ("x",), "x")], 1),
    "a has no way from 1 to 1": (codes, [Slider("a", 1, 1, 1)], 1),
    "a is outside its ends": (codes, [Slider("a", 0, 1, 2)], 1),
    "a is none of its options": (codes, [Choice("a", ("x",), "y")], 1),
    "a is painted on an image": (lambda *_: [], [Mask("a")], 0),
    "it changes the codes that it is given": (spoilt, [], 1),
    "it has 2 labels for 1 images": (labelled, [], 1),
    "it shows no finite images": (infinite, [Slider("by", 0, 1, 1)], 1),
}


@pytest.mark.parametrize("said", WRONG)
def test_what_is_wrong_is_found(said: str, run: Run) -> None:
    strips, controls, images = WRONG[said]

    def panel(run: Run) -> Panel:
        """A panel with one thing wrong."""
        return Panel("Wrong", "", strips, controls, images=images)

    with pytest.raises(AssertionError, match=said):
        check_panel(panel, run)


def test_a_panel_that_does_not_fit_checks_nothing(run: Run) -> None:
    with pytest.raises(AssertionError, match="it doesn't fit this run"):
        check_panel(lambda run: None, run, exempt=["documentation"])
