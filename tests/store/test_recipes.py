"""Several recipes of one run: what is kept of each, which results are whose, and index files of strangers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from semreg.core import Result, UserError
from semreg.core.errors import CannotWrite
from semreg.store.layout import RESULTS_OF_RECIPES
from semreg.store.recipes import (
    command_of,
    evaluations_of,
    failures_of,
    is_reported,
    judged_on,
    judges_in,
    judges_of,
    kept_as,
    missing_evaluations,
    own_name,
    prune,
    read_recipe,
    recipe_path,
    recipes_of,
    report_path,
    write_evaluations,
    write_recipe,
)
from semreg.store.results import write_result


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """The folder of a run that `first` has begun, with three results, and something precious beside it."""
    folder = tmp_path / "runs" / "first-0a1b2c"
    for name in ("probe-111111", "probe-222222", "copies-333333"):
        write_result(folder / "evaluations" / name, Result({"a": 1.0}))
    (folder / "run.json").write_text('{"name": "first"}')
    (tmp_path / "precious").mkdir()
    return folder


def index(run: Path, content: Any) -> None:
    (run / RESULTS_OF_RECIPES).write_text(json.dumps(content))


def test_the_recipe_that_a_run_was_begun_with_and_others(run: Path) -> None:
    assert recipes_of(run) == ["first"]
    write_recipe(run, "first", {"seed": 1})
    write_recipe(run, "third", {"seed": 3})
    write_recipe(run, "second", {"seed": 2})
    assert recipes_of(run) == ["first", "second", "third"]
    assert [read_recipe(run, name) for name in recipes_of(run)] == [{"seed": 1}, {"seed": 2}, {"seed": 3}]
    assert recipe_path(run, "first") == run / "recipe.json"
    assert report_path(run, "first") == run / "report.html"
    assert report_path(run, "second") == run / "report-second.html"
    assert read_recipe(run, "fourth") == {}
    write_recipe(run, "second", {"seed": 4})
    assert read_recipe(run, "second") == {"seed": 4}


def test_what_is_judged_on_validation_images_is_kept_as_of_another_recipe(run: Path) -> None:
    kept = kept_as("first", "validation")
    assert (kept_as("first", "test"), judged_on("first")) == ("first", ("first", "test"))
    assert judged_on(kept) == ("first", "validation")
    write_recipe(run, "first", {"seed": 1})
    write_recipe(run, kept, {"seed": 2})
    write_evaluations(run, "first", {"probe": "probe-111111"}, reported=True, command="x", judges={"probe": "abc"})
    write_evaluations(run, kept, {"probe": "probe-222222"}, reported=True, failures={"more": "why"})
    assert recipes_of(run) == ["first", kept]
    assert (read_recipe(run, "first"), read_recipe(run, kept)) == ({"seed": 1}, {"seed": 2})
    assert report_path(run, kept) == run / "report-first@validation.html"
    assert evaluations_of(run, "first") == {"probe": run / "evaluations" / "probe-111111"}
    assert evaluations_of(run, kept) == {"probe": run / "evaluations" / "probe-222222"}
    assert (failures_of(run, "first"), failures_of(run, kept)) == ({}, {"more": "why"})
    assert (judges_of(run, "first"), judges_of(run, kept)) == ({"probe": "abc"}, {})
    assert prune(run) == ["copies-333333"]


def test_a_run_without_a_name_has_that_of_its_folder(run: Path) -> None:
    (run / "run.json").unlink()
    assert own_name(run) == "first-0a1b2c"
    (run / "run.json").write_text("{")
    with pytest.raises(UserError, match=r"run\.json: cannot be read"):
        recipes_of(run)


def test_each_recipe_has_its_evaluations_in_its_order(run: Path) -> None:
    write_evaluations(run, "first", {"probe": "probe-111111", "copies": "copies-333333"}, reported=False)
    write_evaluations(run, "second", {"copies": "copies-333333", "probe": "probe-222222"}, reported=True, command="x")
    places = run / "evaluations"
    first, second = evaluations_of(run, "first"), evaluations_of(run, "second")
    assert list(first.items()) == [("probe", places / "probe-111111"), ("copies", places / "copies-333333")]
    assert list(second.items()) == [("copies", places / "copies-333333"), ("probe", places / "probe-222222")]
    assert (is_reported(run, "first"), command_of(run, "first")) == (False, "")
    assert (is_reported(run, "second"), command_of(run, "second")) == (True, "x")
    assert failures_of(run, "second") == {}
    write_evaluations(run, "second", {"copies": "copies-333333"}, reported=True, failures={"probe": "why"})
    assert (failures_of(run, "first"), failures_of(run, "second")) == ({}, {"probe": "why"})
    write_evaluations(run, "first", {"probe": "probe-222222"}, reported=True)
    assert evaluations_of(run, "first") == {"probe": places / "probe-222222"}
    assert list(evaluations_of(run, "second")) == ["copies"], "as it was written last"


def test_what_is_not_done_or_not_known_is_none(run: Path) -> None:
    assert evaluations_of(run, "first") == {}
    assert not is_reported(run, "first")
    write_evaluations(run, "first", {"probe": "probe-ffffff", "copies": "copies-333333"}, reported=False)
    assert list(evaluations_of(run, "first")) == ["copies"]
    assert evaluations_of(run, "second") == {}
    assert missing_evaluations(run, ["probe-ffffff", "copies-333333"]) == ["probe-ffffff"]


def test_the_judges_of_all_recipes(run: Path) -> None:
    assert judges_in(run) == []
    write_evaluations(run, "first", {"probe": "probe-111111"}, reported=True, judges={"probe": "abc"})
    write_evaluations(run, "second", {"probe": "probe-222222"}, reported=True, judges={"probe": "def"})
    assert judges_in(run) == [("probe", "abc"), ("probe", "def")]
    index(run, {"first": {"evaluations": {}, "judges": 3}, "second": {"evaluations": {}}})
    assert judges_in(run) == []


def test_pruning_removes_what_belongs_to_no_recipe(run: Path, tmp_path: Path) -> None:
    write_evaluations(run, "first", {"probe": "probe-222222"}, reported=True)
    write_evaluations(run, "second", {"mine": "copies-333333"}, reported=True)
    (run / "evaluations" / "link").symlink_to(tmp_path / "precious")
    assert prune(run) == ["link", "probe-111111"]
    assert sorted(path.name for path in (run / "evaluations").iterdir()) == ["copies-333333", "probe-222222"]
    assert (tmp_path / "precious").is_dir()
    assert prune(run) == []


def test_a_failure_to_write_is_told(run: Path) -> None:
    (run / RESULTS_OF_RECIPES).mkdir()
    with pytest.raises(UserError):
        write_evaluations(run, "first", {}, reported=True)
    (run / "recipes").write_text("")
    with pytest.raises(CannotWrite, match="first-0a1b2c: cannot be written"):
        write_recipe(run, "second", {})


# --- an index from a stranger ---


@pytest.mark.parametrize(
    "place", ["../../../precious", "..", ".", "", "/etc", "a/b", "a\\b", "a\0b", 3, None, ["copies-333333"]], ids=repr
)
def test_a_result_is_looked_for_nowhere_else(run: Path, tmp_path: Path, place: Any) -> None:
    index(run, {"first": {"evaluations": {"copies": "copies-333333"}}, "second": {"evaluations": {"probe": place}}})
    for use in (
        lambda: evaluations_of(run, "first"),
        lambda: is_reported(run, "first"),
        lambda: command_of(run, "first"),
        lambda: write_evaluations(run, "first", {}, reported=True),
        lambda: prune(run),
    ):
        with pytest.raises(UserError, match="not name the evaluations' folders; remove it, and the run's com"):
            use()
    assert len(list((run / "evaluations").iterdir())) == 3, "nothing is pruned"
    assert (tmp_path / "precious").is_dir()


@pytest.mark.parametrize("entry", [None, 3, [], {}, "probe-111111", {"evaluations": ["probe-111111"]}], ids=repr)
def test_an_entry_that_is_none_is_refused(run: Path, entry: Any) -> None:
    index(run, {"first": entry})
    with pytest.raises(UserError, match="does not name the evaluations' folders"):
        evaluations_of(run, "first")


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '"x"', "[" * 100_000], ids=lambda text: text[:9])
def test_an_index_that_is_no_object_is_refused(run: Path, text: str) -> None:
    (run / RESULTS_OF_RECIPES).write_text(text)
    with pytest.raises(UserError, match=RESULTS_OF_RECIPES):
        prune(run)
    assert len(list((run / "evaluations").iterdir())) == 3


def test_an_index_that_is_a_link_is_not_followed(run: Path, tmp_path: Path) -> None:
    (tmp_path / "index").write_text('{"first": {"evaluations": {"probe": "probe-111111"}}}')
    (run / RESULTS_OF_RECIPES).symlink_to(tmp_path / "index")
    with pytest.raises(UserError, match="cannot be read"):
        evaluations_of(run, "first")


@pytest.mark.parametrize("name", ["x" * 300, "\ud800", "a\nb", "probe-111111\n"], ids=ascii)
def test_a_name_that_no_folder_has_is_not_done(run: Path, name: str) -> None:
    index(run, {"first": {"evaluations": {"probe": name, "copies": "copies-333333"}, "command": [3]}})
    assert list(evaluations_of(run, "first")) == ["copies"]
    assert command_of(run, "first") == "[3]"
