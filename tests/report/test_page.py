"""The report is one page, made from a folder alone, whose every text is escaped."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from semreg.core import Picture, Result, Scatter, Table, UserError, Walk
from semreg.report import page as report
from semreg.store.recipes import evaluations_of, kept_as, write_evaluations, write_recipe
from tests.conftest import write_fake_result

VOID = {"meta", "img", "br", "line", "polyline", "circle"}


class Page(HTMLParser):
    """Texts, tags and whether every tag is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] not in ("style", "script"):
            self.text += f" {data}"

    def words(self) -> str:
        return " ".join(self.text.split())


def test_the_page_shows_what_ran_on_what_and_what_came_out(fake_run: Path) -> None:
    page = Page(report.render(fake_run))
    words = page.words()
    assert page.open == []
    for text in (
        "using the avatars instead.",
        "not comparable with the paper's",
        "avatars (size = 48)",
        "3,200 train / 400 validation / 400 test",
        "4.1 linear 0.941 / convolutional 0.952 = 0.988 (paper 0.972)",
        "ratio 0.988 0.972 +0.016",
        "correlation agreement 0.83",
        "siamese 1 10 ·",
        "2 backwards",
        "best validation at iteration 1,200",
        "images/s 42",
        "Mouth_Slightly_Open",
        "20 rows",
        "semreg run recipes/olr_celeba.toml --seed 7",
        "sha256:0123abcd",
        "semreg-olr 0.1.0",
    ):
        assert text in words, text
    assert "not finished" not in words


def test_the_page_needs_nothing_else(fake_run: Path) -> None:
    text = report.render(fake_run)
    page = Page(text)
    assert not re.search(r"https?://|url\(|@import", text)
    assert {tag for tag, _ in page.tags} & {"link", "iframe", "object"} == set()
    assert [attributes for tag, attributes in page.tags if tag == "script"] == [{}]
    sources = [attributes["src"] or "" for tag, attributes in page.tags if tag == "img"]
    assert len(sources) == 5
    assert all(source.startswith("data:image/png;base64,iVBORw0KGgo") for source in sources)
    assert all(str(attributes["href"]).startswith("#") for tag, attributes in page.tags if tag == "a")


def test_links_lead_somewhere(fake_run: Path) -> None:
    tags = Page(report.render(fake_run)).tags
    targets = {attributes["id"] for _, attributes in tags if "id" in attributes}
    links = {str(attributes["href"])[1:] for tag, attributes in tags if tag == "a"}
    assert links <= targets
    assert links


def test_all_text_is_escaped(fake_run: Path) -> None:
    evil = "<img src=x onerror=alert(1)>\"'"
    record = json.loads((fake_run / "run.json").read_text())
    record |= {"name": evil, "fallback": evil, "command": evil, "device": evil, "modules": {evil: {"use": evil}}}
    record["phases"][0] |= {"name": evil, "steps": {evil: {evil: {evil: 1}}}}
    record["versions"][evil] = evil
    (fake_run / "run.json").write_text(json.dumps(record))
    (fake_run / "recipe.json").write_text(json.dumps({"data": evil}))
    line = {"phase": evil, "iteration": 1, "losses": {evil: 1.0}}
    (fake_run / "metrics.jsonl").write_text(json.dumps(line) + "\n")
    result = Result({evil: 1.0}, {evil: 2.0}, [Table(evil, [evil], [[evil]], evil)], [], evil)
    folder = write_fake_result(fake_run, "zz", result)
    write_evaluations(fake_run, evil, {evil: folder.name}, reported=True)
    page = Page(report.render(fake_run))
    assert page.open == []
    assert all("onerror" not in attributes for _, attributes in page.tags)
    assert page.text.count("<img src=x onerror=alert(1)>") > 15
    assert "<script>alert('warning')</script>" in page.text


def test_points_in_space_are_there_to_be_turned_and_their_names_escaped(fake_run: Path) -> None:
    evil = "</script><img src=x onerror=alert(1)>\"'"
    points = [[0.0, 10.0, 5.0], [20.0, 10.0, 5.0], [0.0, 10.0, math.nan]]
    scatter = Scatter(evil, points, [0, 1, 1], [evil, "b"], evil)
    write_fake_result(fake_run, "tsne", Result(scatters=[scatter, scatter]))
    page = Page(report.render(fake_run))
    canvases = [attributes for tag, attributes in page.tags if tag == "canvas"]
    assert page.open == []
    assert len(canvases) == 2
    assert json.loads(canvases[0]["data-points"] or "") == [[-1, 0, 0, 0], [1, 0, 0, 1]]
    assert len((canvases[0]["data-colours"] or "").split()) == 2
    assert json.loads(canvases[0]["data-names"] or "") == [evil, "b"]
    assert [tag for tag, _ in page.tags].count("script") == 1
    assert all("onerror" not in attributes for _, attributes in page.tags)
    assert page.text.count("<img src=x onerror=alert(1)>") == 5


@pytest.mark.parametrize("state", ["running", "stopped", "failed"])
def test_an_unfinished_run_says_so(fake_run: Path, state: str) -> None:
    status = {"state": state, "phase": "siamese", "iteration": 30, "iterations": 1200, "message": "loss pair is nan"}
    (fake_run / "status.json").write_text(json.dumps(status))
    words = Page(report.render(fake_run)).words()
    shown = "stopped" if state == "running" else state  # no process has the folder
    assert f"has not finished: {shown} in phase siamese, iteration 30 of 1200. loss pair is nan" in words


def test_the_barest_run_has_a_report(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("{}")
    page = Page(report.render(tmp_path))
    assert page.open == []
    assert "has not finished: stopped" in page.words()


def test_the_legend_names_validation_only_where_there_is_one(fake_run: Path) -> None:
    assert "validation by iteration" in Page(report.render(fake_run)).words()
    line = {"phase": "siamese", "iteration": 1, "losses": {"pair": 1.0}}
    (fake_run / "metrics.jsonl").write_text(json.dumps(line) + "\n")
    assert "training by iteration" in Page(report.render(fake_run)).words()


def test_pictures_of_images_come_before_all_figures_and_plots_stand_beside_theirs(fake_run: Path) -> None:
    [edits] = fake_run.glob("evaluations/edits-*/00.png")
    dot = Picture("dot", edits.read_bytes())
    walk = Walk(["<b>row"], [[(0, 0, 4, 4), (4, 0, 4, 4)]], (), ["<i>first", "last"])
    write_fake_result(fake_run, "strip", Result(pictures=[replace(dot, title="strip", walk=walk)]))
    write_fake_result(fake_run, "alone", Result(pictures=[replace(dot, title="map")]))
    write_fake_result(fake_run, "plotted", Result(figures={"x": 1.0}, pictures=[replace(dot, title="bars")]))
    page = Page(report.render(fake_run))
    assert page.open == []
    titles = [str(attributes["alt"]) for tag, attributes in page.tags if tag == "img"]
    assert titles[:3] == ["Edits", "strip", "map"], "rows of images first"
    assert titles[3:6] == ["Accuracy", "Correlation", "bars"]
    [kept] = [json.loads(str(a["data-walk"])) for tag, a in page.tags if tag == "figure" and "<b>" in str(a)]
    assert kept == {
        "rows": ["<b>row"], "boxes": [[[0, 0, 4, 4], [4, 0, 4, 4]]], "labels": [], "stops": ["<i>first", "last"],
    }  # fmt: skip
    words = page.words()
    assert (
        words.index("Pictures edits")
        < words.index("Figures Figures beside the paper's")
        < words.index("Training classifier")
    )


def test_the_first_lines_say_what_ran_on_what_and_that_it_is_a_fallback(fake_run: Path) -> None:
    record = json.loads((fake_run / "run.json").read_text())
    record |= {
        "commit": "ac1acc4",
        "fallback": "CelebA not found under data (looked for a, b).\nDownload it.\nUsing avatars instead.",
    }
    (fake_run / "run.json").write_text(json.dumps(record))
    (fake_run / "recipe.json").write_text(json.dumps({"description": "Faces & labels.", "data": {"use": "avatars"}}))
    words = Page(report.render(fake_run)).words()
    said = "Faces & labels. Trained on the data set avatars: 3,200 training, 400 validation and 400 test images."
    assert f"{said} CelebA not found under data. Using avatars instead. CelebA not found under data (looked" in words
    assert "Commit of semreg ac1acc4 ." in words
    assert '[data] use = "avatars"' in words


MEASURED = """
def toy(a):
    "How far `a` <b>is</b>.\\n\\nSource: Doe, *Toys* (2020)."

toy.better = {"ratio": "higher"}
"""


def test_each_evaluation_says_what_it_measures_and_which_way_is_good(
    fake_run: Path, install: Callable[..., Path]
) -> None:
    install("semreg-toy", {"semreg.evaluations": {"toy_measured": "toy_measured:toy"}}, toy_measured=MEASURED)
    (fake_run / "recipe.json").write_text(json.dumps({"evaluate": {"linear": {"use": "toy_measured(z)"}}}))
    text = report.render(fake_run)
    said = "How far <code>a</code> &lt;b&gt;is&lt;/b&gt;. Higher (↑) is better. <span>Doe, <i>Toys</i> (2020).</span>"
    assert said in text
    words = Page(text).words()
    assert "linear ratio ↑ 0.988 0.972 +0.016" in words
    assert "linear linear 0.941 0.916" in words, "of others nothing is said"
    assert "↑: higher is better" in words


def test_curves_bring_their_values_and_both_axes(fake_run: Path) -> None:
    tags = Page(report.render(fake_run)).tags
    drawings = [attributes for tag, attributes in tags if tag == "svg"]
    assert [one["data-axis"] for one in drawings].count("linear") == 5
    assert [one["data-axis"] for one in drawings].count("logarithmic") == 5
    assert sum("hidden" in one for one in drawings) == 5
    series = [json.loads(str(a["data-values"])) for tag, a in tags if tag == "polyline" and "data-values" in a]
    assert len(series) == 7, "five losses, two of which are validated"
    assert series[0][0][0] == 10


def test_a_damaged_evaluation_is_a_warning(fake_run: Path) -> None:
    [result] = fake_run.glob("evaluations/linear-*/result.json")
    result.write_text("{")
    words = Page(report.render(fake_run)).words()
    assert "holds no readable result of an evaluation" in words
    assert "correlation" in words


def test_another_recipe_of_the_run_has_its_own_evaluations_and_text(fake_run: Path) -> None:
    own = report.render(fake_run)
    places = {name: path.name for name, path in evaluations_of(fake_run, "olr_celeba").items()}
    write_recipe(fake_run, "judged", {"description": "Only agreement"})
    command = "semreg run judged.toml"
    write_evaluations(fake_run, "judged", {"agreed": places["correlation"]}, reported=True, command=command)
    page = Page(report.render(fake_run, "judged"))
    words = page.words()
    assert "judged · semreg" in words
    assert "Only agreement. Trained on the data set avatars" in words
    assert "Figures agreed agreement 0.83" in words
    assert 'description = "Only agreement"' in words
    assert command in words
    assert "images/s 42" in words, "of the run, whatever recipe"
    assert not any(f" {text} " in words for text in ("linear", "edits", "correlation"))
    assert report.render(fake_run) == report.render(fake_run, "olr_celeba") == own


def test_what_is_judged_on_validation_images_says_so_at_its_head(fake_run: Path) -> None:
    places = {name: path.name for name, path in evaluations_of(fake_run, "olr_celeba").items()}
    kept = kept_as("olr_celeba", "validation")
    write_recipe(fake_run, kept, {"description": "Only agreement"})
    write_evaluations(fake_run, kept, {"agreed": places["correlation"]}, reported=True)
    page = Page(report.render(fake_run, kept))
    assert page.open == []
    assert "olr_celeba on validation images · semreg" in page.words()
    head = page.words().partition("Figures agreed")[0]
    assert "Judged on the 400 validation images: a test image on this page is one of these." in head
    assert "Judged on" not in Page(report.render(fake_run)).words()


def test_how_good_a_judge_is_stands_beside_what_it_judges(fake_run: Path) -> None:
    judge = fake_run.parent / "judge-abcdef"
    judge.mkdir()
    (judge / "run.json").write_text('{"name": "<judge>", "hash": "abcdef00"}')
    write_fake_result(judge, "accuracy", Result({"accuracy": 0.975}))
    places = {name: path.name for name, path in evaluations_of(fake_run, "olr_celeba").items()}
    write_evaluations(fake_run, "olr_celeba", places, reported=True, judges={"edits": "abcdef00"})
    page = Page(report.render(fake_run))
    assert page.open == []
    assert "Judged by <judge>, which itself classifies 97.50% of the test images of its data correctly." in page.words()
    assert page.words().count("which itself classifies") == 1


def test_only_evaluations_of_the_recipe_are_shown(fake_run: Path) -> None:
    """Results of what a recipe said before stay in the folder until they are pruned."""
    places = {name: path.name for name, path in evaluations_of(fake_run, "olr_celeba").items()}
    del places["linear"]
    write_evaluations(fake_run, "olr_celeba", {**places, "todo": "todo-ffffff"}, reported=False)
    words = Page(report.render(fake_run)).words()
    assert "correlation agreement 0.83" in words
    assert "convolutional" not in words
    assert "todo" not in words


def test_an_evaluation_that_failed_says_why(fake_run: Path) -> None:
    places = {name: path.name for name, path in evaluations_of(fake_run, "olr_celeba").items()}
    failures = {"knn": "<b>no</b> neighbours (semreg 0.1.0)"}
    places["knn"] = "knn-ffffff"
    write_evaluations(fake_run, "olr_celeba", places, reported=True, failures=failures)
    page = Page(report.render(fake_run))
    assert page.open == []
    assert "knn failed: <b>no</b> neighbours (semreg 0.1.0)" in page.words()
    assert "correlation agreement 0.83" in page.words()
    assert "knn failed" not in Page(report.render(fake_run, "other")).words()


def test_plugins_add_sections_and_broken_ones_a_warning(fake_run: Path, install: Callable[..., Path]) -> None:
    head = "from semreg.core.hookspecs import Section, hookimpl\n@hookimpl\ndef report_sections(run): "
    good = head + "return [Section('Extra of ' + run.name, 'one\\n\\n<two>')]"
    install("semreg-good", {"semreg.hooks": {"good": "toy_sections_good"}}, toy_sections_good=good)
    install(
        "semreg-bad",
        {"semreg.hooks": {"bad": "toy_sections_bad"}},
        toy_sections_bad=head + "return 1 / 0",
    )
    install(
        "semreg-odd",
        {"semreg.hooks": {"odd": "toy_sections_odd"}},
        toy_sections_odd=head + "return ['text']",
    )
    words = Page(report.render(fake_run)).words()
    assert "Extra of olr_celeba one <two>" in words
    assert "bad of semreg-bad 1.2 failed in report_sections and is switched off: ZeroDivisionError" in words
    assert "failed in report_sections and is switched off: ValueError: it returned a str where a Section is" in words


def test_the_page_says_where_the_time_went(fake_run: Path) -> None:
    words = Page(report.render(fake_run)).words()
    assert "forward 20.00 33.22" in words
    assert "classifier 1m00s 60.2 % 8.0 % 31.8 %" in words
    lines = [json.loads(line) for line in (fake_run / "metrics.jsonl").read_text().splitlines()[:-1]]
    old = [{key: value for key, value in line.items() if key != "seconds_per_iteration"} for line in lines]
    (fake_run / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in old))
    page = Page(report.render(fake_run))
    assert "Where the time went" not in page.words()
    assert all(attributes.get("href") != "#time" for _, attributes in page.tags)


def test_the_page_tells_what_was_taken_of_the_data(fake_run: Path) -> None:
    assert 'id="data"' not in report.render(fake_run)
    record = json.loads((fake_run / "run.json").read_text())
    record["data"] |= {
        "fields": {"pose": {"kind": "class", "names": ["<b>front", "left"], "order": "ring"}},
        "taken": {"split": "the column 'Split' of labels.csv", "attributes": {}, "known": {}, "others": {".heic": 70},
                  "classes": {"pose": {"train": [2, 1], "validation": [0, 7], "test": [1, 1]}}},
    }  # fmt: skip
    (fake_run / "run.json").write_text(json.dumps(record))
    page = Page(report.render(fake_run))
    assert page.open == []
    words = page.words()
    for text in (
        "the column 'Split' of labels.csv",
        "Not used: 70 .heic.",
        "<b>front 2 0 1 left 1 7 1",
        "The classes form a ring: each",
    ):
        assert text in words
    record["data"]["taken"] = 5
    (fake_run / "run.json").write_text(json.dumps(record))
    with pytest.raises(UserError, match="its files are not those of a run"):
        report.render(fake_run)


def test_nothing_stands_twice_below_each_other(fake_run: Path) -> None:
    [edits] = fake_run.glob("evaluations/edits-*/00.png")
    png, said = edits.read_bytes(), "Test images, unselected."
    pictures = [Picture("Linear", png, said), Picture("Other", png, said), Picture("Third", png, "Trained.")]
    table = Table("Table", ["a"], [[1]], "Trained.")
    same = Result(tables=[table], pictures=[Picture("Table", png), Picture("Table", png, "Far.")])
    write_fake_result(fake_run, "correlation", same)
    result = Result(tables=[table], pictures=pictures, scatters=[Scatter("Space", [[0, 1, 2]], [0], ["a"], said)])
    write_fake_result(fake_run, "linear", result)
    words = Page(report.render(fake_run)).words()
    assert words.count(said) == 1
    assert words.count("Trained.") == 2
    assert "linear Table a 1 Test images, unselected. Other Third Space" in words.replace("1 Trained.", "1")
    assert "correlation Table a 1 Table Far." in words.replace("1 Trained.", "1")


@pytest.mark.parametrize(
    ("ours", "paper", "shown"),
    [(0.9, 0.95, "0.900 0.950 −0.050"), (0.95, 0.95, "0.950 0.950 0.000"), (2e-5, 1e-5, "2.0e−05 1.0e−05 +1.0e−05"),
     (80.0, 78.0, "80.0 78.0 +2.0")],
)  # fmt: skip
def test_figures_beside_the_papers_have_digits_that_fit(fake_run: Path, ours: float, paper: float, shown: str) -> None:
    write_fake_result(fake_run, "linear", Result(figures={"ratio": ours}, paper={"ratio": paper}))
    assert f"linear ratio {shown}" in Page(report.render(fake_run)).words()


def test_numbers_of_a_column_have_digits_that_show_something(fake_run: Path) -> None:
    rows: list[list[str | float | int | None]] = [["a", 0.9, 2e-5, 3, None], ["b", -0.0001, 0.0, 4, float("nan")]]
    write_fake_result(fake_run, "linear", Result(tables=[Table("T", ["x", "y", "z", "n", "w"], rows)]))
    assert "T x y z n w a 0.900 2.0e-05 3 – b 0.000 0.000 4 –" in Page(report.render(fake_run)).words()
