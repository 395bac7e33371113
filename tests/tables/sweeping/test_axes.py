"""What a sweep varies: values and ranges as they are said, and names of rows."""

from __future__ import annotations

import contextlib
import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semreg.core import Range, UserError
from semreg.recipe.check import FOLDER_NAME
from semreg.tables.sweeping.axes import Axis, axes_of, rounded, row_names, row_title, short_keys


def values(text: Any) -> tuple[Any, ...]:
    [axis] = axes_of({"a.b": text})
    return axis.values


def test_values_are_tomls() -> None:
    [first, second] = axes_of(["losses.kl.weight=[0.1, 1]", ' modules."a b".use = ["mlp", "conv"]'])
    assert first == Axis(("losses", "kl", "weight"), (0.1, 1))
    assert isinstance(first.values[1], int)
    assert second == Axis(("modules", "a b", "use"), ("mlp", "conv"))
    assert second.dotted == 'modules."a b".use'
    assert values("[[256], [64, 64]]") == ([256], [64, 64])
    assert values("[true, { use = 'warmup', weight = 1 }]") == (True, {"use": "warmup", "weight": 1})
    assert values('["1..2", "3..4"]') == ("1..2", "3..4"), "texts, no range"


def test_python_gives_lists_arrays_and_ranges() -> None:
    assert values([1e-3, 1e-2]) == (1e-3, 1e-2)
    assert values((np.float64(0.5), np.int64(2))) == (0.5, 2)
    assert values(np.array([0.25, 0.5])) == (0.25, 0.5)
    assert values("1..3") == (1, 2, 3)
    assert all(type(one) in (int, float) for one in values((np.float64(0.5), np.int64(2))))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("1e-4..1e-2:log", (1e-4, 3.16e-4, 1e-3, 3.16e-3, 1e-2)),
        ("1e-4..1e-2:log:3", (1e-4, 1e-3, 1e-2)),
        ("0.1..0.5", (0.1, 0.2, 0.3, 0.4, 0.5)),
        ("-1.0..1.0:3", (-1.0, 0.0, 1.0)),
        ("16..256:log", (16, 32, 64, 128, 256)),
        ("1..1_000:log:4", (1, 10, 100, 1000)),
        ("1..3", (1, 2, 3)),
        ("0..1", (0, 1)),
        ("0..1.0:3", (0, 0.5, 1.0)),
        ("2..4:2", (2, 4)),
    ],
)
def test_a_range_has_five_points_or_as_many_as_it_says(text: str, found: tuple[float, ...]) -> None:
    assert values(text) == found
    whole = "." not in text.replace("..", "") and "e" not in text
    assert all(isinstance(one, int) == whole for one in values(text)[1:-1])


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("1e-4..1e-2:log", Range(1e-4, 1e-2, log=True)),
        ("0..1.0", Range(0, 1.0)),
        ("16..256:log", Range(16, 256, log=True)),
        ("1..3", Range(1, 3)),
    ],
)
def test_a_search_has_the_range_itself(text: str, found: Range) -> None:
    [axis] = axes_of({"a.b": text}, searched=True)
    assert (axis.range, axis.values) == (found, (found.low, found.high))
    assert found.whole == all(isinstance(end, int) for end in axis.values)
    [listed] = axes_of({"a.b": [1, 2]}, searched=True)
    assert (listed.range, listed.values) == (None, (1, 2))
    with pytest.raises(UserError, match="a search chooses any numbers of a range; leave :3 out"):
        axes_of({"a.b": f"{text}:3"}, searched=True)


@given(st.floats(0, 1), st.floats(1e-6, 1e6), st.floats(1.1, 1e6), st.booleans())
def test_a_number_of_a_range_is_rounded_to_what_a_row_shows(share: float, low: float, ratio: float, log: bool) -> None:
    numbers = Range(low, low * ratio, log=log)
    value = low + share * (numbers.high - low)
    found = rounded(value, numbers)
    assert numbers.low <= found <= numbers.high
    assert math.isclose(found, value, rel_tol=5e-3 if log else 5e-6)
    assert isinstance(rounded(round(value) + 0.0, Range(0, 10)), int)


@given(st.floats(1e-30, 1e30), st.floats(1.1, 1e6), st.integers(3, 100), st.booleans())
def test_a_range_keeps_its_ends_and_ascends(low: float, ratio: float, points: int, ratios: bool) -> None:
    high = low * ratio
    text = f"{low!r}..{high!r}{':log' if ratios else ''}:{points}"
    if ratio < 1.01**points:  # where three digits may not tell neighbours apart
        with contextlib.suppress(UserError):
            assert len(values(text)) == points
        return
    found = values(text)
    assert (found[0], found[-1], len(found)) == (low, high, points)
    assert list(found) == sorted(set(found))
    steps = [b / a for a, b in itertools.pairwise(found)] if ratios else list(np.diff(found))
    even = ratio ** (1 / (points - 1)) if ratios else (high - low) / (points - 1)
    rounding = 2 * 5e-3 * even if ratios else 2 * 5e-6 * high
    assert all(math.isclose(step, even, abs_tol=1.01 * rounding) for step in steps)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ([], "--vary: no key to vary is given; write KEY="),
        (["lr"], "--vary lr: '': write KEY="),
        (["lr=0.1"], "--vary lr: '0.1': write KEY="),
        (["lr=[a, b]"], r"--vary lr: '\[a, b\]': .*; write texts in quotes"),
        (["a b=[1, 2]"], "--vary a b: 'a b' is not a key of a recipe"),
        (["=[1, 2]"], "--vary : '' is not a key of a recipe"),
        (["lr=[1]"], "--vary lr: 1 value; two at least can be compared"),
        (["lr=[]"], "--vary lr: 0 values; two at least"),
        (["lr=[1, 2, 1]"], "--vary lr: 1 occurs twice"),
        (["lr=2..1"], "--vary lr: 2..1 doesn't ascend; expected LOW below HIGH"),
        (["lr=a..1"], "--vary lr: 'a' is no number"),
        (["lr=true..2"], "--vary lr: 'true' is no number"),
        (["lr=1.0..inf"], "--vary lr: 'inf' is no number"),
        (["lr=0..1:log"], "--vary lr: 0..1:log: a logarithmic range must start above 0"),
        (["lr=1..9:1"], "--vary lr: 1 points; a range has 2 to 100"),
        (["lr=1..9:101"], "--vary lr: 101 points"),
        (["lr=1..3:4"], "--vary lr: 1..3:4 has no 4 different points"),
        (["lr=1.0004..1.0005:log:3"], "--vary lr: 1.0004..1.0005:log:3 has no 3 different points"),
        (["lr=[1, 2]", "lr=[3, 4]"], "--vary: lr is varied twice; give all its values at once"),
        (["o.lr=[1, 2]", "o=[{}, {lr = 1}]"], "--vary: o.lr is a part of o; vary one of the two"),
        (["seed=[0, 1]"], "--vary seed: a sweep doesn't vary the seed; --seeds 3, or"),
        ({"lr": 3}, "--vary lr: 3 is not a list of values, or a text such as"),
        ({"lr": [None, 1]}, "--vary lr: None can't be a value of a recipe"),
    ],
)
def test_mistakes_say_what_fits(said: Any, message: str) -> None:
    with pytest.raises(UserError, match=message) as refused:
        axes_of(said)
    assert refused.value.exit_code == 2


def test_rows_are_titled_by_as_few_parts_of_keys_as_tell_them_apart() -> None:
    def short(*keys: str) -> list[str]:
        return short_keys(axes_of([f"{key}=[1, 2]" for key in keys]))

    assert short("optimizer.lr", "phases.main.train.encoder.kl") == ["lr", "kl"]
    assert short("modules.encoder.ema", "modules.decoder.ema", "batch") == ["encoder.ema", "decoder.ema", "batch"]
    assert short("lr", "optimizer.lr") == ["lr", "optimizer.lr"]
    assert row_title(["lr", "hidden", "use"], [0.01, [64, 64], "mlp"]) == "lr = 0.01, hidden = [64, 64], use = mlp"


def test_names_are_of_plain_letters_and_each_rows_own() -> None:
    titles = [
        "kl = 0.1, lr = 1e-05",
        "hidden = [64, 64]",
        "use = a b",
        "use = a/b",
        "use = é",
        "w = -0.5",
        f"x = {'y' * 200}",
    ]
    names = row_names("vae", titles)
    assert names[:2] == ["vae-kl_0.1-lr_1e-05", "vae-hidden_64-64"]
    assert names[5] == "vae-w_-0.5"
    assert len(set(names)) == len(names)
    assert names == row_names("vae", titles), "the same each time"
    for name in names:
        assert FOLDER_NAME.fullmatch(name)
        assert name.isascii()
        assert len(name) <= 107
