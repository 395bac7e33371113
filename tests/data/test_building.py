"""Sources whose labels do not fit their specification."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from semreg.core import UserError
from semreg.data.cache import cached


def break_split(source: Any) -> None:
    source.split = source.split.astype(np.int64)


def break_split_value(source: Any) -> None:
    source.split[3] = 7


def break_class(source: Any) -> None:
    source.labels["digit"][0] = 10


def break_attributes(source: Any) -> None:
    source.labels["attributes"] = source.labels["attributes"].astype(np.int8) * 2 - 1


def break_count(source: Any) -> None:
    source.labels["angle"] = source.labels["angle"][:-1]


def break_value(source: Any) -> None:
    source.labels["angle"][5] = np.nan


def break_missing(source: Any) -> None:
    del source.labels["digit"]


def break_reader(source: Any) -> None:
    source.images = None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (break_split, "split  int64"),
        (break_split_value, "split  uint8 .* uint8 0, 1, 2 fit"),
        (break_class, "digit  values from 0 to 10; 0 to 9 fit"),
        (break_attributes, r"attributes  int8 \(200, 2\) was found; uint8 \(200, 2\) fits"),
        (break_count, r"angle  float32 \(199, 2\) was found"),
        (break_value, "angle  not all values are finite"),
        (break_missing, "digit  nothing was found"),
        (break_reader, "image  images are read by a reader"),
    ],
)
def test_labels_that_do_not_fit(toy: Any, change: Any, message: str, tmp_path: Path) -> None:
    source = toy.source()
    change(source)
    toy.source = lambda: source
    with pytest.raises(UserError, match=message):
        cached(toy, folder=tmp_path)


def test_no_images(toy_with: Any, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there are no images"):
        cached(toy_with(count=0), folder=tmp_path)
