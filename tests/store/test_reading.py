"""What is read from a run's folder and turns out to be something else."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from semreg.core import UserError
from semreg.store.layout import MODEL
from semreg.store.reading import as_written, refuse_exported, table_in

FOLDER = Path("runs/x")


@pytest.mark.parametrize(
    ("text", "use", "told"),
    [
        ("{}", lambda content: content["modules"], "KeyError: 'modules'"),
        ("[]", lambda content: content[0], "IndexError"),
        ("null", lambda content: content.keys(), "AttributeError"),
        ("3", lambda content: content + "", "TypeError"),
        ('"x"', int, "invalid literal"),
        ("0", lambda content: 1 / content, "ZeroDivisionError"),
        ("[1, 2]", lambda content: torch.zeros(3) + torch.tensor(content), "must match"),
    ],
)
def test_what_cannot_be_used_is_told_with_the_folder(text: str, use: Callable[[Any], Any], told: str) -> None:
    with pytest.raises(UserError, match=told) as refused, as_written(FOLDER):
        use(json.loads(text))
    assert refused.value.source == str(FOLDER)
    assert "its files are not those of a run of this recipe" in refused.value.text()


def test_a_long_cause_is_cut() -> None:
    with pytest.raises(UserError) as refused, as_written(FOLDER):
        raise ValueError("x" * 10_000)
    assert len(refused.value.text()) < 500


@pytest.mark.parametrize(
    "error", [UserError("r.toml", "is empty"), OSError("gone"), KeyboardInterrupt(), MemoryError()]
)
def test_what_is_not_the_files_fault_comes_through(error: Exception) -> None:
    with pytest.raises(type(error)) as raised, as_written(FOLDER):
        raise error
    assert raised.value is error


def test_memory_that_ran_out_is_not_the_files_fault() -> None:
    with pytest.raises(RuntimeError, match="can't allocate memory"), as_written(FOLDER):
        torch.empty(2**60, dtype=torch.uint8)


@pytest.mark.parametrize(
    ("keys", "found"),
    [((), {"a": {"b": {"c": 1}}, "x": 3}), (("a", "b"), {"c": 1}), (("x",), {}), (("x", "y"), {}), (("gone", "b"), {})],
)
def test_a_table_that_is_not_there_is_empty(keys: tuple[str, ...], found: dict[str, Any]) -> None:
    assert table_in({"a": {"b": {"c": 1}}, "x": 3}, *keys) == found
    assert table_in([3], *keys) == {}


def test_what_is_not_done_to_an_export(tmp_path: Path) -> None:
    refuse_exported(tmp_path, "evaluated")
    (tmp_path / MODEL).write_bytes(b"")
    with pytest.raises(UserError, match="is an exported run, which can't be evaluated"):
        refuse_exported(tmp_path, "evaluated")
