"""scikit-learn's bundled digits: nothing to download."""

from __future__ import annotations

import hashlib
from typing import Annotated

import numpy as np
from annotated_types import Interval

from semreg.core import ClassField, ImageField, Source, Specification
from semreg.data.datasets.conventions import field_name
from semreg.data.images import ImageArray
from semreg.data.splits import drawn_split


class Digits:
    """1,797 handwritten digits, 8×8, grey (Alpaydin & Kaynak 1998), from scikit-learn's `load_digits`.

    Fields: `image` `(1, size, size)`, the 17 grey levels stretched to 0…255, resized bilinearly if `size` isn't 8; the
    ten classes, in a ring, under the name `label`. A fifth of each class, drawn once and for all, is the test split.
    """

    def __init__(self, *, size: Annotated[int, Interval(ge=1, le=1024)] = 8, label: str = "digit") -> None:
        self.size = size
        self.label = field_name(label)

    def specification(self) -> Specification:
        """`image` and the classes."""
        names = tuple(str(digit) for digit in range(10))
        return {"image": ImageField(1, self.size, self.size), self.label: ClassField(names, order="ring")}

    def locate(self) -> None:
        """Never missing."""

    def source(self) -> Source:
        """The bundled arrays."""
        from sklearn.datasets import load_digits

        bunch = load_digits()
        pixels = np.rint(bunch.images * (255 / 16)).astype(np.uint8)[:, None]
        digits = bunch.target.astype(np.int64)
        return Source(
            labels={self.label: digits},
            split=drawn_split(len(digits), classes=digits),
            images=ImageArray(pixels, (self.size, self.size)),
            identity={"size": self.size, "pixels": hashlib.sha256(pixels.tobytes()).hexdigest()},
        )
