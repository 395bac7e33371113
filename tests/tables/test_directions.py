"""Directions and units of a grid's figures: what the evaluations of its rows say alike, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from semreg.tables.directions import Direction, directions
from semreg.tables.grid import Row

PLUGIN = '''
def length(code):
    """How long a code is."""

length.better = {"*": "lower"}
length.units = {"mean": "pixels"}


def silent(code):
    """Says nothing of its figures."""
'''


def row(name: str, **uses: str) -> Row:
    return Row(name, "", (), {"evaluate": {evaluation: {"use": use} for evaluation, use in uses.items()}})


def test_they_are_those_of_the_recipes_evaluations() -> None:
    told = directions(
        [row("a", probe="linear_probe(z, digit)", error="reconstructions"), row("b", near="knn(z, digit)")]
    )
    assert told.of("probe", "accuracy") == Direction("higher", "share")
    assert told.of("error", "mean_squared_error") == Direction("lower", "pixel value²")
    assert told.of("near", "accuracy").arrow == "↑"
    assert told.of("near", "other") == Direction("", "share")
    assert told.of("none", "accuracy") == Direction()


def test_what_rows_say_otherwise_is_not_said(install: Callable[..., Path]) -> None:
    entries = {"semreg.evaluations": {"toy_length": "toy_lengths:length", "toy_silent": "toy_lengths:silent"}}
    install("semreg-toy", entries, toy_lengths=PLUGIN)
    probe = row("a", probe="knn(z, digit)")
    assert directions([probe, row("b", probe="toy_length(z)")]).of("probe", "accuracy") == Direction("", "")
    assert directions([probe, row("b", probe="toy_silent(z)")]).of("probe", "accuracy") == Direction("", "")
    assert directions([row("b", probe="toy_length(z)")]).of("probe", "mean") == Direction("lower", "pixels")


def test_rows_whose_recipes_or_plugins_are_not_there_say_nothing() -> None:
    strange = Row("s", "", (), {"evaluate": [3]})
    rows = [row("a", probe="knn(z, digit)"), row("b", probe="not_installed(z)"), Row("c", "", ()), strange]
    assert directions(rows).of("probe", "accuracy") == Direction("higher", "share")
    assert directions(rows[1:]).of("probe", "accuracy") == Direction()
