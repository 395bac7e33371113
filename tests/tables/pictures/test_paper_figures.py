"""Figures as a paper has them: PNG and PDF, every image in its place, and what is refused."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from semreg.core import Picture, UserError
from semreg.core.errors import CannotWrite
from semreg.pictures import image_grid, line_plot
from semreg.pictures.grids import coloured
from semreg.tables.grid import Grid, Row
from semreg.tables.pictures import chosen, paper_figures
from semreg.tables.pictures.paper_figures import DPI, HEIGHT, WIDTH, require_known, write_figures
from tests.tables.conftest import images, stored_row


def strips(seed: int, *, count: int = 3, lines: int = 1, title: str = "From 0 to 5") -> Picture:
    rows = [images(count, place, channels=3) for place in (0, *range(seed, seed + lines))]
    names = ["image", *(f"path {line}" for line in range(lines))]
    columns = [f"a long stop {place}" for place in range(count)]
    labels = [["seen"] * count] * len(rows)
    return image_grid(title, rows, row_labels=names, column_labels=columns, image_labels=labels)


def written(folder: Path, *rows: Row, of: str = "strip") -> list[Path]:
    return write_figures(Grid("grid", rows), [of], folder / "tables")


def test_a_png_and_a_pdf_of_a_papers_width(tmp_path: Path) -> None:
    png, pdf = written(tmp_path, *(stored_row(tmp_path, name, strips(k)) for k, name in ((1, "ae"), (2, "vae"))))
    assert (png.name, pdf.name) == ("strip-From_0_to_5-10758a.png", "strip-From_0_to_5-10758a.pdf")
    with Image.open(png) as image:
        assert image.width == WIDTH * DPI
        assert [round(value) for value in image.info["dpi"]] == [DPI, DPI]
        values = np.asarray(image.convert("RGB"))
    for one in (images(3, seed, channels=3) for seed in range(3)):
        for pixel in coloured(one[0], (0, 1)).reshape(-1, 3)[::50]:
            assert (values == pixel).all(2).any(), "images are drawn unsmoothed"
    content = pdf.read_bytes()
    assert content.startswith(b"%PDF")
    assert b"/FontFile2" in content, "fonts are embedded"
    assert b"/Type3" not in content
    again = written(tmp_path, *(stored_row(tmp_path, name, strips(k)) for k, name in ((1, "ae"), (2, "vae"))))
    assert [path.read_bytes() for path in again] == [png.read_bytes(), content]


def test_images_that_all_have_are_drawn_once(tmp_path: Path) -> None:
    png, _ = written(tmp_path, *(stored_row(tmp_path, name, strips(k)) for k, name in ((1, "ae"), (2, "vae"))))
    values = np.asarray(Image.open(png).convert("RGB"))
    mark = coloured(images(3, channels=3)[0], (0, 1))[0, 0]
    rows = (values == mark).all(2).any(1).nonzero()[0]
    assert rows.size
    assert rows.max() - rows.min() < 0.6 * DPI


def test_high_figures_fit_on_a_page_and_other_layouts_are_drawn(tmp_path: Path) -> None:
    rows = [stored_row(tmp_path, f"row{k}", strips(10 * k, lines=7)) for k in range(2)]
    rows.append(stored_row(tmp_path, "other", strips(99, lines=2)))
    png, _ = written(tmp_path, *rows)
    with Image.open(png) as image:
        assert image.height <= HEIGHT * DPI + 1


def test_of_many_rows_some_are_drawn_and_what_is_too_high_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(chosen, "MOST_ROWS", 1)
    rows = [stored_row(tmp_path, name, strips(k)) for k, name in ((1, "ae"), (2, "vae"))]
    with Image.open(written(tmp_path, *rows)[0]) as few:
        assert few.height < 2 * DPI
    assert "figures: The first 1 of 2 rows.\n" in capsys.readouterr().err
    monkeypatch.setattr(paper_figures, "HIGHEST", 1)
    with pytest.raises(UserError, match="strip, From 0 to 5: over 1 rows it would be 2 inches high, of 1 at most"):
        written(tmp_path, *rows)


def test_plots_stand_beside_each_other_and_a_figure_may_be_of_one_row(tmp_path: Path) -> None:
    plot = line_plot("Nats", {"": ([1, 2], [1, 2])}, x_label="x", y_label="y")
    rows = [stored_row(tmp_path, name, plot) for name in ("a", "b")]
    heights = []
    for some in (rows[:1], rows):
        with Image.open(written(tmp_path, *some)[0]) as image:
            heights.append(image.height)
    assert heights[0] == pytest.approx(2 * heights[1], rel=0.1)


def test_every_title_of_the_evaluation_and_of_no_other(tmp_path: Path) -> None:
    rows = [stored_row(tmp_path, "a", strips(1), strips(2, title="Other/../title"))]
    rows.append(stored_row(tmp_path, "b", strips(1, title="More"), of="more"))
    names = [path.name for path in written(tmp_path, *rows)]
    assert [name.rpartition("-")[0] for name in names] == ["strip-From_0_to_5"] * 2 + ["strip-Other_.._title"] * 2
    assert sorted(names) == sorted(path.name for path in (tmp_path / "tables").iterdir())


def test_what_has_no_pictures_is_refused_once_a_run_has_done_it(tmp_path: Path) -> None:
    rows = [stored_row(tmp_path, "a", of="probe"), stored_row(tmp_path, "b", strips(1))]
    with pytest.raises(UserError, match="--figures-of: 'probe' has no pictures; expected one of: strip"):
        written(tmp_path, *rows, of="probe")
    assert written(tmp_path, *rows, of="later") == []


def test_unknown_evaluations_are_refused_before(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--figures-of: no recipe has the evaluation 'stirp'; did you mean 'strip'"):
        require_known(["strip", "stirp"], ["strip", "probe"])
    require_known([], [])
    require_known(["strip"], ["strip"])


@pytest.mark.parametrize("walk", [True, False])
def test_a_picture_that_cannot_be_read_and_a_folder_that_cannot_be_written_are_told(tmp_path: Path, walk: bool) -> None:
    picture = strips(1)
    row = stored_row(tmp_path, "a", picture if walk else Picture(picture.title, picture.png))
    (tmp_path / "file").write_text("")
    with pytest.raises(CannotWrite, match="the same command writes the figures"):
        write_figures(Grid("grid", (row,)), ["strip"], tmp_path / "file" / "tables")
    content = BytesIO()
    Image.new("RGB", (4, 4)).save(content, "PNG")
    (tmp_path / "a-0" / "strip" / "00.png").write_bytes(content.getvalue()[:40])
    with pytest.raises(UserError, match=r"a-0/strip: From 0 to 5: its PNG can't be read"):
        written(tmp_path, row)
