"""What differs between rows' recipes, and how the page shows it."""

from __future__ import annotations

from typing import Any

from semreg.tables.blocks import Text
from semreg.tables.differing import LONGEST_VALUE, MOST_KEYS, differences_block, differences_of
from semreg.tables.grid import Row

TITLES = {name: name.upper() for name in "abcd"}


def rows(*recipes: dict[str, Any]) -> list[Row]:
    return [Row(name, "", (), recipe) for name, recipe in zip("abcd", recipes, strict=False)]


BASE: dict[str, Any] = {"description": "x", "seed": 1, "optimizer": {"use": "adam", "lr": 0.1}, "hidden": [8, 8]}


def test_keys_with_the_values_of_the_rows_that_have_them() -> None:
    kl = {"losses": {"kl": {"use": "kl(q, p)"}}}
    other = BASE | {"description": "y", "seed": 2, "optimizer": {"use": "adam", "lr": 0.2}} | kl
    third = BASE | {"hidden": [8, 16], "losses": {"kl": {"use": "kl(q, p)", "reduction": "sum"}}}
    assert differences_of(rows(BASE, other, third, {})) == {
        "optimizer.lr": {"a": 0.1, "b": 0.2, "c": 0.1},
        "hidden.1": {"a": 8, "b": 8, "c": 16},
        "losses": {"b": kl["losses"], "c": third["losses"]},
    }
    assert differences_of(rows(BASE, BASE | {"seed": 9, "description": ""})) == {}
    assert differences_of([]) == {}


def test_few_keys_are_columns_and_many_are_rows() -> None:
    other = BASE | {"optimizer": {"use": "adam", "lr": 0.2}, "losses": {"use": "l2"}, "text": "long " * 40}
    two = rows(BASE, other, BASE)
    block = differences_block(two, TITLES)
    assert block is not None
    assert list(block.columns) == ["", "optimizer.lr", "losses", "text"]
    assert [list(line[:3]) for line in block.rows] == [["A", "0.1", "–"], ["B", "0.2", "l2"], ["C", "0.1", "–"]]
    assert len(block.rows[1][3]) == LONGEST_VALUE
    assert [line[1].value for line in block.rows if isinstance(line[1], Text)] == [0.1, 0.2, 0.1]
    assert [row.name for row in block.of] == ["a", "b", "c"]
    turned = differences_block(rows(BASE, other), TITLES)
    assert turned is not None
    assert list(turned.columns) == ["", "A", "B"]
    assert list(turned.rows[0]) == ["optimizer.lr", "0.1", "0.2"]
    assert turned.of == ()
    assert differences_block(rows(BASE, BASE), TITLES) is None


def test_more_keys_than_anyone_reads_are_counted() -> None:
    block = differences_block(rows({f"k{k}": 0 for k in range(99)}, {f"k{k}": 1 for k in range(99)}), TITLES)
    assert block is not None
    assert len(block.rows) == MOST_KEYS
    assert list(block.captions) == [f"{99 - MOST_KEYS} more keys differ; semreg diff A B shows all of two recipes."]
