"""The digits that are part of scikit-learn, without a download."""

from __future__ import annotations

import hashlib
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from annotated_types import Interval
from numpy.typing import NDArray

from semreg.core import ClassField, ImageField, Source, Specification
from semreg.data.datasets.conventions import field_name, said
from semreg.data.images import ImageArray
from semreg.data.pixels import Filter
from semreg.data.splits import drawn_split


class Digits:
    """1,797 handwritten digits, 8×8, grey (Alpaydin & Kaynak 1998), from scikit-learn's `load_digits`.

    Fields: `image` `(1, size, size)`, the 17 grey levels stretched to 0…255, resized by the `filter` if `size` isn't 8;
    the ten classes, in a ring, under the name `label`. A fifth of each class is the test split, drawn at random, the
    same in every run.
    """

    def __init__(
        self, *, size: Annotated[int, Interval(ge=1, le=1024)] = 8, label: str = "digit", filter: Filter = "bilinear"
    ) -> None:
        self.size = size
        self.label = field_name(label)
        self.filter = filter

    def specification(self) -> Specification:
        """Return `image` and the classes."""
        names = tuple(str(digit) for digit in range(10))
        return {"image": ImageField(1, self.size, self.size), self.label: ClassField(names, order="ring")}

    def locate(self) -> None:
        """Return at once: the data are never missing."""

    def source(self) -> Source:
        """Return the bundled arrays."""
        images, target = _bundled()
        pixels = np.rint(images * (255 / 16)).astype(np.uint8)[:, None]
        digits = target.astype(np.int64)
        return Source(
            labels={self.label: digits},
            split=drawn_split(len(digits), classes=digits),
            images=ImageArray(pixels, (self.size, self.size), self.filter),
            identity={"size": self.size, "pixels": hashlib.sha256(pixels.tobytes()).hexdigest()}
            | said(self, filter="bilinear"),
        )


def _bundled() -> tuple[NDArray[Any], NDArray[Any]]:
    """Return images `(1797, 8, 8)` of grey levels from 0 to 16, and their digits `(1797,)`, as `load_digits` does.

    They are read from scikit-learn's file, since importing scikit-learn takes a second.
    """
    package = find_spec("sklearn")
    for folder in (package.submodule_search_locations or ()) if package else ():
        file = Path(folder, "datasets", "data", "digits.csv.gz")
        if file.is_file():
            table = np.loadtxt(file, delimiter=",")
            return table[:, :-1].reshape(-1, 8, 8), table[:, -1]
    from sklearn.datasets import load_digits

    bunch = load_digits()
    return bunch.images, bunch.target
