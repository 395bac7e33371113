"""A script that uses an export's modules with only PyTorch, run in a process that has nothing else."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from torch import Tensor

from semreg.core import AttributesField, ClassField, UserError, VectorField
from semreg.exporting.modules import DECODER, ENCODER, Part
from semreg.trained.run import Run

EXAMPLE, EXAMPLE_IMAGE, DECODED = "example.py", "example.ppm", "decoded.ppm"
MOST_SECONDS = 300
_REQUIRED = re.compile(r"[\w.-]+")
_HEAD = '''"""Runs the modules of this folder; it only needs PyTorch."""

import torch

'''
_READ = f'''with open("{EXAMPLE_IMAGE}", "rb") as file:  # Pillow's np.asarray(image.convert("RGB")) does as well
    _, size, _ = (file.readline() for _ in range(3))
    width, height = map(int, size.split())
    images = torch.frombuffer(bytearray(file.read()), dtype=torch.uint8).view(1, height, width, 3)
'''
_WRITE = """pixels = ((images + {shift:g}) * {factor:g}).round().clamp(0, 255).to(torch.uint8)[0].expand(3, -1, -1)
height, width = pixels.shape[1:]
with open("{decoded}", "wb") as file:
    file.write(f"P6\\n{{width}} {{height}}\\n255\\n".encode() + bytes(pixels.movedim(0, 2).flatten().tolist()))
"""


def example_of(run: Run, parts: Sequence[Part], *, pictures: bool) -> str:
    """Return a script that encodes an input, changes the codes and decodes them, as far as there are modules.

    `pictures` means that the output is one, which the script then writes.
    """
    text, named = _HEAD, {part.name: part for part in parts}
    codes = [_made_up(run, name) for name in run.roles.code]
    if ENCODER in named:
        encoder = named[ENCODER]
        text += _READ if encoder.reads_images else f"images = {_made_up(run, encoder.inputs[0])}\n"
        given = ["images", *(_made_up(run, name) for name in encoder.inputs[1:])]
        text += f'codes = torch.export.load("{ENCODER}.pt2").module()({", ".join(given)})\n'
        text += f"print({', '.join(map(json.dumps, encoder.outputs))}, *(code.shape for code in codes))\n"
        codes = ["*(0.9 * code for code in codes)"]
    if DECODER in named:
        labels = [_made_up(run, name) for name in named[DECODER].inputs[len(run.roles.code) :]]
        text += f'(images,) = torch.export.load("{DECODER}.pt2").module()({", ".join([*codes, *labels])})\n'
        low, high = run.value_range
        wrote = _WRITE.format(shift=0 - low, factor=255 / (high - low), decoded=DECODED)
        text += wrote if pictures else "print(images)\n"
    return text


def example_of_modules(files: Mapping[str, Mapping[str, Any]]) -> str:
    """Return a script that calls each module on zeros of the shapes in `config.json`."""
    text = _HEAD
    for file, told in files.items():
        shapes = [(", ".join(map(str, [1, *one["shape"][1:]])), one["type"]) for one in told["inputs"]]
        given = ", ".join(f"torch.zeros({shape}, dtype=torch.{type})" for shape, type in shapes)
        text += f'outputs = torch.export.load("{file}").module()({given})\n'
        text += f'print("{file}", *(output.shape for output in outputs))\n'
    return text


def image_file(image: Tensor) -> bytes:
    """Return a PPM, which needs no library to read, of an RGB image, uint8 `(height, width, 3)`."""
    height, width, _ = image.shape
    return b"P6\n%d %d\n255\n" % (width, height) + image.contiguous().numpy().tobytes()


def run_alone(folder: Path) -> None:
    """Run the example of a folder in a process that sees PyTorch, its requirements, and no other package.

    The function removes the script's output. Raises UserError with the last lines of a failed script.
    """
    with tempfile.TemporaryDirectory() as packages:
        _link_packages(Path(packages), "torch")
        begin = f"import sys, runpy; sys.path.append({packages!r}); runpy.run_path({EXAMPLE!r})"
        environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-W", "ignore", "-c", begin], cwd=folder, env=environment,
            capture_output=True, text=True, timeout=MOST_SECONDS, check=False,
        )  # fmt: skip
    (folder / DECODED).unlink(missing_ok=True)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it was killed"])[-1][:300]
        raise UserError(EXAMPLE, f"fails with only PyTorch installed: {last}; nothing is written")


def _link_packages(folder: Path, distribution: str) -> None:
    """Link all top-level files that a distribution, and those that it requires, have installed."""
    pending, seen = [distribution], set[str]()
    while pending:
        name = re.sub(r"[-_.]+", "-", pending.pop()).lower()
        if name in seen:
            continue
        seen.add(name)
        try:
            found = metadata.distribution(name)
        except metadata.PackageNotFoundError:  # required on other systems, or by an extra
            continue
        for top in {file.parts[0] for file in found.files or () if file.parts[0] not in ("..", "__pycache__")}:
            place, link = Path(str(found.locate_file(top))), folder / top
            if place.exists() and not link.is_symlink():
                link.symlink_to(place.resolve())
        required = (_REQUIRED.match(line) for line in found.requires or () if "extra ==" not in line)
        pending += [match.group() for match in required if match]


def _made_up(run: Run, name: str) -> str:
    """Return an expression for one row of a field or code."""
    field = run.fields.get(name)
    if isinstance(field, ClassField):
        return "torch.zeros(1, dtype=torch.int64)"
    if isinstance(field, AttributesField | VectorField):
        return f"torch.zeros(1, {len(field.names) if isinstance(field, AttributesField) else field.size})"
    shape = dict(zip(run.roles.code, run.code_shapes, strict=True)).get(name) or ()
    return f"torch.zeros{(1, *shape)}"
