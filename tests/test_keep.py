"""What tables found is kept for the pages of the documentation, and written into them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from benchmarks import keep, pages
from benchmarks.pages import mean, number, percent, read_results, written
from semreg.core import UserError
from semreg.tables.grid import Grid, Ranked, Ranking, Row
from semreg.tables.pages import write_table
from tests.tables.conftest import finished

COMMAND = "semreg table mnist/atnl mnist/vae --seeds 2 --data-root /data/sets --out /data/runs"
PAGE = """# Title

Right on ?<!--= percent(toys.atnl.probe.accuracy, 2) --> %, not 7 %,
p = 1<!--= number(toys.vae.tests.atnl.probe.accuracy.p_value[0], 3) -->.

<!--=
| | mean rank | probe (paper) | spare |
| --- | --- | --- | --- |
{% for row in (toys.vae, toys.atnl) | sort(attribute="ranking.mean_rank") %}
| {{ row.about.title }} | {{ number(row.ranking.mean_rank, 0) }}
  | {{ percent(row.probe.accuracy) }} ({{ number(row.paper.probe.accuracy) }}) | {{ number(row.probe.spare, 0) }} |
{% endfor %}
-->

Text.
"""
WRITTEN = PAGE.replace("?<!", "92.50 ± 3.54<!").replace("p = 1<!", "p = 0.125<!").replace(
    "Text.",
    """| | mean rank | probe (paper) | spare |
| --- | --- | --- | --- |
| ATNL | 1 | 92.5 ± 3.5 (0.99) | 1 ± 0 |
| vae | 2 | 70.0 ± 0.0 (–) | 1 ± 0 |

Text.""",
)  # fmt: skip


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a table of two recipes by two seeds, made up."""
    tmp_path = tmp_path_factory.mktemp("made")
    rows = (
        Row("atnl", "ATNL", finished(tmp_path / "runs", "atnl", [0.9, 0.95], 0.99)),
        Row("vae", "", finished(tmp_path / "runs", "vae", [0.7, 0.7])),
    )
    for row in rows:
        for cell in row.cells:
            cell.folder.mkdir(parents=True)
            (cell.folder / "run.json").write_text(json.dumps({"commit": "0a1b", "threads": 1, "card": "H100"}))
    folder = tmp_path / "tables" / "toys"
    write_table(Grid("toys", rows, command=COMMAND, ranking=Ranking((Ranked("probe.accuracy", True),))), folder)
    return folder


def with_changes(folder: Path, changes: Mapping[str, str]) -> Path:
    """The folder of a table as in another, but for texts of its JSON."""
    folder = shutil.copytree(folder, folder.with_name("changed"), dirs_exist_ok=True)
    data = (folder / "table.json").read_text()
    for old, new in changes.items():
        assert old in data
        data = data.replace(old, new)
    (folder / "table.json").write_text(data)
    return folder


def test_a_page_quotes_what_a_table_found(table: Path, tmp_path: Path) -> None:
    assert keep.keep(table, tmp_path / "kept") == tmp_path / "kept" / "toys.json"
    results = read_results(tmp_path / "kept")
    assert written(PAGE, results) == WRITTEN
    assert written(WRITTEN, results) == WRITTEN
    assert written(WRITTEN.replace("92.50", "92.60").replace("70.0", "70.1"), results) == WRITTEN


def test_what_is_kept_says_where_it_is_from_and_names_no_folder(table: Path, tmp_path: Path) -> None:
    kept = keep.keep(table, tmp_path / "kept", "other")
    about = json.loads(kept.read_text())["about"]
    assert about.pop("written").endswith(" UTC")
    command = "semreg table mnist/atnl mnist/vae --seeds 2 --data-root ROOT"
    assert about == {"command": command, "commit": "0a1b", "machine": "H100, 1 thread", "images": "test"}
    assert kept.with_suffix(".md").read_text().endswith(f"`{command}`\n- commit: 0a1b\n- machine: H100, 1 thread\n")


def test_a_data_root_is_replaced_where_it_is_a_path() -> None:
    command = "semreg table a --data-root /data"
    assert keep._without_places("/data/x docs/data.md", command) == "ROOT/x docs/data.md"


def test_pictures_of_its_page_are_kept(table: Path, tmp_path: Path) -> None:
    folder = with_changes(table, {})
    (folder / "plot.png").write_bytes(b"dots")
    (folder / "table.md").write_text((folder / "table.md").read_text() + "\n![A plot](plot.png)\n")
    keep.keep(folder, tmp_path / "kept")
    assert (tmp_path / "kept" / "plot.png").read_bytes() == b"dots"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({'"finished"': '"failed"'}, "atnl, seed 0  failed"),
        ({'"toy"': '"toy (path = /home/me/toys)"'}, "names folders that only this machine has: /home/me/toys"),
        ({'"name": "toys"': '"name": "../toys"'}, "'../toys' begins with no letter"),
    ],
)
def test_what_nobody_could_check_is_refused(table: Path, tmp_path: Path, changes: dict[str, str], said: str) -> None:
    with pytest.raises(UserError) as raised:
        keep.keep(with_changes(table, changes), tmp_path / "kept")
    assert said in raised.value.text()
    assert not list(tmp_path.glob("kept/*"))


def test_a_folder_without_a_table_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        keep.main([str(tmp_path)])
    assert "holds no table: No such file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1<!--= toys.atnl.prob.accuracy -->", "toys.atnl: has no 'prob'; did you mean 'probe'?"),
        ("1<!--= number( -->", "the page, {{ number( }}: unexpected"),
        ("right<!--= number(1) -->", "1 of 1 marks are none"),
        ("1 <!--= number(1) -->", "1 of 1 marks are none"),
        ("<!--=\nno table\n-->\n", "a template makes no table: 'no table'"),
        ("1<!--= mean([1, none]) -->", "not all of [1, None] are numbers"),
        ("1<!--= number(toys.atnl.probe) -->", "the page, {{ number(toys.atnl.probe) }}: "),
        ("1<!--= number(1 / 0) -->", "the page, {{ number(1 / 0) }}: division by zero"),
    ],
)
def test_a_mark_that_tells_nothing_is_refused(table: Path, tmp_path: Path, text: str, said: str) -> None:
    keep.keep(table, tmp_path / "kept")
    with pytest.raises(UserError) as raised:
        written(text, read_results(tmp_path / "kept"))
    assert said in raised.value.text()


def test_a_mark_is_of_all_the_figure_and_waits_for_its_result() -> None:
    assert written("p = 2.5e-174<!--= 1 -->, 1 ± 2<!--= 2 -->", {}) == "p = 1<!--= 1 -->, 2<!--= 2 -->"
    figure, table = "1<!--= number(toys.atnl) -->", "<!--=\n| {{ toys.atnl }} |\n-->\n\n| 1 |\n"
    assert written(f"{figure}\n\n{table}", {}) == f"?{figure[1:]}\n\n{table}"
    assert written(table[:-6], {}) == table[:-6]


def test_numbers_read_as_on_other_pages() -> None:
    assert [number(2 / 3), number(-0.125, 1, signed=True), number(0.5, 1, signed=True)] == ["0.67", "−0.1", "+0.5"]
    assert [number([]), number([1.0, None]), percent([0.5, None])] == ["–", "–", "–"]
    assert [percent(0.1234), percent(0.0055), percent([0.25, 0.75], 0)] == ["12.3", "0.6", "50 ± 35"]
    assert mean([1, 2]) == mean(1.5) == 1.5


def test_the_command_says_which_pages_differ_and_writes_them(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    keep.keep(table, tmp_path / "kept")
    page = tmp_path / "page.md"
    page.write_text(PAGE + "1<!--= later -->")
    monkeypatch.setattr(pages, "PAGES", [page])
    monkeypatch.setattr(pages, "ROOT", tmp_path)
    monkeypatch.setattr(pages, "RESULTS", tmp_path / "kept")
    for arguments, code, text in (
        (["--check"], 1, PAGE + "1<!--= later -->"),
        ([], 0, WRITTEN + "?<!--= later -->"),
        (["--check"], 0, WRITTEN + "?<!--= later -->"),
    ):
        with pytest.raises(SystemExit) as ended:
            pages.main(arguments)
        assert (ended.value.code, page.read_text()) == (code, text)
    assert capsys.readouterr() == ("page.md\npage.md\n", 3 * "page.md waits for later.json\n")
