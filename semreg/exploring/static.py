"""A page of pictures made in advance: one file that needs no server or network, in the style of a report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from einops import rearrange
from torch.nn.functional import interpolate, pad

from semreg.core import Picture, Scatter, UserError
from semreg.exploring.directions import MOST_CODES
from semreg.exploring.map import codes_of, colours_of, map_of
from semreg.exploring.view import Explorer, View
from semreg.pictures import image_grid, png
from semreg.report.templates import templates
from semreg.store.messages import say
from semreg.trained.panels import Mask, Panel

FRAMES = 9
"""Frames of a slider, from end to end."""
MOST_CONTROLS = 40
"""The most controls of a panel."""
SIDE, COLUMNS = 32, 32
"""The most pixels of the longer side of an image under the pointer, and how many are in a row of their file."""
MOST_BYTES = 25_000_000
"""The most bytes of a page."""


class PanelShown(NamedTuple):
    """A panel as the page has it."""

    title: str
    about: str
    pictures: Sequence[Picture]
    scatters: Sequence[Scatter] = ()


class Pictured(NamedTuple):
    """The images of a map's points, in rows of COLUMNS, each `height` × `width` pixels large."""

    picture: Picture
    height: int
    width: int
    columns: int = COLUMNS


def render(explorer: Explorer, *, images: int = 4) -> str:
    """Return the page of a run, with its first test images: each slider separately, paths, samples and maps.

    Raises UserError if the page is too large to send, and if the test images are missing.
    """
    shown = [one for one in (*_panels(explorer, images), *_maps(explorer)) if one.pictures or one.scatters]
    template = templates(Path(__file__).parent).get_template("static.html")
    pictured = _pictured(explorer) if any(one.scatters for one in shown) else None
    text = template.render(
        name=explorer.run.plan.name, folder=explorer.run.folder.name, panels=shown, pictured=pictured
    )
    size = len(text.encode())
    if size > MOST_BYTES:
        said = f"the page would have {size / 1e6:.0f} MB, and {MOST_BYTES / 1e6:.0f} MB are written at most"
        raise UserError("--static", f"{said}; choose fewer by --images")
    return text


def _panels(explorer: Explorer, images: int) -> Iterator[PanelShown]:
    tests = [f"test:{place}" for place in range(min(images, explorer.tests))]
    for name, panel in explorer.panels.items():
        if any(isinstance(control, Mask) for control in panel.controls) or len(tests) < panel.images:
            continue  # masks are painted by the user
        views = [
            View(name, [*tests[start:], *tests[:start]][: panel.images])
            for start in range(0, len(tests) if panel.images else 1, max(1, panel.images))
        ]
        try:
            pictures = list(_walks(explorer, panel, views) if panel.images == 1 else _strips(explorer, views))
        except ValueError as error:  # for example if all codes are equal
            say(f"warning: {panel.title} is left out: {error}")
        else:
            yield PanelShown(panel.title, panel.about, pictures)


def _walks(explorer: Explorer, panel: Panel, views: Sequence[View]) -> Iterator[Picture]:
    """Yield a picture for each control, from which the report's script makes a slider again: a row for each image."""
    for control in panel.controls[:MOST_CONTROLS]:
        swept = [strip for view in views for strip in explorer.sweep(view, control.name, FRAMES)]
        if swept:
            yield image_grid(
                control.name,
                [strip.images for strip in swept],
                column_labels=list(swept[0].labels),
                value_range=explorer.run.value_range,
            )


def _strips(explorer: Explorer, views: Sequence[View]) -> Iterator[Picture]:
    for view in views:
        strips = explorer.show(view).strips
        labels = [list(strip.labels) for strip in strips]
        yield image_grid(
            " and ".join(f"test image {name.removeprefix('test:')}" for name in view.images),
            [strip.images for strip in strips],
            row_labels=[strip.name for strip in strips],
            image_labels=labels if all(labels) else None,
            value_range=explorer.run.value_range,
        )


def _maps(explorer: Explorer) -> Iterator[PanelShown]:
    run = explorer.run
    scatters = []
    for code in codes_of(run) if explorer.tests else ():
        try:
            found = map_of(run, code, colours_of(run)[0])
        except ValueError as error:
            say(f"warning: the map of {code} is left out: {error}")
            continue
        points = [[float(value) for value in point] for point in found.points]
        scatters.append(Scatter(code, points, found.classes.tolist(), found.names))
    about = "The codes of test images along their first three principal directions; point at one to see its image."
    yield PanelShown("Map", about, [], scatters)


def _pictured(explorer: Explorer) -> Pictured:
    images = explorer.read_tests(range(min(explorer.tests, MOST_CODES)))
    shrunk = min(1.0, SIDE / max(images.shape[2:]))
    height, width = (max(1, round(shrunk * side)) for side in images.shape[2:])
    small = interpolate(images.float(), (height, width), mode="bilinear", antialias=True)
    low = explorer.run.value_range[0]
    filled = pad(small, (0, 0) * 3 + (0, -len(small) % COLUMNS), value=low)
    canvas = rearrange(filled, "(row column) c h w -> c (row h) (column w)", column=COLUMNS)
    return Pictured(Picture("", png(canvas, explorer.run.value_range)), height, width)
