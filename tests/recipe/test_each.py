"""`[each]`: more than one attribute, written once."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semreg.core import UserError
from semreg.recipe.bounds import MOST_ENTRIES
from semreg.recipe.each import expand
from tests.recipe.tables import tables, words


def written_out(table: dict[str, Any], **each: Any) -> dict[str, Any]:
    return expand({"each": each, **table}, "recipe.toml")


def complaint(table: dict[str, Any], **each: Any) -> str:
    with pytest.raises(UserError) as refused:
        written_out(table, **each)
    assert refused.value.source == "recipe.toml"
    return refused.value.text()


def test_keys_are_repeated_and_their_contents_see_the_value() -> None:
    table = {"modules": {"encoder_{m}": {"use": "enc", "classes": "@{m}.classes"}}, "seed": 1}
    assert written_out(table, m=["id", "pose"]) == {
        "modules": {
            "encoder_id": {"use": "enc", "classes": "@id.classes"},
            "encoder_pose": {"use": "enc", "classes": "@pose.classes"},
        },
        "seed": 1,
    }


def test_entries_of_lists_are_repeated() -> None:
    assert written_out({"code": ["z_0", "z_{m}"]}, m=["a", "b"]) == {"code": ["z_0", "z_a", "z_b"]}
    assert written_out({"x_{m}": {"all": ["{m}", "{o}"]}}, m=["a", "b"], o="m") == {
        "x_a": {"all": ["a", "b"]},
        "x_b": {"all": ["b", "a"]},
    }
    assert written_out({"list": [1, True, {"{m}": "{m}"}, ["n_{m}"]]}, m=["a"])["list"][:3] == [1, True, {"a": "a"}]


def test_two_variables_make_all_pairs() -> None:
    table = written_out({"u_{m}_{n}": "f({m}, {n})"}, m=["a", "b"], n=["a", "c"])
    assert table == {"u_a_a": "f(a, a)", "u_a_c": "f(a, c)", "u_b_a": "f(b, a)", "u_b_c": "f(b, c)"}


def test_an_alias_never_equals_its_variable_wherever_that_is_bound() -> None:
    table = {"u_{m}_{o}": "tail_{o}(z_{m})", "row_{m}": {"dis_{o}": 1}, "all_{o}": 1, "sum_{m}": "f(*u_{m}_{o})"}
    assert written_out(table, m=["a", "b", "c"], o="m") == {
        **{f"u_{m}_{o}": f"tail_{o}(z_{m})" for m in "abc" for o in "abc" if o != m},
        **{f"row_{m}": {f"dis_{o}": 1 for o in "abc" if o != m} for m in "abc"},
        **{f"all_{o}": 1 for o in "abc"},
        "sum_a": "f(u_a_b, u_a_c)",
        "sum_b": "f(u_b_a, u_b_c)",
        "sum_c": "f(u_c_a, u_c_b)",
    }
    assert written_out({"u_{o}_{m}": 1}, m=["a", "b"], o="m") == {"u_a_b": 1, "u_b_a": 1}


def test_a_star_spreads_over_the_values() -> None:
    table = {"x": "decoder(z_0, *zs_{m})", "y": "f(*{m}, g(* a_{m}_{m}))", "pairs": "f(*u_{m}_{n})"}
    assert written_out(table, m=["a", "b"], n=["c", "d"]) == {
        "x": "decoder(z_0, zs_a, zs_b)",
        "y": "f(a, b, g(a_a_a, a_b_b))",
        "pairs": "f(u_a_c, u_a_d, u_b_c, u_b_d)",
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("f(a, *u_{o})", "f(a)"),
        ("f(*u_{o}, a)", "f(a)"),
        ("f(a, *u_{o}, b)", "f(a, b)"),
        ("f(*u_{o})", "f()"),
        ("f(*u_{o}, *v_{o})", "f()"),
        ("f(a, *u_{o}, *v_{o}, b)", "f(a, b)"),
        ("f(g(*u_{o}), a)", "f(g(), a)"),
    ],
)
def test_a_star_over_nothing_leaves_no_comma(text: str, expected: str) -> None:
    """With one attribute there is no other one."""
    assert written_out({"x_{m}": text}, m=["only"], o="m") == {"x_only": expected}


@pytest.mark.parametrize("text", ["f(a,,b)", "f(,a)", "(a, )", "f(a,)"])
def test_commas_that_no_star_left_are_left_alone(text: str) -> None:
    assert written_out({"x": text, "y": "*z_{m}"}, m=["a"]) == {"x": text, "y": "z_a"}


def test_an_expression_with_a_free_variable_is_refused() -> None:
    text = complaint({"tensors": {"x": "decoder(z_{m})"}}, m=["a", "b"])
    assert "tensors.x" in text
    assert "bind it in the key, or spread it with '*'" in text


def test_an_unknown_variable_is_told_with_the_closest() -> None:
    text = complaint({"z_{attribut}": 1, "x": "f(*z_{q}, {r})"}, attribute=["a", "b"], m=["c"])
    assert "[each] has no variable 'attribut'; did you mean 'attribute'?" in text
    assert "[each] has no variable 'q'" in text
    assert "{r} in" in text


def test_two_entries_of_one_name_are_refused() -> None:
    assert "gives 'z_a' twice" in complaint({"z_{m}": 1, "z_a": 2}, m=["a", "b"])
    assert "gives 'a' twice" in complaint({"{m}": 1, "{n}": 1}, m=["a"], n=["a"])


@pytest.mark.parametrize(
    ("variable", "message"),
    [
        ([], "neither a list of names nor another variable's name"),
        (["a", 3], "neither a list of names"),
        (["a b"], "neither a list of names"),
        (3, "neither a list of names"),
        ("nothing", "nor another variable's name"),
        (["a", "b", "a"], "a value occurs twice"),
    ],
)
def test_bad_variables(variable: Any, message: str) -> None:
    text = complaint({}, v=variable)
    assert "each.v" in text
    assert message in text


def test_each_must_be_a_table() -> None:
    with pytest.raises(UserError, match="3 is not a table of variables"):
        expand({"each": 3}, "recipe.toml")


def test_an_explosion_is_refused() -> None:
    many = {name: [f"v{k}" for k in range(30)] for name in "abcd"}
    for table in ({"{a}_{b}_{c}_{d}": 1}, {"x": "f(*z_{a}_{b}_{c}_{d})"}, {"x": ["{a}_{b}_{c}_{d}"]}):
        assert f"more than {MOST_ENTRIES} entries" in complaint(table, **many)


@given(st.lists(words, min_size=1, max_size=5, unique=True), st.lists(words, min_size=1, max_size=5, unique=True))
def test_entries_are_as_many_as_combinations(first: list[str], second: list[str]) -> None:
    table = {"x.{m}": 1, "y.{m}.{n}": 1, "z.{m}.{o}": 1, "list": ["{m}.{n}"]}
    result = written_out(table, m=first, n=second, o="m")
    count, other = len(first), len(second)
    assert len(result["list"]) == count * other
    assert len(result) - 1 == count + count * other + count * (count - 1)


def test_a_single_value_stands_for_its_variable_everywhere() -> None:
    table = {
        "a": "f(x, {label})",
        "list": ["{label}", "b_{label}"],
        "c_{label}": {"d": "@{label}.classes"},
        "e": "*z_{label}",
    }
    assert written_out(table, label=["digit"], m=["p", "q"]) == {
        "a": "f(x, digit)",
        "list": ["digit", "b_digit"],
        "c_digit": {"d": "@digit.classes"},
        "e": "z_digit",
    }


def test_a_single_value_with_an_alias_must_be_bound() -> None:
    assert "bind it in the key" in complaint({"x_{o}": "f({m})"}, m=["a"], o="m")


@given(tables)
def test_without_variables_expanding_changes_nothing(table: dict[str, Any]) -> None:
    before = copy.deepcopy(table)
    assert expand(table, "") == before
    assert expand({"each": {}, **table}, "") == before
    assert table == before


@given(tables)
def test_a_variable_that_nothing_reads_changes_nothing(table: dict[str, Any]) -> None:
    plain = {key: value for key, value in table.items() if "{" not in str(value) and "*" not in str(value)}
    assert expand({"each": {"m": ["a", "b"]}, **plain}, "") == plain
