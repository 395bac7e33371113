"""Distributions of others: built as wheels, installed beside the environment, used next to ours, and removed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from typer.testing import CliRunner

from semreg.cli.main import app
from semreg.core.version import __version__
from semreg.scaffold.writing import write_plugin
from tests.projects import SEMREG, installed

PYPROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "{name}"
version = "2.0"
[project.entry-points."semreg.losses"]
{loss} = "{module}:loss"
[project.entry-points."semreg.interface"]
{interface} = "{module}"
[tool.hatch.build.targets.wheel]
only-include = ["{module}.py"]
"""
GOOD = "def loss(codes):\n    return codes.square().mean()\n"
MIX = """
extends = "semreg_fresh_scatter:fresh_scatter.toml"

[modules.mixture]
use = "gaussian_mixture"
classes = "@digit.classes"
size = 16

[losses.lkd]
use = "lkd(z, digit, mixture)"

[phases.main]
epochs = 1

[phases.main.train]
encoder = { lkd = 0.1 }
mixture = { lkd = 1 }
"""


def python(*arguments: str, cwd: Path, site: Path | None = None) -> str:
    """What Python prints, with a folder of installed packages beside the environment's own."""
    paths = [str(site or ""), os.environ.get("PYTHONPATH", ""), os.getcwd()]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths)), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=environment, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def source(folder: Path, name: str, loss: str, code: str, interface: int = 2) -> Path:
    module = name.replace("-", "_")
    project = folder / name
    project.mkdir()
    project.joinpath("pyproject.toml").write_text(
        PYPROJECT.format(name=name, loss=loss, module=module, interface=interface)
    )
    project.joinpath(f"{module}.py").write_text(code)
    return project


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """For each of four distributions a folder where its wheel is installed, alone."""
    folder = tmp_path_factory.mktemp("third_party")
    projects = {
        "fresh": write_plugin("fresh-scatter", "loss", folder),
        "broken": source(folder, "semreg-broken-wheel", "broken_wheel", "import no_such_module\n"),
        "greedy": source(folder, "semreg-greedy-wheel", "l2", GOOD),
        "older": source(folder, "semreg-older-wheel", "older_wheel", "raise SystemExit('imported')\n", interface=1),
    }
    pip = ("-m", "pip", "-q", "--disable-pip-version-check")
    alone = ("--no-index", "--no-deps")
    wheels = folder / "wheels"
    built = map(str, projects.values())
    python(*pip, "wheel", *alone, "--no-build-isolation", "--wheel-dir", str(wheels), *built, cwd=folder)
    found = {}
    for key, project in projects.items():
        [wheel] = wheels.glob(f"{project.name.replace('-', '_')}-*.whl")
        found[key] = folder / f"site_{key}"
        python(*pip, "install", *alone, "--target", str(found[key]), str(wheel), cwd=folder)
    return found


def invoke(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, [*arguments])
    return result.exit_code, result.output


def states() -> dict[str, str]:
    listed = CliRunner().invoke(app, ["plugins", "--json"]).stdout
    return {plugin["distribution"]: plugin["state"] for plugin in json.loads(listed)}


def recipe(folder: Path, loss: str) -> str:
    """A recipe of one encoder and one loss."""
    path = folder / "recipe.toml"
    path.write_text(f"""
        data = {{ use = "digits", batch_size = 50 }}
        modules.encoder = {{ use = "mlp_encoder", outputs = 4 }}
        losses.own = {{ use = "{loss}" }}
        phases.main = {{ epochs = 1, train.encoder.own = 1 }}
    """)
    return str(path)


def test_a_stranger_s_loss_trains_next_to_ours_until_it_is_removed(sites: dict[str, Path], tmp_path: Path) -> None:
    site = tmp_path / "site"
    shutil.copytree(sites["fresh"], site)
    assert "fresh_scatter" in python("-m", "semreg", "list", "loss", cwd=tmp_path, site=site)
    assert "semreg-fresh-scatter 0.1.0 · ready" in python("-m", "semreg", "plugins", cwd=tmp_path, site=site)
    (tmp_path / "mix.toml").write_text(MIX)
    printed = python("-m", "semreg", "run", "mix.toml", "--device", "cpu", cwd=tmp_path, site=site)
    report = Path(tmp_path, printed.strip().splitlines()[-1].removeprefix("report: "))
    record = json.loads((report.parent / "run.json").read_text())
    assert record["versions"]["semreg-fresh-scatter"] == "0.1.0"
    assert record["versions"]["semreg-gmprior"] == metadata.version("semreg-gmprior")
    shutil.rmtree(site)
    assert "fresh_scatter" not in python("-m", "semreg", "list", "loss", cwd=tmp_path, site=site)


def test_a_broken_one_breaks_what_uses_it_alone(
    sites: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(sites["broken"]))
    assert states()["semreg-broken-wheel"] == "ready"  # nothing was imported
    code, output = invoke("plugins", "--load")
    assert code == 0
    assert "semreg-broken-wheel 2.0 · broken: its loss 'broken_wheel' cannot be imported" in output
    assert f"{installed('semreg-atnl')} · ready" in output
    assert "broken_wheel" in invoke("list", "loss")[1]
    assert invoke("check", recipe(tmp_path, "l2(encoder(image), encoder(image))"))[0] == 0
    code, output = invoke("check", recipe(tmp_path, "broken_wheel(encoder(image))"))
    assert code == 2
    assert "No module named 'no_such_module'" in output
    assert "pip uninstall semreg-broken-wheel" in output


def test_a_name_of_ours_is_refused_where_it_is_used(
    sites: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(sites["greedy"]))
    assert states()["semreg-greedy-wheel"] == f"loss 'l2' is claimed by {SEMREG}, too"
    code, output = invoke("check", recipe(tmp_path, "l2(encoder(image), encoder(image))"))
    assert code == 2
    assert f"'l2' is claimed by {SEMREG}" in output
    assert "and by semreg-greedy-wheel 2.0" in output
    assert invoke("check", recipe(tmp_path, "l1(encoder(image), encoder(image))"))[0] == 0
    monkeypatch.setenv("SEMREG_PLUGINS", "semreg-olr")
    assert states()["semreg-greedy-wheel"] == "off: SEMREG_PLUGINS does not name it"
    assert invoke("check", recipe(tmp_path, "l2(encoder(image), encoder(image))"))[0] == 0


def test_one_for_another_interface_is_refused_before_it_is_imported(
    sites: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(sites["older"]))
    here = f"semreg {__version__} has interface 2"
    message = f"it is written for interface 1 of semreg, and {here}; install another version"
    assert states()["semreg-older-wheel"].startswith(f"refused: {message}")
    code, output = invoke("check", recipe(tmp_path, "older_wheel(encoder(image))"))
    assert code == 2
    assert f"its loss 'older_wheel' can't be used: {message} of semreg, or of semreg-older-wheel" in output
    assert "imported" not in output
    assert invoke("check", recipe(tmp_path, "l2(encoder(image), encoder(image))"))[0] == 0


def test_only_what_the_environment_names_is_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SEMREG_PLUGINS", "semreg_OLR,semreg-atln")
    assert {name for name, state in states().items() if state == "ready"} == {"semreg-olr"}
    assert (
        "SEMREG_PLUGINS names 'semreg-atln', which is not installed; did you mean 'semreg-atnl'" in invoke("plugins")[1]
    )
    code, output = invoke("check", recipe(tmp_path, "atnl(encoder(image), digit)"))
    assert code == 2
    assert f"it is one of {installed('semreg-atnl')}, which SEMREG_PLUGINS switches off" in output
