"""The kit runs a recipe, and takes warnings for failures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from semreg.core import UserError
from semreg.testing import check_recipe

Toy = Callable[..., Path]


def test_a_recipe_that_is_right_passes(toy: Toy) -> None:
    check_recipe(toy(""))


def test_a_warning_of_the_check_is_a_failure(toy: Toy) -> None:
    unused = """
        [modules.idle]
        use = "mlp_encoder"
        outputs = 2

        [tensors]
        w = "idle(image)"

        [losses.both]
        use = "l2(w, z)"

        [phases.main.train]
        encoder = { both = 1 }
    """
    with pytest.raises(AssertionError, match=r"modules\.idle has parameters that are neither trained"):
        check_recipe(toy(unused))


def test_mistakes_are_told_as_ever(toy: Toy) -> None:
    with pytest.raises(UserError, match="no operation, loss or interpolator is called 'l3'"):
        check_recipe(toy('[losses.rec]\nuse = "l3(reconstruction, image)"'))
