"""A run's folder is read whatever state it was left in."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from semreg.errors import UserError
from semreg.report.record import read_metrics, read_record, runs_in


def test_record_and_metrics_of_a_run(fake_run: Path) -> None:
    record = read_record(fake_run)
    assert (record.name, record.state, record.seconds) == ("olr_celeba", "finished", 500.0)
    metrics = read_metrics(fake_run)
    assert list(metrics) == ["classifier", "siamese"]
    siamese = metrics["siamese"]
    assert list(siamese.train) == ["pair", "rec", "adv_g", "adv_d"]
    assert len(siamese.train["pair"]) == len(siamese.images_per_second) == 120
    assert [iteration for iteration, _ in siamese.validation["pair"]] == list(range(100, 1201, 100))
    assert (siamese.best, siamese.seconds) == (1200, 120.0)


def test_lines_that_are_no_records_are_passed_over(tmp_path: Path) -> None:
    lines = ["[]", '{"phase": "main"}', '{"phase": "main", "iteration": 1, "losses": {"a": 2}}', "{", "null"]
    (tmp_path / "metrics.jsonl").write_text("\n".join(lines))
    assert read_metrics(tmp_path)["main"].train == {"a": [(1, 2.0)]}
    assert read_metrics(tmp_path / "nowhere") == {}


def test_runs_are_listed_by_start_and_damaged_ones_left_out(fake_run: Path) -> None:
    runs = fake_run.parent
    for name, started in (("later", "2026"), ("earlier", "2024")):
        (runs / name).mkdir()
        (runs / name / "run.json").write_text(json.dumps({"name": name, "started": started}))
    (runs / "damaged").mkdir()
    (runs / "damaged" / "run.json").write_text("{")
    (runs / "empty").mkdir()
    assert [run.name for run in runs_in(runs)] == ["earlier", "olr_celeba", "later"]
    assert runs_in(runs / "nowhere") == []


@pytest.mark.parametrize("content", ["{", "[]", "\xff"])
def test_a_damaged_record_is_refused_by_name(tmp_path: Path, content: str) -> None:
    (tmp_path / "run.json").write_text(content, encoding="latin-1")
    with pytest.raises(UserError, match=r"run\.json"):
        read_record(tmp_path)
