"""What stands in several files of the project and must say the same: versions, commands, papers."""

from __future__ import annotations

import re

import pytest
import yaml

from semreg.core.version import __version__
from tests.lowest import lowest, requirements
from tests.projects import PROJECTS, ROOT

SERIES = ".".join(__version__.split(".")[:2])
NEXT = f"{__version__.split('.')[0]}.{int(__version__.split('.')[1]) + 1}"


def test_all_distributions_have_one_version_and_ask_for_it() -> None:
    assert {project["version"] for project in PROJECTS.values()} == {__version__}
    for project in PROJECTS.values():
        extras = project.get("optional-dependencies", {}).values()
        asked = [*project["dependencies"], *(one for extra in extras for one in extra)]
        ours = [one for one in asked if re.match(r"semreg(-[\w-]+)?[<>=]", one)]
        assert [one for one in ours if not one.endswith(f">={SERIES},<{NEXT}")] == []


def test_lowest_versions_are_those_that_suit_all() -> None:
    assert lowest(["a>=1.9,<2", "a[b]>=1.10", "semreg>=0.2", "b"]) == {"a": "1.10"}
    asked = {re.split(r"[^\w-]", one)[0] for one in requirements()}
    assert {one for one in asked if not one.startswith("semreg")} == lowest(requirements()).keys(), "each has a bound"


def test_the_changelog_begins_with_the_version() -> None:
    versions = re.findall(r"^## (\S+) \(\d{4}-\d\d-\d\d\)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert versions[0] == __version__
    assert len(versions) == len(set(versions)) == len(re.findall("^## ", (ROOT / "CHANGELOG.md").read_text(), re.M))


def test_the_citation_is_of_the_version_and_the_four_papers() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert (citation["cff-version"], citation["version"], citation["license"]) == ("1.2.0", __version__, "MIT")
    assert f"## {__version__} ({citation['date-released']})" in (ROOT / "CHANGELOG.md").read_text()
    plugins = [paper["notes"].rpartition(" ")[2] for paper in citation["references"]]
    assert sorted(plugins) == ["semreg-atnl", "semreg-gmprior", "semreg-olr", "semreg-uniform"]
    assert all(paper[key] for paper in citation["references"] for key in ("title", "authors", "year", "url"))


def test_commits_are_checked_by_what_make_test_runs() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    commands = [hook["entry"] for repository in hooks for hook in repository["hooks"]]
    [made] = re.findall(r"^test: .*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    lines = [line.strip().replace("$(VENV)", ".venv") for line in made.splitlines()]
    assert commands == [line for line in lines if "pytest" not in line]


@pytest.mark.parametrize("name", ["bug", "idea"])
def test_an_issue_asks_for_what_doctor_prints(name: str) -> None:
    form = yaml.safe_load((ROOT / ".github" / "ISSUE_TEMPLATE" / f"{name}.yml").read_text())
    assert form["name"]
    assert form["description"]
    labels = [part["attributes"]["label"] for part in form["body"]]
    assert any("semreg doctor" in label for label in labels)
    assert len({part["id"] for part in form["body"]}) == len(labels)
