"""New plugins work as they are written; what does not fit is refused, and nothing is left half written."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from semreg.cli.main import app
from semreg.core import UserError
from semreg.scaffold.writing import TEMPLATE_OF, write_plugin
from tests.docs.pages import blocks


def invoke(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, [*arguments])
    return result.exit_code, result.output


def python(*arguments: str, path: Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Python with a folder of installed packages beside the environment's own."""
    paths = os.pathsep.join([str(path), *filter(None, [os.environ.get("PYTHONPATH"), os.getcwd()])])
    environment = {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=environment, timeout=300, check=False)


MIXED = """from pathlib import Path

from semreg.recipe.check import check
from semreg.recipe.load import load_recipe


def test_it_is_mixed_with_the_prior():
    plan = check(load_recipe(Path(__file__).with_name("supcon_gm.toml")), fallback=True)
    assert plan.matrix()["main"]["joint"]["encoder_s"] == {"rec": 10, "lkd": 1, "supcon": 0.1}
"""


def as_in_docs(folder: Path) -> Path:
    """The plugin of docs/plugin.md, by what the page has of functional.py, of the tests and of both recipes."""
    plugin = write_plugin("supcon", "loss", folder)
    texts: dict[str, list[str]] = {"python": [], "toml": [], "sh": []}
    for language, text in blocks("plugin.md"):
        texts[language].append(text)
    functional, tests = texts["python"]
    edit, mix = texts["toml"]
    package = plugin / "src" / "semreg_supcon"
    (package / "functional.py").write_text(functional)
    (plugin / "tests" / "test_supcon.py").write_text(tests)
    recipe = package / "supcon.toml"
    before = recipe.read_text()
    recipe.write_text(re.sub(r"\[losses\.supcon\]\n(?:.+\n)+", edit, before))
    assert recipe.read_text() != before
    (plugin / "tests" / "supcon_gm.toml").write_text(mix)
    (plugin / "tests" / "test_mix.py").write_text(MIXED)
    return plugin


def test_what_is_written_installs_passes_its_tests_and_is_tidy(tmp_path: Path) -> None:
    written = [*(write_plugin(f"my-{kind}", kind, tmp_path) for kind in TEMPLATE_OF), as_in_docs(tmp_path)]
    site = tmp_path / "site"
    install = ("-m", "pip", "install", "-q", "--no-index", "--no-deps", "--no-build-isolation", "--target", str(site))
    installed = python(*install, *map(str, written), path=site, cwd=tmp_path)
    assert installed.returncode == 0, installed.stderr
    for command in (("check",), ("format", "--check")):
        tidy = python("-m", "ruff", *command, *map(str, written), path=site, cwd=tmp_path)
        assert tidy.returncode == 0, tidy.stdout
    tests = [str(folder / "tests") for folder in written]
    options = ("-q", "--import-mode=importlib", "-p", "no:cacheprovider", f"--rootdir={tmp_path}")
    tested = python("-m", "pytest", *options, *tests, path=site, cwd=tmp_path)
    assert tested.returncode == 0, tested.stdout
    listed = python("-m", "semreg", "list", path=site, cwd=tmp_path).stdout
    assert all(f" {name} " in listed for name in ("supcon", *(f"my_{kind}" for kind in TEMPLATE_OF)))


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("../up", "loss", "'../up' is no name for a plugin; it takes up to 40 small letters"),
        ("Contrastive", "loss", "is no name for a plugin"),
        ("a" * 41, "loss", "is no name for a plugin"),
        ("semreg-", "loss", "is no name for a plugin"),
        ("7up", "loss", "is no name for a plugin"),
        ("", "loss", "'' is no name for a plugin; it takes up to 40 small letters, digits, - and _"),
        ("my loss", "prior", "is no name for a plugin"),
        ("re\x1b[31md", "loss", r"'re\x1b[31md' is no name for a plugin"),
        ("lambda", "loss", "'lambda' means something else in Python or in the recipe"),
        ("torch", "loss", "'torch' means something else"),
        ("encoder", "encoder", "'encoder' means something else"),
        ("l2", "loss", "'l2' is a loss of semreg 0.1.0 already; choose another name"),
        ("linear", "loss", "'linear' is an interpolator of semreg 0.1.0 already"),
        ("gmprior", "prior", "semreg-gmprior 0.1.0 is installed already"),
        ("new", "los", "there is no template for 'los'; did you mean 'loss'"),
        ("new", "optimizer", "there is no template for 'optimizer'; there is: dataset, "),
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
    with pytest.raises(UserError, match="is there already; choose another name"):
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
