"""The path through the directions of the classes between."""

from __future__ import annotations

import math

import pytest
import torch
from semreg_atnl.functional import angles, class_directions, normalize, spherical_interpolation
from semreg_atnl.geodesic import Geodesic
from torch import Tensor

CLASSES = 8


def ring(classes: Tensor) -> Tensor:
    """Directions of classes that stand evenly on a wave around the sphere, off any one plane."""
    turn = 2 * math.pi * classes.double() / CLASSES
    return normalize(torch.stack([turn.cos(), turn.sin(), 0.5 * (3 * turn).cos()], dim=1))


def fitted(order: str = "ring", norm: str = "unit", offsets: str = "dropped") -> Geodesic:
    labels = torch.arange(CLASSES).repeat(5)
    return Geodesic(norm=norm, offsets=offsets).fit(ring(labels) * torch.arange(1, 41)[:, None], labels, order)  # type: ignore[arg-type]


def visited(path: Tensor) -> list[int]:
    """The nearest classes along a path `(steps, code)`, without repeats."""
    nearest = angles(path, ring(torch.arange(CLASSES))).argmin(1).tolist()
    return [label for index, label in enumerate(nearest) if index == 0 or label != nearest[index - 1]]


def walk(geodesic: Geodesic, first: int, last: int, steps: int = 200) -> Tensor:
    a, b = (ring(torch.tensor([label])) for label in (first, last))
    return geodesic(a, b, torch.linspace(0, 1, steps, dtype=torch.float64)[:, None, None])[:, 0]


@pytest.mark.parametrize(
    ("order", "first", "last", "expected"),
    [
        ("ring", 0, 3, [0, 1, 2, 3]),
        ("ring", 3, 0, [3, 2, 1, 0]),
        ("ring", 6, 1, [6, 7, 0, 1]),  # across the seam, the shorter way
        ("ring", 1, 6, [1, 0, 7, 6]),
        ("ring", 0, 4, [0, 1, 2, 3, 4]),  # at equal distance the ascending way
        ("ring", 4, 0, [4, 5, 6, 7, 0]),
        ("ring", 2, 2, [2]),
        ("ring", 7, 0, [7, 0]),
        ("line", 6, 1, [6, 5, 4, 3, 2, 1]),
        ("line", 0, 7, [0, 1, 2, 3, 4, 5, 6, 7]),
    ],
)
def test_passes_the_classes_between_in_order(order: str, first: int, last: int, expected: list[int]) -> None:
    assert visited(walk(fitted(order), first, last)) == expected


def test_constant_speed_unit_norm_and_ends() -> None:
    path = walk(fitted(), 0, 4, steps=401)
    torch.testing.assert_close(path.norm(dim=1), torch.ones(401).double())
    moved = angles(path, path).diagonal(1)
    # Steps over a corner cut it.
    assert (moved < moved.max() * (1 - 1e-6)).sum() <= 3
    torch.testing.assert_close(path[[0, -1]], ring(torch.tensor([0, 4])))


def test_rows_with_paths_of_different_lengths_are_those_alone() -> None:
    geodesic = fitted()
    generator = torch.Generator().manual_seed(0)
    a, b = torch.randn(2, 12, 3, generator=generator, dtype=torch.float64)
    b[0] = a[0]
    weights = torch.rand(12, 1, generator=generator, dtype=torch.float64)
    together = geodesic(a, b, weights)
    for row in range(12):
        alone = geodesic(a[row : row + 1], b[row : row + 1], float(weights[row]))
        torch.testing.assert_close(together[row : row + 1], alone)
    assert torch.equal(geodesic(a, b, 0.0), normalize(a))
    assert torch.equal(geodesic(a, b, 1.0), normalize(b))
    assert geodesic(a, b, torch.rand(7, 1, 1)).shape == (7, 12, 3)


def test_neighbouring_classes_are_joined_by_a_great_circle() -> None:
    a, b = ring(torch.tensor([2, 2])), ring(torch.tensor([3, 1]))
    torch.testing.assert_close(fitted()(a, b, 0.3), spherical_interpolation(a, b, 0.3))


def test_carried_offsets_of_codes_without_any_change_nothing() -> None:
    a, b = ring(torch.tensor([0, 6, 2])), ring(torch.tensor([4, 1, 3]))
    for weight in (0.0, 0.3, 0.5, 1.0):
        torch.testing.assert_close(fitted(offsets="carried")(a, b, weight), fitted()(a, b, weight))


def test_carried_offsets_keep_the_ends_the_order_and_how_codes_differ_from_their_class() -> None:
    aside = torch.tensor([[0.02, -0.03, 0.05]], dtype=torch.float64)
    for geodesic, kept in ((fitted(), False), (fitted(offsets="carried"), True)):
        ends = ring(torch.tensor([0, 4]))
        a, b = normalize(ends + aside).split(1)
        path = geodesic(a, b, torch.linspace(0, 1, 2001, dtype=torch.float64)[:, None, None])[:, 0]
        assert visited(path) == [0, 1, 2, 3, 4]
        torch.testing.assert_close(path[[0, -1]], torch.cat([a, b]))
        for between in (1, 2, 3):
            direction = ring(torch.tensor([between]))
            carried = normalize(direction + torch.lerp(a - ends[:1], b - ends[1:], between / 4))
            assert (angles(path, carried).min() < 2e-3) == kept
            assert (angles(path, direction).min() < 2e-3) != kept


def test_interpolated_norm_and_dtype() -> None:
    a, b = 3 * ring(torch.tensor([0])).float(), 5 * ring(torch.tensor([3])).float()
    point = fitted(norm="interpolated")(a, b, 0.25)
    assert point.dtype == torch.float32
    torch.testing.assert_close(point.norm(dim=1), torch.tensor([3.5]))
    torch.testing.assert_close(normalize(point), fitted()(a, b, 0.25))
    assert fitted()(a[:0], b[:0], 0.5).shape == (0, 3)


def test_classes_without_training_codes_are_passed_over() -> None:
    labels = torch.tensor([0, 1, 3, 4, 5, 6, 7])
    path = walk(Geodesic().fit(ring(labels), labels, "line"), 0, 3)
    nearest = angles(path, ring(torch.tensor([1]))).min()
    assert nearest < 1e-2


def test_bad_input() -> None:
    codes = ring(torch.arange(CLASSES))
    with pytest.raises(ValueError, match="'dropped' or 'carried', found 'kept'"):
        Geodesic(offsets="kept")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="is not fitted; call fit on training codes first"):
        Geodesic()(codes, codes, 0.5)
    with pytest.raises(ValueError, match="order 'none'"):
        Geodesic().fit(codes, torch.arange(CLASSES), "none")
    with pytest.raises(ValueError, match="cancel"):
        Geodesic().fit(torch.cat([codes, -codes]), torch.arange(CLASSES).repeat(2), "ring")
    with pytest.raises(ValueError, match=r"found \(8, 3\) and \(7,\)"):
        Geodesic().fit(codes, torch.arange(7), "ring")
    with pytest.raises(ValueError, match="found 'none'"):
        Geodesic(norm="none")  # type: ignore[arg-type]


@pytest.mark.parametrize("order", ["ring", "line"])
def test_its_state_is_all_that_it_learnt(order: str) -> None:
    geodesic, other = fitted(order, norm="interpolated"), Geodesic(norm="interpolated")
    other.load_state({name: tensor.clone() for name, tensor in geodesic.state().items()})
    a, b = torch.randn(2, 12, 3, generator=torch.Generator().manual_seed(0))
    assert torch.equal(other(a, b, 0.3), geodesic(a, b, 0.3))
    with pytest.raises(ValueError, match="is not fitted; call fit on training codes first"):
        Geodesic().state()
    with pytest.raises(ValueError, match="fitted on codes of 3 numbers; these have 4"):
        other(torch.randn(2, 4), torch.randn(2, 4), 0.5)


def test_class_directions_are_where_the_geodesic_passes() -> None:
    codes, labels = (
        torch.randn(40, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64),
        torch.arange(40) % 4,
    )
    directions = Geodesic().fit(codes, labels, "ring").directions
    assert directions is not None
    torch.testing.assert_close(normalize(class_directions(codes, labels)), directions[labels])
