"""New plugins work as they are written; what does not fit is refused, and nothing is left half written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from semreg.cli.main import app
from semreg.core import UserError
from semreg.core.kinds import KINDS
from semreg.core.version import __version__
from semreg.scaffold.writing import TEMPLATE_OF, write_plugin
from tests.docs.pages import plugins_of_pages
from tests.projects import SEMREG, installed
from tests.scaffold.plugins import put_in_place, python, require_passed


def invoke(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, [*arguments])
    return result.exit_code, result.output


@pytest.fixture
def written(tmp_path: Path) -> list[Path]:
    """A plugin of each kind, as the template has it, and that of each page of the documentation."""
    return [*(write_plugin(f"my-{kind}", kind, tmp_path) for kind in TEMPLATE_OF), *plugins_of_pages(tmp_path)]


@pytest.mark.slow
def test_what_is_written_passes_its_tests_and_is_tidy(
    written: list[Path], install: Callable[..., Path], tmp_path: Path
) -> None:
    for plugin in written:
        put_in_place(plugin, install)
    for command in (("check",), ("format", "--check")):
        tidy = python("-m", "ruff", *command, *map(str, written), cwd=tmp_path)
        assert tidy.returncode == 0, tidy.stdout
    require_passed(written, tmp_path)


@pytest.mark.slow
def test_what_is_written_installs(written: list[Path], tmp_path: Path) -> None:
    site = tmp_path / "site"
    install = ("-m", "pip", "install", "-q", "--no-index", "--no-deps", "--no-build-isolation", "--target", str(site))
    installed = python(*install, *map(str, written), cwd=tmp_path, site=site)
    assert installed.returncode == 0, installed.stderr
    require_passed(written, tmp_path, site)
    for command, kinds in (("list", list(KINDS)), ("plugins", ["hook"]), ("--help", ["command"])):
        listed = python("-m", "semreg", command, cwd=tmp_path, site=site).stdout
        assert {f"my_{kind}" for kind in kinds if kind in TEMPLATE_OF} <= set(listed.split()), listed


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("../up", "loss", "'../up' is not a name for a plugin; expected up to 40 small letters"),
        ("Contrastive", "loss", "is not a name for a plugin"),
        ("a" * 41, "loss", "is not a name for a plugin"),
        ("semreg-", "loss", "is not a name for a plugin"),
        ("7up", "loss", "is not a name for a plugin"),
        ("", "loss", "'' is not a name for a plugin; expected up to 40 small letters, digits, - and _"),
        ("my loss", "prior", "is not a name for a plugin"),
        ("re\x1b[31md", "loss", r"'re\x1b[31md' is not a name for a plugin"),
        ("lambda", "loss", "'lambda' means something else in Python or in the recipe"),
        ("torch", "loss", "'torch' means something else"),
        ("encoder", "encoder", "'encoder' means something else"),
        ("l2", "loss", f"'l2' is a loss of {SEMREG} already; choose another name"),
        ("linear", "loss", f"'linear' is an interpolator of {SEMREG} already"),
        ("table", "command", f"'table' is a command of semreg {__version__} already"),
        ("run", "command", "'run' means something else"),
        ("sample", "command", f"'sample' is a command of {SEMREG} already"),
        ("olr", "hook", f"'olr' is a hook of {installed('semreg-olr')} already"),
        ("settled", "hook", "'settled' means something else"),
        ("progress", "hook", "'progress' means something else"),  # its class would be called Progress
        ("codes", "loss", "'codes' means something else"),
        ("gmprior", "prior", f"{installed('semreg-gmprior')} is installed already"),
        ("new", "los", "there is no template for 'los'; did you mean 'loss'"),
        ("new", "optimizer", "there is no template for 'optimizer'; expected one of: classifier, "),
    ],
)
def test_what_does_not_fit_is_refused(name: str, kind: str, message: str, tmp_path: Path) -> None:
    code, output = invoke("new-plugin", name, "--kind", kind, "--out", str(tmp_path))
    assert code == 2
    assert message in output
    assert list(tmp_path.iterdir()) == []


def test_a_name_of_another_place_is_free(tmp_path: Path) -> None:
    assert write_plugin("digits", "loss", tmp_path).is_dir()


@pytest.mark.parametrize("what", ["folder", "file", "link"])
def test_what_is_there_stays(what: str, tmp_path: Path) -> None:
    there = tmp_path / "semreg-new"
    if what == "folder":
        there.mkdir()
        (there / "mine.txt").write_text("mine")
    elif what == "file":
        there.write_text("mine")
    else:
        there.symlink_to(tmp_path / "nowhere")
    with pytest.raises(UserError, match="exists already; choose another name"):
        write_plugin("new", "loss", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["semreg-new"]
    assert what != "folder" or (there / "mine.txt").read_text() == "mine"


def test_a_failure_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, content: bytes) -> None:
        if path.name == "README.md":
            path.write_bytes(content[:10])
            raise OSError(28, "No space left on device")

    monkeypatch.setattr("semreg.scaffold.writing.write_synced", full)
    code, output = invoke("new-plugin", "new", "--kind", "loss", "--out", str(tmp_path))
    assert code == 2
    assert "No space left on device" in output
    assert list(tmp_path.iterdir()) == []
