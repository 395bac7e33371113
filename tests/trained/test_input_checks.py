"""What a run is given to encode and decode, and what is said of anything else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import semreg
from semreg.core import ClassField, ImageField, VectorField
from semreg.trained.input_checks import shape_of
from semreg.trained.run import Run

pytestmark = pytest.mark.usefixtures("no_hooks")


@pytest.fixture
def run(toy: Callable[..., Path], tmp_path: Path) -> Run:
    return semreg.run(toy(), out=tmp_path / "runs", device="cpu", overrides=["phases.main.epochs=1"])


@pytest.mark.parametrize(
    ("images", "found"),
    [
        (torch.zeros(4, 4), r"; found (4, 4)"),
        (torch.zeros(0, 1, 4, 4), r"; found (0, 1, 4, 4)"),
        (torch.zeros(2, 3, 4, 4), r"; found (2, 3, 4, 4)"),
        (torch.full((2, 1, 4, 4), 255.0), r"; found (2, 1, 4, 4) in [255, 255]"),
        (torch.linspace(-1, 1, 32).view(2, 1, 4, 4), r"; found (2, 1, 4, 4) in [-1, 1]"),
        (torch.full((1, 1, 4, 4), torch.nan), r"; found (1, 1, 4, 4) with values that are not finite"),
        (torch.full((2, 1, 4, 4), 200, dtype=torch.uint8), r", floats; found uint8 (2, 1, 4, 4) in [200, 200]"),
        (torch.zeros(()), r"; found ()"),
        (np.zeros((2, 4, 4)), r"; found (2, 4, 4)"),
        (
            np.zeros((2, 4, 4), np.int64),
            ", or uint8 (n, height, width[, 1, 3 or 4]) in [0, 255]; found int64 (2, 4, 4)",
        ),
        ("face.jpg", r", a tensor; found a str"),
        (None, r", a tensor; found a NoneType"),
    ],
)
def test_what_is_no_image_of_the_run_is_told(run: Run, images: Any, found: str) -> None:
    with pytest.raises(ValueError) as refused:
        run.encode(images)
    assert str(refused.value) == f"encode expects (n, 1, 4, 4) in [0, 1]{found}"


@pytest.mark.parametrize(
    ("codes", "found"),
    [
        ([torch.zeros(3)], "; found (3,)"),
        ([torch.zeros(3, 5)], "; found (3, 5)"),
        ([torch.zeros(0, 2)], "; found (0, 2)"),
        ([torch.zeros(3, 2, dtype=torch.int64)], ", floats; found int64 (3, 2) in [0, 0]"),
        ([[0.0, 1.0]], ", a tensor; found a list"),
        ([torch.full((1, 2), torch.inf)], "; found (1, 2) with values that are not finite"),
        ([], "; 0 given"),
    ],
)
def test_what_is_no_code_of_the_run_is_told(run: Run, codes: list[Any], found: str) -> None:
    with pytest.raises(ValueError) as refused:
        run.decode(*codes)
    assert str(refused.value) == f"decode expects z (n, 2){found}"


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_floats_of_any_kind_a_little_beyond_the_range_are_taken(run: Run, dtype: torch.dtype) -> None:
    images = torch.linspace(-0.4, 1.4, 32).view(2, 1, 4, 4).to(dtype)
    codes = run.encode(images)
    assert codes.dtype == torch.float32
    assert codes.shape == (2, 2)
    assert run.decode(codes.to(dtype)).shape == (2, 1, 4, 4)


def test_several_codes_are_of_as_many_images(toy: Callable[..., Path], tmp_path: Path) -> None:
    path = toy('[model]\ncode = ["z", "w"]\n[tensors]\nw = "detach(z)"')
    run = semreg.run(path, out=tmp_path / "runs", device="cpu", overrides=["phases.main.epochs=1"])
    with pytest.raises(ValueError, match=r"decode expects z \(n, 2\), w \(n, 2\) with one n; found \(3, 2\), \(4, 2\)"):
        run.decode(torch.zeros(3, 2), torch.zeros(4, 2))


def test_codes_of_more_than_an_image_may_have_any_shape(toy: Callable[..., Path], tmp_path: Path) -> None:
    text = '[tensors]\nz = "concatenate(sample(posterior), point)"'
    run = semreg.run(toy(text), out=tmp_path / "runs", device="cpu", overrides=["phases.main.epochs=1"])
    assert run.decode(torch.zeros(3, 5)).shape == (3, 1, 4, 4)
    with pytest.raises(ValueError, match=r"decode expects z \(n, …\), a tensor; found a list"):
        run.decode([1.0])  # type: ignore[arg-type]


def test_rows_of_fields() -> None:
    shapes: dict[Any, tuple[int, ...] | None] = {
        ImageField(3, 4, 5): (3, 4, 5), VectorField(7): (7,), ClassField(("a", "b")): None, None: None,
    }  # fmt: skip
    assert {field: shape_of(field) for field in shapes} == shapes
