"""CelebA, in torchvision's layout."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import numpy.typing as npt
from annotated_types import Interval

from semreg.core import AttributesField, ImageField, Problem, Source, Specification, UserError, closest
from semreg.data.datasets.conventions import said
from semreg.data.files import list_folder, listing_digest, missing, quoted, read_text, stamp
from semreg.data.images import ImageFiles
from semreg.data.pixels import Decode, Filter

ATTRIBUTES = (
    "5_o_Clock_Shadow",
    "Arched_Eyebrows",
    "Attractive",
    "Bags_Under_Eyes",
    "Bald",
    "Bangs",
    "Big_Lips",
    "Big_Nose",
    "Black_Hair",
    "Blond_Hair",
    "Blurry",
    "Brown_Hair",
    "Bushy_Eyebrows",
    "Chubby",
    "Double_Chin",
    "Eyeglasses",
    "Goatee",
    "Gray_Hair",
    "Heavy_Makeup",
    "High_Cheekbones",
    "Male",
    "Mouth_Slightly_Open",
    "Mustache",
    "Narrow_Eyes",
    "No_Beard",
    "Oval_Face",
    "Pale_Skin",
    "Pointy_Nose",
    "Receding_Hairline",
    "Rosy_Cheeks",
    "Sideburns",
    "Smiling",
    "Straight_Hair",
    "Wavy_Hair",
    "Wearing_Earrings",
    "Wearing_Hat",
    "Wearing_Lipstick",
    "Wearing_Necklace",
    "Wearing_Necktie",
    "Young",
)

EXCLUSIVE = (
    ("Bald", "Black_Hair", "Blond_Hair", "Brown_Hair", "Gray_Hair"),
    ("Bald", "Straight_Hair", "Wavy_Hair"),
    ("Bald", "Bangs"),
    ("Goatee", "No_Beard"),
)
"""Attributes that exclude each other by their meaning, whatever the annotators chose: hair has one colour and one form,
a bald head has neither, nor bangs, and a goatee is a beard. Mustache, sideburns and the five o'clock shadow are
compatible with No_Beard; a receding hairline is not yet bald."""

BELOW_THE_CROP = ["Wearing_Necklace", "Wearing_Necktie"]

IMAGES, TABLE, PARTITION = "img_align_celeba", "list_attr_celeba", "list_eval_partition"
FOLDERS = {IMAGES: ("", "Img/"), TABLE: ("", "Anno/"), PARTITION: ("", "Eval/")}
"""The folders of each, in torchvision's layout and in the published one."""


class CelebA:
    """202,599 aligned faces of celebrities with 40 binary attributes (Liu, Luo, Wang & Tang 2015), official split.

    Read from `celeba` under the data root: the folder `img_align_celeba` with the images (or with a folder of that name
    that has them), `list_attr_celeba.txt` and `list_eval_partition.txt`, or both lists in the form of mirrors: `.csv`,
    with commas and a header. Mirrors differ, so checksums are not compared; names and counts must agree. With
    `download`, torchvision fetches missing files (this needs the package gdown).

    Fields: `image` `(3, size, size)`, the central 178×178 of the 178×218 pixels, resized by the `filter` if `size` is
    not 178, and decoded once, or on each reading with `decode = "on_read"`; `attributes`, all except those in `drop`
    (default: the two that the crop hides), with the groups that exclude each other.
    """

    def __init__(
        self,
        *,
        root: Path = Path("data"),
        size: Annotated[int, Interval(ge=1, le=1024)] = 178,
        drop: list[str] = BELOW_THE_CROP,
        download: bool = False,
        filter: Filter = "bilinear",
        decode: Decode = "once",
    ) -> None:
        unknown = [name for name in drop if name not in ATTRIBUTES]
        if unknown:
            problems = [
                Problem("data.drop", f"no attribute is called {name!r}{closest(name, ATTRIBUTES)}") for name in unknown
            ]
            raise UserError("", problems)
        self.root = root
        self.size = size
        self.download = download
        self.filter = filter
        self.decode = decode
        self.names = tuple(name for name in ATTRIBUTES if name not in drop)

    def specification(self) -> Specification:
        """Return `image` and `attributes`."""
        kept = tuple(tuple(name for name in group if name in self.names) for group in EXCLUSIVE)
        groups = tuple(group for group in kept if len(group) > 1)
        return {"image": ImageField(3, self.size, self.size), "attributes": AttributesField(self.names, groups)}

    def locate(self) -> None:
        """Find the folder and the lists, after a download with `download`. Raises DataMissing if one is missing."""
        if self.download and None in self._places().values():
            self._download()
        names = {IMAGES: IMAGES, TABLE: f"{TABLE}.txt", PARTITION: f"{PARTITION}.txt"}
        absent = [f"celeba/{names[what]}" for what, place in self._places().items() if place is None]
        if absent:
            advice = (
                "Download img_align_celeba.zip (unpack it), list_attr_celeba.txt and list_eval_partition.txt of "
                "CelebA's aligned and cropped images, or set download = true under [data] (needs the package gdown)."
            )
            raise missing("CelebA", self.root, absent, advice)

    def _places(self) -> dict[str, Path | None]:
        """Return the paths of the images and both lists."""
        folder = self.root / "celeba"
        found: dict[str, Path | None] = {}
        for what, folders in FOLDERS.items():
            names = [what, f"{what}/{what}"] if what == IMAGES else [f"{what}.txt", f"{what}.csv"]
            is_there = os.path.isdir if what == IMAGES else os.path.isfile
            there = [place for inner in folders for name in names if is_there(place := folder / inner / name)]
            found[what] = (there[-1] if what == IMAGES else there[0]) if there else None
        return found

    def source(self) -> Source:
        """Read both lists and the names of the images.

        Raises UserError if the lists are malformed, or if lists and images don't match.
        """
        self.locate()
        images, table, partition = (place or self.root for place in self._places().values())
        listing, others = list_folder(images)
        names, present = _read_attributes(table)
        split = _read_partition(partition, names, table.name)
        _check_images(images, names, listing.keys(), table.name)
        columns, how = [ATTRIBUTES.index(name) for name in self.names], said(self, filter="bilinear", decode="once")
        return Source(
            labels={"attributes": np.ascontiguousarray(present[:, columns])},
            split=split,
            images=ImageFiles(str(images), np.array(names), self.size, 3, **how),
            identity={
                "size": self.size,
                "attributes": list(self.names),
                "tables": [stamp(table), stamp(partition)],
                "images": listing_digest(listing.items()),
                **how,
            },
            told={"split": partition.name, "others": others},
        )

    survey = source

    def _download(self) -> None:
        from torchvision import datasets

        try:
            datasets.CelebA(str(self.root), split="all", download=True)
        except (ImportError, OSError, RuntimeError) as error:
            raise UserError(str(self.root), f"CelebA could not be downloaded: {error}") from error


def _read_attributes(path: Path) -> tuple[list[str], npt.NDArray[np.uint8]]:
    """Return file names, and attributes 0 or 1 `(count, 40)`, from the count, a line of names, and a line for each
    image."""
    lines, commas = _lines(path)
    if commas:  # mirrors leave out the count and name the first column
        lines = [str(sum(map(bool, map(str.split, lines[1:])))), lines[0].partition(" ")[2], *lines[1:]]
    first = 2 if commas else 3
    if len(lines) < 2 or tuple(lines[1].split()) != ATTRIBUTES:
        raise UserError(str(path), f"line {first - 1} does not hold CelebA's 40 attribute names in their order")
    rows = [line.split(None, 1) for line in lines[2:]]
    count = len(rows) - rows.count([])
    if lines[0].strip() != str(count):
        raise UserError(str(path), f"line 1 says {quoted(lines[0].strip())} images, {count} lines follow")
    # One digit per value, then all rows at once: eight million values are not worth a Python object each.
    digits = [row[1].replace("-1", "0").replace(" ", "") if len(row) == 2 else "" for row in rows]
    for number, (row, values) in enumerate(zip(rows, digits, strict=True), start=first):
        if row and (len(values) != len(ATTRIBUTES) or values.strip("01")):
            raise UserError(
                str(path), f"line {number}: expected a file name and {len(ATTRIBUTES)} values, each 1 or -1"
            )
    present = np.frombuffer("".join(digits).encode(), dtype=np.uint8).reshape(-1, len(ATTRIBUTES)) - ord("0")
    return [row[0] for row in rows if row], present


def _lines(path: Path) -> tuple[list[str], bool]:
    """Return the lines of a list, with blanks between values, and whether the file has commas instead."""
    lines = read_text(path).splitlines()
    commas = bool(lines) and "," in lines[0]
    return ([line.replace(",", " ") for line in lines] if commas else lines), commas


def _read_partition(path: Path, names: Sequence[str], table: str) -> npt.NDArray[np.uint8]:
    """Return the split of each image, from a line for each with its name and 0 (train), 1 (validation) or 2 (test)."""
    splits: dict[str, int] = {}
    lines, commas = _lines(path)
    for number, line in enumerate(lines, start=1):
        match line.split():
            case []:
                continue
            case [_, _] if number == 1 and commas:  # the header
                continue
            case [name, "0" | "1" | "2" as value] if name not in splits:
                splits[name] = int(value)
            case [name, "0" | "1" | "2"]:
                raise UserError(str(path), f"line {number}: {quoted(name)} is named twice")
            case _:
                message = f"line {number}: expected a file name and 0, 1 or 2, found {quoted(line)}"
                raise UserError(str(path), message)
    absent = [name for name in names if name not in splits]
    if absent or len(splits) != len(names):
        which = f"; it misses {_some(absent)}" if absent else ""
        raise UserError(str(path), f"names {len(splits)} images, {table} {len(names)}{which}")
    return np.array([splits[name] for name in names], dtype=np.uint8)


def _check_images(folder: Path, names: Sequence[str], files: Iterable[str], table: str) -> None:
    found, named = set(files), set(names)
    problems = [
        Problem(problem, _some(sorted(different)))
        for problem, different in (
            (f"named in {table}, no file", named - found),
            (f"a file, not named in {table}", found - named),
        )
        if different
    ]
    if problems:
        raise UserError(str(folder), problems)


def _some(names: Sequence[str]) -> str:
    """Return the first few names and the count of all."""
    return ", ".join(names[:3]) + (f", … ({len(names):,} in all)" if len(names) > 3 else "")
