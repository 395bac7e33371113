from __future__ import annotations

import pickle

import numpy as np
import pytest
from semreg_factors.shapes2d import Shapes2D

from semreg.core import TEST, ImageField
from semreg.testing import check_dataset


@pytest.mark.parametrize("options", [{"count": 300}, {"count": 40, "size": 64, "shapes": ["triangle", "half_disc"]}])
def test_it_conforms(options: dict[str, object]) -> None:
    check_dataset(Shapes2D, options=options)


def test_the_whole_grid_is_there() -> None:
    shapes = Shapes2D()
    source = shapes.source()
    assert shapes.grid.sizes == {"shape": 3, "scale": 6, "orientation": 16, "x": 16, "y": 16}
    assert len(source.split) == len(shapes.rows) == 73_728
    assert (source.split == TEST).mean() == pytest.approx(0.2, abs=1e-4)
    assert np.array_equal(shapes.grid.rows(**source.labels), shapes.rows)
    fields = shapes.specification()
    assert fields["image"] == ImageField(1, 32, 32)
    orders = {name: field.references()["order"] for name, field in fields.items() if name != "image"}
    assert orders == {"shape": "none", "scale": "line", "orientation": "ring", "x": "line", "y": "line"}
    assert fields["orientation"].references()["names"][:3] == ["0", "22.5", "45"]


def test_x_and_y_move_a_shape_without_changing_it() -> None:
    for size in (32, 64):
        shapes = Shapes2D(size=size)  # type: ignore[arg-type]
        step = size // 32
        first, moved = shapes.source().images(  # type: ignore[misc]
            shapes.grid.rows(shape=2, scale=5, orientation=3, x=[0, 15], y=[0, 4])
        )[:, 0]
        assert np.array_equal(np.roll(first, (4 * step, 15 * step), axis=(0, 1)), moved)
        assert first.sum() > 0


def test_a_shape_is_in_the_middle_of_all_its_places() -> None:
    shapes = Shapes2D()
    rows = shapes.grid.rows(shape=0, scale=5, orientation=0, x=[0, 15], y=[0, 15])
    first, last = shapes.source().images(rows)[:, 0]  # type: ignore[misc]
    assert np.array_equal(first, last[::-1, ::-1])
    assert not first[0].any()  # nothing is cut off


def test_all_factors_are_seen_in_shapes_without_symmetry() -> None:
    shapes = Shapes2D(shapes=["heart", "triangle", "half_disc"])
    rows = shapes.rows[(shapes.grid.classes(shapes.rows)["x"] == 5) & (shapes.grid.classes(shapes.rows)["y"] == 5)]
    images = shapes.source().images(rows)  # type: ignore[misc]
    assert len(np.unique(images.reshape(len(rows), -1), axis=0)) == len(rows) == 3 * 6 * 16


def test_a_subset_has_the_images_of_the_whole() -> None:
    some, all_ = Shapes2D(count=50, seed=3), Shapes2D()
    reader = pickle.loads(pickle.dumps(some.source().images))
    assert np.array_equal(reader(range(50)), all_.source().images(some.rows))  # type: ignore[misc]
    assert np.array_equal(reader.part(np.array([7, 2]))([1, 0]), reader([2, 7]))


def test_identity_tells_sets_apart() -> None:
    changes = ({}, {"size": 64}, {"count": 31}, {"seed": 1}, {"test": 0.5}, {"shapes": ["heart"]})
    found = {str(Shapes2D(**{"count": 30, **changed}).source().identity) for changed in changes}
    assert len(found) == len(changes)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 48}, "size is 48; expected 32, 64 or 128"),
        ({"test": 1.0}, "test is 1.0"),
        ({"count": 1}, "count is 1; it must be at least 2"),
        ({"count": 80_000}, "count is 80,000; the grid has 73,728 combinations"),
        ({"shapes": []}, "shapes is"),
        ({"shapes": ["heart", "heart"]}, "each once"),
        ({"shapes": ["hart"]}, "shapes names 'hart'; did you mean 'heart'"),
    ],
)
def test_options_out_of_range_are_refused_by_name(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Shapes2D(**options)  # type: ignore[arg-type]
