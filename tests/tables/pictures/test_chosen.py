"""Which rows are drawn, and which run of each: of one seed that all have, where there is one."""

from __future__ import annotations

from pathlib import Path

import pytest

from semreg.core import Result
from semreg.tables.grid import Cell, Grid, Ranked, Ranking, Row
from semreg.tables.pictures import chosen
from semreg.tables.pictures.chosen import drawn_rows, one_run_each, said_of_rows, seeds_of

TITLES = {"a": "A", "b": "B", "c": "C"}


def row(name: str, *seeds: int, value: float = 0.0) -> Row:
    results = {"probe": Result({"accuracy": value})}
    return Row(name, "", tuple(Cell(seed, Path(f"{name}-{seed}"), "finished", results=results) for seed in seeds))


def chosen_seeds(*rows: Row) -> dict[str, int]:
    return {name: cell.seed for name, cell in one_run_each(rows, lambda cell: cell.seed >= 0).items()}


def test_the_first_seed_that_all_have() -> None:
    assert chosen_seeds(row("a", 3, 1, 2), row("b", 2, 1), row("c", 0, 1, 2)) == {"a": 1, "b": 1, "c": 1}


def test_rows_that_have_nothing_to_draw_do_not_count() -> None:
    assert chosen_seeds(row("a", -1, 2), row("b", 2, 1), row("c", -1)) == {"a": 2, "b": 2}
    assert chosen_seeds(row("c", -1)) == {}


def test_without_a_common_seed_each_row_has_its_own_first_and_that_is_said() -> None:
    rows = [row("a", 3, 1), row("b", 2)]
    cells = one_run_each(rows, lambda cell: True)
    assert seeds_of(cells, TITLES) == "Runs of no common seed: A 3, B 2."
    assert seeds_of(one_run_each(rows[:1], lambda cell: True), TITLES) == "Runs of seed 3."


@pytest.mark.parametrize(("higher", "names"), [(True, ["b", "c"]), (False, ["a", "b"])])
def test_of_many_rows_the_best_are_drawn_in_their_order(
    monkeypatch: pytest.MonkeyPatch, higher: bool, names: list[str]
) -> None:
    monkeypatch.setattr(chosen, "MOST_ROWS", 2)
    rows = (row("a", 0, value=0.1), row("b", 0, value=0.3), row("c", 0, value=0.5))
    grid = Grid("grid", rows, ranking=Ranking((Ranked("probe.accuracy", higher),)))
    assert [one.name for one in drawn_rows(grid)] == names
    assert said_of_rows(grid) == ["The 2 best of 3 rows, by their ranking."]
    assert [one.name for one in drawn_rows(Grid("grid", rows))] == ["a", "b"]
    assert said_of_rows(Grid("grid", rows)) == ["The first 2 of 3 rows."]
    assert said_of_rows(Grid("grid", rows[:2])) == []
