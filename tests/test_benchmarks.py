"""Every topic of the benchmarks works, on next to nothing; what it measures is not judged here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from benchmarks import autoencoders, disentanglement, known_codes, loop, memory, scale, shards, speed, startup
from benchmarks.measure import QUICK, Table, in_turns, median_difference, median_ratio
from benchmarks.peers import FRAMEWORKS
from semreg.core.registry import components

SHORT, SPENT = startup.SHORT, startup.SPENT


@pytest.fixture(autouse=True)
def little(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for peer, (distribution, _) in FRAMEWORKS.items():  # importing them takes longer than all else
        monkeypatch.setitem(FRAMEWORKS, peer, (distribution, loop.bare))
    monkeypatch.delitem(memory.RUNS, "OLR")
    monkeypatch.setattr(startup, "SHORT", ["run", "--help"])
    monkeypatch.setattr(startup, "SPENT", {name: (["-c", "pass"], *rest) for name, (_, *rest) in SPENT.items()})
    yield
    torch.set_flush_denormal(False)  # Hypothesis wants the numbers back


@pytest.mark.parametrize(
    "topic", [pytest.param(topic, marks=[pytest.mark.slow] if topic == "processes" else []) for topic in speed.TOPICS]
)
def test_every_topic_fills_its_tables(topic: str) -> None:
    findings = speed.measure(topic, QUICK)
    assert findings.goals
    for goal in findings.goals:
        assert re.search(r"\d", goal.found), goal
    for table in findings.tables:
        assert len({row[0] + row[1] for row in table.rows}) == len(table.rows) > 1 or topic == "memory"
        for row in table.rows:
            assert len(row) == len(table.columns)
            assert re.fullmatch(r"[+-]?[\d,]+(\.\d+)?%?", row[-1] or "0"), row


@pytest.mark.slow
def test_a_run_computes_little_until_it_is_opened_or_has_done_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(startup, "SHORT", SHORT)
    monkeypatch.setattr(startup, "SPENT", SPENT)
    for goal in startup.of_computing(QUICK).goals:
        assert goal.met, goal


def test_all_trials_of_a_simulation_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("write_trial", "say"):  # which the simulation puts others in the place of
        monkeypatch.setattr(scale.coordinating, name, None)
    (table,) = scale.coordinator(tmp_path, 100)
    assert dict(table.rows)["trials that ended"] == "100"  # type: ignore[call-overload]


def test_what_few_rows_take_is_multiplied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ROWS", "FILES", "JPEGS"):
        monkeypatch.setattr(scale, name, 1_000)
    arithmetic, found = scale.images(tmp_path)
    assert arithmetic.rows[0][1:] == ["12,288", "12.3 TB"]
    assert all(float(row[1]) > 0 for row in found.rows)
    assert [scale.duration(seconds) for seconds in (90, 7_200, 10**6)] == ["90.0 seconds", "2.0 hours", "11.6 days"]


def test_a_framework_that_is_not_installed_is_a_row_that_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "version_of", lambda _: None)
    (table,) = loop.measure(QUICK).tables
    told = {row[0] for row in table.rows if "pip install -r benchmarks/requirements.txt" in row[1]}
    assert told == set(FRAMEWORKS)


def test_the_crowd_of_components_is_one_that_the_registry_sees_and_leaves_nothing(tmp_path: Path) -> None:
    before = components()
    with loop.installed(tmp_path, "semreg-crowd", {"semreg.losses": {"crowd_1": "no_such_module:loss"}}):
        assert {c.name for c in components()} - {c.name for c in before} == {"crowd_1"}
    assert components() == before


def test_contestants_take_turns_and_a_warm_up_is_not_counted() -> None:
    order: list[str] = []
    measured = in_turns({name: lambda name=name: order.append(name) or len(order) for name in "ab"}, 2)
    assert "".join(order) == "ba" + "ab" + "ba"
    assert measured == {"a": [3, 6], "b": [4, 5]}
    assert median_difference([3.0, 6.0], [4.0, 5.0]) == 0
    assert median_ratio([4.0, 9.0, 2.0], [2.0, 3.0, 2.0]) == 2


def test_the_report_is_markdown_with_the_goals_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "speed.md"
    speed.main(["backward", "--quick", "--out", str(out)])
    text = out.read_text()
    printed = capsys.readouterr().out
    assert all(line in printed for line in text.splitlines())
    assert text.startswith("# Speed\n\n`python -m benchmarks.speed backward --quick --out ")
    assert text.index("## Goals") < text.index("## Shared")
    assert "| what " in text
    assert Table("T", ["a", "bb"], [["1", "2"]]).markdown() == "## T\n\n| a | bb |\n|---|----|\n| 1 | 2  |\n"


def test_an_unknown_topic_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        speed.main(["lop"])
    assert "no such topic: lop; expected one of: loop, training" in capsys.readouterr().err


@pytest.mark.slow
def test_shards_files_and_memory_are_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shards.main(["--quick", "--out", str(tmp_path / "shards.md")])
    text = (tmp_path / "shards.md").read_text()
    assert text in capsys.readouterr().out
    for title in ("Goals", "From shards", "From JPEG files of 64×64, two workers", "Memory"):
        assert f"## {title}" in text


def test_metrics_of_disentanglement_are_timed_and_say_what_is_known(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(disentanglement, "TIMES", {"MIG": disentanglement.TIMES["MIG"]})
    monkeypatch.setattr(torch, "set_num_threads", lambda _: None)
    monkeypatch.setattr("sys.argv", ["benchmarks.disentanglement"])
    with pytest.raises(SystemExit):  # by the goals, which a loaded machine may miss
        disentanglement.main()
    assert re.search(r"MIG, one core +\| at most 0.3 s \| \d+\.\d\d s", capsys.readouterr().out)
    monkeypatch.setattr(known_codes, "METRICS", {"MIG": known_codes.METRICS["MIG"]})
    table = known_codes.known_table()
    [row] = table.rows
    told = dict(zip(table.columns, row, strict=True))
    assert (told["each factor in a dimension of its own"], told["each factor in two dimensions"]) == ("1.00", "0.00")


def test_autoencoders_of_ours_train_as_those_that_they_are_compared_with() -> None:
    found = autoencoders.ours(autoencoders.work_of(autoencoders.METHODS["VQ-VAE"], 1))
    assert 0 < found.error < 0.2
    assert found.seconds > 0
