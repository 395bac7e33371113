"""Make the gallery's page and pictures from finished runs; website/gallery.toml lists the pictures.

    python -m website.gallery FOLDER...

The command finds runs by name in the folders, and `zoo:NAME` in semreg. It writes docs/gallery.md and
docs/gallery/*.webp. The page shows each picture with the run's command, data and seed, and its evaluation's figures.
"""

from __future__ import annotations

import argparse
import io
import re
import shlex
import sys
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from semreg.core import UserError
from semreg.store.collection import recipe_values
from semreg.store.layout import EVALUATIONS
from semreg.store.recipes import evaluations_of, recipes_of
from semreg.store.record import RunRecord, read_record
from semreg.store.results import read_result
from website.tree import ROOT

ENTRIES = Path(__file__).with_name("gallery.toml")
PAGE = ROOT / "docs" / "gallery.md"
PICTURES = ROOT / "docs" / "gallery"
HEAD = """# Gallery

These pictures are from the reports of finished runs. Below each are the figures of its evaluation on the same run.
`python -m website.gallery` made this page by the list in [website/gallery.toml](../website/gallery.toml).
Nothing here is a photograph of a person: faces are drawn.
"""
WIDEST = 1400
"""The width of a picture, in pixels."""
PLACES = ("--out", "--data-root", "--threads")
"""Options that depend on the reader's machine."""


def make(folders: Sequence[Path]) -> None:
    """Write the page and its pictures. Raises UserError if a run or a picture is missing."""
    PICTURES.mkdir(exist_ok=True)
    told = tomllib.loads(ENTRIES.read_text())
    parts = [part for entry in told["entry"] for part in written(entry, folder_of(entry["run"], folders))]
    PAGE.write_text(HEAD + "".join(parts))
    for figure in told["figure"]:
        folder = folder_of(figure["run"], folders)
        images = [titled(picture_of(part, folder), part.get("title", "")) for part in figure["parts"]]
        whole = in_columns(images, figure["columns"])
        whole.thumbnail((WIDEST, WIDEST))
        whole.quantize(256, dither=Image.Dither.NONE).save(PAGE.parent / figure["file"], optimize=True)


def folder_of(run: str, folders: Sequence[Path]) -> Path:
    """Return the folder of a run. Raises UserError if no folder has it."""
    if run.startswith("zoo:"):
        return ROOT / "semreg" / "zoo" / run.removeprefix("zoo:")
    found = [path for folder in folders for path in [folder / run, *sorted(folder.glob(f"*/{run}"))] if path.is_dir()]
    if not found:
        raise UserError(run, f"no such run in {', '.join(map(str, folders)) or 'no folder'}")
    return found[0]


def written(entry: dict[str, Any], folder: Path) -> Iterator[str]:
    """Yield an entry's part of the page, and write its picture."""
    name = re.sub(r"\W+", "_", f"{entry['run'].removeprefix('zoo:').rpartition('-')[0] or entry['run'][4:]}")
    path = PICTURES / f"{name}_{entry['evaluation']}.webp"
    run = read_record(folder)
    image = Image.open(folder / entry["file"]) if "file" in entry else picture_of(entry, folder)
    image.convert("RGB").save(path, lossless=True, quality=100, method=4)
    yield f"\n## {entry['title']}\n\n![{entry['title']}](gallery/{path.name})\n\n{entry['says']}\n\n"
    found = read_result(place_of(entry.get("found", entry["evaluation"]), folder), pictured=False).summary
    yield f"* found: {found}\n* data: {data_of(run.record)}\n"
    yield f"* seed {run.record['seed']}, {epochs_of(run)}: `{command_of(run.record)}`\n"
    if "page" in entry:
        yield f"* more: [{Path(entry['page']).name}]({entry['page']})\n"


def picture_of(part: dict[str, Any], folder: Path) -> Image.Image:
    """Return a picture of an evaluation by its title. Raises UserError if the evaluation has no such picture."""
    pictures = {one.title: one.png for one in read_result(place_of(part["evaluation"], folder)).pictures}
    if part["picture"] not in pictures:
        text = f"{part['evaluation']} has no picture {part['picture']!r}; expected one of: {', '.join(pictures)}"
        raise UserError(str(folder), text)
    return Image.open(io.BytesIO(pictures[part["picture"]])).convert("RGB")


def titled(image: Image.Image, title: str) -> Image.Image:
    """Return a picture below its title, if it has one."""
    above = 40 if title else 0
    whole = Image.new("RGB", (image.width, image.height + above), "white")
    whole.paste(image, (0, above))
    ImageDraw.Draw(whole).text((image.width / 2, above / 2), title, "black", ImageFont.load_default(24), "mm")
    return whole


def in_columns(images: Sequence[Image.Image], columns: int, gap: int = 24) -> Image.Image:
    """Arrange pictures in rows of `columns`; all pictures of a row get the height of its lowest one."""
    rows = [images[start : start + columns] for start in range(0, len(images), columns)]
    heights = [min(image.height for image in row) for row in rows]
    rows = [
        [image.resize((round(image.width * height / image.height), height)) for image in row]
        for row, height in zip(rows, heights, strict=True)
    ]
    width = max(sum(image.width + gap for image in row) - gap for row in rows)
    whole = Image.new("RGB", (width, sum(heights) + gap * (len(rows) - 1)), "white")
    for number, row in enumerate(rows):
        for column, image in enumerate(row):
            left = sum(one.width + gap for one in row[:column])
            whole.paste(image, (left, sum(heights[:number]) + gap * number))
    return whole


def place_of(evaluation: str, folder: Path) -> Path:
    """Return the folder of an evaluation's results in a run or an export."""
    exported = folder / EVALUATIONS / evaluation
    return exported if exported.is_dir() else evaluations_of(folder, recipes_of(folder)[0])[evaluation]


def data_of(record: dict[str, Any]) -> str:
    """Return a run's data set with its numbers of training and test images."""
    data, counts = record["data"], record["data"]["counts"]
    return f"`{data['name']}`, {counts['train']:,} training and {counts['test']:,} test images"


def epochs_of(run: RunRecord) -> str:
    """Return the epochs of a run, phase by phase."""
    values = recipe_values(run)
    epochs = [values[key] for key in values if re.fullmatch(r"phases\.\w+\.epochs", key)]
    return f"{' + '.join(map(str, epochs))} epochs"


def command_of(record: dict[str, Any]) -> str:
    """Return the command that made a run, without the machine's folders; `make zoo` made semreg's own runs."""
    words = iter(shlex.split(record.get("command", "make zoo")))
    return shlex.join([word for word in words if not (word in PLACES and next(words))])


def main() -> None:
    """Make the gallery from the folders on the command line."""
    parser = argparse.ArgumentParser(prog="python -m website.gallery", description="Make the gallery from runs.")
    parser.add_argument("folders", nargs="*", type=Path, help="folders of runs, or of such folders")
    try:
        make(parser.parse_args().folders)
    except UserError as error:
        sys.exit(error.text())
    print(PAGE)


if __name__ == "__main__":
    main()
