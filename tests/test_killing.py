"""The searches for what kills and simultaneous commands spoil find it, and count what they did."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from benchmarks import together
from benchmarks.kills import Trial, page, read_log
from benchmarks.subjects import SUBJECTS, differing
from semreg.recipe.check import check
from semreg.recipe.load import load_recipe
from tests.running.faults import outcome

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("name", [name for name, subject in SUBJECTS.items() if subject.words[0] == "run"])
def test_every_family_can_be_killed_without_data(name: str, tmp_path: Path) -> None:
    recipe = load_recipe(ROOT / SUBJECTS[name].words[1], SUBJECTS[name].changes)
    assert check(recipe, data_root=tmp_path, fallback=recipe.has_fallback).missing is None


def test_what_is_left_half_written_is_no_outcome(tmp_path: Path) -> None:
    (tmp_path / "runs" / "tables").mkdir(parents=True)
    assert outcome(tmp_path)["files"] == []
    (tmp_path / "runs" / "tables" / ".table.md.1234.part").mkdir()
    with pytest.raises(AssertionError, match="left behind"):
        outcome(tmp_path)


def test_what_differs_is_named() -> None:
    assert differing({"same": 1, "other": 2, "new": 3}, {"same": 1, "other": 1, "gone": 3}) == ["gone", "new", "other"]


def test_the_page_counts_kills_and_those_of_trials_that_differed() -> None:
    trials = [
        Trial(0, "table", ["1.0 s: reporting"], []),
        Trial(1, "mix", ["1.0 s: reporting", "2.0 s: reporting"], ["files"]),
        Trial(2, "mix", ["3.0 s: reporting"], []),
    ]
    assert "(a machine): 4 of 5 kills, 2 differed." in page(trials, 5, 0, "a machine")
    written = page(trials, 4, 0, "a machine")
    assert "(a machine): 4 kills, 2 differed." in written
    rows = [line for line in written.splitlines() if line.startswith("|")]
    assert rows[2:] == ["| table | 1 | 0 |", "| mix | 3 | 2 |", "| all | 4 | 2 |"]


def test_a_pair_that_trained_twice_or_saw_other_data_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(together, "outcome", lambda _: {"files": ["a"]})
    folder = tmp_path / "001"
    for name, text in {"1": "data", "2": "data", together.TRAINED: "ae:0\nae:1\n"}.items():
        together.beside(folder, name).write_text(text)
    once = Counter({"ae:0": 1, "ae:1": 1})
    assert together.findings(folder, [0, 0], {"files": ["a"]}, once) == []
    assert together.findings(folder, [0, 0], {"files": []}, once) == ["files"]
    assert "exit codes [0, 2]" in together.findings(folder, [0, 2 << 8], {"files": ["a"]}, once)[0]
    together.beside(folder, "2").write_text("other data")
    together.beside(folder, together.TRAINED).write_text("ae:0\nae:1\nae:0\n")
    assert together.findings(folder, [0, 0], {"files": ["a"]}, once) == [
        "the data that each saw", "what was trained: {'ae:0': 2, 'ae:1': 1}"
    ]  # fmt: skip


def printed(*arguments: str) -> str:
    command = [sys.executable, "-m", *arguments]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_kills_go_on_where_their_log_ends(tmp_path: Path) -> None:
    log = tmp_path / "kills.jsonl"
    command = ["benchmarks.kills", "--only", "vae_digits", "--log", str(log), "--page", str(tmp_path / "kills.md")]
    assert printed(*command, "--kills", "2").endswith("2 kills, 0 differed\n")
    first = read_log(log)
    assert printed(*command, "--kills", "4").endswith("4 kills, 0 differed\n")
    assert read_log(log)[: len(first)] == first
    assert sum(len(trial.moments) for trial in read_log(log)) == 4
    assert "| vae_digits | 4 | 0 |" in (tmp_path / "kills.md").read_text()


@pytest.mark.slow
def test_a_pair_of_tables_makes_what_one_makes() -> None:
    assert printed("benchmarks.together", "--pairs", "1").endswith("1 pairs, 0 differed\n")
