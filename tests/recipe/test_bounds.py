"""Recipes are bounded: beyond a bound there is a message at once, and never an error of Python's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from semreg.core import UserError
from semreg.core.errors import MOST_PROBLEMS
from semreg.recipe.bounds import (
    DEEPEST_TABLE,
    LARGEST_FILE,
    LONGEST_KEY,
    LONGEST_LINE,
    MOST_CHARACTERS,
    MOST_ENTRIES,
    read_toml,
    require_bounds,
)
from semreg.recipe.check import check
from semreg.recipe.graph import DEEPEST_CHAIN
from semreg.recipe.load import load_recipe
from semreg.recipe.schema import MOST_MODULES

Toy = Callable[..., Path]
Mistakes = Callable[..., dict[str, str]]


def nested(depth: int, inner: Any = 1) -> Any:
    for level in range(depth):
        inner = {"a": inner} if level % 2 else [inner]
    return inner


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"a": nested(DEEPEST_TABLE)}, f"more than {DEEPEST_TABLE} tables and lists"),
        ({"a": nested(50_000)}, f"more than {DEEPEST_TABLE} tables and lists"),
        ({"a": 2**63}, "beyond 64 bits"),
        ({"a": {"b": [1, -(2**63) - 1]}}, "beyond 64 bits"),
        ({"a": 16**9999}, "beyond 64 bits"),
        ({"x" * (LONGEST_KEY + 1): 1}, "is not a key"),
        ({"a": {"": 1}}, "is not a key"),
        ({"a": {"b\x1b[2J": 1}}, "is not a key"),
        ({"a": list(range(MOST_ENTRIES))}, f"more than {MOST_ENTRIES} entries"),
        ({f"k{n}": "x" * 1000 for n in range(MOST_CHARACTERS // 1000 + 1)}, f"{MOST_CHARACTERS} characters"),
    ],
    ids=[
        "deep",
        "very deep",
        "integer",
        "inner",
        "digits",
        "long key",
        "no key",
        "control key",
        "entries",
        "characters",
    ],
)
def test_tables_beyond_a_bound(table: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as refused:
        require_bounds(table, "recipe.toml")
    assert message in refused.value.text()
    assert len(refused.value.text()) < 400


def test_tables_within_the_bounds() -> None:
    require_bounds(
        {"a": nested(DEEPEST_TABLE - 1), "b": [2**63 - 1, -(2**63)], "x" * LONGEST_KEY: list(range(4900))}, ""
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a = '" + b"x" * LONGEST_LINE + b"'", f"line 1 is longer than {LONGEST_LINE} bytes"),
        (b"\n\n" + b"a." * LONGEST_LINE + b"a = 1", "line 3 is longer"),
        (b"a = " + b"9" * 5000, "not valid TOML: Exceeds the limit"),
        (b"a = " + b"[" * 4000 + b"]" * 4000, "nested too deeply"),
        (b"a = " + b"{a = " * 900 + b"1" + b"}" * 900, "nested too deeply"),
        (b"a." * 4000 + b"a = 1", f"more than {DEEPEST_TABLE} tables"),
        (b"a = 1979-13-01", "not valid TOML"),
        (b"#\n" * LARGEST_FILE, f"larger than {LARGEST_FILE} bytes"),
    ],
    ids=["line", "dotted line", "digits", "lists", "tables", "dotted", "date", "file"],
)
def test_files_beyond_a_bound(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_bytes(content)
    with pytest.raises(UserError) as refused:
        read_toml(path)
    assert message in refused.value.text()


@pytest.mark.parametrize("text", ["a=0x" + "f" * 5000, f"{'a.' * 300}a=1"], ids=["digits", "depth"])
def test_overrides_are_bounded(text: str, toy: Toy) -> None:
    with pytest.raises(UserError, match="--set"):
        load_recipe(toy(), [text])
    assert load_recipe(toy(), ["a=" + "9" * 5000]).overrides == ({"a": "9" * 5000},), "what is no number is a text"


@pytest.mark.parametrize("backwards", [False, True])
def test_a_chain_of_tensors_has_an_end(backwards: bool, toy: Toy, mistakes: Mistakes) -> None:
    def chain(count: int, call: str = "detach(t{})") -> Path:
        lines = ['t0 = "image"', *(f't{n} = "{call.format(n - 1)}"' for n in range(1, count))]
        return toy("[tensors]\n" + "\n".join(reversed(lines) if backwards else lines))

    assert check(load_recipe(chain(DEEPEST_CHAIN))).tensors
    for call in ("detach(t{})", "t{}"):
        found = mistakes(chain(3 * DEEPEST_CHAIN, call))
        assert found
        assert all(f"through more than {DEEPEST_CHAIN} calls" in message for message in found.values())


def test_tensors_that_double_are_soon_checked(toy: Toy) -> None:
    lines = [f't{n} = "concatenate(t{n - 1}, t{n - 1})"' for n in range(1, 60)]
    assert check(load_recipe(toy('[tensors]\nt0 = "image"\n' + "\n".join(lines)))).tensors


def test_modules_are_so_many_at_most(toy: Toy, mistakes: Mistakes) -> None:
    modules = "".join(f'[modules.m{n}]\nuse = "standard_normal"\nsize = 2\n' for n in range(MOST_MODULES))
    assert f"at most {MOST_MODULES} items" in mistakes(toy(modules))["modules"]


def test_not_all_of_very_many_mistakes_are_told(toy: Toy) -> None:
    path = toy("[tensors]\n" + "".join(f't{n} = "detach(imag{n})"\n' for n in range(2000)))
    with pytest.raises(UserError) as refused:
        check(load_recipe(path))
    assert len(refused.value.problems) == MOST_PROBLEMS
    assert f"at least {MOST_PROBLEMS} errors" in refused.value.text()


@pytest.mark.parametrize(
    ("number", "said"),
    [
        ("1e-320", "1e-320 is too small a number; float32 holds 1.2e-38 and above, and 0"),
        ("-1e-40", "-1e-40 is too small a number"),
    ],
)
def test_numbers_that_no_device_computes_with_are_refused(number: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(f"[losses.a]\nmargins = [1.0, {number}]\n")
    with pytest.raises(UserError) as refused:
        load_recipe(path).resolve()
    assert refused.value.problems[0].where == "losses.a.margins"
    assert said in refused.value.problems[0].message
    path.write_text("[losses.a]\nmargins = [1.0, 0.0, -0.0, 1.2e-38, 3e38]\n")
    load_recipe(path).resolve()


def test_a_byte_order_mark_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text("a = 1\n", encoding="utf-8-sig")
    assert read_toml(path) == {"a": 1}
    path.write_text("\ufeffa = 1\n", encoding="utf-8-sig")  # a second one is none
    with pytest.raises(UserError, match="not valid TOML"):
        read_toml(path)
