"""`semreg sweep` by its entry point."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from semreg.cli.main import app

METRIC = ("--metric", "seen.mean_squared_error")
SEEN = '[evaluate.seen]\nuse = "reconstructions"\n'


def ended(*arguments: object) -> object:
    """The exit code of the command, in this process."""
    with pytest.raises(SystemExit) as end:
        app(["sweep", *map(str, arguments)], prog_name="semreg")
    return end.value.code


def test_the_table_is_printed_and_the_best_row_said_at_the_end(
    toy: Callable[..., Path], no_hooks: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    vary, out = ("--vary", "optimizer.lr=1e-2..1e20:log:2"), ("--out", tmp_path / "runs", "--device", "cpu")
    own = ("--set", "data.split.validation=0.2", "--set", "phases.main.epochs=1")
    assert ended(toy(SEEN), *vary, *METRIC, *out, *own, "--name", "rates") == 1, "one run fails"
    said = capsys.readouterr()
    assert said.out.startswith("# rates: 2 recipes × 1 seed\n")
    assert "| lr = 0.01  |" in said.out
    assert "lr = 1e+20 · seed 0 failed: losses." in said.out
    [folder] = (tmp_path / "runs" / "tables").iterdir()
    table, page, best, test, longer = said.err.splitlines()[-5:]
    assert (table, page) == (f"table: {folder / 'table.md'}", f"table: {folder / 'table.html'}")
    assert best.startswith("best: lr = 0.01 · seen.mean_squared_error 0.")
    assert best.endswith(" on validation images")
    assert test.startswith("on test images: semreg run ")
    assert longer.startswith("twice as long: semreg run ")


def test_mistakes_get_one_message_and_exit_code_2(
    toy: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe, out, rates = toy(SEEN), ("--out", tmp_path / "runs"), ("--vary", "optimizer.lr=[0.1, 0.2]")
    for arguments, message in (
        ((*METRIC,), "Missing option '--vary'"),
        ((*rates,), "Missing option '--metric'"),
        ((*METRIC, "--vary", "optimizer.lr=fast"), "--vary optimizer.lr: 'fast': write KEY=[VALUE, VALUE]"),
        ((*METRIC, "--vary", "optimiser.lr=1..3"), "--vary optimiser.lr: the recipe has no 'optimiser'; did you mean"),
        ((*rates, "--metric", "scene.mean_squared_error"), "--metric: 'scene.mean_squared_error' is a figure of no"),
        ((*rates, "--metric", "seen.far"), "--metric: seen doesn't say whether a high or a low 'far' is good"),
        ((*rates, *METRIC, "--maximize", "--minimize"), "--minimize, --maximize: these contradict each other"),
        ((*rates, *METRIC, "--maximize"), "--maximize: seen says that a low 'mean_squared_error' is good; leave"),
        ((*rates, *METRIC, "--on-test-images", "--judge-on", "validation"), "--on-test-images: contradicts --judge-on"),
        (
            (*rates, *METRIC, "--trials", "3"),
            "--trials: it is the number of trials of a search",
        ),
        ((*rates, *METRIC, "--search", "some"), "--search: 'some' needs a number of trials; add --trials 40"),
        ((*rates, *METRIC, "--search", "some", "--trials", "3"), "--search: no search is called 'some'"),
        ((*rates, *METRIC, "--judge-on", "all"), "--judge-on: 'all' is not one of test, validation"),
    ):
        assert ended(recipe, *out, *arguments) == 2
        assert message in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("options", "judged_on", "higher"),
    [
        ((), "validation", None),
        (("--on-test-images", "--maximize"), "test", True),
        (("--judge-on", "test", "--on-test-images", "--minimize"), "test", False),
    ],
)
def test_options_say_on_what_and_which_way(
    toy: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], judged_on: str, higher: bool
) -> None:
    asked = []

    def stop(*arguments: object) -> None:
        asked.extend(arguments)
        raise SystemExit(3)

    monkeypatch.setattr("semreg.tables.sweeping.sweep.make_sweep", stop)
    assert ended(toy(SEEN), "--vary", "optimizer.lr=[0.1, 0.2]", *METRIC, *options) == 3
    assert (asked[4], asked[6].judge_on) == (higher, judged_on)  # type: ignore[attr-defined]
