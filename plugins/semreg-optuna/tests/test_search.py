"""Optuna as a search; it is skipped where it is not installed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from semreg.core import Range, UserError
from semreg.testing import check_search

pytest.importorskip("optuna", reason="optional: `make test-optional` installs it")
from semreg_optuna import Optuna
from semreg_optuna.search import JOURNAL, SAMPLERS

SPACE = {"lr": Range(1e-4, 1e-1, log=True), "use": ["adam", "sgd"]}


def made(folder: Path, words: str = "", **more: Any) -> Optuna:
    return Optuna(words, **{"space": SPACE, "higher": False, "folder": folder / "search", **more})


@pytest.mark.parametrize("words", ["pruner=median", *(f"sampler={name}" for name in SAMPLERS if name != "tpe")])
def test_it_conforms(words: str) -> None:
    check_search(Optuna, words)


@pytest.mark.parametrize("pruner", ["halving", "hyperband"])
def test_other_pruners_prune(pruner: str) -> None:
    check_search(Optuna, f"pruner={pruner}", exempt=["interface", "words", "space", "kept", "goes on"])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("sampler=tpee", r"no sampler is called 'tpee'; did you mean 'tpe'\?"),
        ("pruner=", "no pruner is called ''; expected one of: halving, hyperband, median, none"),
        ("sampler=tpe,median", "'median' is neither sampler=NAME nor pruner=NAME"),
        ("sampler=tpe,sampler=gp", "it has one sampler and one pruner; name each once"),
    ],
)
def test_words_that_mean_nothing_say_what_fits(tmp_path: Path, words: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        made(tmp_path, words)


def test_it_learns(tmp_path: Path) -> None:
    search = made(tmp_path, space={"x": Range(-1.0, 1.0)}, higher=True)
    tried = []
    for _ in range(40):
        suggestion = search.ask()
        tried.append(suggestion.values["x"])
        search.tell(suggestion.number, -abs(tried[-1] - 0.25))
    early, late = (sum(abs(x - 0.25) for x in part) / 10 for part in (tried[:10], tried[-10:]))
    assert late < early / 2


def test_a_suggestion_that_a_kill_left_without_all_values_is_none(tmp_path: Path) -> None:
    quiet, killed = made(tmp_path / "quiet"), made(tmp_path / "killed")
    values = [quiet.ask().values for _ in range(3)]
    assert killed.ask().values == values[0]
    file = tmp_path / "killed" / "search" / JOURNAL
    kept = file.read_bytes()
    killed.ask()
    lines = file.read_bytes()[len(kept) :].splitlines(keepends=True)
    assert len(lines) == 3, "the trial, and its two values"
    file.write_bytes(kept + b"".join(lines[:2]))
    again = made(tmp_path / "killed")
    assert [one.values for one in again.suggestions()] == values[:1]
    assert not again._trial(1).state.is_finished(), "another command may be suggesting it"
    assert [again.ask().values for _ in range(2)] == values[1:]
    assert [one.values for one in made(tmp_path / "killed").suggestions()] == values


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    made(tmp_path).ask()
    file = tmp_path / "search" / JOURNAL
    file.write_bytes(file.read_bytes()[:-30] + b"\n{}\n{}\n")
    with pytest.raises(UserError, match=r"optuna.journal: is damaged .*; remove .*search, and the search starts again"):
        made(tmp_path).suggestions()


def test_a_loss_that_is_told_again_counts_once(tmp_path: Path) -> None:
    search = made(tmp_path, "pruner=median")
    number = search.ask().number
    assert not any(search.gives_up(number, 1, loss) for loss in (1.0, 9.0))
    search.tell(number, 1.0)
    for _ in range(5):
        number = search.ask().number
        search.gives_up(number, 1, 1.0)
        search.tell(number, 1.0)
    number = search.ask().number
    assert search.gives_up(number, 1, 2.0), "all others had 1.0"
