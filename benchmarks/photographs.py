"""Photographs with binary attributes from an archive of JPEG files, as the folder that `attribute_folder` reads.

    python -m benchmarks.photographs ROOT

reads ROOT/lfw_attr40.npz (Labeled Faces in the Wild, deep-funneled, with CelebA's 40 attributes as a network predicts
them) and writes ROOT/lfw_attr40, or the folder of `--out`: a file for each photograph, as it is in the archive, and
labels.csv. Each attribute is present in a tenth to nine tenths of the photographs (the archive's `attr_min10`); no
person is in two of the splits.
"""

from __future__ import annotations

import argparse
import csv
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np

NAME = "lfw_attr40"


def write(archive: Path, folder: Path) -> int:
    """Write the photographs of an archive, and their labels, to a folder; return how many there are."""
    with np.load(archive) as data:
        jpeg, offsets, attributes, splits = (data[name] for name in ("jpeg", "offsets", "attr_min10", "split"))
        names = data["attr_names"].tolist()
    (folder / "images").mkdir(parents=True, exist_ok=True)
    files = [f"images/{index:05}.jpg" for index in range(len(attributes))]
    for file, (begin, end) in zip(files, pairwise(offsets), strict=True):
        (folder / file).write_bytes(jpeg[begin:end].tobytes())
    # Last, since it makes a data set of the folder.
    with (folder / "labels.csv").open("w", newline="", encoding="utf-8") as table:
        rows = csv.writer(table)
        rows.writerow(["file", "split", *names])
        rows.writerows([file, splits[index], *attributes[index]] for index, file in enumerate(files))
    return len(attributes)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("root", type=Path, help="the folder that holds the archive")
    parser.add_argument("--out", type=Path, help="the folder to write, instead of ROOT/lfw_attr40")
    arguments = parser.parse_args()
    folder = arguments.out or arguments.root / NAME
    archive = arguments.root / f"{NAME}.npz"
    try:
        print(f"{write(archive, folder)} photographs in {folder}")
    except (OSError, KeyError, ValueError) as error:
        print(f"{archive}: {error}; ROOT is the folder that holds {NAME}.npz", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
