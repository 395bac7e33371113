"""Rows ranked by several figures: the ranks, their means, and how a table shows them."""

from __future__ import annotations

import itertools
import json
import math
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semreg.core import Result, UserError
from semreg.tables.grid import Cell, Grid, Ranked, Ranking, Row
from semreg.tables.pages import markdown, write_table
from semreg.tables.ranking import direction_of, ranked_rows, ranking_by, ranks
from semreg.tables.view import view

BY = (Ranked("probe.accuracy", True), Ranked("copies.error", False))

some = st.lists(st.none() | st.integers(-3, 3).map(float) | st.floats(-1e6, 1e6), max_size=7)


def row(name: str, *runs: tuple[float, float] | None) -> Row:
    """A row with a run for each accuracy and error; None is one that failed."""
    cells = []
    for seed, one in enumerate(runs):
        if one is None:
            cells.append(Cell(seed, Path(f"{name}-{seed}"), "failed", "nan"))
            continue
        results = {"probe": Result({"accuracy": one[0]}), "copies": Result({"error": one[1]})}
        cells.append(Cell(seed, Path(f"{name}-{seed}"), "finished", results=results))
    return Row(name, "", tuple(cells))


def grid(*rows: Row, remarks: tuple[str, ...] = ()) -> Grid:
    return Grid("mix", rows, ranking=Ranking(BY, remarks))


def by_definition(values: list[float | None], higher: bool) -> list[float | None]:
    """One more than those that are better, and half of the others that are equal."""
    found: list[float | None] = []
    known = [value for value in values if value is not None]
    for value in values:
        if value is None:
            found.append(None)
            continue
        better = sum(other > value if higher else other < value for other in known)
        found.append(1 + better + (sum(other == value for other in known) - 1) / 2)
    return found


@given(some, st.booleans())
def test_ranks_are_those_of_the_definition(values: list[float | None], higher: bool) -> None:
    found = ranks(values, higher_is_better=higher)
    assert found == by_definition(values, higher)
    known = [rank for rank in found if rank is not None]
    assert sum(known) == len(known) * (len(known) + 1) / 2, "ties share what they would have had"


@given(some, st.booleans(), st.randoms())
def test_ranks_follow_their_values_and_turn_with_the_direction(
    values: list[float | None], higher: bool, random: object
) -> None:
    order = list(range(len(values)))
    random.shuffle(order)  # type: ignore[attr-defined]
    found = ranks(values, higher_is_better=higher)
    assert ranks([values[k] for k in order], higher_is_better=higher) == [found[k] for k in order]
    turned = ranks(values, higher_is_better=not higher)
    known = len([value for value in values if value is not None])
    assert all(a is None or a + b == known + 1 for a, b in zip(found, turned, strict=True))  # type: ignore[operator]


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=6))
def test_the_best_stands_first_and_mean_ranks_have_the_mean_of_all(pairs: list[tuple[int, int]]) -> None:
    found = ranked_rows(grid(*(row(f"r{k}", (float(a), float(b))) for k, (a, b) in enumerate(pairs))))
    means = [standing.mean for standing in found if standing.mean is not None]
    assert means == sorted(means)
    assert math.fsum(means) / len(pairs) == pytest.approx((len(pairs) + 1) / 2)
    for (a, b), (c, d) in itertools.product(pairs, repeat=2):  # no worse in anything, better in something
        if (a >= c and b <= d) and (a, b) != (c, d):
            of = {standing.row.name: standing.mean for standing in found}
            assert of[f"r{pairs.index((a, b))}"] < of[f"r{pairs.index((c, d))}"]  # type: ignore[operator]


def test_the_evaluation_says_which_way_a_figure_is_good() -> None:
    assert direction_of({"use": "linear_probe(z, kind)"}, "accuracy") is True
    assert direction_of({"use": "reconstructions"}, "mean_squared_error") is False
    assert direction_of({"use": "leakage(z, kind)"}, "chance") is None
    assert direction_of({"use": "no_such_evaluation(z)"}, "accuracy") is None


def test_rows_are_ranked_by_what_their_recipes_measure() -> None:
    measured = {"evaluate": {"probe": {"use": "linear_probe(z, kind)"}, "copies": {"use": "reconstructions"}}}
    rows = [Row("a", "", (), measured), Row("b", "", (), {"evaluate": {"leak": {"use": "leakage(z, kind)"}}})]
    found = ranking_by(["copies.mean_squared_error", "leak.mlp_means", "copies.mean_squared_error"], rows)
    assert found == Ranking((Ranked("copies.mean_squared_error", False), Ranked("leak.mlp_means", False)))
    assert ranking_by(["probe.accuracy"], rows).figures == (Ranked("probe.accuracy", True),)
    for figure, message in (
        ("prob.accuracy", "--rank: 'prob.accuracy' is a figure of no evaluation; did you mean 'probe'"),
        ("probe", "--rank: 'probe' is an evaluation; add one of its figures"),
        ("probe.acuracy", "--rank: probe doesn't state .* 'acuracy' is better; did you mean 'accuracy\\*'"),
        ("leak.chance", "--rank: leak doesn't state whether a high or a low 'chance' is better"),
    ):
        with pytest.raises(UserError, match=message):
            ranking_by([figure], rows)


def test_ranks_are_of_means_over_seeds() -> None:
    first, second = ranked_rows(grid(row("a", (0.9, 1.0), (0.1, 1.0)), row("b", (0.6, 1.0), (0.6, 1.0))))
    assert (first.row.name, first.ranks, first.mean) == ("b", (1, 1.5), 1.25)
    assert (second.row.name, second.ranks, second.mean) == ("a", (2, 1.5), 1.75)
    assert second.values[0] is not None
    assert second.values[0].mean == pytest.approx(0.5)


def test_a_row_that_lacks_a_figure_comes_last_without_a_mean() -> None:
    lacking = Row("half", "", (Cell(0, Path("half-0"), "finished", results={"probe": Result({"accuracy": 1.0})}),))
    found = ranked_rows(grid(row("gone", None), lacking, row("a", (0.5, 2.0)), row("b", (0.6, 3.0))))
    assert [(one.row.name, one.ranks, one.mean) for one in found] == [
        ("a", (3, 1), 2),
        ("b", (2, 2), 2),
        ("gone", (None, None), None),
        ("half", (1, None), None),
    ]
    assert ranked_rows(Grid("plain", (lacking,))) == []


def test_a_row_that_lost_a_run_is_neither_ranked_nor_marked() -> None:
    survivor, diverged = row("survivor", (0.99, 0.1), None), row("diverged", (0.98, 0.2), (math.nan, 0.2))
    found = grid(row("whole", (0.9, 0.5), (0.9, 0.5)), survivor, diverged, row("other", (0.5, 0.6), (0.5, 0.6)))
    assert [(one.row.name, one.mean) for one in ranked_rows(found)][:2] == [("whole", 1.5), ("other", 2.5)]
    text = markdown(view(found, "now"))
    assert "**0.9000 ± 0.0000**" in text
    assert "**0.99" not in text
    assert text.count("A row with a failed run, or without a number") >= 1


def test_a_run_that_is_still_to_come_costs_no_rank() -> None:
    cells = (*row("begun", (0.9, 0.5)).cells, Cell(1, Path("begun-1"), "not begun"))
    found = ranked_rows(grid(Row("begun", "", cells), row("other", (0.5, 0.6), (0.5, 0.6))))
    assert [one.row.name for one in found] == ["begun", "other"]
    assert found[0].mean == 1


def test_by_one_figure_the_rank_stands_once() -> None:
    rows = (row("a", (0.5, 2.0)), row("b", (0.75, 2.0)))
    block = view(Grid("sweep", rows, ranking=Ranking(BY[:1])), "").blocks[0]
    assert list(block.columns) == ["", "rank", "probe.accuracy ↑"]
    assert [list(map(str, line)) for line in block.rows] == [["b", "1", "0.7500"], ["a", "2", "0.5000"]]
    assert "equal ones share the mean of their ranks. Bold" in block.captions[0]
    assert block.beside == frozenset()


def test_the_ranking_stands_first_in_the_table_and_in_its_data(tmp_path: Path) -> None:
    made = grid(row("a", (0.5, 2.0)), row("b", (0.75, 2.0)), row("c", None), remarks=("Says <little>.",))
    shown = view(made, "")
    block = shown.blocks[0]
    assert block.title == "Ranking"
    assert list(block.columns) == ["", "mean rank", "probe ↑", "rank", "copies ↓", "rank"]
    assert block.captions[0].startswith("By probe.accuracy ↑, copies.error ↓: the best, ")
    assert block.beside == {3, 5}
    assert [one.name for one in block.of] == ["b", "a", "c"]
    text = re.sub(r" +", " ", markdown(shown))
    assert "| b | 1.25 | **0.7500** | 1 | 2.0000 | 1.5 |" in text
    assert "| a | 1.75 | 0.5000 | 2 | 2.0000 | 1.5 |" in text
    assert "| c | – | failed | – | failed | – |" in text
    assert "Says &lt;little>." in text
    write_table(made, tmp_path)
    first = json.loads((tmp_path / "table.json").read_text())["ranking"][0]
    assert (first["row"], first["mean_rank"]) == ("b", 1.25)
    assert first["figures"][1] == {"figure": "copies.error", "higher_is_better": False, "mean": 2.0, "rank": 1.5}
    page = (tmp_path / "table.html").read_text()
    assert "Says &lt;little&gt;." in page
    assert page.index("Ranking") < page.index("<h3>probe</h3>")
