from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from semreg_avatars.appearance import FRONTAL, ILLUMINATIONS
from semreg_avatars.warps import HEAD_RADIUS, shading, turn_matrix

sizes = st.integers(16, 96)


@given(sizes, st.floats(-90, 90))
def test_columns_are_mixtures(size, yaw):
    matrix = turn_matrix(size, yaw)
    total = matrix.sum(0)
    assert matrix.min() >= 0
    assert np.all(np.isclose(total, 1) | (total == 0))


@given(sizes)
def test_no_turn_is_the_identity_and_any_turn_is_mirrored_by_its_opposite(size):
    assert np.array_equal(turn_matrix(size, 0), np.eye(size))
    assert np.allclose(turn_matrix(size, 60)[::-1, ::-1], turn_matrix(size, -60))


@pytest.mark.parametrize("yaw", [-60, -30, 30, 60])
@pytest.mark.parametrize("angle", [-20, 0, 20])
def test_a_point_moves_as_on_a_cylinder(yaw, angle):
    size = 400
    face = np.zeros(size)
    column = round((0.5 + HEAD_RADIUS * np.sin(np.radians(angle))) * size - 0.5)
    face[column - 3 : column + 4] = 1
    turned = face @ turn_matrix(size, yaw)
    found = (turned * (np.arange(size) + 0.5)).sum() / turned.sum() / size - 0.5
    assert abs(found - HEAD_RADIUS * np.sin(np.radians(angle + yaw))) < 0.01


def test_what_turns_out_of_sight_is_gone():
    size = 200
    face = np.zeros(size)
    face[: size // 2 - 10] = 1  # the left half of the face
    assert (face @ turn_matrix(size, -90)).max() == 0
    assert (face @ turn_matrix(size, 90)).max() == 1


@given(sizes)
def test_light_is_smooth_positive_and_falls_off_from_its_side(size):
    lights = [shading(size, index) for index in range(len(ILLUMINATIONS))]
    assert np.array_equal(lights[FRONTAL], np.ones(size))
    assert all(light.min() > 0 and light.max() <= 1 for light in lights)
    assert np.all(np.diff(lights[0]) < 0)
    assert np.allclose(lights[0][::-1], lights[-1])
    assert np.allclose(lights[1][::-1], lights[-2])
    left_share = [light[: size // 2].sum() / light.sum() for light in lights]
    assert np.all(np.diff(left_share) < 0)
    assert max(np.abs(np.diff(light)).max() for light in lights) < 3 / size
