"""How good a judge is is said where its own run says it, of the images that it judges."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from semreg.core import Result
from semreg.report.judges import judged_by, taught_by
from semreg.store.recipes import write_evaluations, write_recipe
from semreg.store.results import write_result


@pytest.fixture
def judged(tmp_path: Path) -> Path:
    """A run in whose evaluation `fid` a judge judges, of 0.9 on test and 0.8 on validation images."""
    run, judge = tmp_path / "run-0a1b2c", tmp_path / "judge-abcdef"
    for folder, name, digest in ((run, "run", "0a1b2c0000"), (judge, "judge", "abcdef0000")):
        folder.mkdir()
        (folder / "run.json").write_text(json.dumps({"name": name, "hash": digest}))
    for kept, share in (("judge", 0.9), ("judge@validation", 0.8)):
        place = f"accuracy-{share}"
        write_result(judge / "evaluations" / place, Result({"accuracy": share, "loss": 3.0}))
        write_evaluations(judge, kept, {"accuracy": place}, reported=True)
        write_recipe(judge, kept, {})
        judges = {"fid": "abcdef0000", "seen": "ffffff0000"}
        write_evaluations(run, kept.replace("judge", "run"), {}, reported=True, judges=judges)
    return run


def test_a_judges_accuracy_is_that_on_the_images_it_judges(judged: Path) -> None:
    said = "Judged by judge, which itself classifies {} of the {} images of its data correctly."
    assert judged_by(judged, "run") == {"fid": said.format("90.00%", "test")}
    assert judged_by(judged, "run@validation") == {"fid": said.format("80.00%", "validation")}
    assert judged_by(judged, "other") == {}


def test_several_accuracies_are_told_by_their_names(judged: Path) -> None:
    judge = judged.parent / "judge-abcdef"
    write_result(judge / "evaluations" / "pose-1", Result({"accuracy": 0.5}))
    write_result(judge / "evaluations" / "loss-1", Result({"loss": 0.5}))
    places = {"accuracy": "accuracy-0.9", "pose": "pose-1", "loss": "loss-1"}
    write_evaluations(judge, "judge", places, reported=True)
    assert "classifies 90.00% (accuracy), 50.00% (pose) of the test images" in judged_by(judged, "run")["fid"]


def test_of_a_judge_that_learns_from_other_images_it_is_said(judged: Path) -> None:
    changes = {"first": 4000, "batch_size": 7, "split": {"train": 0.95}}
    said = (
        "This judge was trained on its own data (first = 4000, split.train = 0.95), which may contain images that it "
        "judges here."
    )
    assert taught_by(changes) == said
    assert taught_by({"batch_size": 7}) == ""
    for kept in ("run", "run@validation"):
        write_recipe(judged, kept, {"evaluate": {"fid": {"judge_data": changes}, "seen": {"judge_data": {}}}})
        found = judged_by(judged, kept)
        assert list(found) == ["fid"]
        assert found["fid"].endswith(f"images of its data correctly. {said}")


@pytest.mark.parametrize(
    "table", [{}, {"evaluate": 1}, {"evaluate": {"fid": []}}, {"evaluate": {"fid": {"judge_data": 3}}}]
)
def test_a_strange_recipe_says_nothing_of_a_judges_data(judged: Path, table: dict[str, object]) -> None:
    write_recipe(judged, "run", table)
    assert "its own data" not in judged_by(judged, "run")["fid"]


def test_of_a_long_change_the_beginning_is_said() -> None:
    assert len(taught_by({"names": ["a word"] * 1000})) < 250


@pytest.mark.parametrize("digest", ["**", "../..", "[", ""])
def test_the_hash_of_a_stranger_names_nothing(judged: Path, digest: str) -> None:
    write_evaluations(judged, "run", {}, reported=True, judges={"fid": digest})
    assert judged_by(judged, "run") == {}


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("run.json", '{"name": "judge", "hash": "abcdef1111"}'),
        ("run.json", "["),
        ("recipes.json", "{"),
        ("recipes.json", "{}"),
        ("evaluations/accuracy-0.9/result.json", '{"figures": {"accuracy": null}}'),
        ("evaluations/accuracy-0.9/result.json", '{"figures": {"accuracy": "much"}}'),
    ],
)
def test_nothing_is_claimed_where_it_is_not_known(judged: Path, file: str, text: str) -> None:
    (judged.parent / "judge-abcdef" / file).write_text(text)
    assert judged_by(judged, "run") == {}
