"""A grid's figures over seeds, and its paired tests, from records made up here."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semreg.core import Result, UserError
from semreg.tables.grid import (
    Cell,
    Compared,
    Facts,
    FigureTable,
    Grid,
    Plot,
    Row,
    figure_tables,
    paired_tests,
    require_evaluations,
    require_matches,
    statistic,
)
from semreg.tables.paired import paired_test


def cell(seed: int, results: Mapping[str, Result] | None = None, fingerprint: str = "same") -> Cell:
    if results is None:
        return Cell(seed, Path(f"runs/x-{seed}"), "not begun")
    return Cell(seed, Path(f"runs/x-{seed}"), "finished", results=results, facts=Facts(fingerprint=fingerprint))


def row(name: str, *results: Result | None, fingerprint: str = "same") -> Row:
    """A row whose runs have one evaluation, `probe`; None is one not begun."""
    cells = [cell(seed, None if one is None else {"probe": one}, fingerprint) for seed, one in enumerate(results)]
    return Row(name, "", tuple(cells))


def grid(*rows: Row, globs: tuple[str, ...] = (), against: str | None = None) -> Grid:
    return Grid("toys", rows, globs, against)


def only(found: list[FigureTable]) -> FigureTable:
    (table,) = found
    return table


numbers = st.floats(-1e6, 1e6)


@given(st.lists(numbers, min_size=2, max_size=8))
def test_mean_and_deviation_are_numpys(values: list[float]) -> None:
    found = statistic(values)
    assert found is not None
    assert found.runs == len(values)
    assert found.mean == pytest.approx(np.mean(values), rel=1e-9, abs=1e-6)
    assert found.deviation == pytest.approx(np.std(values, ddof=1), rel=1e-6, abs=1e-6)


@given(st.lists(numbers, min_size=1, max_size=6).flatmap(lambda v: st.tuples(st.just(v), st.permutations(v))))
def test_the_order_of_seeds_is_irrelevant_to_the_last_bit(values: tuple[list[float], list[float]]) -> None:
    assert statistic(values[0]) == statistic(values[1])


def test_what_is_not_finite_does_not_count_and_one_seed_has_no_deviation() -> None:
    assert statistic([0.5, math.nan]) == (0.5, None, 1)
    assert statistic([]) is None
    assert statistic([math.inf]) is None
    assert statistic([1.7e308, 1.7e308]) is None


def test_figures_over_finished_runs_beside_the_papers() -> None:
    first = row("vae", Result({"accuracy": 0.5}, {"accuracy": 0.7}), Result({"accuracy": 0.7}, {"accuracy": 0.7}), None)
    second = row("ae", Result({"accuracy": 0.4, "other": 1.0}))
    table = only(figure_tables(grid(first, second)))
    assert (table.evaluation, table.figures, table.papers) == ("probe", ("accuracy",), {"accuracy"})
    assert table.left_out == ("other",)
    ours = table.ours(first, "accuracy")
    assert ours is not None
    assert (ours.mean, ours.runs) == (pytest.approx(0.6), 2)
    assert ours.deviation == pytest.approx(np.std([0.5, 0.7], ddof=1))
    assert table.paper(first, "accuracy") == 0.7
    assert table.paper(second, "accuracy") is None
    assert table.ours(row("none", None), "accuracy") is None
    assert only(figure_tables(grid(row("nan", Result({"a": math.nan}, {"a": math.nan}))))).figures == ("a",)


def test_figures_of_runs_together_stand_beside_those_of_each() -> None:
    first = row("vae", Result({"accuracy": 0.5}), Result({"accuracy": 0.7}), None)
    first = replace(first, compared={"apart": Compared(2, Result({"distance": 3.0}))})
    second = replace(row("ae", Result({"accuracy": 0.4})), compared={"apart": Compared(1)})
    both = Grid("toys", (first, second), across={"all": Compared(3, Result({"distance": 5.0}))})
    probe, apart, across = figure_tables(both)
    assert [table.evaluation for table in (probe, apart, across)] == ["probe", "apart", "all"]
    assert [table.compares for table in (probe, apart, across)] == [False, True, True]
    assert [apart.ours(one, "distance") for one in apart.rows] == [(3.0, None, 2), None]
    assert [across.ours(one, "distance") for one in across.rows] == [(5.0, None, 3)]
    assert [one.name for one in across.rows] == ["all rows"]
    assert [(one.name, name) for one, name, _ in both.compared] == [
        ("vae", "apart"),
        ("ae", "apart"),
        ("all rows", "all"),
    ]
    assert not both.failed
    assert replace(both, across={"all": Compared(3, failure="no")}).failed
    require_matches(replace(both, globs=("all.distance", "apart.*"), plots=(Plot("apart.distance", "probe.accuracy"),)))
    with pytest.raises(UserError, match=r"expected one of: probe\.accuracy, apart\.distance, all\.distance"):
        require_matches(replace(both, globs=("apart.x",)))


def test_which_figures_are_shown() -> None:
    few = {f"f_{k}": 1.0 for k in range(8)}
    many = {f"linear_in_order_{k}": 1.0 for k in range(9)} | {"linear_in_order": 1.0, "top5": 1.0}
    assert only(figure_tables(grid(row("a", Result(few))))).figures == tuple(few)
    assert only(figure_tables(grid(row("a", Result(many))))).figures == ("linear_in_order", "top5")
    numbered = {f"f_{k}": 1.0 for k in range(9)}
    assert only(figure_tables(grid(row("a", Result(numbered))))).figures == tuple(numbered)
    chosen = figure_tables(grid(row("a", Result(many, {"top5": 1.0})), globs=("probe.*_3", "probe.top?")))
    assert only(chosen).figures == ("linear_in_order_3", "top5")
    assert figure_tables(grid(row("a", Result(few)), globs=("other.*",))) == []
    assert figure_tables(grid(row("a", Result()))) == []


def test_a_glob_that_matches_nothing_is_told_what_there_is() -> None:
    rows = row("a", Result({"accuracy": 1.0}, {}), Result({"loss": 1.0}))
    require_matches(grid(rows, globs=("probe.l*", "*accuracy")))
    require_matches(grid(row("a", None), globs=("nothing",)))
    with pytest.raises(
        UserError, match=r"'probe\.acc' matches no figure; expected one of: probe\.accuracy, probe\.loss"
    ):
        require_matches(grid(rows, globs=("probe.acc",)))


def test_a_figure_of_a_plot_that_no_run_has_is_told_what_there_is() -> None:
    rows = (row("a", Result({"accuracy": 1.0}), None), row("b", Result({"loss": 1.0})))
    require_matches(Grid("toys", rows, plots=(Plot("probe.accuracy", "probe.loss"),)))
    require_matches(Grid("toys", (row("a", None),), plots=(Plot("x", "y"),)))
    for plot in (Plot("probe.accuracy", "probe.acuracy"), Plot("probe.acuracy", "probe.loss")):
        with pytest.raises(UserError, match=r"--plot.* no recipe has the figure 'probe\.acuracy'; did you mean"):
            require_matches(Grid("toys", rows, plots=(plot,)))
    with pytest.raises(UserError, match=r"no recipe has the figure 'probe\.\*'"):
        require_matches(Grid("toys", rows, plots=(Plot("probe.*", "probe.loss"),)))


def test_a_metric_that_no_run_has_is_told_what_there_is() -> None:
    rows = (row("a", Result({"accuracy": 1.0}), None), row("b", None))
    require_matches(Grid("toys", rows, metric="probe.accuracy"))
    require_matches(Grid("toys", rows[1:], metric="probe.acuracy"))
    require_matches(Grid("toys", rows, metric="knn.accuracy"))  # which failed in all runs, as the table says
    with pytest.raises(UserError, match=r"--metric: no run has the figure 'probe\.acuracy'; did you mean 'probe\.acc"):
        require_matches(Grid("toys", rows, metric="probe.acuracy"))


@pytest.mark.parametrize("glob", ["probe.*", "*", "pro*", "*accuracy", "probe.accuracy", "pr?be.a", "[kp]*", "a.b.c"])
def test_a_glob_that_may_match_is_let_through_before_there_are_figures(glob: str) -> None:
    require_evaluations((glob,), ["knn", "probe", "a.b"])


@pytest.mark.parametrize("glob", ["prob.*", "probes.accuracy", "accuracy", "x*"])
def test_a_glob_of_no_evaluation_is_refused_before_there_are_figures(glob: str) -> None:
    with pytest.raises(UserError, match="begins with no evaluation"):
        require_evaluations((glob,), ["knn", "probe", "a.b"])


# --- paired tests ---


def verdicts(right: str, **figures: float) -> Result:
    return Result(figures, outcomes={"accuracy": [digit == "1" for digit in right]})


def test_each_row_is_tested_against_the_best_for_each_seed() -> None:
    good = row("good", verdicts("111110", accuracy=0.8), verdicts("111111", accuracy=1.0))
    bad = row("bad", verdicts("000011", accuracy=0.3), verdicts("000000", accuracy=0.0))
    rows = grid(bad, good)
    (test,) = paired_tests(rows, only(figure_tables(rows)))
    assert (test.outcome, test.row.name, test.against.name) == ("accuracy", "bad", "good")
    assert test.tests == {
        seed: paired_test(
            bad.cells[seed].results["probe"].outcomes["accuracy"],
            good.cells[seed].results["probe"].outcomes["accuracy"],
        )
        for seed in (0, 1)
    }
    assert test.tests[0][:2] == (1, 4)
    rows = grid(bad, good, against="bad")
    (test,) = paired_tests(rows, only(figure_tables(rows)))
    assert (test.row.name, test.against.name, test.tests[0][:2]) == ("good", "bad", (4, 1))


def test_no_test_where_images_seeds_or_outcomes_differ() -> None:
    good = row("good", verdicts("1111", accuracy=1.0))
    for other in (
        row("other", verdicts("1100", accuracy=0.5), fingerprint="another"),
        row("other", verdicts("1100", accuracy=0.5), fingerprint=""),
        row("other", verdicts("110", accuracy=0.5)),
        row("other", None, verdicts("1100", accuracy=0.5)),
    ):
        rows = grid(good, other)
        (test,) = paired_tests(rows, only(figure_tables(rows)))
        assert test.tests == {}
    without = grid(good, row("other", Result({"accuracy": 0.1})))
    assert paired_tests(without, only(figure_tables(without))) == []


def test_outcomes_of_figures_that_are_not_shown_are_not_tested() -> None:
    one, two = verdicts("11", accuracy=1.0, loss=0.1), verdicts("10", accuracy=0.5, loss=0.1)
    rows = grid(row("one", one), row("two", two), globs=("probe.loss",))
    assert paired_tests(rows, only(figure_tables(rows))) == []
