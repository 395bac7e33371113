"""Expressions: names and calls, and nothing else that Python would understand."""

from __future__ import annotations

import keyword

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semreg.core.kinds import KINDS
from semreg.recipe.expression import (
    CALLED,
    DEEPEST,
    LONGEST,
    Call,
    Expression,
    Name,
    calls,
    can_call,
    names,
    parse,
    why_unsaid,
)

identifiers = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True).filter(
    lambda word: not keyword.iskeyword(word)
)
expressions: st.SearchStrategy[Expression] = st.recursive(
    identifiers.map(Name),
    lambda inner: st.builds(Call, identifiers, st.lists(inner, max_size=3).map(tuple)),
    max_leaves=12,
)


@given(expressions)
def test_an_expression_written_out_is_read_as_itself(expression: Expression) -> None:
    assert parse(str(expression)) == expression
    assert parse(f"  {expression}\n") == expression


@given(expressions)
def test_names_are_inputs_and_calls_come_inner_first(expression: Expression) -> None:
    found = list(calls(expression))
    assert sorted(names(expression)) == sorted(
        part.name for call in [*found, Call("whole", (expression,))] for part in call.inputs if isinstance(part, Name)
    )
    for outer, call in enumerate(found):
        assert all(found.index(part) <= outer for part in call.inputs if isinstance(part, Call))


def test_names_keep_order_and_repetitions_and_leave_functions_out() -> None:
    expression = parse("f(b, g(a, b), h())")
    assert list(names(expression)) == ["b", "a", "b"]
    assert [call.function for call in calls(expression)] == ["g", "h", "f"]


@pytest.mark.parametrize(
    "text",
    [
        "1", "f(1)", "'a'", "f('a')", "None", "f(True)", "a.b", "a.b(c)", "f(a)(b)", "f[a]", "[a]", "(a, b)", "{a}",
        "a + b", "-a", "not a", "a if b else c", "lambda: a", "lambda x: x", "(a := b)", "f(x for x in y)", "await a",
        "f'{a}'", "a < b", "f(a, b=c)", "f(**a)", "f(*a)", "*a", "a; b", "a = b", "import os", "", " ", "f(a",
        "f(a,,b)", "f(a))", "class", "\0", "a\nb", "__import__('os').system('true')",
    ],
)  # fmt: skip
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse(text)


def test_refusals_say_what_would_fit() -> None:
    with pytest.raises(ValueError, match=r"'l2\(a, 0\.5\)': '0\.5' is neither a name nor a call; numbers"):
        parse("l2(a, 0.5)")
    with pytest.raises(ValueError, match="write 'margin' as a key of its own beside 'use'"):
        parse("atnl(z, digit, margin=1)")
    with pytest.raises(ValueError, match="inputs are given by position") as refused:
        parse("f(**options)")
    assert "None" not in str(refused.value)
    with pytest.raises(ValueError, match=r"'\*' spreads a name over the values"):
        parse("decoder(*codes)")


def nested(depth: int) -> str:
    return "f(" * depth + "a" + ")" * depth


def test_depth_is_limited() -> None:
    assert str(parse(nested(DEEPEST))) == nested(DEEPEST)
    with pytest.raises(ValueError, match=f"more than {DEEPEST} deep"):
        parse(nested(DEEPEST + 1))


@pytest.mark.parametrize(
    "text", [nested(1500), "(" * 5000, "-" * 9999, "a" + ".b" * 4999, "a" + "()" * 4999, "a," * 4999]
)
def test_hostile_texts_are_refused_briefly(text: str) -> None:
    with pytest.raises(ValueError) as refused:
        parse(text)
    assert len(str(refused.value)) < 400


def test_length_is_limited() -> None:
    with pytest.raises(ValueError, match=f"at most {LONGEST} are allowed"):
        parse("a" * (LONGEST + 1))
    assert parse("a" * LONGEST) == Name("a" * LONGEST)


@pytest.mark.parametrize("name", ["a", "_b2", "größe", "match"])
def test_names_of_letters_digits_and_underscores_can_be_called(name: str) -> None:
    assert can_call(name)
    assert all(why_unsaid(name, kind.place) == "" for kind in KINDS.values())


@pytest.mark.parametrize("name", ["", " a", "my-loss", "lambda", "True", "2d", "a.b", "a()", "ﬁ", "a\n", "a#", "a;b"])
def test_other_names_cannot(name: str) -> None:
    assert not can_call(name)
    assert {kind.place for kind in KINDS.values() if "letters" in why_unsaid(name, kind.place)} == set(CALLED)


@pytest.mark.parametrize(
    ("name", "fits"), [("my-net", True), ("my net", True), ("", False), (" a", False), ("\x1b", False)]
)
def test_a_text_names_what_is_not_called(name: str, fits: bool) -> None:
    assert (why_unsaid(name, "module") == "") is fits
