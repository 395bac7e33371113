"""Names, values and lengths as MLflow takes them."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semreg.core import Picture, Point, RecordedRun, Result

validation = pytest.importorskip("mlflow.utils.validation", reason="optional: `make test-optional` installs it")
contents = pytest.importorskip("semreg_mlflow.contents")

NAMES = st.one_of(st.text(), st.text("a./_ -:ä\n", max_size=12), st.text("x", min_size=240, max_size=260))


@given(NAMES)
def test_mlflow_takes_every_name(name: str) -> None:
    validation._validate_metric(contents.allowed(name), 1.0, 0, 0)
    validation._validate_param(contents.allowed(name), "")
    assert not contents.allowed(name).startswith((".", "/"))


@given(NAMES, NAMES)
def test_two_names_stay_two(one: str, other: str) -> None:
    assert (contents.allowed(one) == contents.allowed(other)) == (one == other)


@given(st.one_of(NAMES, st.text("a./@:*", max_size=12)).map(lambda name: f"{name}.html"))
def test_a_file_keeps_its_ending(path: str) -> None:
    sent = contents.path_of(path)
    assert sent.endswith(".html")
    assert len(sent) <= contents.LONGEST_NAME
    assert not validation.path_not_unique(sent)
    assert not sent.startswith((".", "/"))


def test_the_report_of_a_run_judged_on_validation_is_called_as_in_its_folder() -> None:
    for path in ("report-x-seed_1@validation.html", "recipes/x-seed_1@validation.json"):
        assert contents.path_of(path) == path


@pytest.mark.parametrize("value", [math.inf, -math.inf, 1.5, math.nan])
def test_what_no_database_holds_is_sent_as_databases_hold_it(value: float) -> None:
    held = contents.held(value)
    assert math.isnan(held) == math.isnan(value)
    assert not math.isinf(held)
    assert math.isnan(value) or held == max(-sys.float_info.max, min(sys.float_info.max, value))


def test_what_mlflow_takes_stays_as_it_is() -> None:
    for name in ("training/main/l2", "evaluation/a b/x.y-z", "modules.encoder.use", "größe"):
        assert contents.allowed(name) == name


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists))
def test_a_value_is_one_line_that_is_read_as_it_is_written(value: object) -> None:
    text = contents.text_of(value)
    assert text == text.strip()
    assert len(text.splitlines()) <= 1
    assert text == contents.text_of(text)
    text.encode()


def test_a_run_in_mlflow_s_words() -> None:
    picture = Picture("Strip / a", b"png")
    run = RecordedRun(
        Path("runs/x-0a"), "x", "0a", "finished", 1.0, 9.5,
        {"data.use": "digits", "modules.e.hidden": [256], "long": "y" * 9_000},
        {"commit": "c0ffee", "command": "semreg run x"},
        [Point("training/main/l2", 5, 0.25, 2.5), Point("validation/main/l2", 5, 0.5, 2.5)],
        {"evaluation/probe/accuracy": 0.9, "evaluation/probe/nan": math.nan},
        {"probe": Result(pictures=[picture, picture]), "bare": Result()},
        {"recipe.json": b"{}", "report.html": b"<p>"},
    )  # fmt: skip
    found = contents.contents_of(run)
    assert found.parameters["data.use"] == "digits"
    assert json.loads(found.parameters["modules.e.hidden"]) == [256]
    assert len(found.parameters["long"]) == 6_000
    assert found.points.pop(("evaluation/probe/nan", 0))[1] == 9_500
    assert found.points == {
        ("training/main/l2", 5): (0.25, 2_500),
        ("validation/main/l2", 5): (0.5, 2_500),
        ("evaluation/probe/accuracy", 0): (0.9, 9_500),
    }
    assert {group: list(files) for group, files in found.files.items()} == {
        "semreg.digest.recipe.json": ["recipe.json"],
        "semreg.digest.report.html": ["report.html"],
        "semreg.digest.evaluations/probe": [
            f"evaluations/probe/{contents.allowed(f'0{n} Strip _ a')}.png" for n in (1, 2)
        ],
    }
    assert found.tags["semreg.hash"] == "0a"
    assert found.tags["mlflow.source.git.commit"] == found.tags["semreg.commit"] == "c0ffee"
    assert found.tags["semreg.folder"] == str(Path.cwd() / "runs/x-0a")


def test_pictures_that_differ_in_a_byte_or_a_name_differ() -> None:
    digests = [
        contents.digest_of(files) for files in ({}, {"a": b"1"}, {"a": b"2"}, {"b": b"1"}, {"a": b"1", "b": b""})
    ]
    assert len(set(digests)) == len(digests)
