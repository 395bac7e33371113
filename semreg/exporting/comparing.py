"""Comparison of exported modules with their run, on real images, before the export replaces anything."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from einops import rearrange, repeat
from PIL import Image
from torch import Tensor

from semreg.components.values import tensors_of
from semreg.core import DataMissing, ImageField, UserError
from semreg.exporting.modules import DECODER, ENCODER, Part, reading_for
from semreg.trained import expected_images, load_images
from semreg.trained.images import images_in
from semreg.trained.in_memory import as_read
from semreg.trained.run import Run
from semreg.training.build import synthetic_batch

IMAGES = 8
"""The number of compared images, all at once and one by itself."""
TOLERANCE = 1e-5
"""The largest difference between an exported module's values and the run's, absolute and relative."""
SHAPES = ((149, 97), (60, 81), (31, 47), (7, 5))
"""Heights and widths of images that the run and the exported encoder read."""
MOST_LEVELS, RARE = 2, 0.01
"""The largest difference of a pixel in grey levels, and the largest share of pixels that differ by more than one."""

Call = Callable[..., Any]


@dataclass(frozen=True)
class Reading:
    """The difference between the exported encoder's reading of images of other sizes and the run's.

    `levels` is the largest difference of a pixel in grey levels, and `share` the share of pixels that differ by more
    than one. `codes` is the largest difference of a code, in standard deviations of that dimension over the images.
    """

    levels: int
    share: float
    codes: float

    def __str__(self) -> str:
        return f"{self.levels} grey level{'' if self.levels == 1 else 's'} at most, codes {self.codes:.2g} deviations"


def real_images(run: Run, folder: str | Path | None) -> Tensor | None:
    """Return a few images of the run's data, of the test split if it has one, or of a folder, as a run reads images.

    None for a run that reads none. Raises UserError if the data are missing here and no folder is given.
    """
    name = run.roles.input
    if not isinstance(run.fields.get(name), ImageField):
        return None
    if folder is not None:
        return load_images(run, [Path(folder, one) for one in images_in(folder)[:IMAGES]])
    try:
        split = next(one for one in ("test", "validation", "train") if run.counts[one])
    except DataMissing as error:
        said = "; or give images of its kind to compare with: --images FOLDER"
        raise UserError(str(run.folder), f"{error.problems[0].message.rstrip('.')}{said}") from None
    images: Tensor = run.tensor(name).read(split, count=IMAGES)
    return images


def values_for(run: Run, part: Part, images: Tensor | None) -> list[Tensor]:
    """Return a part's inputs for some images, and made-up labels, `(rows, ...)` each; without images, made-up ones."""
    rows = IMAGES if images is None else len(images)
    fields = synthetic_batch(run.fields, run.value_range, rows)
    if images is not None:
        fields[run.roles.input] = images
    if part.name == ENCODER:
        first, *labels = (fields[name] for name in part.inputs)
        return [as_rgb(first, run.value_range) if part.reads_images else first, *labels]
    if part.name == DECODER:
        codes = [_given(run, name, fields) for name in run.roles.code]
        return [*codes, *(fields[name] for name in part.inputs[len(codes) :])]
    program = run.programs[False]
    call = next(run.plan.calls_of(part.called))
    return [program.compute(value, program.execution(fields)) for value in call.inputs]


def expected_of(run: Run, part: Part, values: Sequence[Any]) -> list[Tensor]:
    """Return the run's own results for a part's inputs."""
    if part.called:
        with torch.no_grad():
            return tensors_of(run.module(part.called)(*values))
    given = dict(zip(part.inputs, values, strict=True))
    if part.reads_images:
        given[part.inputs[0]] = expected_images(run, values[0].numpy())
    return tensors_of(tuple(_given(run, name, given) for name in part.outputs))


def difference(run: Run, part: Part, call: Call, values: Sequence[Any], tolerance: float = TOLERANCE) -> float:
    """Return the largest difference between the results of an exported part and the run, for all rows and for one row.

    Raises UserError if it exceeds the tolerance.
    """
    largest = 0.0
    for rows in (len(values[0]), 1):
        given = [value[:rows] for value in values]
        with torch.no_grad():
            found = tensors_of(tuple(call(*given)))
        for one, wanted in zip(found, expected_of(run, part, given), strict=True):
            away = float((one - wanted).abs().max()) if one.shape == wanted.shape else math.inf
            if away == math.inf or not torch.allclose(one, wanted, rtol=tolerance, atol=tolerance):
                said = f"the exported {part.name}'s output differs from the run's by up to {away:.2g}"
                raise UserError(str(run.folder), f"{said} on {rows} real images; nothing is written")
            largest = max(largest, away)
    return largest


def reading_of(run: Run, images: Tensor) -> Reading:
    """Compare the exported encoder's reading of images of other sizes with the run's. Raises UserError if it differs
    too far.
    """
    field, white = run.fields[run.roles.input], min(as_read(run)["white"] or 255, 255)
    module = reading_for(run, field)  # type: ignore[arg-type]
    low, high = run.value_range
    found, wanted = [], []
    for height, width in SHAPES:
        for pixels in as_rgb(images, run.value_range).numpy():
            resized = np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC))
            fitting = (resized * (white / 255)).astype(np.uint8)[None]
            found.append(module(torch.from_numpy(fitting)))
            wanted.append(expected_images(run, fitting))
    ours, theirs = torch.cat(found), torch.cat(wanted)
    levels = ((ours - theirs) * (255 / (high - low))).abs().round()
    share, most = float((levels > 1).float().mean()), int(levels.max())
    if most > MOST_LEVELS or share > RARE:
        said = f"the exported encoder reads images differently from the run, by up to {most} of 255 grey levels"
        raise UserError(str(run.folder), f"{said}; nothing is written")
    return Reading(most, share, _effect(run, ours, theirs))


def as_rgb(images: Tensor, value_range: tuple[float, float]) -> Tensor:
    """Convert images `(batch, 1 or 3, height, width)` in a range to RGB uint8 `(batch, height, width, 3)`."""
    low, high = value_range
    pixels = ((images - low) * (255 / (high - low))).round().clamp(0, 255).to(torch.uint8)
    if pixels.shape[1] == 1:
        return repeat(pixels, "batch 1 height width -> batch height width 3").contiguous()
    return rearrange(pixels, "batch channels height width -> batch height width channels").contiguous()


def _effect(run: Run, ours: Tensor, theirs: Tensor) -> float:
    """Return the largest difference of codes between two readings of images, in deviations."""
    labels = synthetic_batch(run.fields, run.value_range, len(ours))
    largest = 0.0
    for name in run.roles.code:
        one, other = (_given(run, name, {**labels, run.roles.input: images}) for images in (ours, theirs))
        deviation = other.std(0).clamp(min=1e-6)
        largest = max(largest, float(((one - other).abs() / deviation).max()))
    return largest


def _given(run: Run, name: str, values: Mapping[str, Tensor]) -> Tensor:
    """Compute a tensor of the run from some values, without those that it doesn't need."""
    tensor = run.tensor(name)
    codes = {code: values[code] for code in run.roles.code if code in values}
    found: Tensor = tensor.given(**codes, **{field: values[field] for field in tensor.needs(*codes)})
    return found
