"""A summary of a data set: classes in order, the split and its origin, pixels, and other files in its folder.

It is JSON for a run's record, and lines of text for `semreg check`, the start of a run and its report.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import torch

from semreg.core import KNOWN, AttributesField, ClassField
from semreg.data.dataset import Cached
from semreg.data.files import in_words, shortened

MOST_COUNTED = 12
"""The most classes whose counts are printed one by one."""
MOST_NAMED = 24
"""The most classes that are named one by one."""

Taken = Mapping[str, Any]
"""`split` is its origin; `others` are other files in the folder, counted; `pixels` has their `least` and `largest`
value, `white` of the files, `filter` and `decode` if they differ from the usual values, and the `background` of
`transparent` images; `classes` and `attributes` have the counts of each name, for each field and split; `known` counts
the images in which each attribute is known."""


def taken(data: Cached, asked: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the summary of a data set that is split by a recipe's `data.split`."""
    origin = str(data.told.get("split") or "as the data set says")
    if asked:
        origin += f"; data.split = {json.dumps(dict(asked), ensure_ascii=False, default=str)}"
    found: dict[str, Any] = {"split": origin, "classes": {}, "attributes": {}, "known": {}}
    found |= {key: dict(data.told[key]) for key in ("others", "pixels") if data.told.get(key)}
    for name, field in data.fields.items():
        for split in data.counts:
            values = data.arrays[name][data.rows(split)] if name in data.arrays else torch.empty(0)
            if isinstance(field, ClassField):
                counts = torch.bincount(values[values >= 0], minlength=len(field.names))
                found["classes"].setdefault(name, {})[split] = counts.tolist()
            elif isinstance(field, AttributesField) and name.endswith(KNOWN):
                found["known"].setdefault(name.removesuffix(KNOWN), {})[split] = values.sum(0).tolist()
            elif isinstance(field, AttributesField):
                found["attributes"].setdefault(name, {})[split] = values.sum(0).tolist()
    return found


def lines(fields: Mapping[str, Mapping[str, Any]], counts: Mapping[str, int] | None, taken: Taken) -> list[str]:
    """Return the lines of the summary.

    `semreg.store.fields.described` makes `fields`; without `counts` the lines have only the fields.
    """
    found = [_images(counts, taken)] if counts is not None else []
    found += [line for line in (_pixels(fields, taken),) if line]
    for name, field in fields.items():
        if field["kind"] == "class":
            found.append(f"{shortened(name)}: {_classes(field, (taken.get('classes') or {}).get(name))}")
        elif field["kind"] == "attributes" and not (name.endswith(KNOWN) and name.removesuffix(KNOWN) in fields):
            found.append(f"{shortened(name)}: {_attributes(name, field, counts, taken)}")
    if taken.get("others"):
        found.append(f"not used: {in_words(taken['others'])}")
    return found


def scarce(data: Cached, names: Collection[str]) -> list[str]:
    """Warn about classes of these fields without an image in a split, or with a single training image.

    It returns nothing if training and test share no class, as in splits by person.
    """
    warnings = []
    for name, counts in taken(data)["classes"].items():
        labels = data.fields[name].references()["names"]
        train, test = counts["train"], counts["test"]
        both = any(a and b for a, b in zip(train, test, strict=True))
        said = {
            "one training image each": [a == 1 for a in train],
            "no training image": [not a and both for a in train],
            "no test image": [a > 0 and not b and both for a, b in zip(train, test, strict=True)],
        }
        for what, of in said.items():
            found = [label for label, one in zip(labels, of, strict=True) if one] if name in names else []
            if found:
                which = some(found, 5)
                warnings.append(f"{name}: of {len(found):,} of {len(labels):,} classes there is {what}: {which}")
    return warnings


def _images(counts: Mapping[str, int], taken: Taken) -> str:
    parts = ", ".join(f"{count:,} {split}" for split, count in counts.items() if count or split in ("train", "test"))
    return f"{sum(counts.values()):,} images used: {parts} ({shortened(str(taken.get('split') or ''))})"


def _pixels(fields: Mapping[str, Mapping[str, Any]], taken: Taken) -> str:
    image, pixels = fields.get("image"), taken.get("pixels") or {}
    if image is None or image["kind"] != "image":
        return ""
    kind = {1: "grey", 3: "RGB"}.get(image["channels"], f"{image['channels']} channels")
    line = f"pixels: {kind}, {image['height']} × {image['width']}"
    if "largest" in pixels:
        line += f", 8 bits from {pixels['least']} to {pixels['largest']}"
    if "white" in pixels:
        line += f" (white is {pixels['white']:g} in the files)"
    if "filter" in pixels:
        line += f", resized by the filter {pixels['filter']!r}"
    if pixels.get("decode") == "on_read":
        line += ", decoded when they are read"
    if pixels.get("transparent"):
        line += f"; what is transparent in {pixels['transparent']:,} of the images lies on {pixels['background']}"
    return line


def _classes(field: Mapping[str, Any], counts: Mapping[str, Sequence[int]] | None) -> str:
    names, order = [shortened(str(name)) for name in field["names"]], field["order"]
    number = f"{len(names):,} class{'es' * (len(names) != 1)}"
    if order == "none":
        told = f"{number}: {some(names, MOST_NAMED)}"
    else:
        between = " – " if len(names) <= MOST_NAMED else ", "
        told = f"{number} in a {order}: {some(names, MOST_NAMED, between)}"
        told += f"{between}{names[0]}" if order == "ring" and len(names) > 2 else ""
    for split, each in (counts or {}).items():
        if any(each) and len(each) <= MOST_COUNTED:
            told += f"; {split} {', '.join(map(str, each))}"
        elif any(each):
            told += f"; {split} {min(each)}{f' to {max(each)}' if max(each) > min(each) else ''} each"
            told += f", {each.count(0):,} with none" if 0 in each else ""
    return told


def _attributes(name: str, field: Mapping[str, Any], counts: Mapping[str, int] | None, taken: Taken) -> str:
    names = [shortened(str(label)) for label in field["names"]]
    told = f"{len(names):,} attribute{'s' * (len(names) != 1)}: "
    by_split = (taken.get("attributes") or {}).get(name)
    if counts is None or not by_split:
        return told + some(names, MOST_NAMED)
    total = sum(counts.values())
    present = [sum(each) for each in zip(*by_split.values(), strict=True)]
    known = (taken.get("known") or {}).get(name)
    of = [sum(each) for each in zip(*known.values(), strict=True)] if known else [total] * len(names)
    shares = [f"{label} {ones:,} of {all_:,}" for label, ones, all_ in zip(names, present, of, strict=True)]
    return told + some(shares, MOST_NAMED) + (f" that are known, of {total:,} images" if known else "")


def some(names: Sequence[str], most: int, between: str = ", ") -> str:
    """Return the names, or only the first and the last of them."""
    shown = list(names) if len(names) <= most else [*names[: most - 2], "…", names[-1]]
    return between.join(shown)
