"""A table as people and machines read it: Markdown, a page and JSON."""

from __future__ import annotations

import base64
import json
import math
import re
from dataclasses import replace
from pathlib import Path

import pytest

from semreg.core import Result
from semreg.core.errors import CannotWrite
from semreg.tables.grid import Cell, Grid, Plot, Row
from semreg.tables.pages import escaped, markdown, write_table
from semreg.tables.view import view
from tests.report.test_page import Page
from tests.tables.conftest import FACTS, finished

HOSTILE = "β | <script>alert(1)</script> `*_[x](y) & co"


@pytest.fixture
def grid(runs: Path) -> Grid:
    failed = Cell(1, runs / "gan-1", "failed", "losses.adv became nan | see <log>")
    rows = (
        Row("vae", "A VAE", finished(runs, "vae", [0.9, 0.95], 0.971)),
        Row("hostile", HOSTILE, finished(runs, "hostile", [0.5, 0.55])),
        Row("gan", "A GAN", (*finished(runs, "gan", [0.25]), failed)),
        Row("late", "", (Cell(0, runs / "late-0", "not begun"), Cell(1, runs / "late-1", "not begun"))),
    )
    return Grid("toys", rows, command="semreg table 'r/*.toml' --seeds 2")


def test_the_table_reads_like_a_papers(grid: Grid) -> None:
    text = markdown(view(grid, "2025-01-02 03:04 UTC"))
    lines = [re.sub(r"\s+", " ", line) for line in text.splitlines()]
    assert lines[0] == "# toys: 4 recipes × 2 seeds"
    assert "| | accuracy | paper |" in lines
    assert "| A VAE | 0.9250 ± 0.0354 | 0.9710 |" in lines
    assert "| A GAN | 0.2500 (1/2) | – |" in lines
    assert "| late | – | – |" in lines
    assert (
        "Mean ± sample standard deviation over seeds; in brackets the number of runs, if some lack the figure." in lines
    )
    assert "1 more figure, shown by --figures 'probe.\\*'." in lines
    assert "| A GAN | probe.accuracy | A VAE | yes, worse | 0.00024 | 0 | 13 |" in lines
    assert "**A GAN · seed 1 failed: losses.adv became nan \\| see &lt;log>**" in lines
    assert "> **2 of 8 runs not finished: late · seed 0 (not begun); late · seed 1 (not begun).**" in lines
    assert "| A VAE | vae | 0, 1 | toy | 40 train / 20 test | sha256:a | 2 + 3 | 1m30s | 3m00s |" in lines
    assert "- command: `semreg table 'r/*.toml' --seeds 2`" in lines
    for note in (
        "finished: 5 of 8 runs",
        "seeds: 0, 1",
        "device: cpu",
        "semreg: 0.1.0",
        "written: 2025-01-02 03:04 UTC",
    ):
        assert f"- {note}" in lines
    assert "- training: 7m30s in all" in lines


def test_one_seed_alone_has_no_deviation_and_a_row_without_a_finished_run_says_why(runs: Path) -> None:
    rows = (
        Row("vae", "", finished(runs, "vae", [0.9])),
        Row("gan", "", (Cell(0, runs / "gan-0", "failed", "nan"),)),
    )
    text = markdown(view(Grid("toys", rows), ""))
    assert "2 recipes × 1 seed\n" in text
    assert re.search(r"\| vae +\| +0.9000 \|", text)
    assert re.search(r"\| gan +\| +failed \|", text)
    assert "One run each." in text


def test_markdown_holds_no_markup_of_others(grid: Grid) -> None:
    text = markdown(view(grid, ""))
    (line,) = [line for line in text.splitlines() if "β" in line and "±" in line]
    assert "β \\| &lt;script>alert(1)&lt;/script> \\`\\*\\_\\[x\\](y) & co" in line
    assert len(re.findall(r"(?<!\\)\|", line)) == 4
    assert escaped("a\n\x1b[31mb_c") == "a �\\[31mb_c"
    assert escaped("> p < 0.05 > 0 & no &lt; or &#60;") == "&gt; p < 0.05 > 0 & no &amp;lt; or &amp;#60;"
    assert escaped("a <b> <!-- <? </b <") == "a &lt;b> &lt;!-- &lt;? &lt;/b &lt;"
    assert escaped("knn_without _x_") == "knn_without \\_x\\_"
    ticks = replace(grid, command="semreg table `x`")
    assert "- command: `` semreg table `x` ``" in markdown(view(ticks, ""))


def test_the_page_is_whole_escaped_and_links_to_the_reports(grid: Grid, runs: Path) -> None:
    folder = runs / "tables" / "toys-abc"
    write_table(grid, folder)
    text = (folder / "table.html").read_text()
    page = Page(text)
    assert page.open == []
    assert text.count("<script") == 1, "our own, which holds nothing of theirs"
    assert HOSTILE in page.words()
    assert "0.9250 ± 0.0354" in page.words()
    links = {str(attributes["href"]) for tag, attributes in page.tags if tag == "a"}
    places = {str(attributes["id"]) for _, attributes in page.tags if "id" in attributes}
    assert {link.removeprefix("#") for link in links if link.startswith("#")} <= places
    files = {link for link in links if not link.startswith("#")}
    reports = {link for link in files if not link.startswith("table.")}
    assert reports == {"../../vae-0/report.html", "../../vae-1/report-vae.html"}, "of the rows' own recipes"
    assert files - reports == {"table.md", "table.tex", "table.csv", "table.json"}
    assert all((folder / link).is_file() for link in files)
    assert not re.search(r"(src|href)=\"(https?:)?//", text)
    assert "viewport" in text


def test_a_run_that_is_damaged_has_no_link(grid: Grid, runs: Path) -> None:
    (runs / "vae-1" / "run.json").write_text("{")
    write_table(grid, runs / "tables" / "toys-abc")
    text = (runs / "tables" / "toys-abc" / "table.html").read_text()
    assert 'href="../../vae-0/report.html"' in text
    assert "vae-1/report" not in text


def test_plots_stand_in_the_page_and_as_files_beside_the_markdown(grid: Grid, runs: Path) -> None:
    folder = runs / "tables" / "toys-abc"
    plots = (Plot("probe.accuracy", "probe.spare"), Plot("probe.spare", "probe.accuracy"))
    text = write_table(replace(grid, plots=plots), folder)
    pictures = sorted(folder.glob("*.png"))
    assert len(pictures) == 2
    assert dict(re.findall(r"!\[(.*)\]\((.*)\)", text)) == {
        "probe.accuracy against probe.spare": pictures[1].name,
        "probe.spare against probe.accuracy": pictures[0].name,
    }
    assert text.count("Left out, without a value of both figures: late.") == 2
    page = Page((folder / "table.html").read_text())
    assert page.open == []
    assert "probe.spare against probe.accuracy" in page.words()
    assert "Left out, without a value of both figures: late." in page.words()
    sources = [str(attributes["src"]) for tag, attributes in page.tags if tag == "img"]
    assert [base64.b64decode(source.partition("base64,")[2]) for source in sources] == [
        picture.read_bytes() for picture in pictures
    ]


def test_a_plot_without_a_point_is_said_and_none_is_drawn(grid: Grid, runs: Path) -> None:
    folder = runs / "tables" / "toys-abc"
    text = write_table(replace(grid, plots=(Plot("probe.accuracy", "other.loss"),)), folder)
    assert "> **No recipe has a value of both figures of the plot probe.accuracy:other.loss.**" in text
    assert "![" not in text
    assert not list(folder.glob("*.png"))
    assert "<figure" not in (folder / "table.html").read_text()


def test_json_has_everything_unrounded(grid: Grid, runs: Path) -> None:
    folder = runs / "tables" / "toys-abc"
    results = {"probe": Result({"accuracy": math.nan})}
    lost = {"knn": "memory ran out"}
    nan = Row("nan", "", (Cell(0, runs / "nan-0", "finished", results=results, failures=lost, facts=FACTS),))
    write_table(replace(grid, rows=(*grid.rows, nan)), folder)
    data = json.loads((folder / "table.json").read_text())
    (table,) = data["tables"]
    first = table["figures"][0]
    assert (first["row"], first["figure"], first["runs"], first["paper"]) == ("vae", "accuracy", 2, 0.971)
    assert first["mean"] == pytest.approx(0.925)
    assert table["figures"][-1]["mean"] is None
    assert table["tests"][0]["by_seed"]["0"]["second_only"] == 8
    assert data["rows"][0]["runs"][1]["folder"] == "../../vae-1"
    assert data["rows"][2]["runs"][1] | {"facts": None} == {
        "seed": 1, "folder": "../../gan-1", "state": "failed", "reason": "losses.adv became nan | see <log>",
        "facts": None, "figures": {}, "failures": {}, "judges": {},
    }  # fmt: skip
    assert data["judged_on"] == "test"
    assert (data["rows"][-1]["runs"][0]["state"], data["rows"][-1]["runs"][0]["failures"]) == ("finished", lost)


def test_a_path_that_is_no_text_hinders_no_table(grid: Grid, runs: Path) -> None:
    folder = runs / "tables" / "toys-abc"
    odd = Row("odd", "", (Cell(0, runs / "odd\udcff-0", "not begun"),))
    odd.cells[0].folder.mkdir()
    (odd.cells[0].folder / "report-odd.html").write_text("")
    write_table(replace(grid, rows=(*grid.rows, odd), command="semreg table \udcff.toml"), folder)
    for name in ("table.md", "table.html"):
        assert "semreg table ?.toml" in (folder / name).read_text()
    assert "odd%FF-0/report-odd.html" in (folder / "table.html").read_text()
    data = json.loads((folder / "table.json").read_text())
    assert data["command"] == "semreg table \udcff.toml"
    assert data["rows"][-1]["runs"][0]["folder"] == "../../odd\udcff-0"


def test_a_folder_that_cannot_be_written_is_told(grid: Grid, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CannotWrite, match="the same command continues and keeps finished runs"):
        write_table(grid, tmp_path / "file" / "tables")
