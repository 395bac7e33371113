"""Who uses whom, as folders tell it, whatever they hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from semreg.store.record import RunRecord, runs_in
from semreg.store.uses import Use, hash_of, users_of_runs
from tests.store.conftest import make_run


def test_judges_weights_and_continued_runs_are_used(tmp_path: Path) -> None:
    make_run(tmp_path, "plain")
    make_run(tmp_path, "long", continues={"run": "short", "hash": "s" * 8})
    weights = {"encoder": {"weights": ["e" * 8, "encoder"]}, "decoder": {"weights": None}}
    make_run(tmp_path, "fine", training={"modules": weights})
    make_run(tmp_path, "judged", judges={"verdict": "j" * 8, "other": "j" * 8})
    found = users_of_runs(runs_in(tmp_path))
    assert found == {
        "s" * 8: [Use("long", "continues")],
        "e" * 8: [Use("fine", "weights", "encoder")],
        "j" * 8: [Use("judged", "judge", "verdict"), Use("judged", "judge", "other")],
    }
    assert {use.text() for used in found.values() for use in used} == {
        "is the run that long continues (--continue)",
        "gave weights to module 'encoder' of fine",
        "judges in evaluation 'verdict' of judged",
        "judges in evaluation 'other' of judged",
    }


def test_weights_of_what_only_evaluations_read_are_told_by_the_recipe(tmp_path: Path) -> None:
    make_run(tmp_path, "given")
    modules = {"a": {"weights": "runs/given:encoder"}, "b": {"weights": "/elsewhere:x"}, "c": {"weights": 3}, "d": {}}
    make_run(tmp_path, "taker", recipe={"modules": modules})
    assert users_of_runs(runs_in(tmp_path)) == {"g" * 8: [Use("taker", "weights", "a")]}


@pytest.mark.parametrize("strange", [None, [], 3, "text", {"modules": 3}, {"modules": {"a": {"weights": 5}}}], ids=repr)
def test_nothing_in_a_record_is_believed(tmp_path: Path, strange: Any) -> None:
    run = make_run(tmp_path, "odd", continues=strange, training=strange)
    (run / "recipes.json").write_text("[")
    assert users_of_runs(runs_in(tmp_path)) == {}


def test_a_damaged_run_has_no_hash() -> None:
    assert hash_of(RunRecord(Path("x"), {}, {})) == ""
