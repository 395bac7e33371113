"""Families of recipes."""

from __future__ import annotations

import pytest

from semreg.recipe.load import load_recipe
from semreg.recipe.names import shipped_names
from semreg.scaffold.families import FAMILIES, JUDGES, NEEDS, extended_evaluations, family_of
from tests.scaffold.made import MADE


def test_all_extend_what_is_shipped() -> None:
    assert MADE.keys() == FAMILIES.keys()
    extended = {name for family in FAMILIES.values() for name in family.extends}
    assert extended | {name for name in JUDGES.values() if name} <= {*shipped_names()}
    assert JUDGES.keys() == NEEDS.keys() | {"none"}
    for family in FAMILIES.values():
        assert family.iterations.keys() == load_recipe(f"semreg:{family.extends[0]}").table["phases"].keys()


@pytest.mark.parametrize(
    ("like", "kind"),
    [("mnist/atnl", "classes"), ("uniform_yaleb", "factors"), ("olr_celeba", "attributes"), ("vae_digits", "none")],
)
def test_a_shipped_recipe_needs_its_labels(like: str, kind: str) -> None:
    assert family_of(like).kind == kind


def test_what_others_say_of_their_own_data_is_left_out() -> None:
    faces = family_of("gm_faces")
    assert faces.requires == ["semreg-gmprior"], "and not the drawn faces"
    assert {"data", "fallback"} <= {*faces.without}
    assert "evaluate.samples.paper" in faces.without
    assert family_of("mnist/vae").requires is None, "it stays as it is"
    assert family_of("mnist/vae").sizes == (32,)
    assert "judge" in extended_evaluations(load_recipe("semreg:gm_mnist").table)["samples"]
