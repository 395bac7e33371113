"""Errors of shapes and labels say the call, what it expects, what it found and what is wrong."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch._subclasses.fake_tensor import FakeTensorMode

from semreg.core import require_classes, require_equal_shapes, shape_error
from semreg.core.shapes import as_on_a_device


@pytest.mark.parametrize(
    ("a", "b", "cause"),
    [((8, 3), (8, 4), "axis 1 differs, 3 against 4"), ((8, 1), (8,), "2 axes against 1")],
)
def test_unequal_shapes_are_named_with_pattern_and_cause(a: tuple[int, ...], b: tuple[int, ...], cause: str) -> None:
    with pytest.raises(ValueError) as caught:
        require_equal_shapes("l1(a, b)", "batch ..., batch ...", torch.zeros(a), torch.zeros(b))
    assert str(caught.value) == f'l1(a, b) expects "batch ..., batch ...", found {a}, {b}: {cause}'


@given(st.lists(st.integers(0, 3), max_size=3), st.lists(st.integers(0, 3), max_size=3))
def test_shapes_are_refused_if_they_differ_at_all(a: list[int], b: list[int]) -> None:
    if a == b:
        require_equal_shapes("l1(a, b)", "batch", torch.zeros(a), torch.zeros(b))
        return
    with pytest.raises(ValueError, match=r"^l1\(a, b\) expects "):
        require_equal_shapes("l1(a, b)", "batch", torch.zeros(a), torch.zeros(b))


def test_an_error_names_every_shape() -> None:
    error = shape_error("f(x, y)", "batch code", "no rows", torch.zeros(0, 2), torch.zeros(()))
    assert str(error) == 'f(x, y) expects "batch code", found (0, 2), (): no rows'


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (torch.tensor([0, 1]), r"one class for each of 3 rows"),
        (torch.zeros(3, 1, dtype=torch.int64), r"found \(3, 1\): one class for each of 3 rows"),
        (torch.zeros(3), "labels are classes, int64, found float32$"),
        (torch.tensor([0, math.nan, 1]), "labels are classes, int64, found float32 with NaN among them"),
        (torch.zeros(3, dtype=torch.bool), "labels are classes, int64, found bool"),
        (torch.tensor([0, 4, 1]), "there are 4 classes, 0 to 3; found labels from 0 to 4"),
        (torch.tensor([3, -1, 1]), "there are 4 classes, 0 to 3; found labels from -1 to 3"),
    ],
)
def test_labels_that_are_no_classes_are_told(labels: torch.Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=rf"^f\(x, label\)(:| expects) .*{message}"):
        require_classes("f(x, label)", labels, rows=3, classes=4)


@pytest.mark.parametrize("dtype", [torch.int64, torch.int32, torch.uint8])
def test_labels_of_every_class_and_of_none_fit(dtype: torch.dtype) -> None:
    require_classes("f(x, label)", torch.arange(4).to(dtype), rows=4, classes=4)
    require_classes("f(x, label)", torch.zeros(0, dtype=dtype), rows=0, classes=4)


def test_where_the_number_of_classes_is_not_known_labels_are_zero_or_more() -> None:
    require_classes("f(x, label)", torch.tensor([0, 1000, 1]), rows=3)
    with pytest.raises(ValueError, match=r"f\(x, label\): classes are 0 or more; found labels from -2 to 1"):
        require_classes("f(x, label)", torch.tensor([0, -2, 1]), rows=3)


def test_numbers_are_looked_at_only_where_that_waits_for_nothing() -> None:
    require_classes("f(x, label)", torch.full((3,), 9, device="meta"), rows=3, classes=4)
    with pytest.raises(ValueError, match=r"found float32$"):  # which is known without looking
        require_classes("f(x, label)", torch.full((3,), math.nan, device="meta"), rows=3, classes=4)
    with FakeTensorMode():
        require_classes("f(x, label)", torch.full((3,), 9), rows=3, classes=4)
    with as_on_a_device():
        require_classes("f(x, label)", torch.full((3,), 9), rows=3, classes=4)

    @torch.compile(fullgraph=True, backend="eager")
    def compiled(labels: torch.Tensor) -> torch.Tensor:
        require_classes("f(x, label)", labels, rows=3, classes=4)
        return labels + 1

    assert compiled(torch.tensor([0, 1, 9])).tolist() == [1, 2, 10]


@pytest.mark.parametrize(("labels", "classes", "fit"), [([0, 3], 4, True), ([0, 4], 4, False), ([-1, 3], None, False)])
def test_a_gpu_stops_at_labels_itself(
    labels: list[int], classes: int | None, fit: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    class OnGPU(torch.Tensor):
        is_cuda = True  # type: ignore[assignment]

    found = []
    monkeypatch.setattr(torch, "_assert_async", lambda holds, message: found.append((bool(holds), message)))
    require_classes("f(x, label)", torch.tensor(labels).as_subclass(OnGPU), rows=2, classes=classes)
    assert found == [(fit, "f(x, label): a label is none of the classes")]
