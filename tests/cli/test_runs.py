"""`semreg runs` as a group: what its options choose, and `semreg runs rm`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock

from tests.store.conftest import make_run

Said = Callable[..., str]


@pytest.fixture(autouse=True)
def _three_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make_run(Path("runs"), "vae-1", figures={"accuracy": 0.75}, started="2026-01-02", seed=3)
    make_run(Path("runs"), "gm-1", figures={"accuracy": 0.5}, started="2026-01-03", judges={"verdict": "j" * 8})
    make_run(Path("runs"), "judge-1", started="2026-01-01")


def test_judges_stand_apart_and_figures_in_columns(said: Said) -> None:
    lines = said("runs", "--figures", "probe.*", "--sort", "probe.accuracy").splitlines()
    assert lines[0].split() == ["run", "state", "probe.accuracy", "started"]
    assert [line.split()[:3] for line in lines[1:3]] == [["gm-1", "finished", "0.5"], ["vae-1", "finished", "0.75"]]
    assert lines[3:5] == ["", "judges of other runs' evaluations:"]
    assert lines[5].split()[-1] == "judges"
    assert (lines[6].split()[0], lines[6].split()[-1]) == ("judge-1", "gm-1")
    assert len(lines) == 7


def test_filters_and_json(said: Said) -> None:
    [run] = json.loads(said("runs", "--where", "seed=3", "--json", "--figures", "*"))
    assert (run["name"], run["figures"], run["judges"]) == ("vae-1", {"probe.accuracy": 0.75}, [])
    assert said("runs", "--recipe", "x*") == "none of the 3 runs in runs matches\n"
    assert said("runs", "--out", "elsewhere") == "no runs in elsewhere\n"


def test_a_damaged_run_is_told_and_costs_no_other(said: Said) -> None:
    (Path("runs") / "vae-1" / "run.json").write_text("{")
    lines = said("runs", "--figures", "*").splitlines()
    assert any(line.startswith("vae-1") and "damaged" in line for line in lines)
    assert any(line.startswith("gm-1") for line in lines)


def test_removing(said: Said, refused: Said) -> None:
    assert said("runs", "rm", "v*", "--dry-run").startswith("would remove runs/vae-1 (")
    assert said("runs", "rm", "v*").startswith("removed runs/vae-1 (")
    text = refused("runs", "rm", "judge-1")
    assert "judges in evaluation 'verdict' of gm-1" in text
    assert "--force" in text
    assert sorted(path.name for path in Path("runs").iterdir()) == ["gm-1", "judge-1"]
    text = said("runs", "rm", "judge-1", "--force")
    assert "warning: judge-1 judges in evaluation 'verdict' of gm-1" in text
    assert [path.name for path in Path("runs").iterdir()] == ["gm-1"]


def test_nothing_is_removed_where_one_cannot_be(refused: Said) -> None:
    with FileLock("runs/gm-1/.lock"):
        assert "uses it" in refused("runs", "rm", "vae-1", "gm-1")
    assert "did you mean 'vae-1'" in refused("runs", "rm", "vae1", "gm-1")
    assert len(list(Path("runs").iterdir())) == 3


def test_what_is_chosen_for_the_list_is_not_taken_for_what_is_removed(refused: Said) -> None:
    assert "choose what is listed" in refused("runs", "--state", "failed", "rm", "*")
    assert len(list(Path("runs").iterdir())) == 3
