from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from semreg_factors.sprites import COVERED, RADIUS, Shape, sprite

SHAPES = st.sampled_from([*COVERED])
SIDE, WIDTH = 17, 32


@given(SHAPES, st.sampled_from([0.5, 0.8, 1.0]), st.integers(0, 15))
def test_a_shape_lies_within_its_circle_and_is_white(shape: Shape, scale: float, turn: int) -> None:
    pixels = sprite(shape, scale, turn / 16, SIDE, WIDTH)
    assert pixels.shape == (SIDE, SIDE)
    assert pixels.dtype == np.uint8
    assert pixels.max() == 255
    centre = np.arange(SIDE) + 0.5 - SIDE / 2
    distance = np.hypot(centre[:, None], centre[None, :])
    reached = distance[pixels > 0].max()
    assert reached <= RADIUS * scale * WIDTH + np.sqrt(0.5)
    assert reached >= 0.85 * RADIUS * scale * WIDTH


@given(SHAPES, st.integers(0, 15))
def test_the_area_goes_with_the_square_of_the_scale_and_no_turn_changes_it(shape: Shape, turn: int) -> None:
    area = {scale: float(sprite(shape, scale, turn / 16, SIDE, WIDTH).sum()) for scale in (0.5, 1.0)}
    assert area[1.0] == pytest.approx(4 * area[0.5], rel=0.06)
    assert area[1.0] == pytest.approx(float(sprite(shape, 1.0, 0.0, SIDE, WIDTH).sum()), rel=0.06)


@given(SHAPES, st.integers(0, 15))
def test_a_quarter_of_a_turn_turns_the_pixels(shape: Shape, turn: int) -> None:
    assert np.array_equal(
        np.rot90(sprite(shape, 1.0, turn / 16, SIDE, WIDTH)), sprite(shape, 1.0, turn / 16 + 0.25, SIDE, WIDTH)
    )


@pytest.mark.parametrize(
    ("shape", "different"), {"square": 4, "ellipse": 8, "heart": 16, "triangle": 16, "half_disc": 16}.items()
)
def test_symmetric_shapes_repeat_themselves_and_the_others_do_not(shape: Shape, different: int) -> None:
    seen: list[np.ndarray] = []
    for turn in range(16):
        pixels = sprite(shape, 1.0, turn / 16, SIDE, WIDTH).astype(int)
        seen += [pixels] if all(np.abs(pixels - other).max() > 100 for other in seen) else []
    assert len(seen) == different


def test_areas_are_those_of_geometry() -> None:
    radius = RADIUS * WIDTH
    for shape, area in {
        "square": 2.0,
        "ellipse": np.pi / 2,
        "triangle": 1.08,
        "half_disc": np.pi / 2 * 0.929**2,
    }.items():
        assert sprite(shape, 1.0, 0.03, SIDE, WIDTH).sum() / 255 == pytest.approx(area * radius**2, rel=0.01)  # type: ignore[arg-type]
