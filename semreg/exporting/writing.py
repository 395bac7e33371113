"""A trained run written into a folder that doesn't need semreg: first compared with the run, whole or absent."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from semreg.core import Result, UserError
from semreg.exporting import comparing, hub, onnx_files
from semreg.exporting.card import card_of, strip_of
from semreg.exporting.configuration import configuration_of, recipe_of, record_of
from semreg.exporting.examples import (
    EXAMPLE,
    EXAMPLE_IMAGE,
    example_of,
    example_of_modules,
    image_file,
    run_alone,
)
from semreg.exporting.modules import (
    DECODER,
    ENCODER,
    Part,
    decoder_of,
    encoder_of,
    module_of,
    modules_for,
    program_of,
    round_to_half,
    saved,
)
from semreg.store.disk import size_of, whole_folder, write_synced, writing
from semreg.store.exported import packed_weights
from semreg.store.layout import CONFIG, EVALUATIONS, MODEL, RECIPE, RECORD, STATISTICS, STATUS
from semreg.store.recipes import write_evaluations
from semreg.store.results import write_result
from semreg.store.statistics import packed
from semreg.trained.opening import open_trained
from semreg.trained.run import Run

CARD, STRIP = "README.md", "strip.png"
ADVICE = "choose another --out"


@dataclass
class Exported:
    """The result of an export: how far each file's module is from the run's, how images are read, and omissions with
    reasons.

    `rounded` is how far rounding to half precision moved the decoder's output, if that was requested; `size` is in
    bytes.
    """

    folder: Path
    differences: dict[str, float] = field(default_factory=dict)
    reading: comparing.Reading | None = None
    rounded: float | None = None
    left_out: dict[str, str] = field(default_factory=dict)
    size: int = 0
    address: str = ""
    """The export's address on the Hub, if it was uploaded."""


def export_run(
    folder: Path,
    out: Path,
    *,
    onnx: bool = False,
    half: bool = False,
    modules: Sequence[str] = (),
    images: str | Path | None = None,
    license: str = "unknown",
    push: str | None = None,
    data_root: str | Path | None = None,
) -> Exported:
    """Export a trained run, by its folder, into a new folder; the arguments are those of `semreg.export`.

    Raises UserError for an existing folder, and for a run whose `[model]` has neither an encoder nor a decoder. Modules
    that differ from the run's raise it, too, as does an example that fails. Raises CannotWrite if the folder can't be
    written.
    """
    _require_free(out)
    if onnx:
        onnx_files.require_onnx()
    if push is not None:
        hub.require_hub(push)
    run, made = open_trained(folder, data_root=data_root, device="cpu"), Exported(out)
    parts = _parts(run, modules, made)
    seen = comparing.real_images(run, images)
    if half:
        made.rounded = _rounded(run, parts, seen)
    if seen is not None and any(part.reads_images for part in parts):
        made.reading = comparing.reading_of(run, seen)
    with writing(out.parent, ADVICE), whole_folder(out) as place:
        written = _write_modules(run, parts, seen, place, made, half=half, onnx=onnx)
        _write_rest(run, written, seen, place, made, half=half, license=license)
        made.size = size_of(place)
        _require_free(out)  # what came there meanwhile stays
    if push is not None:
        made.address = hub.upload(out, push)
    return made


def _require_free(out: Path) -> None:
    if os.path.lexists(out):
        raise UserError("--out", f"{out} exists already; give a folder that export can make")


def _parts(run: Run, modules: Sequence[str], made: Exported) -> list[Part]:
    """Return the parts to export. Raises UserError if there are none, and for an unknown module."""
    parts = []
    for name, make in ((ENCODER, encoder_of), (DECODER, decoder_of)):
        try:
            parts.append(make(run))
        except UserError as error:
            made.left_out[name] = error.problems[0].message
    for name in modules:
        run.module(name)  # an unknown one is an error at once
        try:
            parts.append(module_of(run, name))
        except UserError as error:
            made.left_out[name] = error.problems[0].message
    if not parts:
        raise UserError(str(run.folder), made.left_out[DECODER])
    return parts


def _rounded(run: Run, parts: Sequence[Part], seen: Tensor | None) -> float:
    """Round the run's weights to half precision; return how far that moves the output of its last part."""
    part = next((part for part in reversed(parts) if not part.called), parts[-1])
    values = comparing.values_for(run, part, seen)
    before = comparing.expected_of(run, part, values)
    round_to_half(run)
    after = comparing.expected_of(run, part, values)
    return max(float((one - other).abs().max()) for one, other in zip(before, after, strict=True))


@dataclass(frozen=True)
class _Written:
    """The exported parts, by file, with inputs and outputs of a few rows."""

    parts: dict[str, Part]
    tensors: dict[str, tuple[Sequence[Any], Sequence[Tensor]]]


def _write_modules(
    run: Run, parts: Sequence[Part], seen: Tensor | None, place: Path, made: Exported, *, half: bool, onnx: bool
) -> _Written:
    """Write the modules that the formats support, compared with the run; name the others."""
    written = _Written({}, {})
    for part in parts:
        file = f"{part.name}.pt2"
        values = comparing.values_for(run, part, seen)
        try:
            # Traced on images of nothing: a file of this format keeps what it was traced on.
            program = program_of(part, comparing.values_for(run, part, None), half=half)
        except UserError as error:
            made.left_out[file] = error.problems[0].message
            continue
        content = saved(program)
        call = torch.export.load(io.BytesIO(content)).module()
        made.differences[file] = comparing.difference(run, part, call, values)
        (place / file).parent.mkdir(exist_ok=True)
        write_synced(place / file, content)
        written.parts[file] = part
        written.tensors[file] = values, comparing.expected_of(run, part, values)
        if onnx:
            _write_onnx(run, part, program, values, place, made)
    if not written.parts:
        raise UserError(str(run.folder), "; ".join(f"{file}: {reason}" for file, reason in made.left_out.items()))
    return written


def _write_onnx(run: Run, part: Part, program: Any, values: Sequence[Any], place: Path, made: Exported) -> None:
    file = f"{part.name}.onnx"
    try:
        call = onnx_files.write_onnx(program, part, place / file)
    except UserError as error:
        made.left_out[file] = error.problems[0].message
        return
    made.differences[file] = comparing.difference(run, part, call, values, onnx_files.TOLERANCE)


def _write_rest(
    run: Run, written: _Written, seen: Tensor | None, place: Path, made: Exported, *, half: bool, license: str
) -> None:
    """Write the files that open the run, the page and the example, and run the example."""
    roles, record, recipe = run.roles, record_of(run), recipe_of(run)
    names = [*roles.code, *roles.posterior.values(), *filter(None, [roles.output, roles.sample])]
    used = {*modules_for(run, names), *roles.prior.values(), *(part.called for part in written.parts.values())}
    modules = {name: module for name, module in run.modules.items() if name in used}
    own = [part for part in written.parts.values() if not part.called]
    decoded = written.tensors.get(f"{DECODER}.pt2", ((), ()))[1]
    pictures = bool(decoded) and decoded[0].ndim == 4 and decoded[0].shape[1] in (1, 3)
    config = configuration_of(run, written.parts, written.tensors)
    script = example_of(run, own, pictures=pictures) if own else example_of_modules(config["modules"])
    shown = strip_of(run, seen, decoded[0] if pictures else None)
    page = card_of(
        run, config, record, recipe, script=script, shown=shown, license=license, example=EXAMPLE, model=MODEL,
        config_file=CONFIG, strip_file=STRIP, reads_images=any(part.reads_images for part in own),
        modules=list(modules), real=seen is not None, left_out=made.left_out, reading=made.reading,
        differences={file: f"{away:.1g}" for file, away in made.differences.items()},
        rounded=None if made.rounded is None else f"{made.rounded:.1g}",
    )  # fmt: skip
    status = {"state": "finished", "recipe": run.plan.name}
    tables = {CONFIG: config, RECORD: record, RECIPE: recipe, STATUS: status}
    files = {name: (json.dumps(table) + "\n").encode() for name, table in tables.items()}
    files |= {MODEL: packed_weights(modules, half=half), CARD: page.encode(), EXAMPLE: script.encode()}
    if run.statistics:
        files[STATISTICS] = packed(run.statistics)
    if shown is not None:
        files[STRIP] = shown.png
    if any(part.reads_images for part in own):
        grey = torch.full((1, 1, 32, 32), sum(run.value_range) / 2)
        image = grey if shown is None else shown.first[None]
        files[EXAMPLE_IMAGE] = image_file(comparing.as_rgb(image, run.value_range)[0])
    for name, content in files.items():
        write_synced(place / name, content)
    _write_figures(run, place)
    run_alone(place)


def _write_figures(run: Run, place: Path) -> None:
    """Write the evaluations' figures, without pictures, which may show images of the data."""
    results = run.results
    for name, result in results.items():
        kept = Result(figures=result.figures, paper=result.paper, summary=result.summary)
        write_result(place / EVALUATIONS / name, kept)
    if results:
        write_evaluations(place, run.plan.name, {name: name for name in results}, reported=False)
