"""Every data set as one memory-mapped uint8 cache, built once, in parallel, and never half taken for whole."""

from __future__ import annotations

import functools
import hashlib
import json
import logging
import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from filelock import FileLock, Timeout
from torch import Tensor

from semreg.core import (
    EXCLUDED,
    SPLITS,
    TEST,
    TRAIN,
    VALIDATION,
    AttributesField,
    ClassField,
    Dataset,
    ImageField,
    Problem,
    Source,
    Specification,
    UserError,
    closest,
)
from semreg.core.source import UNLABELLED
from semreg.core.specification import described
from semreg.data.building import (
    FORMAT,
    Contents,
    DamagedError,
    build,
    read,
    remove,
    unreadable,
    unreadable_images,
)
from semreg.data.checking import check_source
from semreg.data.splits import labelled_fields, random_order, share
from semreg.store.disk import sync

_SPLITS = {**SPLITS, "unlabelled": UNLABELLED}

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Cached:
    """A data set ready to be sliced.

    `arrays` holds a tensor per field, row for row: `image` uint8 `(count, channels, height, width)` over the memory
    map, classes int64 `(count,)`, attributes uint8 `(count, attributes)`, vectors float32 `(count, size)`. `split` is
    uint8 `(count,)`. Nothing should write into them (it would not reach the disk). `skipped` holds a message for each
    image left out as unreadable, `remarks` what a run should tell about the data.
    """

    fields: Specification
    arrays: dict[str, Tensor]
    split: Tensor
    content: str
    skipped: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()

    def rows(self, split: str) -> Tensor:
        """The rows of "train", "validation", "test" or "unlabelled", int64, ascending."""
        return torch.nonzero(self.split == _SPLITS[split]).squeeze(1)

    @property
    def counts(self) -> dict[str, int]:
        """The number of images in each split; "unlabelled" is named if there are any."""
        counts = {name: int((self.split == value).sum()) for name, value in _SPLITS.items()}
        return {name: count for name, count in counts.items() if count or name in SPLITS}

    @property
    def fingerprint(self) -> str:
        """A SHA-256 over fields, labels, pixels and split: equal for equal data, wherever and whenever it was read."""
        return hashlib.sha256(self.content.encode() + self.split.numpy().tobytes()).hexdigest()

    def constant_attributes(self) -> dict[str, list[str]]:
        """For each field of attributes, the names of those that have one value in all training images, if any.

        A field of classes names itself, if all training images are of one class.
        """
        train = self.rows("train")
        constant = {}
        for name, field in self.fields.items():
            if isinstance(field, ClassField):
                classes = self.arrays[name].index_select(0, train)
                constant[name] = [name] if len(train) and bool((classes == classes[0]).all()) else []
            if isinstance(field, AttributesField):
                present = self.arrays[name].index_select(0, train).sum(dim=0).tolist()
                constant[name] = [
                    label for label, ones in zip(field.names, present, strict=True) if ones in (0, len(train))
                ]
        return {name: labels for name, labels in constant.items() if labels}

    def with_validation(self, amount: int | float, seed: int = 0) -> Cached:
        """The same with some training rows as validation rows: `amount` (a count, or a fraction), drawn from `seed`.

        Test rows are never touched. A set that brings validation rows of its own keeps them as they are.

        Raises UserError if that leaves no training or no validation row.
        """
        if self.counts["validation"]:
            return replace(self, remarks=(*self.remarks, "the data set's own validation images are used"))
        split = self.split.clone()
        split[_drawn("validation", amount, self.rows("train"), seed)[0]] = VALIDATION
        return replace(self, split=split)

    def with_shots(self, shots: Mapping[str, Mapping[str, int]], seed: int = 0) -> Cached:
        """The same with only so many training rows of some classes: `{"digit": {"0": 5}}` keeps 5 of class "0".

        The others of these classes belong to no split, validation rows included; test rows are never touched. What is
        kept is drawn from `seed`, of each class by itself.

        Raises UserError for fields and classes that do not exist, and for more shots than a class has training rows.
        """
        split, train, problems = self.split.clone(), self.rows("train"), []
        reserve = self.rows("validation")
        for name, amounts in shots.items():
            field = self.fields.get(name)
            if not isinstance(field, ClassField):
                known = [key for key, other in self.fields.items() if isinstance(other, ClassField)]
                message = f"no field of classes is called {name!r}{closest(name, known)}"
                problems.append(Problem(f"data.split.shots.{name}", message))
                continue
            for label, amount in amounts.items():
                where = f"data.split.shots.{name}.{label}"
                if label not in field.names:
                    problems.append(Problem(where, f"there is no class {label!r}{closest(label, field.names)}"))
                    continue
                value = field.names.index(label)
                rows, others = (part[self.arrays[name][part] == value] for part in (train, reserve))
                if isinstance(amount, bool) or not isinstance(amount, int) or not 0 < amount <= len(rows):
                    problems.append(Problem(where, f"{amount!r} of the {len(rows)} training images of class {label!r}"))
                    continue
                kept = rows[torch.from_numpy(random_order(len(rows), seed))[:amount]]
                split[rows], split[others] = EXCLUDED, EXCLUDED
                split[kept] = TRAIN
        if problems:
            raise UserError("", problems)
        return replace(self, split=split)

    def with_unlabelled(self, unlabelled: int | float | Mapping[str, Sequence[str] | int], seed: int = 0) -> Cached:
        """The same with some training rows in the split "unlabelled".

        A count or a fraction draws them from `seed`, of all training rows. `{"digit": ["8", "9"]}` takes all of these
        classes, or with a number of so many last ones: the field knows them no longer, and their test and validation
        rows belong to no split.

        Raises UserError for fields and classes that do not exist, or if that leaves no training row.
        """
        split = self.split.clone()
        if not isinstance(unlabelled, Mapping):
            split[_drawn("unlabelled", unlabelled, self.rows("train"), seed)[0]] = UNLABELLED
            return replace(self, split=split)
        fields, arrays = labelled_fields(self.fields, unlabelled), dict(self.arrays)
        for name in unlabelled:
            before, after = (list(cast(ClassField, part[name]).names) for part in (self.fields, fields))
            places = torch.tensor([after.index(label) if label in after else -1 for label in before])
            arrays[name] = places[self.arrays[name]]
            unknown = arrays[name] < 0
            split[unknown & (split == TRAIN)] = UNLABELLED
            split[unknown & (split != UNLABELLED)] = EXCLUDED
        if not (split == TRAIN).any():
            raise UserError("", [Problem("data.split.unlabelled", "no training image is left with a label")])
        return replace(self, fields=fields, arrays=arrays, split=split)

    def with_share(self, amount: float, seed: int = 0) -> Cached:
        """The same with only a share of the training rows, and of those without labels, each at least one.

        The others belong to no split; validation and test rows are never touched. What is kept is drawn from `seed`.
        Raises UserError for a share that is not above 0 and at most 1.
        """
        if isinstance(amount, bool) or not 0 < amount <= 1:
            raise UserError("", [Problem("data.split.share", f"{amount!r} is no share above 0 and at most 1")])
        split = self.split.clone()
        for rows in (self.rows("train"), self.rows("unlabelled")):
            order = rows[torch.from_numpy(random_order(len(rows), seed))]
            split[order[max(1, share(float(amount), len(rows))) :]] = EXCLUDED
        return replace(self, split=split)

    def with_split(self, options: Mapping[str, Any]) -> Cached:
        """The same split as a recipe's `data.split` says.

        `train = N` (a count, or a fraction) draws that many of *all* images to train on, and tests on the rest;
        `unlabelled` then takes the labels of some training rows away, as `with_unlabelled`; `shots` leaves out all but
        a few training rows of some classes, as `with_shots`; `share` all but that share of the training rows, as
        `with_share`; `validation = N` cuts validation rows from what training rows are left, as `with_validation`. The
        draws depend on `seed` (default 0) alone and not on the run's seed: a judge trained with another seed must not
        have seen this run's test images, nor of a class with few shots any image beyond them.

        Raises UserError for unknown keys and impossible amounts.
        """
        known = ("train", "unlabelled", "shots", "share", "validation", "seed")
        problems = [
            Problem(f"data.split.{key}", f"no such option{closest(key, known)}") for key in options.keys() - known
        ]
        seed = options.get("seed", 0)
        if isinstance(seed, bool) or not isinstance(seed, int):
            problems.append(Problem("data.split.seed", f"{seed!r} is not a whole number"))
        if problems:
            raise UserError("", problems)
        result = self
        if "train" in options:
            train, test = _drawn("train", options["train"], torch.nonzero(self.split != EXCLUDED).squeeze(1), int(seed))
            split = self.split.clone()
            split[train], split[test] = TRAIN, TEST
            result = replace(self, split=split)
        if "unlabelled" in options:
            result = result.with_unlabelled(options["unlabelled"], int(seed))
        if "shots" in options:
            result = result.with_shots(options["shots"], int(seed))
        if "share" in options:
            result = result.with_share(options["share"], int(seed))
        return result.with_validation(options["validation"], int(seed)) if "validation" in options else result


def _drawn(key: str, amount: int | float, rows: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    """`amount` of the rows, drawn at random from the seed, and the others."""
    if isinstance(amount, bool) or amount <= 0 or (isinstance(amount, float) and amount >= 1):
        raise UserError("", [Problem(f"data.split.{key}", f"{amount!r} is neither a count nor a fraction below 1")])
    count = share(amount, len(rows))
    if not 0 < count < len(rows):
        message = f"{amount} of the {len(rows)} images would be {count}; both parts need at least one"
        raise UserError("", [Problem(f"data.split.{key}", message)])
    order = rows[torch.from_numpy(random_order(len(rows), seed))]
    return order[:count], order[count:]


def cache_folder() -> Path:
    """Where caches are kept: `$SEMREG_CACHE`, else `semreg` in the user's cache folder."""
    named = os.environ.get("SEMREG_CACHE")
    if named:
        return Path(named).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "semreg"


def cached(
    dataset: Dataset,
    *,
    folder: Path | None = None,
    workers: int | None = None,
    progress: bool | None = None,
    skip_bad_images: bool = False,
) -> Cached:
    """Opens the cache of `dataset` in `folder` (default: `cache_folder()`); builds it first if none there checks out.

    `workers` processes decode (default: all cores if there is more than a few seconds of work). `progress` draws a bar
    on stderr: True, False, or None for "if that is a terminal". Of two processes that want to build the same cache, one
    waits for the other. A cache is built under another name and renamed when it is whole and on the disk; a damaged or
    foreign one is rebuilt. With `skip_bad_images`, images that can't be read belong to no split.

    Raises:
        DataMissing: the data set is not there.
        UserError: it is bad (an image that can't be read, labels that don't fit), or the cache can't be written.
    """
    dataset.locate()
    specification, source = dataset.specification(), dataset.source()
    kind = type(dataset)
    check_source(kind.__name__, specification, source)
    source.activity = source.activity or f"reading {kind.__name__}"
    fields = {name: described(field) for name, field in specification.items()}
    identity = [FORMAT, kind.__module__, kind.__qualname__, fields, source.identity]
    key = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]
    folder = cache_folder() if folder is None else folder
    target = folder / f"{kind.__name__.lower()}-{key}"
    opened = functools.partial(
        _opened, target=target, source=source, specification=specification, skip_bad_images=skip_bad_images
    )
    write = functools.partial(
        build,
        source=source,
        specification=specification,
        workers=workers,
        progress=sys.stderr.isatty() if progress is None else progress,
        skip_bad_images=skip_bad_images,
    )
    try:
        contents = opened() or _built(target, source, specification, opened, write)
    except OSError as error:
        advice = "set SEMREG_CACHE to a folder that can be written and has room"
        message = f"the data cache can't be written: {error.strerror or error}; {advice}"
        raise UserError(str(folder), message) from error
    # torch.from_numpy keeps the memory map alive and copies nothing.
    tensors = {name: torch.from_numpy(array) for name, array in contents.arrays.items()}
    remarks = (*source.remarks, *_left_out(contents))
    return Cached(specification, tensors, tensors.pop("split"), contents.content, contents.bad, remarks)


def _left_out(contents: Contents) -> tuple[str, ...]:
    if not contents.bad:
        return ()
    count = f"{len(contents.bad):,} of {len(contents.arrays['split']):,} images"
    return (f"left out as unreadable: {count} ({'; '.join(contents.bad[:3])}{'; …' if len(contents.bad) > 3 else ''})",)


def _opened(target: Path, source: Source, specification: Specification, *, skip_bad_images: bool) -> Contents | None:
    if not os.path.lexists(target):
        return None
    try:
        contents = read(target, source, specification)
    except DamagedError as reason:
        log.warning("the data cache %s is damaged or foreign (%s) and is built again", target, reason)
        return None
    if contents.bad and not skip_bad_images:
        # They were left out when the cache was built; permissions, say, can be mended without a trace in the stamps.
        still = [message for _, message in unreadable(source, np.flatnonzero(contents.arrays["split"] == EXCLUDED))]
        if len(still) == len(contents.bad):
            raise unreadable_images(still)
        return None
    return contents


def _built(
    target: Path,
    source: Source,
    specification: Specification,
    opened: Callable[[], Contents | None],
    write: Callable[[Path], Any],
) -> Contents:
    target.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(target.with_name(f".{target.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        log.warning("another process is building the data cache %s; waiting for it", target)
        lock.acquire()
    try:
        if contents := opened():
            return contents
        partial = target.with_name(f".{target.name}.partial")
        remove(partial)  # left by a process that was killed
        _check_room(target.parent, source, specification)
        try:
            write(partial)
            remove(target)
            os.replace(partial, target)
            sync(target.parent)
        finally:
            remove(partial)
        return read(target, source, specification)
    finally:
        lock.release()


def _check_room(folder: Path, source: Source, specification: Specification) -> None:
    image = specification.get("image")
    pixels = image.channels * image.height * image.width if isinstance(image, ImageField) else 0
    needed = len(source.split) * pixels + sum(array.nbytes for array in source.labels.values())
    free = shutil.disk_usage(folder).free
    if needed > free:
        message = f"the data cache needs {needed / 1e9:.1f} GB and {free / 1e9:.1f} GB are free"
        raise UserError(str(folder), f"{message}; set SEMREG_CACHE to a folder with room")
