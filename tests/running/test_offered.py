"""Components that a command names, and what to install for those that aren't there."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from semreg.core import UserError
from semreg.core.kinds import KINDS
from semreg.running import offered
from semreg.running.offered import OFFERED, component_named
from tests.conftest import Install


@pytest.mark.parametrize(
    ("name", "cure"),
    [
        ("shelf", "; 'shelf' is installed by `pip install semreg-shelf`"),
        ("shlef", "; 'shelf' is installed by `pip install semreg-shelf`"),
        ("nope", "; none is installed"),
    ],
)
def test_what_is_to_be_installed_is_a_plugin_that_there_is(
    monkeypatch: pytest.MonkeyPatch, name: str, cure: str
) -> None:
    monkeypatch.setattr(offered, "installed_entry_points", lambda group, also_off: [])
    monkeypatch.setattr(offered, "OFFERED", {"tracker": {"shelf": "semreg-shelf"}})
    with pytest.raises(UserError) as refused:
        component_named(name, "tracker", "--to")
    assert refused.value.text().startswith(f"--to: no tracker is called {name!r}")
    assert refused.value.text().endswith(cure)


def test_one_that_is_installed_is_found_by_its_kind(install: Install) -> None:
    install("semreg-shelf", {"semreg.trackers": {"shelf": "shelf:track"}, "semreg.searches": {"shelf": "shelf:Search"}})
    assert component_named("shelf", "search", "--search").target == "shelf:Search"


def test_what_is_offered_comes_by_a_plugin_of_ours() -> None:
    for kind, names in OFFERED.items():
        for name, plugin in names.items():
            project = tomllib.loads((Path("plugins") / plugin / "pyproject.toml").read_text())["project"]
            assert name in project["entry-points"][KINDS[kind].group]
