"""A recipe is the same recipe as a file, a text and a dict, and its mistakes are told in the same words."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from semreg.core import UserError
from semreg.recipe.bounds import LONGEST_LINE
from semreg.recipe.check import check
from semreg.recipe.from_python import is_file, recipe_of
from semreg.recipe.load import load_recipe

TEXT = """
extends = "base.toml"
[phases.main]
epochs = 3
"""


@pytest.fixture
def file(toy: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    path = toy(TEXT)
    monkeypatch.chdir(path.parent)
    return path


def problems(given: Any) -> Any:
    with pytest.raises(UserError) as refused:
        check(recipe_of(given))
    return refused.value.problems


def test_a_file_a_text_and_a_dict_are_the_same_recipe(file: Path) -> None:
    for given in (file, str(file), TEXT, tomllib.loads(TEXT), load_recipe(file)):
        recipe = recipe_of(given)
        assert recipe.resolve() == load_recipe(file).resolve()
        assert check(recipe).name == "recipe"
    assert recipe_of(TEXT, ["phases.main.epochs=7"], name="mine").resolve()["phases"]["main"]["epochs"] == 7
    assert check(recipe_of(TEXT, name="mine")).name == "mine"


def test_what_python_has_and_toml_has_not_becomes_what_toml_has(file: Path) -> None:
    table = {
        "extends": Path("base.toml"),
        "modules": {"encoder": {"hidden": (np.int64(6), 6)}},
        "optimizer": {"lr": np.float64(0.5)},
    }
    found = recipe_of(table).resolve()
    assert found["modules"]["encoder"]["hidden"] == [6, 6]
    assert type(found["optimizer"]["lr"]) is float
    assert table["modules"]["encoder"]["hidden"] == (6, 6), "what is given stays as it is"


@pytest.mark.parametrize(
    "wrong",
    ['[phases.main]\nepochs = "3"', "[data]\nbatch_size = 1.5", "[modules]\nencoder = 3", "[losses.rec]\nweight = []",
     "[phase.main]\nepochs = 3"],
)  # fmt: skip
def test_a_wrong_type_is_told_as_of_a_file(file: Path, toy: Callable[..., Path], wrong: str) -> None:
    text = f'extends = "base.toml"\n{wrong}\n'
    told = problems(toy(text, "wrong.toml"))
    assert told == problems(text) == problems(tomllib.loads(text))
    assert told


@pytest.mark.parametrize(
    ("given", "where", "said"),
    [
        ({"data": {"use": None}}, "data.use", "None can't be a value of a recipe"),
        ({"data": {"use": {3}}}, "data.use", "{3} can't be a value of a recipe"),
        ({"data": {3: "toy"}}, "data", "3 is not a key: keys are texts"),
        ({"seed": 2**70}, "seed", "an integer beyond 64 bits"),
        ("[data\n", "", "not valid TOML"),
        (f"a = 1\n# {'x' * LONGEST_LINE}", "", "line 2 is longer than"),
        (3, "", "a recipe is a path, a name, TOML or a dict; found an int"),
        ({"data": {"use": "toy", "label": np.zeros(3)}}, "data.label", "can't be a value of a recipe"),
    ],
)
def test_what_no_recipe_holds_is_told_with_its_key(given: Any, where: str, said: str) -> None:
    with pytest.raises(UserError) as refused:
        recipe_of(given)
    assert refused.value.problems[0].where == where
    assert said in refused.value.problems[0].message


def test_a_list_that_holds_itself_ends() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(UserError, match="tables and lists inside each other"):
        recipe_of({"data": endless})


def test_names_and_overrides_belong_to_what_has_none(file: Path) -> None:
    for given, options, said in (
        (file, {"name": "mine"}, "a recipe of a file is called as its file"),
        (TEXT, {"name": "a/b"}, "names the folder of a run"),
        (recipe_of(file), {"overrides": ["seed=3"]}, "is loaded already"),
    ):
        with pytest.raises(UserError, match=said):
            recipe_of(given, **options)


def test_a_text_is_a_recipe_if_it_has_a_line_break() -> None:
    assert is_file("a = 1.toml")
    assert is_file(Path("a\nb.toml"))
    assert not is_file("a = 1\n")
