"""A table as TOML is read as the same table."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semreg.recipe.load import load_recipe
from semreg.recipe.names import shipped_names
from semreg.recipe.toml_text import toml_text

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
values = st.recursive(
    st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.booleans() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(texts, values, max_size=4))
def test_any_table_is_read_as_it_was(table: dict[str, Any]) -> None:
    assert tomllib.loads(toml_text(table)) == table


@pytest.mark.parametrize("name", [name for name in shipped_names() if not name.startswith("partial/")][::7])
def test_recipes_are_read_as_they_were(name: str) -> None:
    table = load_recipe(name).resolve()
    assert tomllib.loads(toml_text(table)) == table


def test_small_tables_far_down_stand_on_one_line() -> None:
    table = {"phases": {"main": {"epochs": 3, "train": {"encoder": {"kl": 0.5}}}}, "losses": {"kl": {"use": "kl(q)"}}}
    assert toml_text(table) == (
        '[phases.main]\nepochs = 3\ntrain = { encoder = { kl = 0.5 } }\n\n[losses.kl]\nuse = "kl(q)"\n'
    )
