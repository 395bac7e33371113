from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from semreg.core import ClassField, ImageField
from semreg.data.cache import cached
from semreg.data.datasets import digits
from semreg.data.datasets.digits import Digits


@pytest.mark.parametrize("size", [8, 16])
def test_digits(size: int, tmp_path: Path) -> None:
    data = cached(Digits(size=size), folder=tmp_path)
    assert data.fields["image"] == ImageField(1, size, size)
    assert data.fields["digit"] == ClassField(tuple("0123456789"), "ring")
    assert data.counts == {"train": 1438, "validation": 0, "test": 359}
    assert data.arrays["image"].shape == (1797, 1, size, size)
    assert data.arrays["image"].max() == 255
    tested = torch.bincount(data.arrays["digit"][data.rows("test")])
    assert (torch.bincount(data.arrays["digit"]) * 0.2 - tested).abs().max() <= 0.5, "a fifth of each class"


def test_grey_levels_are_stretched(tmp_path: Path) -> None:
    from sklearn.datasets import load_digits

    images = cached(Digits(), folder=tmp_path).arrays["image"][:, 0].numpy()
    assert np.array_equal(np.rint(images * (16 / 255)), load_digits().images)


def test_what_is_read_without_scikit_learn_is_what_it_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    images, labels = digits._bundled()
    monkeypatch.setattr(digits, "find_spec", lambda name: None)
    for mine, theirs in zip((images, labels), digits._bundled(), strict=True):
        assert np.array_equal(mine, theirs)


def test_the_classes_are_called_as_told(tmp_path: Path) -> None:
    data = cached(Digits(label="number"), folder=tmp_path)
    assert set(data.fields) == {"image", "number"}
    assert data.fields["number"] == Digits().specification()["digit"]
