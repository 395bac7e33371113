"""Arrays of NumPy archives, read one at a time and never unpickled: a whole array, a column, or a part
for each split."""

from __future__ import annotations

import re
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from semreg.core import Problem, UserError, closest
from semreg.data.datasets.conventions import SPLIT_NAMES, SPLIT_WORDS

Array = npt.NDArray[Any]
_COLUMN = re.compile(r"(.+)\[\s*:\s*,\s*([0-9]{1,9})\s*\]")
_WORD = re.compile(
    rf"(?<![A-Za-z])(?:{'|'.join(sorted(SPLIT_WORDS, key=len, reverse=True))})(?![A-Za-z])", re.IGNORECASE
)


class Head(NamedTuple):
    """Shape and type of an array, from the head of its file."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]


class Archive:
    """A file that numpy.savez wrote. A key names its arrays in one of three forms.

    `labels` is the array of this name. `latents[:, 1]` is a column of an array, counted from 0. In `*_labels` the star
    stands for the name of a split: the key joins the rows of all such arrays, training first, then validation, then
    test. Every error is a UserError that names the file and the array.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._labels: dict[str, Array] = {}

    @cached_property
    def _file(self) -> Any:
        try:
            archive = np.load(self.path, allow_pickle=False)
        except Exception:  # Damage makes zipfile, zlib and NumPy raise any exception, here and below
            message = "not a NumPy archive as numpy.savez writes it, or damaged"
            raise UserError(str(self.path), message) from None
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise UserError(str(self.path), "found a single array; expected an archive written by numpy.savez")
        return archive

    @property
    def names(self) -> list[str]:
        """The names of its arrays."""
        return list(self._file.files)

    def error(self, key: str, message: str) -> UserError:
        """Return the error that states the fault of an array."""
        return UserError(str(self.path), [Problem(key, message)])

    def read(self, key: str) -> Array:
        """Return the array of a key."""
        name, column = self._column_of(key)
        parts = [self._array(one) for one in self.parts(name).values()]
        if len({part.shape[1:] for part in parts}) > 1 or any(part.ndim == 0 for part in parts):
            shapes = " and ".join(dict.fromkeys(str(part.shape) for part in parts))
            raise self.error(key, f"shapes {shapes}; the arrays of the splits may differ only in their number of rows")
        array = parts[0] if len(parts) == 1 else np.concatenate(parts)
        if column is None:
            return array
        if array.ndim != 2 or column >= array.shape[1]:
            fit = f"; expected 0 to {array.shape[1] - 1}" if array.ndim == 2 else ""
            raise self.error(key, f"{name!r} has shape {array.shape} and no column {column}{fit}")
        return array[:, column]

    def head(self, key: str) -> Head:
        """Return shape and type of the array of a key, from the heads of its files. Its parts must have the
        same type."""
        heads = [self._head(name) for name in self.parts(key).values()]
        shapes, types = [head.shape for head in heads], {head.dtype for head in heads}
        if len(heads) == 1:
            return heads[0]
        if len({shape[1:] for shape in shapes}) > 1 or len(types) > 1 or () in shapes:
            found = " and ".join(dict.fromkeys(f"{head.dtype} {head.shape}" for head in heads))
            raise self.error(key, f"{found}; the arrays of the splits may differ only in their number of rows")
        return Head((sum(shape[0] for shape in shapes), *shapes[0][1:]), types.pop())

    def parts(self, key: str) -> dict[int, str]:
        """Return the names of the arrays that a key means, by split; a key without a star means one array, of
        split -1."""
        if "*" not in key or key in self.names:
            if key not in self.names:
                raise UserError(str(self.path), f"there is no array {key!r}{closest(key, self.names)}")
            return {-1: key}
        pattern = re.compile(re.escape(key).replace(r"\*", "(.+?)", 1))
        found: dict[int, list[str]] = {}
        for name in self.names:
            match = pattern.fullmatch(name)
            if match and match[1].lower() in SPLIT_WORDS:
                found.setdefault(SPLIT_NAMES[match[1].lower()], []).append(name)
        several = [names for names in found.values() if len(names) > 1]
        if not found or several:
            said = f"{' and '.join(several[0])} could both be meant" if several else "the star stands for no split"
            raise self.error(key, f"{said}; expected one of: {', '.join(self.names)}")
        return {split: names[0] for split, names in sorted(found.items())}

    def keys_by_split(self) -> dict[str, list[str]]:
        """Return the keys with a star that match several arrays, and these arrays."""
        patterns: dict[str, list[str]] = {}
        for name in self.names:
            if len(_WORD.findall(name)) == 1:
                patterns.setdefault(_WORD.sub("*", name), []).append(name)
        return {pattern: names for pattern, names in patterns.items() if len(names) > 1}

    def advice(self, wanted: str) -> str:
        """Return the lines that would name the archive's arrays of images instead of `wanted`, as a closing clause."""
        by_split = self.keys_by_split()
        images = [key for key, names in by_split.items() if len(self._head(names[0]).shape) > 2]
        labels = [key for key, names in by_split.items() if len(self._head(names[0]).shape) < 3]
        single = [name for name in self.names if len(self._head(name).shape) > 2]
        if not images:
            line = f'; write `images = "{single[0]}"` under [data]' if len(single) == 1 else ""
            return closest(wanted, self.names) + line
        line = f'`images = "{images[0]}"`' + (f' and `classes = {{ label = "{labels[0]}" }}`' if labels else "")
        return f"; for {', '.join(by_split[images[0]])} write {line}, where the star stands for the split"

    def _column_of(self, key: str) -> tuple[str, int | None]:
        match = None if key in self.names else _COLUMN.fullmatch(key)
        return (match[1], int(match[2])) if match else (key, None)

    def _array(self, name: str) -> Array:
        """Return an array. It stays in memory unless it holds images, since several fields may use its columns."""
        if name in self._labels:
            return self._labels[name]
        try:
            array = self._file[name]
        except Exception as error:
            raise self._unreadable(name, error) from None
        if not isinstance(array, np.ndarray):
            raise self.error(name, "can't be read: it is not an array, or its header is damaged")
        if array.ndim < 3:
            self._labels[name] = array
        return array

    def _unreadable(self, name: str, error: Exception) -> UserError:
        first, *_ = [*str(error).splitlines(), type(error).__name__]
        return self.error(name, f"can't be read: {first}")

    def _head(self, name: str) -> Head:
        key = f"{name}.npy"
        if key not in self._file.zip.namelist():
            array = self._array(name)
            return Head(array.shape, array.dtype)
        try:
            with self._file.zip.open(key) as file:
                version = np.lib.format.read_magic(file)
                header = (
                    np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
                )
                shape, _, dtype = header(file)
                return Head(tuple(shape), dtype)
        except Exception as error:
            raise self._unreadable(name, error) from None
