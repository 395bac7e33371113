"""Recipes with additions: what they say, and the files that say it."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semreg.recipe.load import load_recipe
from semreg.tables.mixing.additions import Addition
from semreg.tables.mixing.composing import Mix

SPOT = {"losses": {"spot": {"use": "l1(z, z)"}}, "phases": {"main": {"train": {"encoder": {"spot": 2.0}}}}}


def addition(name: str, table: dict[str, Any], path: Path | None = None) -> Addition:
    return Addition(name, name, path, table, frozenset(table.get("losses", {})), "")


@pytest.fixture
def mix(toy: Callable[..., Path], tmp_path: Path) -> Mix:
    """A recipe with a loss of its own table and with a partial recipe in another folder."""
    recipe = toy('[evaluate.seen]\nuse = "tsne(z, kind)"\n')
    partial = tmp_path / "parts" / "part.toml"
    partial.parent.mkdir()
    partial.write_text('data.batch_size = 4\nevaluate.seen.judge = "judge.toml"\n')
    table = load_recipe(partial).table
    return Mix(recipe, (addition("spot", SPOT), addition("part", table, partial)))


def test_a_mix_is_what_a_recipe_of_it_would_be(mix: Mix, tmp_path: Path) -> None:
    assert mix.file == tmp_path / "recipe+spot+part.toml"
    assert mix.title == "+ spot + part"
    composed = mix.recipe(["seed=3"])
    assert not mix.file.exists()
    mix.file.write_text(mix.text(tmp_path))
    read = load_recipe(mix.file, ["seed=3"])
    assert composed == read
    table = composed.resolve()
    assert table["losses"]["spot"] == {"use": "l1(z, z)"}
    assert table["phases"]["main"]["train"]["encoder"] == {"rec": 1, "kl": 0.5, "spot": 2.0}
    assert table["data"]["batch_size"] == 4
    assert table["evaluate"]["seen"]["judge"] == "parts/judge.toml"
    assert table["seed"] == 3


def test_its_file_may_stand_anywhere(mix: Mix, tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True)
    text = mix.text(folder, ["losses.spot.reduction='sum'"])
    assert text.startswith(
        "# recipe.toml + spot + part, as semreg mix composed it; trained in full by\n"
        "#   semreg run recipe+spot+part.toml --set 'losses.spot.reduction='\"'\"'sum'\"'\"''\n"
    )
    (folder / "x.toml").write_text(text)
    table = load_recipe(folder / "x.toml").table
    assert table["evaluate"]["seen"].pop("judge") == "../../parts/judge.toml"
    whole = mix.recipe([]).table
    del whole["evaluate"]["seen"]["judge"]
    assert table == whole


def test_the_recipe_itself_is_a_mix_of_nothing(mix: Mix) -> None:
    alone = Mix(mix.path, ())
    assert (alone.file, alone.title) == (mix.path, "")
    assert alone.recipe([]) == load_recipe(mix.path)


def test_what_two_additions_decide_differently_is_told() -> None:
    one = addition("one", {"requires": ["a"], "data": {"size": 4, "range": [0, 1]}, "tensors": {"z": "f(x)"}})
    two = addition("two", {"requires": ["b"], "data": {"size": 5, "range": [0, 1]}, "losses": {"z": {"use": "g(x)"}}})
    assert list(Mix(Path("r.toml"), (one, two)).conflicts()) == ["+ one + two: both say data.size, and two decides."]
    assert not list(Mix(Path("r.toml"), (one,)).conflicts())


names = st.text(min_size=1, max_size=8).filter(lambda text: text.isprintable())
numbers = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**62), 2**62) | st.booleans()
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
tables = st.recursive(
    numbers | texts | st.lists(texts, max_size=3),
    lambda inner: st.dictionaries(names, inner, min_size=1, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(names, tables, min_size=1, max_size=3))
def test_any_table_survives_being_written(table: dict[str, Any]) -> None:
    text = Mix(Path("r.toml"), (addition("x", {"inside": table}),)).text(Path())
    assert tomllib.loads(text) == {"extends": ["r.toml"], "inside": table}
