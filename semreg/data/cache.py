"""Every data set as one memory-mapped uint8 cache, built once and in parallel. An incomplete cache is never used."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import logging
import math
import os
import shutil
import warnings
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from filelock import Timeout

from semreg.core import EXCLUDED, Dataset, ImageField, ImageReader, Source, Specification, UserError
from semreg.data.building import (
    FORMAT,
    Contents,
    DamagedError,
    build,
    on_read,
    read,
    remove,
    unreadable,
    unreadable_images,
)
from semreg.data.cache_collection import LIMIT, building_lock, cache_folder, cache_limit, held
from semreg.data.checking import check_source, require_told
from semreg.data.dataset import Cached
from semreg.data.decoding import workers_asked
from semreg.data.pixels import DARK, line_for
from semreg.data.shards import Layout, kept_within, shard_rows
from semreg.data.stored_images import StoredImages
from semreg.store.disk import sync
from semreg.store.fields import described
from semreg.store.messages import MESSAGES

log = logging.getLogger(__name__)


def cached(
    dataset: Dataset,
    *,
    folder: Path | None = None,
    workers: int | None = None,
    progress: bool | None = None,
    skip_bad_images: bool = False,
) -> Cached:
    """Open the cache of `dataset` in `folder` (default: `cache_folder()`), and build it first if no valid one exists.

    `workers` processes decode (default: `$SEMREG_WORKERS`, else all cores if the work takes more than a few seconds).
    `progress` draws a bar on stderr: True, False, or None for "if stderr is a terminal". If two processes want to build
    the same cache, one waits for the other. A cache gets its name when it is complete and on the disk; a damaged or
    foreign one is rebuilt. With `skip_bad_images`, unreadable images belong to no split.

    Images larger than one shard (`semreg.data.shards`) are stored as one file a shard. If they exceed `cache_limit()`,
    the cache keeps as many shards as fit. The other images are decoded on each reading by `workers` processes, and so
    are all images of a data set with `decode = "on_read"`.

    Raises:
        DataMissing: the data set's files are missing.
        UserError: the data are invalid (an unreadable image, labels that don't fit), the cache can't be written, its
            limit is smaller than one shard, or `$SEMREG_CACHE_LIMIT` or `$SEMREG_WORKERS` isn't a number.
    """
    dataset.locate()
    specification, source = dataset.specification(), dataset.source()
    kind = type(dataset)
    check_source(kind.__name__, specification, source)
    require_told(source)
    source.activity = source.activity or f"reading {kind.__name__}"
    fields = {name: described(field) for name, field in specification.items()}
    identity = [FORMAT, kind.__module__, kind.__qualname__, fields, source.identity]
    key = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]
    folder = cache_folder() if folder is None else folder
    target = folder / f"{kind.__name__.lower()}-{key}"
    layout = _layout(source, specification)
    workers_asked()  # before anything is read or written
    opened = functools.partial(
        _opened,
        target=target,
        source=source,
        specification=specification,
        layout=layout,
        skip_bad_images=skip_bad_images,
    )
    write = functools.partial(
        build,
        source=source,
        specification=specification,
        layout=layout,
        workers=workers,
        progress=MESSAGES.isatty() if progress is None else progress,
        skip_bad_images=skip_bad_images,
    )
    try:
        contents = opened() or _built(target, source, specification, layout, opened, write)
    except OSError as error:
        advice = "set SEMREG_CACHE to a folder that can be written and has room"
        message = f"the data cache can't be written: {error.strerror or error}; {advice}"
        raise UserError(str(folder), message) from error
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The given NumPy array is not writable")  # nothing writes into it
        # torch.from_numpy keeps the memory map alive and copies nothing.
        tensors = {name: torch.from_numpy(array) for name, array in contents.arrays.items()}
        images = None
        if layout is not None and contents.shards is not None:
            reader = _reader_of(source, contents) if len(contents.shards) < layout.shards else None
            images = StoredImages(layout.shape, contents.shards, reader, workers)
    remarks = (*source.remarks, *_left_out(contents), *_dark(source, contents), *_not_kept(source, images, layout))
    split, told = tensors.pop("split"), {**source.told, "pixels": contents.told}
    return Cached(
        specification, tensors, split, contents.content, contents.bad, remarks, told, target.name, images=images
    )


def survey(dataset: Any) -> Cached:
    """Return the same as `cached`, without pixels and so at once, for a data set that has a method `survey`.

    The method returns a Source whose images are never read. Raises UserError as `cached` does.
    """
    specification, source = dataset.specification(), dataset.survey()
    check_source(type(dataset).__name__, specification, source)
    tensors = {name: torch.from_numpy(array) for name, array in source.labels.items()}
    return Cached(specification, tensors, torch.from_numpy(source.split), "", (), source.remarks, source.told)


def _layout(source: Source, specification: Specification) -> Layout | None:
    """Return where the images are stored; None for data without images."""
    image = specification.get("image")
    if source.images is None or not isinstance(image, ImageField):
        return None
    shape = (len(source.split), image.channels, image.height, image.width)
    return Layout(shape, 0 if on_read(source) else kept_within(cache_limit(), shape), shard_rows(shape))


def _reader_of(source: Source, contents: Contents) -> ImageReader | None:
    """Return the reader of images that are decoded on reading, prepared as it was when the cache was built."""
    if source.images is not None and hasattr(source.images, "prepared_as"):
        source.images.prepared_as(contents.told)
    return source.images


def _not_kept(source: Source, images: StoredImages | None, layout: Layout | None) -> tuple[str, ...]:
    """Warn about images that are decoded on each reading though the recipe doesn't ask for it."""
    if images is None or layout is None or images.kept == layout.shards or on_read(source):
        return ()
    size = f"{images.nbytes / 1e9:.2f} GB that the images take"
    return (f"{LIMIT} holds {images.kept} of {layout.shards} shards of the {size}; the others are decoded when read",)


def _dark(source: Source, contents: Contents) -> tuple[str, ...]:
    """Warn if all images have one colour, or if all files are nearly black and no option states a white
    other than 255."""
    least, largest = (contents.told.get(key, 255) for key in ("least", "largest"))
    if "least" in contents.told and least == largest:
        return (f"all pixels of all images are {least}; a model can't learn from them",)
    if not 0 < largest <= DARK or getattr(source.images, "white", 255) is not None:
        return ()
    return (
        f"the largest pixel of all images is {largest}, where 255 is white; if it is not, write {line_for(largest)}",
    )


def _left_out(contents: Contents) -> tuple[str, ...]:
    if not contents.bad:
        return ()
    count = f"{len(contents.bad):,} of {len(contents.arrays['split']):,} images"
    return (f"left out as unreadable: {count} ({'; '.join(contents.bad[:3])}{'; …' if len(contents.bad) > 3 else ''})",)


def _opened(
    target: Path, source: Source, specification: Specification, layout: Layout | None, *, skip_bad_images: bool
) -> Contents | None:
    release = held(target)  # before it is read: afterwards nobody can remove it
    if not os.path.lexists(target):
        release()
        return None
    try:
        contents = read(target, source, specification, layout)
        mapped = [contents.arrays.get("image"), *(contents.shards or ()), contents.arrays["split"]]
        weakref.finalize(next(array for array in mapped if array is not None), release)
    except DamagedError as reason:
        release()
        log.warning("the data cache %s is damaged or foreign (%s) and is built again", target, reason)
        return None
    if contents.bad and not skip_bad_images:
        # The build left them out. Changed permissions, for example, fix them without changing the stamps.
        still = [message for _, message in unreadable(source, np.flatnonzero(contents.arrays["split"] == EXCLUDED))]
        if len(still) == len(contents.bad):
            raise unreadable_images(still)
        return None
    return contents


def _built(
    target: Path,
    source: Source,
    specification: Specification,
    layout: Layout | None,
    opened: Callable[[], Contents | None],
    write: Callable[[Path], Any],
) -> Contents:
    target.parent.mkdir(parents=True, exist_ok=True)
    lock = building_lock(target)
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
        _check_limit(source, layout)
        _check_room(target.parent, source, layout)
        try:
            write(partial)
            if other := lock.lost():
                message = f"{other} builds this cache by now, since this one did not answer for a minute"
                raise UserError(str(target), message)
            remove(target)
            os.replace(partial, target)
            sync(target.parent)
        except BaseException:
            with contextlib.suppress(OSError):  # which must not hide what happened
                if not lock.lost():  # else the folder is the other process's by now
                    remove(partial)
            raise
        return opened() or read(target, source, specification, layout)
    finally:
        lock.release()


def _check_limit(source: Source, layout: Layout | None) -> None:
    """Raise UserError if the limit is smaller than one shard of images that are decoded once."""
    if layout is None or layout.kept or on_read(source):
        return
    shard, whole = (math.prod(shape) / 1e6 for shape in (layout.shape_of(0), layout.shape))
    message = f"it holds no shard of the images, which take {whole:,.2f} MB; {shard:,.2f} MB hold one"
    if hasattr(source.images, "decode"):
        message += ', and `decode = "on_read"` under [data] keeps none'
    raise UserError(f"{LIMIT}={os.environ.get(LIMIT)}", message)


def _check_room(folder: Path, source: Source, layout: Layout | None) -> None:
    pixels = layout.kept_rows * math.prod(layout.shape[1:]) if layout is not None else 0
    needed = pixels + sum(array.nbytes for array in source.labels.values())
    free = shutil.disk_usage(folder).free
    if needed > free:
        message = f"the data cache needs {needed / 1e9:.1f} GB and {free / 1e9:.1f} GB are free"
        raise UserError(str(folder), f"{message}; set SEMREG_CACHE to a folder with room")
