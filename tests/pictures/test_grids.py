"""Grids of images hold their pixels exactly, make room for labels and refuse what does not fit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from semreg.pictures import image_grid
from semreg.pictures.grids import enlarged
from semreg.pictures.grids import pixels as as_pixels
from tests.pictures.conftest import pixels


def test_a_grid_without_labels_holds_exactly_the_enlarged_pixels() -> None:
    images = torch.tensor([0, 51, 102, 255]).div(255).reshape(1, 1, 2, 2)
    drawn = pixels(image_grid("grid", [images]))
    assert drawn.shape == (128, 128, 3)
    assert np.unique(drawn[:64, 64:]).tolist() == [51]
    assert np.unique(drawn).tolist() == [0, 51, 102, 255]


@pytest.mark.parametrize("count", range(1, 40))
def test_a_grid_is_as_wide_as_its_tiles(count: int) -> None:
    drawn = pixels(image_grid("grid", [torch.zeros(count, 3, 16, 16)]))
    scale = max(1, min(128 // 16, 1800 // (16 * count)))
    assert drawn.shape == (16 * scale, count * (16 * scale + 6) - 6, 3)


def test_a_large_image_is_never_made_smaller() -> None:
    assert pixels(image_grid("grid", [torch.zeros(2, 1, 150, 1000)])).shape == (150, 2 * 1000 + 6, 3)


def test_a_grid_takes_lists_ranges_and_gradients_and_clips() -> None:
    one = torch.full((1, 4, 4), -1.0, requires_grad=True)
    two = torch.full((1, 4, 4), 7.0)
    drawn = pixels(image_grid("grid", [[one, two], [two]], value_range=(-1, 1)))
    assert drawn[10, 10].tolist() == [0, 0, 0]
    assert drawn[10, 200].tolist() == [255, 255, 255]


def test_labels_make_room_for_themselves() -> None:
    images = torch.zeros(2, 1, 16, 16)
    bare = pixels(image_grid("grid", [images]))
    labelled = pixels(
        image_grid("grid", [images], row_labels=["reconstruction"], column_labels=["short", "Mouth_Slightly_Open"])
    )
    assert labelled.shape[0] > bare.shape[0] + 40
    assert labelled.shape[1] > bare.shape[1] + 100
    for edge in (labelled[0], labelled[:, 0], labelled[:, -1]):
        assert (edge > 250).all(), "a label is cut off"


def test_labels_stand_under_each_image() -> None:
    rows = [torch.zeros(2, 1, 16, 16), torch.zeros(1, 1, 16, 16)]
    bare, drawn = pixels(image_grid("grid", rows)), pixels(image_grid("grid", rows, image_labels=[["8", "1"], ["8"]]))
    below = (drawn.shape[0] - bare.shape[0]) // 2
    assert below > 10
    under_one, under_two, under_none = (
        drawn[top : top + below, left : left + 128] for top, left in ((128, 0), (128, 134), (262 + below, 134))
    )
    assert under_one.min() < 100
    assert under_two.min() < 100
    assert not np.array_equal(under_one, under_two)
    assert under_none.min() == 255
    assert np.array_equal(under_one, drawn[262 + below :, :128])


@pytest.mark.parametrize(
    "draw",
    [
        lambda: image_grid("grid", []),
        lambda: image_grid("grid", [torch.zeros(1, 2, 4, 4)]),
        lambda: image_grid("grid", [[torch.zeros(1, 4, 4), torch.zeros(1, 5, 4)]]),
        lambda: image_grid("grid", [torch.zeros(2, 1, 4, 4)], row_labels=["a", "b"]),
        lambda: image_grid("grid", [torch.zeros(2, 1, 4, 4)], column_labels=["a"]),
        lambda: image_grid("grid", [torch.zeros(2, 1, 4, 4)], image_labels=[["a"]]),
        lambda: image_grid("grid", [torch.zeros(2, 1, 4, 4)], image_labels=[["a", "b"], ["c", "d"]]),
    ],
)
def test_what_does_not_fit_is_refused_with_its_shape(draw: Any) -> None:
    with pytest.raises(ValueError, match="got"):
        draw()


@given(
    st.sampled_from([1, 3]), st.integers(1, 4), st.integers(1, 4), st.integers(1, 4), st.integers(0, 2**31),
    st.sampled_from([(0.0, 1.0), (-1.0, 1.0), (2.0, 10.0)]),
)  # fmt: skip
def test_pixels_are_those_of_a_plain_loop(
    channels: int, height: int, width: int, scale: int, seed: int, value_range: tuple[float, float]
) -> None:
    low, high = value_range
    image = low + (high - low) * (
        3 * torch.rand(channels, height, width, generator=torch.Generator().manual_seed(seed)) - 1
    )
    found = enlarged(as_pixels(image, value_range), scale)
    assert (found.dtype, found.shape) == (np.uint8, (height * scale, width * scale, channels))
    for y, x, channel in np.ndindex(found.shape):
        share = (float(image[channel, y // scale, x // scale]) - low) / (high - low)
        assert abs(int(found[y, x, channel]) - 255 * min(max(share, 0), 1)) <= 0.5 + 1e-6


def test_what_is_no_number_is_black_and_what_is_no_image_is_refused() -> None:
    assert as_pixels([[[float("nan"), 1.0]]], (0, 1)).tolist() == [[[0], [255]]]
    for shape in ((2, 4, 4), (4, 4), (1, 0, 4), (1, 1, 4, 4)):
        with pytest.raises(ValueError, match=r"an image has shape \(1 or 3, height, width\), got "):
            as_pixels(torch.zeros(shape), (0, 1))


def test_row_labels_stand_beside_the_middle_of_their_row_and_column_labels_above_that_of_their_column() -> None:
    rows = [torch.ones(2, 1, 16, 16)] * 2
    drawn = pixels(image_grid("grid", rows, row_labels=["a", "b"], column_labels=["c", "d"])).astype(int)
    left, top = drawn.shape[1] - (2 * 128 + 6), drawn.shape[0] - (2 * 128 + 6)
    beside, above = np.argwhere(drawn[:, :left].min(2) < 100), np.argwhere(drawn[:top].min(2) < 100)
    for number, middle in ((0, 64), (1, 128 + 6 + 64)):
        lines = beside[(beside[:, 0] - top) // (128 + 6) == number, 0] - top
        columns = above[(above[:, 1] - left) // (128 + 6) == number, 1] - left
        assert lines.mean() == pytest.approx(middle, abs=6)
        assert columns.mean() == pytest.approx(middle, abs=6)


def test_a_walk_knows_where_each_image_is_and_what_is_said_of_it() -> None:
    rows = [torch.rand(3, 1, 8, 8), torch.rand(2, 1, 8, 8)]
    labels = [["8", "1", "a longer one"], ["8", "0"]]
    picture = image_grid(
        "grid", rows, row_labels=["one", "two"], column_labels=["a", "b", "c"], image_labels=labels, caption="said"
    )
    assert picture.walk is not None
    assert (picture.walk.rows, picture.walk.stops, picture.walk.labels) == (["one", "two"], ["a", "b", "c"], labels)
    drawn = pixels(picture)
    for row, boxes in zip(rows, picture.walk.boxes, strict=True):
        assert len(boxes) == len(row)
        for image, (left, top, width, height) in zip(row, boxes, strict=True):
            tile = drawn[top : top + height, left : left + width]
            assert np.array_equal(tile[:: height // 8, :: width // 8, :1], as_pixels(image, (0, 1)))


def test_one_column_is_no_walk_and_rows_need_no_names() -> None:
    assert image_grid("grid", [torch.zeros(1, 1, 8, 8)] * 2).walk is None
    walk = image_grid("grid", [torch.zeros(2, 1, 8, 8)] * 2).walk
    assert walk is not None
    assert (walk.rows, walk.labels, walk.stops) == (["", ""], (), ())
