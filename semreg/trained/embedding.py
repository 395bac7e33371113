"""Codes of your own images, as tensors and as files."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from einops import rearrange
from torch import Tensor

from semreg.core import Problem, UserError
from semreg.core.errors import MOST_PROBLEMS
from semreg.trained.images import load_images
from semreg.trained.roles import need
from semreg.trained.rows import BATCH
from semreg.trained.run import Run


def embed(run: Run, images: Tensor) -> dict[str, Tensor]:
    """Return the codes that the recipe's `[model]` names, `(batch, code)` or spatial ones, on the CPU, by their names.

    `images` are `(batch, channels, height, width)` in the recipe's range. Raises UserError for a recipe whose `[model]`
    lacks an input or a code, ValueError for codes that need more than an image, or are not tensors.
    """
    found = {}
    roles = need(run, "input", "code")
    for name in roles.code:
        code = run.tensor(name).given(**{roles.input: images})
        if not isinstance(code, Tensor):
            kind = type(code).__name__
            raise ValueError(f"{name!r} is a {kind}; codes (batch, code) are needed, such as posterior_mean of it")
        found[name] = code
    return found


def embed_files(run: Run, paths: Sequence[str | Path]) -> dict[str, Tensor]:
    """Return the codes of image files, as `embed` does. Raises UserError, which also names each unreadable file."""
    parts: list[dict[str, Tensor]] = []
    problems: list[Problem] = []
    for start in range(0, len(paths), BATCH):
        try:
            images = load_images(run, paths[start : start + BATCH])
        except UserError as error:
            problems += error.problems
            if len(problems) >= MOST_PROBLEMS:
                break
        else:
            parts += [embed(run, images)] if not problems else []
    if problems:
        raise UserError("images", problems)
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]} if parts else {}


def as_npz(files: Sequence[str], codes: Mapping[str, Tensor]) -> bytes:
    """Return a NumPy archive with an array for each code, `(files, ...)`, and `files`, the names as text.

    Raises ValueError for a code of that name, or of a name that NumPy reserves.
    """
    for name in ("files", "file", "allow_pickle"):
        if name in codes:
            raise ValueError(f"a code is called {name!r}, and no array of a .npz can be; write a .csv")
    buffer = BytesIO()
    arrays: dict[str, Any] = {name: code.numpy() for name, code in codes.items()}
    arrays["files"] = np.array(files, dtype=np.str_)
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def as_csv(files: Sequence[str], codes: Mapping[str, Tensor]) -> bytes:
    """Return a table with a row for each file: its name, then every dimension of every code, spatial codes flattened.

    The column of dimension K of code NAME, counted from 0, is called NAME.K.
    """
    flat = {name: rearrange(code, "rows ... -> rows (...)") for name, code in codes.items()}
    text = StringIO(newline="")
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["file", *(f"{name}.{number}" for name, code in flat.items() for number in range(code.shape[1]))])
    for name, row in zip(files, torch.cat(list(flat.values()), 1).tolist(), strict=True):
        table.writerow([name, *(f"{value:.9g}" for value in row)])  # enough digits to separate all float32 values
    return text.getvalue().encode("utf-8", "surrogateescape")
