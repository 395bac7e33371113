"""What was drawn into a grid is cut out of it again, pixel by pixel, and a walk that doesn't fit is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from semreg.core import Picture, Walk
from semreg.pictures import image_grid
from semreg.pictures.cutting import Strip, as_drawn, strips_of, whole
from semreg.pictures.grids import coloured, enlarged


def images(count: int, height: int, width: int, channels: int = 1, seed: int = 0) -> torch.Tensor:
    return torch.rand(count, channels, height, width, generator=torch.Generator().manual_seed(seed))


@settings(max_examples=8)
@given(
    st.sampled_from([(8, 8), (5, 7), (32, 32), (130, 4)]),
    st.sampled_from([1, 3]),
    st.integers(2, 4),
    st.booleans(),
)
def test_images_are_cut_out_as_they_were_drawn(
    size: tuple[int, int], channels: int, count: int, labelled: bool
) -> None:
    rows = [images(count, *size, channels, seed) for seed in (0, 1)]
    labels = [[f"{row} {place}" for place in range(count)] for row in range(2)]
    picture = image_grid("", rows, row_labels=["a", "b"], image_labels=labels if labelled else None)
    strips = strips_of(picture)
    assert [strip.name for strip in strips] == ["a", "b"]
    assert [list(strip.labels) for strip in strips] == (labels if labelled else [[], []])
    for strip, row in zip(strips, rows, strict=True):
        for cut, image in zip(strip.images, row, strict=True):
            assert np.array_equal(cut, coloured(image, (0, 1)))


@given(st.integers(1, 5), st.integers(1, 3))
def test_what_enlarged_images_is_taken_away(scale: int, height: int) -> None:
    """A pattern that no number enlarges."""
    small: NDArray[np.uint8] = np.arange(height * 2 * 3, dtype=np.uint8).reshape(height, 2, 3)
    (cut,) = as_drawn([enlarged(small, scale)])
    assert np.array_equal(cut, small)


def test_images_that_only_together_were_not_enlarged_stay() -> None:
    flat, fine = np.zeros((4, 4, 3), np.uint8), np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    assert [image.shape for image in as_drawn([flat, fine])] == [(4, 4, 3)] * 2
    assert [image.shape for image in as_drawn([flat, flat])] == [(1, 1, 3)] * 2


def test_strips_of_equal_images_and_labels_have_one_digest_whatever_they_are_called() -> None:
    one, other = (tuple(np.full((2, 2, 3), value, np.uint8) for _ in range(2)) for value in (1, 2))
    assert Strip("a", one).digest == Strip("b", tuple(image.copy() for image in one)).digest
    different = [Strip("", one), Strip("", other), Strip("", one, ("x", "y")), Strip("", one[:1])]
    different.append(Strip("", tuple(image.reshape(1, 4, 3) for image in one)))
    assert len({strip.digest for strip in different}) == len(different)


GRID = image_grid("", [images(3, 4, 4), images(3, 4, 4, seed=1)], row_labels=["a", "b"])
BOX = (0, 0, 4, 4)


@pytest.mark.parametrize(
    "walk",
    [
        None,
        Walk([], []),
        Walk(["a"], []),
        Walk(["a"], [[]]),
        Walk(["a"], [[BOX, (0, 0, 4, 5)]]),
        Walk(["a"], [[(0, 0, 4, 0)]]),
        Walk(["a"], [[(9_999, 0, 4, 4)]]),
        Walk(["a"], [[(0, 9_999, 4, 4)]]),
        Walk(["a"], [[BOX]], [["x", "y"]]),
        Walk(["a"], [[BOX]], [["x"], ["y"]]),
    ],
)
def test_a_walk_of_no_use_is_refused(walk: Walk | None) -> None:
    with pytest.raises(ValueError, match="walk"):
        strips_of(replace(GRID, walk=walk))
    assert strips_of(replace(GRID, walk=Walk(["a"], [[BOX]], [["x"]])))[0].labels == ("x",)


@pytest.mark.parametrize("png", [b"", b"\x89PNG\r\n\x1a\n", GRID.png[:200], b"GIF89a" + GRID.png])
def test_a_png_that_cannot_be_read_is_told(png: bytes) -> None:
    with pytest.raises(ValueError, match="its PNG can't be read"):
        whole(png)
    with pytest.raises(ValueError, match="its PNG can't be read"):
        strips_of(Picture("", png, walk=GRID.walk))
