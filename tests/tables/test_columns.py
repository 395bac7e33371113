"""Columns of figures: numbers with enough decimals, and the best of them marked against the spread."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semreg.tables.columns import Form, incomparable, marks
from semreg.tables.grid import Grid, Row, Statistic


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ([0.9512, 0.04], ["0.9512", "0.0400"]),
        ([1.0, 0.5], ["1.0000", "0.5000"]),
        ([0.0123, -0.001], ["0.0123", "−0.0010"]),
        ([61.52, 0.2], ["61.5", "0.2"]),
        ([1234.6], ["1235"]),
        ([0.0310, 0.0314, 24.6], ["0.0310", "0.0314", "24.6000"]),
        ([5e3, 6e3, 7e5], ["5000", "6000", "700000"]),
        ([3e-6], ["3.00e-06"]),
        ([0.0], ["0.0000"]),
    ],
    ids=["shares", "one", "small", "percent", "large", "diverged", "far apart", "tiny", "zero"],
)
def test_numbers_of_a_column_have_the_decimals_of_its_largest(values: list[float], texts: list[str]) -> None:
    form = Form(values)
    assert [form.text(value) for value in values] == texts


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=5))
def test_numbers_are_written_alike_and_to_three_digits_of_the_largest(values: list[float]) -> None:
    form = Form(values)
    texts = [form.text(value).replace("−", "-") for value in values]
    assert len({len(text.partition(".")[2].partition("e")[0]) for text in texts}) == 1
    largest = max(map(abs, values))
    for value, text in zip(values, texts, strict=True):
        assert float(text) == pytest.approx(value, abs=0.005 * largest)


def test_zero_has_no_sign() -> None:
    assert Form([12.0, -0.01]).text(-0.01) == "0.0"


def stood(better: str, *values: float | tuple[float, float] | None) -> list[str]:
    """The marks of these means, some with their deviations."""
    pairs = [value if isinstance(value, tuple) else (value, None) for value in values]
    known = [None if mean is None else Statistic(mean, deviation, 3) for mean, deviation in pairs]
    return marks(known, better, Form(one.mean for one in known if one))


def test_the_best_is_marked_whichever_way_is_better() -> None:
    assert stood("higher", 0.5, 0.9, None, 0.7) == ["", "best", "", ""]
    assert stood("lower", 0.5, 0.9, None, 0.7) == ["best", "", "", ""]
    assert stood("", 0.5, 0.9) == ["", ""], "nothing is claimed where no direction is said"


def test_what_reads_alike_is_alike() -> None:
    assert stood("higher", 0.90001, 0.90002, 0.5) == ["best", "best", ""]
    assert stood("higher", 0.90001, 0.90002) == ["", ""], "where nothing is worse, nothing is best"
    assert stood("higher", 0.9, None) == ["", ""]
    assert stood("higher", None, None) == ["", ""]


def test_what_the_spread_does_not_tell_from_the_best_is_near() -> None:
    assert stood("higher", (0.9, 0.01), (0.88, 0.03), (0.88, 0.01), (0.8, 0.03)) == ["best", "near", "", ""]
    assert stood("lower", (0.1, 0.05), (0.14, 0.0), 0.16) == ["best", "near", ""]


@given(
    st.lists(st.tuples(st.floats(-1e3, 1e3), st.none() | st.floats(0, 10)), min_size=1, max_size=6),
    st.sampled_from(["higher", "lower"]),
)
def test_nothing_unmarked_or_near_reads_better_than_the_best(
    values: list[tuple[float, float | None]], better: str
) -> None:
    found = marks([Statistic(*one, 3) for one in values], better, Form(mean for mean, _ in values))
    sign = 1 if better == "higher" else -1
    means = [sign * mean for mean, _ in values]
    if any(found):
        best = [mean for mean, mark in zip(means, found, strict=True) if mark == "best"]
        assert max(means) in best
        assert min(means) not in best


@pytest.mark.parametrize(
    ("first", "second", "comparable"),
    [
        ({"use": "linear_probe(z, kind)"}, {"use": "linear_probe(z_s, kind)", "paper": {"accuracy": 0.9}}, True),
        ({"use": "linear_probe"}, {"use": "linear_probe(z, kind)", "description": "of the code"}, True),
        ({"use": "linear_probe(z, kind)"}, {"use": "linear_probe(z, kind)", "penalty": 1000}, False),
        ({"use": "linear_probe(z, kind)"}, {"use": "knn(z, kind)"}, False),
        ({"use": "leakage(z, kind)", "judge": "a.toml"}, {"use": "leakage(z, kind)", "judge": "b.toml"}, False),
    ],
)
def test_no_row_is_the_best_by_another_evaluation(
    first: dict[str, object], second: dict[str, object], comparable: bool
) -> None:
    rows = tuple(Row(name, "", (), {"evaluate": {"it": table}}) for name, table in (("a", first), ("b", second)))
    assert (incomparable(Grid("two", rows), "it") == "") is comparable
    assert incomparable(Grid("two", (*rows, Row("c", "", (), {}))), "other") == "", "of the same they have none"
