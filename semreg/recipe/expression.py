"""Expressions of a recipe: names and calls, such as `decoder(z_s, sample(q_u))`. They are parsed,
never run as Python."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from semreg.core.kinds import Place

LONGEST = 10_000
DEEPEST = 50
CALLED: tuple[Place, ...] = ("call", "sampler", "evaluation", "comparison")
"""Places of a recipe that call a component in an expression; at other places a text names it."""


@dataclass(frozen=True)
class Name:
    """A tensor, a field of the data, or a module."""

    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Call:
    """A module or a component applied to inputs."""

    function: str
    inputs: tuple[Expression, ...]

    def __str__(self) -> str:
        return f"{self.function}({', '.join(map(str, self.inputs))})"


Expression = Name | Call


def can_call(name: str) -> bool:
    """Return whether an expression can call this name: letters, digits and _, and not a keyword of Python."""
    try:
        return parse(f"{name}()") == Call(name, ())
    except ValueError:
        return False


def why_unsaid(name: str, place: Place) -> str:
    """Return why a recipe can't write the name of a component at its place, and which names fit; empty if it can."""
    if place in CALLED:
        return "" if can_call(name) else "letters, digits and _ fit, but no word of Python's"
    said = name.isprintable() and name and name == name.strip()
    return "" if said else "printable characters fit, without spaces around them"


def parse(text: str) -> Expression:
    """Return the expression in `text`. Raises ValueError, with the reason, for anything but names and
    calls of names."""
    if len(text) > LONGEST:
        raise ValueError(f"an expression of {len(text)} characters; at most {LONGEST} are allowed")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        reason = error.msg if isinstance(error, SyntaxError) else "nested too deeply or not text"
        raise ValueError(
            f"{_shown(text)} is not an expression ({reason}); write a name or a call such as 'f(a, b)'"
        ) from None
    return _convert(tree, text, 0)


def _convert(node: ast.expr, text: str, depth: int) -> Expression:
    if depth > DEEPEST:
        raise ValueError(f"{_shown(text)} is nested more than {DEEPEST} deep")
    if isinstance(node, ast.Name):
        return Name(node.id)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        if node.keywords:
            named = f"; write {node.keywords[0].arg!r} as a key of its own beside 'use'" if node.keywords[0].arg else ""
            raise ValueError(f"{_shown(text)}: inputs are given by position{named}")
        return Call(node.func.id, tuple(_convert(argument, text, depth + 1) for argument in node.args))
    if isinstance(node, ast.Starred):
        raise ValueError(
            f"{_shown(text)}: '*' spreads a name over the values of [each], and there is no {{variable}} after it"
        )
    piece = ast.get_source_segment(text.strip(), node) or text
    raise ValueError(
        f"{_shown(text)}: {_shown(piece)} is neither a name nor a call; numbers and texts are keys beside 'use'"
    )


def _shown(text: str) -> str:
    return repr(text if len(text) <= 80 else text[:77] + "…")


def names(expression: Expression) -> Iterator[str]:
    """Yield every name that is read as an input, in order, repetitions included."""
    if isinstance(expression, Name):
        yield expression.name
    else:
        for part in expression.inputs:
            yield from names(part)


def calls(expression: Expression) -> Iterator[Call]:
    """Yield every call, inner ones first."""
    if isinstance(expression, Call):
        for part in expression.inputs:
            yield from calls(part)
        yield expression
