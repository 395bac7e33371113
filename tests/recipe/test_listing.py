"""The list of shipped recipes."""

from __future__ import annotations

import pytest

from semreg.core import UserError
from semreg.recipe.listing import rough_duration, summaries
from semreg.recipe.names import shipped_names


def test_recipes_in_no_folder_are_listed_unless_a_pattern_says_which() -> None:
    names = [one.name for one in summaries()]
    assert names == [name for name in shipped_names() if "/" not in name]
    assert {one.name for one in summaries("mnist/*")} == {name for name in shipped_names() if name.startswith("mnist/")}
    assert not [one for one in summaries("*") if one.name.startswith("partial/")]


def test_a_list_tells_what_a_recipe_is_its_data_and_its_paper() -> None:
    [one] = summaries("gm_mnist")
    assert (
        one.sentence
        == "Gaussian-mixture prior with an adversarial classifier (Zheng and Sun 2019), Algorithm 1 on MNIST"
    )
    assert (one.data, one.paper) == ("mnist, else digits", "Zheng and Sun 2019")
    [inherits] = summaries("mixes/gm")
    assert (inherits.sentence, inherits.paper) == ("GM prior", "Zheng and Sun 2019")


def test_every_recipe_has_a_sentence_and_data_and_all_but_judges_and_autoencoders_a_paper() -> None:
    found = summaries("*")
    assert all(one.sentence and one.data for one in found)
    without = {one.name for one in found if not one.paper}
    assert without == {name for name in without if name.endswith("_judge") or name.endswith("/ae")}


def test_a_pattern_that_fits_none_is_told() -> None:
    with pytest.raises(
        UserError, match=r"no recipe's name matches 'mnist_atnl'; did you mean '(atnl_mnist|mnist/atnl)'"
    ):
        summaries("mnist_atnl")


def test_durations_are_rough() -> None:
    assert [rough_duration(minutes) for minutes in (None, 0.3, 12.4, 150.0)] == ["", "< 1 min", "12 min", "2 h"]
