"""`semreg plugins`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from semreg.cli.main import app

Install = Callable[..., Path]


@pytest.fixture(autouse=True)
def _two_plugins(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two plugins, one of which cannot be imported, and no others."""
    groups = {
        "semreg.losses": {"toy_b": "toy_listed:b", "toy_a": "toy_listed:a"},
        "semreg.datasets": {"toys": "toy_listed:c"},
    }
    install("semreg-good", groups, toy_listed="a = b = c = print")
    install("semreg-bad", {"semreg.priors": {"toy_prior": "toy_unlisted:P"}}, toy_unlisted="import no_such_module")
    monkeypatch.setenv("SEMREG_PLUGINS", "semreg-good,semreg-bad")


def plugins(*options: str) -> tuple[list[str], str]:
    """The lines of the two plugins, and what is said beside."""
    result = CliRunner().invoke(app, ["plugins", *options])
    assert result.exit_code == 0, result.output
    assert "no plugins are installed" not in result.stdout
    lines = result.stdout.splitlines()
    ours = [k for k, line in enumerate(lines) if line.startswith(("semreg-good 1.2", "semreg-bad 1.2"))]
    return [line for k in ours for line in lines[k : k + 3] if "off:" not in line], result.stderr


def test_what_each_brings_stands_in_columns_under_its_state() -> None:
    lines, said = plugins()
    assert lines[:2] == ["semreg-bad 1.2 · ready", "  prior  toy_prior"]
    assert lines[-3:] == ["semreg-good 1.2 · ready", "  dataset  toys", "  loss     toy_a, toy_b"]
    assert said == ""


def test_loading_tells_what_cannot_be_imported() -> None:
    lines, _ = plugins("--load")
    assert lines[0].startswith("semreg-bad 1.2 · broken: its prior 'toy_prior' cannot be imported from toy_unlisted:P")
    assert "semreg-good 1.2 · ready" in lines


def test_json_has_the_same_for_machines() -> None:
    result = CliRunner().invoke(app, ["plugins", "--json"])
    found = {plugin["distribution"]: plugin for plugin in json.loads(result.stdout)}
    assert found["semreg-good"] == {
        "distribution": "semreg-good",
        "version": "1.2",
        "brings": {"dataset": ["toys"], "loss": ["toy_a", "toy_b"]},
        "problems": [],
        "state": "ready",
    }


def test_a_name_that_is_not_installed_is_told_with_the_closest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEMREG_PLUGINS", "semreg-good,semreg-bda")
    _, said = plugins()
    assert said.startswith(
        "warning: SEMREG_PLUGINS names 'semreg-bda', which is not installed; did you mean 'semreg-bad'"
    )


def test_that_there_is_none_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SEMREG_PLUGINS")
    monkeypatch.setattr("semreg.cli.plugins.installed_plugins", lambda load: [])
    result = CliRunner().invoke(app, ["plugins"])
    assert result.stdout == "no plugins are installed\n"
    assert CliRunner().invoke(app, ["plugins", "--json"]).stdout == "[]\n"


def test_what_is_passed_over_and_empty_names_are_named(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SEMREG_PLUGINS")
    information = install("stranger\x1b[2J", {}) / "stranger\x1b[2J-1.2.dist-info"
    (information / "entry_points.txt").write_bytes(b"\xff")
    install("semreg-odd", "[semreg.losses]\n = toy_listed:a\nb = toy_listed:b")
    lines = CliRunner().invoke(app, ["plugins"]).stdout.splitlines()
    shown = str(information).replace("\x1b", "\\x1b")
    assert lines[-1].startswith(f"{shown} · passed over: its entry points cannot be read (")
    assert "  loss  '', b" in lines
    last = json.loads(CliRunner().invoke(app, ["plugins", "--json"]).stdout)[-1]
    assert last["distribution"] == str(information)
    assert last["problems"] == [last["state"]]
