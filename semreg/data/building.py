"""Writes a data set into a cache folder and reads it back; every file is checked before it is used.

It doesn't import torch, so that the processes that decode images start quickly.
"""

from __future__ import annotations

import errno
import hashlib
import json
import math
import resource
import shutil
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from semreg.core import EXCLUDED, SPLITS, ImageReader, Problem, Source, Specification, UserError
from semreg.data.decoding import killed, read_rows, workers_here
from semreg.data.pixels import WhiteError
from semreg.data.shards import Layout, chunk_rows
from semreg.store.disk import sync
from semreg.store.fields import described
from semreg.store.messages import MESSAGES
from semreg.store.notebook import NotebookOutput

FORMAT = 2
CHECKED_BYTES = 64 * 2**20
"""How many bytes of pixels are hashed again when a cache is opened: all bytes of a small cache; of a large one evenly
spaced chunks, which include the first and the last."""
FIRST = 16
"""How many images of a set with `decode = "on_read"` are decoded when its cache is built: they show missing options."""
OTHER_FILES = 256
"""The most files that a process has open besides the images of a cache."""
WORTH_WORKERS = 3.0
"""Seconds of work from which starting processes saves time."""

Array = npt.NDArray[Any]


class DamagedError(Exception):
    """A damaged cache folder, with the reason."""


@dataclass(frozen=True)
class Contents:
    """The contents of a cache folder: arrays by name (`split` is one of them), images as a private memory map."""

    arrays: dict[str, Array]
    shards: tuple[Array, ...] | None
    """The images on the disk, if they aren't the array of one file."""
    content: str
    bad: tuple[str, ...]
    told: dict[str, Any]
    """Facts about the pixels for the summary: `least` and `largest` value, and those that their reader reports."""


def build(
    folder: Path,
    source: Source,
    specification: Specification,
    *,
    layout: Layout | None,
    workers: int | None,
    progress: bool,
    skip_bad_images: bool,
) -> None:
    """Write all of `source` into the new folder `folder` and sync it to the disk; `cache.json` is written last.

    Only the image shards that the `layout` keeps are written. If images are decoded on reading, only the first ones are
    decoded here, which shows missing options; the bytes of their files are hashed.

    Raises:
        UserError: an image can't be read, or a decoding process was killed. With `skip_bad_images`, bad images belong
            to no split, and it is raised only if no image can be read.
        OSError: the disk is full or can't be written.
    """
    folder.mkdir()
    split = source.split.copy()
    bad: dict[int, str] = {}
    arrays: dict[str, Any] = {}
    told: dict[str, Any] = {}
    if source.images is not None and layout is not None:
        chunks: list[str] = []
        extremes: list[int] = []
        told = source.images.prepare() if hasattr(source.images, "prepare") else {}
        written = _write_images(folder, source.images, layout, workers, hashed=on_read(source))
        with closing(written), bar(source.activity, len(split), show=progress) as advance:
            for digest, rows, unreadable, found in written:
                if unreadable and not skip_bad_images:
                    raise unreadable_images(message for _, message in unreadable)
                chunks.append(digest)
                bad |= unreadable
                extremes += found
                advance(rows)
        arrays["image"] = chunks
        told |= {"least": min(extremes), "largest": max(extremes)} if extremes else {}
    if len(bad) == len(split):
        raise unreadable_images(bad.values())
    split[list(bad)] = EXCLUDED
    for name, array in {**source.labels, "split": split}.items():
        np.save(folder / f"{name}.npy", array, allow_pickle=False)
        arrays[name] = _digest(array)
    fields = {name: described(field) for name, field in specification.items()}
    content = {"fields": fields, "arrays": arrays}
    if on_read(source):
        content["read"] = {key: value for key, value in told.items() if key != "transparent"}
    header = {
        "format": FORMAT,
        **content,
        "identity": source.identity,
        "count": len(split),
        "counts": {name: int((split == value).sum()) for name, value in SPLITS.items()},
        "bad": list(bad.values()),
        "told": told,
        **({} if layout is None or layout.whole else {"kept": layout.kept}),
        "content": hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest(),
    }
    (folder / "cache.json").write_text(json.dumps(header, indent=1))
    for path in [*folder.iterdir(), folder]:
        sync(path)


def unreadable_images(messages: Iterable[str]) -> UserError:
    """Return the error that names the first twenty unreadable images and the option that skips them."""
    problems = [Problem("image", message) for message in messages]
    if len(problems) > 20:
        problems[20:] = [Problem("", f"and {len(problems) - 20} more")]
    advice = "fix or remove them, or skip and count them by --skip-bad-images"
    return UserError(f"unreadable images ({advice})", problems)


def _digest(array: Array) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).data).hexdigest()


Written = tuple[str, int, list[tuple[int, str]], list[int]]
"""A chunk's digest, its number of rows, the indices and error messages of its unreadable images, and the smallest and
largest value of the others, if any."""


def on_read(source: Source) -> bool:
    """Return whether the images of a source are decoded on each reading instead of once."""
    return getattr(source.images, "decode", "once") == "on_read"


def _write_images(
    folder: Path, reader: ImageReader, layout: Layout, workers: int | None, hashed: bool
) -> Generator[Written, None, None]:
    from concurrent.futures.process import BrokenProcessPool

    import joblib

    work: Callable[[ImageReader, range], Written]
    if hashed:
        work = partial(_hash_chunk, shape=layout.shape[1:])
    else:
        work = partial(_write_chunk, folder=folder, layout=layout)
    for shard in range(layout.kept):
        # The header and the file's full length. The pixels are written as to any file, not through the map, since a
        # disk that fills up under a map kills the process instead of raising an error.
        np.lib.format.open_memmap(layout.file(folder, shard), mode="w+", dtype=np.uint8, shape=layout.shape_of(shard))
    rows = chunk_rows(layout.shape)
    chunks = [range(start, min(start + rows, layout.shape[0])) for start in range(0, layout.shape[0], rows)]
    began = time.perf_counter()
    yield work(reader, chunks[0])
    left = (time.perf_counter() - began) * (len(chunks) - 1)
    if workers is None:
        workers = workers_here() if left > WORTH_WORKERS else 1
    if workers <= 1:
        for chunk in chunks[1:]:
            yield work(reader, chunk)
        return
    parallel = joblib.Parallel(n_jobs=workers, return_as="generator")
    try:
        with closing(parallel(joblib.delayed(work)(reader, chunk) for chunk in chunks[1:])) as results:
            yield from results
    except BrokenProcessPool as error:
        raise killed(workers) from error


def _hash_chunk(reader: Any, indices: range, shape: tuple[int, ...]) -> Written:
    """Return the digest of the bytes of files that are decoded on reading; the first files are also decoded once."""
    digest = hashlib.sha256()
    bad: list[tuple[int, str]] = []
    for index in indices:
        try:
            digest.update(hashlib.sha256(reader.encoded(index)).digest())
        except UserError as error:
            bad.append((index, error.text()))
    if indices.start == 0:
        bad += [one for one in _read_chunk(reader, indices[:FIRST], shape)[1] if one not in bad]
    return digest.hexdigest(), len(indices), bad, []


def _write_chunk(reader: ImageReader, indices: range, folder: Path, layout: Layout) -> Written:
    shape = layout.shape[1:]
    pixels, bad = _read_chunk(reader, indices, shape)
    shard, row = divmod(indices.start, layout.rows)
    if shard < layout.kept:
        path = layout.file(folder, shard)
        with path.open("r+b") as file:
            file.seek(path.stat().st_size - (layout.shape_of(shard)[0] - row) * math.prod(shape))
            file.write(pixels.data)
    unread = {index for index, _ in bad}
    good = pixels[[index not in unread for index in indices]] if bad else pixels
    return _digest(pixels), len(indices), bad, [int(good.min()), int(good.max())] if len(good) else []


def unreadable(source: Source, indices: Iterable[int]) -> list[tuple[int, str]]:
    """Return the indices of the images that can't be read, with the reasons."""
    bad = []
    for index in indices:
        try:
            cast(ImageReader, source.images)([int(index)])
        except UserError as error:
            bad.append((int(index), error.text()))
    return bad


def _read_chunk(reader: ImageReader, indices: range, shape: tuple[int, ...]) -> tuple[Array, list[tuple[int, str]]]:
    try:
        return read_rows(reader, indices, shape), []
    except UserError:  # one by one, to name each that is bad
        pixels = np.zeros((len(indices), *shape), dtype=np.uint8)
    bad: list[tuple[int, UserError]] = []
    for row, index in enumerate(indices):
        try:
            pixels[row] = read_rows(reader, [index], shape)[0]
        except UserError as error:
            bad.append((index, error))
    if 1 < len(bad) == len(indices) and all(isinstance(error, WhiteError) for _, error in bad):
        raise bad[0][1]  # no image is bad, an option is missing
    return pixels, [(index, error.text()) for index, error in bad]


@contextmanager
def _progress_bar(activity: str, total: int) -> Iterator[Callable[[int], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn
    from rich.progress import TimeRemainingColumn as TimeLeft
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(f"{task.speed:,.0f} img/s" if task.speed else "", style="progress.data.speed")

    console = Console(file=MESSAGES)
    if console.is_jupyter:
        yield NotebookOutput().counting(activity, total)
        return
    text = TextColumn("{task.description}")
    with Progress(text, BarColumn(), MofNCompleteColumn(), Rate(), TimeLeft(compact=True), console=console) as progress:
        task = progress.add_task(activity, total=total)
        yield lambda rows: progress.update(task, advance=rows)


def bar(activity: str, total: int, *, show: bool) -> Any:
    """Return a context manager whose value adds to the progress; it draws a bar on stderr if `show`."""
    return _progress_bar(activity, total) if show else nullcontext(lambda rows: None)


def read(folder: Path, source: Source, specification: Specification, layout: Layout | None) -> Contents:
    """Open the cache folder of `source` if format, identity, sizes and hashes (of CHECKED_BYTES of pixels) are right.

    Raises DamagedError, also if the folder has fewer shards than the `layout` keeps. Nothing in the folder is unpickled
    or chosen by a name that the folder itself states.
    """
    try:
        header = json.loads((folder / "cache.json").read_text())
        fields = {name: described(field) for name, field in specification.items()}
        expected = {"format": FORMAT, "fields": fields, "identity": source.identity}
        for key, value in json.loads(json.dumps(expected)).items():
            if header[key] != value:
                raise DamagedError(f"its {key} is not what it should be")
        arrays = {}
        for name, array in {**source.labels, "split": source.split}.items():
            arrays[name] = np.load(folder / f"{name}.npy", allow_pickle=False)
            if arrays[name].dtype != array.dtype or arrays[name].shape != array.shape:
                raise DamagedError(f"{name}.npy has {arrays[name].shape} values instead of {array.shape}")
            if _digest(arrays[name]) != header["arrays"][name]:
                raise DamagedError(f"{name}.npy has changed since it was written")
            left_out = name == "split" and arrays[name] == EXCLUDED  # images that can't be read
            if not np.array_equal(np.where(left_out, arrays[name], array), arrays[name]):
                raise DamagedError(f"{name}.npy holds other values than the data set gives")
        shards = None
        if layout is not None:
            digests = header["arrays"]["image"]
            if "kept" in header:
                shards = _read_shards(folder, replace(layout, kept=int(header["kept"])), layout.kept, digests)
            else:  # as in all caches older than shards
                most = max(2, CHECKED_BYTES // _chunk_bytes(layout.shape))
                arrays["image"] = _read_images(folder / "image.npy", layout.shape, digests, most)
        bad = tuple(str(message) for message in header["bad"])
        return Contents(arrays, shards, str(header["content"]), bad, dict(header["told"]))
    except (OSError, MemoryError, ValueError, KeyError, TypeError, AttributeError, EOFError, RecursionError) as error:
        raise DamagedError(f"{type(error).__name__}: {error}") from None


def _chunk_bytes(shape: tuple[int, int, int, int]) -> int:
    return chunk_rows(shape) * math.prod(shape[1:])


def _read_shards(folder: Path, layout: Layout, wanted: int, digests: list[str]) -> tuple[Array, ...]:
    """Return the shards on the disk. Each map covers as many bytes as a file, not a single image."""
    if layout.kept < wanted:
        raise DamagedError(f"{layout.kept} of its {layout.shards} shards are kept, and the limit holds {wanted}")
    if len(digests) != -(-layout.shape[0] // chunk_rows(layout.shape)):
        raise DamagedError("it has other chunks than its images")
    _require_open(folder, layout.kept)
    chunks = layout.rows // chunk_rows(layout.shape)
    most = max(1, CHECKED_BYTES // _chunk_bytes(layout.shape) // max(1, layout.kept))
    return tuple(
        _read_images(
            layout.file(folder, shard), layout.shape_of(shard), digests[shard * chunks : (shard + 1) * chunks], most
        )
        for shard in range(layout.kept)
    )


def _require_open(folder: Path, count: int) -> None:
    """Let this process have `count` more files open at the same time: each map keeps its file open.

    Raises UserError if the system's limit is lower.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = count + OTHER_FILES
    if needed <= soft or soft == resource.RLIM_INFINITY:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
    except (ValueError, OSError):
        message = f"its images are in {count:,} files, and a process may have {hard:,} open here (`ulimit -Hn`)"
        raise UserError(
            str(folder),
            f"{message}; raise the limit of open files to {needed:,}, or set SEMREG_CACHE_LIMIT to keep fewer",
        ) from None


def _read_images(path: Path, shape: tuple[int, int, int, int], digests: list[str], most: int) -> Array:
    """Return the images in a file after hashing at most `most` of its chunks again."""
    try:
        images = np.load(path, mmap_mode="c", allow_pickle=False)
    except OSError as error:
        if error.errno != errno.ENOMEM:
            raise
        # Linux refuses a writable private map that is larger than the memory, though it never writes to the disk.
        images = np.load(path, mmap_mode="r", allow_pickle=False)
    rows = chunk_rows(shape)
    if images.dtype != np.uint8 or images.shape != shape or len(digests) != -(-shape[0] // rows):
        raise DamagedError(f"{path.name} has {images.shape} values instead of {shape}")
    for chunk in _some(len(digests), most):
        if _digest(images[chunk * rows : (chunk + 1) * rows]) != digests[chunk]:
            raise DamagedError(f"{path.name} has changed since it was written")
    return cast(Array, images)


def _some(count: int, most: int) -> Iterable[int]:
    """Return at most `most` numbers of `range(count)`, evenly spaced, with both ends."""
    return range(count) if count <= most else sorted({round(index) for index in np.linspace(0, count - 1, most)})


def remove(folder: Path) -> None:
    """Remove a folder, or a link or file of that name."""
    if folder.is_symlink() or folder.is_file():
        folder.unlink()
    else:
        shutil.rmtree(folder, ignore_errors=True)
