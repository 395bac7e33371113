"""What a page shows side by side: the images that were stored, as they were, in no more than its bytes."""

from __future__ import annotations

import base64
import os
from collections.abc import Sequence
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from semreg.core import Picture, Result, Walk
from semreg.pictures import image_grid, line_plot
from semreg.pictures.grids import coloured, enlarged
from semreg.store.results import write_result
from semreg.tables.grid import Grid, Row
from semreg.tables.pages import write_table
from semreg.tables.pictures import chosen
from semreg.tables.pictures import side_by_side as module
from semreg.tables.pictures.side_by_side import GAP, LEAST_PIXELS, MOST_PIXELS, SideBySide, side_by_side
from tests.report.test_page import Page
from tests.tables.conftest import images, stored_row


def reconstructions(seed: int, *, size: int = 8, channels: int = 1, count: int = 4, title: str = "Copies") -> Picture:
    """Originals that all have, and below them images of their own."""
    rows = [images(count, size=size, channels=channels), images(count, seed, size=size, channels=channels)]
    return image_grid(title, rows, row_labels=["image", "copy"], caption="In order.")


def shown(rows: Sequence[Row]) -> SideBySide:
    return side_by_side(Grid("grid", tuple(rows)), {row.name: row.description for row in rows})


def pixels(uri: str) -> NDArray[np.uint8]:
    content = base64.b64decode(uri.removeprefix("data:image/png;base64,"))
    return np.asarray(Image.open(BytesIO(content)).convert("RGBA"))


def test_originals_once_and_a_line_of_each_row(tmp_path: Path) -> None:
    drawn = shown([stored_row(tmp_path, name, reconstructions(k)) for k, name in ((1, "ae"), (2, "vae"), (3, "gm"))])
    (figure,) = drawn.figures
    assert (figure.evaluation, figure.title, figure.columns, figure.beside) == ("strip", "Copies", 4, False)
    (group,) = figure.groups
    assert [label for label, _ in group.lines] == ["image", "AE", "VAE", "GM"]
    assert figure.captions == ["In order.", "Runs of seed 0."]
    scale = LEAST_PIXELS // 8
    for seed, (_, line) in enumerate(group.lines):
        values = pixels(line.uri)
        for place, image in enumerate(images(4, seed)):
            left = place * (8 * scale + GAP)
            assert np.array_equal(values[:, left : left + 8 * scale, :3], enlarged(coloured(image, (0, 1)), scale))
        assert (values[:, 8 * scale : 8 * scale + GAP, 3] == 0).all(), "see-through between images"


def test_large_images_are_made_small_and_labels_stand_under_them(tmp_path: Path) -> None:
    labels = [["three", "four"]]
    rows = []
    for seed, name in enumerate(("ae", "vae")):
        grid = image_grid(
            "To four", [images(2, seed, size=200, channels=3)], image_labels=labels, column_labels=["a", "b"]
        )
        rows.append(stored_row(tmp_path, name, grid))
    (figure,) = shown(rows).figures
    for _, line in figure.groups[0].lines:
        assert pixels(line.uri).shape == (MOST_PIXELS, 2 * MOST_PIXELS + GAP, 4)
        assert line.labels == ("three", "four")
    assert figure.stops == ("a", "b")


def test_plots_and_walks_of_no_use_stand_as_they_are(tmp_path: Path) -> None:
    plot = line_plot("Copies", {"": ([1, 2], [1, 2])}, x_label="x", y_label="y")
    astray = Picture("Copies", reconstructions(0).png, walk=Walk(["a"], [[(0, 0, 9_999, 9_999)] * 2]))
    rows = [stored_row(tmp_path, *one) for one in (("ae", plot), ("vae", astray), ("gm", reconstructions(1)))]
    (figure,) = shown(rows).figures
    assert list(figure.whole) == ["AE", "VAE"]
    assert [label for label, _ in figure.groups[0].lines] == ["image", "copy"]
    with Image.open(BytesIO(plot.png)) as drawn:
        assert pixels(figure.whole["AE"].uri).shape[1] == figure.whole["AE"].width == drawn.width // 2


def test_what_a_row_lacks_or_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    rows = [stored_row(tmp_path, name, reconstructions(1)) for name in ("ae", "vae", "gm", "damaged")]
    rows.append(stored_row(tmp_path, "gan", of="probe"))
    (tmp_path / "damaged-0" / "strip" / "00.png").write_bytes(b"none")
    (figure,) = shown(rows).figures
    assert [label for label, _ in figure.groups[0].lines] == ["image", "copy"], "the same in all rows"
    assert "No such picture of: GAN." in figure.captions
    assert any(text.startswith("DAMAGED: its PNG can't be read") for text in figure.captions)


def test_captions_that_differ_say_whose_they_are(tmp_path: Path) -> None:
    other = Picture("Copies", reconstructions(2).png, "At random.", reconstructions(2).walk)
    rows = [stored_row(tmp_path, *one) for one in (("ae", reconstructions(1)), ("vae", other))]
    (figure,) = shown(rows).figures
    assert figure.captions[:2] == ["AE: In order.", "VAE: At random."]


def test_one_row_alone_has_nothing_beside_it(tmp_path: Path) -> None:
    assert shown([stored_row(tmp_path, "ae", reconstructions(1), seeds=[0, 1])]).figures == []


def test_what_is_said_of_all_figures_is_said_once(tmp_path: Path) -> None:
    both = [reconstructions(1), reconstructions(2, title="Others")]
    drawn = shown([stored_row(tmp_path, name, *both) for name in ("ae", "vae")])
    assert drawn.remarks == ["In order.", "Runs of seed 0."]
    assert [figure.captions for figure in drawn.figures] == [[], []]


def test_a_result_that_was_done_anew_is_drawn_anew(tmp_path: Path) -> None:
    rows = [stored_row(tmp_path, name, reconstructions(k)) for k, name in ((1, "ae"), (2, "vae"))]
    first = shown(rows)
    place = rows[0].cells[0].places["strip"]
    write_result(place, Result(pictures=[reconstructions(9)]))
    os.utime(place / "result.json", ns=(0, 0))  # on a disk of coarse times too
    lines = [one.figures[0].groups[0].lines for one in (first, shown(rows))]
    assert [a[1].uri == b[1].uri for a, b in zip(*lines, strict=True)] == [True, False, True]


def test_the_figure_that_takes_most_gives_way_and_that_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def pictures(seed: int) -> list[Picture]:
        large = reconstructions(seed, size=64, channels=3, count=10, title="Large")
        return [reconstructions(seed), large]

    rows = [stored_row(tmp_path, name, *pictures(k)) for k, name in ((1, "ae"), (2, "vae"))]
    told = []
    for most in (10**9, 400_000, 130_000, 80_000, 20_000):
        monkeypatch.setattr(module, "MOST_BYTES", most)
        drawn = shown(rows)
        lines = [line for one in drawn.figures for group in one.groups for _, line in group.lines]
        assert sum(len(line.uri) for line in lines) <= most
        assert drawn.figures[0].title == "Copies"
        told += [(one.columns, " ".join(one.captions)) for one in drawn.figures[1:]]
    columns, texts = zip(*told, strict=True)
    assert columns == (10, 10, 10, 6)
    assert "To keep the page small: compressed; --figures-of strip writes all of it as it is." in texts[1]
    assert "To keep the page small: 6 columns at most, compressed;" in texts[3]
    assert "strip, Large: left out, to keep the page small; --figures-of strip writes it." in drawn.remarks


def test_a_page_of_twenty_rows_and_more_has_five_megabytes_at_most(tmp_path: Path) -> None:
    """Of noise, which no format makes smaller."""
    pictures = [[reconstructions(k, size=64, channels=3, count=8, title=title) for title in "ab"] for k in (1, 2)]
    two = [stored_row(tmp_path, f"row{k}", *pictures[k]) for k in (0, 1)]
    rows = [replace(two[k % 2], name=f"row{k}", description="") for k in range(chosen.MOST_ROWS + 1)]
    write_table(Grid("grid", tuple(rows)), tmp_path / "tables")
    text = (tmp_path / "tables" / "table.html").read_text()
    assert 3_000_000 < len(text) < 5_000_000
    assert "The first 20 of 21 rows." in Page(text).words()
    assert not (tmp_path / "tables" / "table.md").read_text().count("base64")


def test_the_page_has_them_whole_escaped_and_by_no_request(tmp_path: Path) -> None:
    hostile = '<script>alert(1)</script> & "x" {{ 7 * 7 }}'
    rows = []
    for seed, name in enumerate(("ae", "vae")):
        strips = [images(2, seed), images(2, seed + 5)]
        names = [hostile, "b"]
        grid = image_grid(
            hostile, strips, row_labels=names, column_labels=[hostile, "c"], image_labels=[["", hostile]] * 2
        )
        rows.append(stored_row(tmp_path, name, Picture(hostile, grid.png, hostile, grid.walk), of="strip"))
    write_table(Grid("grid", tuple(rows)), tmp_path / "tables")
    text = (tmp_path / "tables" / "table.html").read_text()
    page = Page(text)
    assert page.open == []
    assert "<script>alert" not in text
    assert page.words().count(hostile) >= 4
    sources = [str(attributes["src"]) for tag, attributes in page.tags if tag == "img"]
    assert len(sources) == 4
    assert all(source.startswith("data:image/png;base64,") for source in sources)
