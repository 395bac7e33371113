"""What is built and installed: metadata, the plugins of `semreg[all]`, wheels in an environment of their own."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from semreg.recipe.listing import MINUTES
from semreg.recipe.load import load_recipe
from semreg.recipe.names import find_recipe
from tests.docs.test_links import CODE, LINK
from tests.projects import ALL, PROJECTS, ROOT

RECIPES = sorted((ROOT / "recipes").rglob("*.toml"))


def run(*command: str | Path, cwd: Path, **more: str) -> str:
    """What a command prints, without this checkout on its path."""
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "SEMREG_PLUGINS")}
    done = subprocess.run(
        [*map(str, command)], cwd=cwd, env=environment | more, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_all_is_what_the_shipped_recipes_require() -> None:
    required: set[str] = set()
    for path in RECIPES:
        table = load_recipe(path).table
        required.update(table.get("requires", ()), table.get("fallback", {}).get("requires", ()))
    assert sorted(required) == ALL
    assert set(ALL) <= {project["name"] for project in PROJECTS.values()}


def test_the_commands_that_install_bring_all() -> None:
    folders = [f"plugins/{name}" for name in ALL]
    line = re.search(r"`(pip install [^`]*-e plugins[^`]*)`", (ROOT / "docs" / "install.md").read_text())
    assert line is not None
    assert line[1].split() == [
        "pip", "install", "-c", "constraints.txt", "-e", '".[all,test]"', *(w for f in folders for w in ("-e", f)),
    ]  # fmt: skip
    made = run("make", "--dry-run", "VENV=/nowhere", "/nowhere/.installed", cwd=ROOT)
    assert re.findall(r"--editable (\S+)", made) == ['".[all,test]"', *folders]


@pytest.mark.parametrize("folder", PROJECTS, ids=lambda folder: str(PROJECTS[folder]["name"]))
def test_metadata_are_complete(folder: Path) -> None:
    project = PROJECTS[folder]
    assert project["license"] == "MIT"
    assert [(folder / name).read_text() for name in project["license-files"]] == [(ROOT / "LICENSE").read_text()]
    for key in ("description", "authors", "keywords", "classifiers", "requires-python"):
        assert project[key], key
    page = (folder / project["readme"]).read_text()
    assert page.startswith(f"# {project['name']}\n")
    links = LINK.findall(CODE.sub("", page))
    assert [link for link in links if not link.startswith("https://")] == [], "an index has no other pages"
    named = re.findall(r"^semreg (?:run|check|sweep) (\S+)", page, re.MULTILINE)
    assert named
    for name in named:
        package, colon, file = name.partition(":")
        assert (folder / "src" / package / file).is_file() if colon else find_recipe(f"semreg:{name}")


# --- what is built and installed ---

PIP = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder `semreg` of what is in the checkout, and of what builds and runs of before left there."""
    folder = tmp_path_factory.mktemp("clones") / "semreg"
    folder.mkdir()
    for name in ("semreg", "recipes", "docs", "plugins", "pyproject.toml", "LICENSE", ".gitignore"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, folder / name)
    for stale in ("build/lib/semreg/old.py", "semreg.egg-info/top_level.txt", "runs/x/run.json"):
        (folder / stale).parent.mkdir(parents=True)
        (folder / stale).write_text("")
    return folder


def environment(folder: Path, *wheels: Path) -> Path:
    """The interpreter of a new environment, with wheels and the libraries that are here."""
    run(sys.executable, "-m", "venv", "--without-pip", folder, cwd=folder.parent)
    python = folder / "bin" / "python"
    site = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder).strip())
    run(*PIP, "--python", python, "install", "--no-deps", "--no-index", *wheels, cwd=folder)
    libraries = [path for path in sys.path if Path(path).name in ("site-packages", "dist-packages")]
    (site / "libraries.pth").write_text("\n".join(libraries))  # they come after the wheels
    return python


@pytest.fixture(scope="module")
def wheels(clone: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The wheels of semreg and of all that `semreg[all]` brings."""
    folder = tmp_path_factory.mktemp("wheels")
    projects = [clone, *(clone / "plugins" / name for name in ALL)]
    run(*PIP, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, *projects, cwd=folder)
    return list(folder.glob("*.whl"))


@pytest.mark.slow
def test_a_wheel_holds_its_package_with_its_data_and_nothing_else(wheels: list[Path]) -> None:
    held = {}
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as archive:
            held[wheel.name.partition("-")[0]] = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert held.keys() == {name.replace("-", "_") for name in ("semreg", *ALL)}
    for name, files in held.items():
        assert {file.partition("/")[0] for file in files} == {name}
        assert f"{name}/py.typed" in files
    expected = {f"semreg/{path.relative_to(ROOT).as_posix()}" for path in [*RECIPES, ROOT / "recipes" / MINUTES]}
    for path in (ROOT / "semreg").rglob("*"):
        in_zoo = path.is_file() and path.is_relative_to(ROOT / "semreg" / "zoo")
        if in_zoo or path.suffix in (".py", ".html", ".css", ".js", ".jinja", ".typed"):
            expected.add(path.relative_to(ROOT).as_posix())
    assert held["semreg"] == expected


@pytest.mark.slow
def test_wheels_run_recipes_by_name_in_an_empty_folder(wheels: list[Path], tmp_path: Path) -> None:
    python, folder = environment(tmp_path / "environment", *wheels), tmp_path / "empty"
    folder.mkdir()

    def semreg(*arguments: str) -> str:
        return run(python, "-m", "semreg", *arguments, cwd=folder, SEMREG_CACHE=str(tmp_path / "cache"))

    places = run(python, "-c", "import semreg, semreg_atnl; print(semreg.__file__, semreg_atnl.__file__)", cwd=folder)
    assert all(Path(place).is_relative_to(tmp_path / "environment") for place in places.split())
    printed = semreg("run", "vae_digits", "--device", "cpu", "--set", "phases.main.epochs=2")
    report = folder / printed.strip().splitlines()[-1].removeprefix("report: ")
    assert report.is_file()
    assert json.loads((report.parent / "run.json").read_text())["recipe"] == "semreg:vae_digits"
    assert semreg("evaluate", report.parent.name, "--device", "cpu") == printed
    assert semreg("sample", "zoo:atnl_gm_digits", "--device", "cpu") == "images: samples.png\n"
    for recipe in ("olr_celeba", "gm_mnist", "mnist/atnl"):
        assert semreg("check", recipe).startswith(f"{Path(recipe).name} · ")
    (folder / "mine.toml").write_text('extends = "gm_mnist"\n[evaluate.exchange]\njudge = "digit_judge"\n')
    assert semreg("check", "mine.toml").startswith("mine · ")
    ready = [plugin["distribution"] for plugin in json.loads(semreg("plugins", "--json")) if plugin["state"] == "ready"]
    assert set(ALL) <= set(ready)


@pytest.mark.slow
def test_python_beside_a_clone_finds_the_package_and_not_the_folder(clone: Path, tmp_path: Path) -> None:
    build = f"from hatchling.build import build_editable; build_editable({str(tmp_path)!r})"
    run(sys.executable, "-c", build, cwd=clone)  # as pip does, which would have to fetch hatchling for it
    python = environment(tmp_path / "environment", *tmp_path.glob("*.whl"))
    code = "import semreg; print(semreg.__file__); print(semreg.load_recipe('vae_digits').path)"
    assert run(python, "-c", code, cwd=clone.parent).splitlines() == [
        str(clone / "semreg" / "__init__.py"), str(clone / "recipes" / "vae_digits.toml"),
    ]  # fmt: skip
