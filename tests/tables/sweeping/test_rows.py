"""Rows of a sweep: recipes with values, under names and titles of their own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from semreg.recipe.load import load_recipe
from semreg.tables.sweeping.axes import axes_of
from semreg.tables.sweeping.rows import swept_rows


def test_a_row_is_the_recipe_with_its_values(toy: Callable[..., Path]) -> None:
    axes = axes_of(["optimizer.lr=[0.1, 0.2]", "optimizer.use=['adam', 'sgd']"])
    row, other = swept_rows(load_recipe(toy()), axes, [(0.2, "sgd"), (0.1, "adam")])
    assert (row.title, row.recipe.path.name) == ("lr = 0.2, use = sgd", "recipe-lr_0.2-use_sgd.toml")
    assert row.varied == {"optimizer.lr": 0.2, "optimizer.use": "sgd"}
    table = row.recipe.resolve()
    assert (table["optimizer"]["lr"], table["optimizer"]["use"], table["description"]) == (0.2, "sgd", row.title)
    assert row.recipe.written[-2:] == ('optimizer.use="sgd"', "optimizer.lr=0.2")  # the other way it would go with adam
    assert {name: other.recipe.resolve()["optimizer"][name] for name in ("lr", "use")} == {"lr": 0.1, "use": "adam"}


def test_a_name_is_no_earlier_rows(toy: Callable[..., Path]) -> None:
    axes, recipe = axes_of({"name": ["a b", "a/b"]}), load_recipe(toy())
    [first] = swept_rows(recipe, axes, [("a b",)])
    [second] = swept_rows(recipe, axes, [("a/b",)], before=[first.title])
    assert first.recipe.path.stem == "recipe-name_a_b"
    assert second.recipe.path.stem.startswith("recipe-name_a_b-")
