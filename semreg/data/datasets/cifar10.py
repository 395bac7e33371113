"""CIFAR-10, in torchvision's layout."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import numpy as np
from annotated_types import Interval
from einops import rearrange

from semreg.core import TEST, TRAIN, ClassField, ImageField, Source, Specification, UserError
from semreg.data.datasets.conventions import field_name, said
from semreg.data.files import missing, stamp
from semreg.data.images import ImageArray
from semreg.data.pixels import Filter

FOLDER = "cifar-10-batches-py"
FILES = (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch", "batches.meta")
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


class CIFAR10:
    """60,000 photographs of ten kinds of things, 32×32, RGB (Krizhevsky 2009), 10,000 of them for testing.

    Read from `cifar-10-batches-py` under the data root: `data_batch_1` to `data_batch_5`, `test_batch` and
    `batches.meta`. The files are pickles; torchvision compares their checksums before it opens them. With `download`,
    it fetches missing files.

    Fields: `image` `(3, size, size)`, resized by the `filter` if `size` is not 32; the ten classes under the name
    `label`.
    """

    def __init__(
        self,
        *,
        root: Path = Path("data"),
        size: Annotated[int, Interval(ge=1, le=1024)] = 32,
        download: bool = False,
        label: str = "label",
        filter: Filter = "bilinear",
    ) -> None:
        self.root = root
        self.size = size
        self.download = download
        self.label = field_name(label)
        self.filter = filter

    def specification(self) -> Specification:
        """Return `image` and the classes."""
        return {"image": ImageField(3, self.size, self.size), self.label: ClassField(CLASSES)}

    def locate(self) -> None:
        """Find the seven files, after a download with `download`. Raises DataMissing if one is missing."""
        folder = self.root / FOLDER
        if self.download and not all(os.path.isfile(folder / name) for name in FILES):
            self._download()
        absent = [f"{FOLDER}/{name}" for name in FILES if not os.path.isfile(folder / name)]
        if absent:
            advice = "Set download = true under [data], or unpack cifar-10-python.tar.gz of CIFAR-10 there."
            raise missing("CIFAR-10", self.root, absent, advice)

    def source(self) -> Source:
        """Read the files.

        Raises UserError if one differs from the published file.
        """
        from torchvision import datasets
        from torchvision.datasets.utils import check_integrity

        folder = self.root / FOLDER
        stamps = {name: stamp(folder / name) for name in FILES}
        try:
            parts = [datasets.CIFAR10(str(self.root), train=train) for train in (True, False)]
        except OSError as error:
            raise UserError(str(folder), f"can't be read: {error.strerror or error}") from None
        except RuntimeError:  # torchvision doesn't name the wrong file
            wrong = ", ".join(name for name, md5 in _checksums() if not check_integrity(str(folder / name), md5))
            message = f"{wrong}: not as published (the checksum differs), so not opened; get CIFAR-10 again"
            raise UserError(str(folder), message) from None
        labels = [np.array(part.targets, dtype=np.int64) for part in parts]
        split = [np.full(len(part), value, dtype=np.uint8) for part, value in zip(labels, (TRAIN, TEST), strict=True)]
        pixels = np.concatenate([part.data for part in parts])
        pixels = rearrange(pixels, "images height width channels -> images channels height width")
        return Source(
            labels={self.label: np.concatenate(labels)},
            split=np.concatenate(split),
            images=ImageArray(pixels, (self.size, self.size), self.filter),
            identity={"size": self.size, "files": stamps, **said(self, filter="bilinear")},
        )

    def _download(self) -> None:
        from torchvision import datasets

        try:
            datasets.CIFAR10(str(self.root), download=True)
        except (OSError, RuntimeError) as error:
            raise UserError(str(self.root), f"CIFAR-10 could not be downloaded: {error}") from error


def _checksums() -> list[tuple[str, str]]:
    """Return the files' names and the checksums of the published ones."""
    from torchvision import datasets

    published = datasets.CIFAR10
    return [*published.train_list, *published.test_list, (published.meta["filename"], published.meta["md5"])]
