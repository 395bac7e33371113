"""Where two tables differ."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from semreg.recipe.comparing import Difference, differences, differing_keys, differing_values

values = st.recursive(
    st.integers(0, 3) | st.text("ab", max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("xyz"), inner, max_size=3),
    max_leaves=8,
)
tables = st.dictionaries(st.sampled_from("uvw"), values, max_size=3)


def test_of_several_tables_each_key_has_the_values_of_all() -> None:
    several = [{"a": {"b": 1, "c": [1]}}, {"a": {"b": 1, "c": [2]}, "d": {"e": 0}}, {"a": {"b": 3}, "d": {"e": 1}}]
    assert dict(differing_values(several)) == {
        "a.b": [1, 1, 3],
        "a.c": [[1], [2], None],
        "d": [None, {"e": 0}, {"e": 1}],
    }


def test_differences_are_keys_with_what_each_side_has() -> None:
    one = {"a": [1, {"b": 2}], "t": {"x": 1}}
    other = {"a": [1, {"b": 3}], "t": 5, "c": {"d": 0}}
    expected = [Difference("a.1.b", 2, 3), Difference("t", {"x": 1}, 5), Difference("c", None, {"d": 0})]
    assert list(differences(one, other)) == expected
    assert differing_keys(one, other) == ["a.1.b", "t", "c"]


@given(st.lists(tables, min_size=1, max_size=4))
def test_several_tables_differ_where_two_of_them_do(several: list[dict[str, Any]]) -> None:
    pairs = {key.split(".")[0] for one in several for key in differing_keys(several[0], one)}
    assert {key.split(".")[0] for key, _ in differing_values(several)} == pairs


@given(tables, tables)
def test_tables_without_differences_are_the_same(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert differing_keys(one, deepcopy(one)) == []
    assert bool(differing_keys(one, other)) == (one != other)
    assert set(differing_keys(one, other)) == set(differing_keys(other, one))
