"""The command line, by its real entry point."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest

from semreg.core.kinds import KINDS
from semreg.core.version import __version__
from semreg.store.recipes import write_recipe

ROOT = Path(__file__).parents[2]
VAE = str(ROOT / "recipes" / "vae_digits.toml")


def semreg(*arguments: str, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "semreg", *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=os.environ | {"COLUMNS": "200", "NO_COLOR": "1"} | environment,
        timeout=120,
        check=False,
    )


def output(*arguments: str, cwd: Path | None = None, **environment: str) -> str:
    result = semreg(*arguments, cwd=cwd, **environment)
    assert (result.returncode, result.stderr) == (0, ""), result
    return result.stdout


def refusal(*arguments: str, cwd: Path | None = None) -> str:
    result = semreg(*arguments, cwd=cwd)
    assert result.returncode == 2, result
    assert "Traceback" not in result.stderr
    assert result.stdout == ""
    return result.stderr.strip()


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["list"],
        ["list", "--json"],
        ["plugins"],
        ["new-plugin", "--help"],
        ["runs"],
        ["--version"],
        ["run", "--help"],
        ["table", "--help"],
        ["mix", "--help"],
        ["sweep", "--help"],
        ["interpolate", "--help"],
        ["sample", "--help"],
        ["embed", "--help"],
        ["augment", "--help"],
    ],
)
def test_light_commands_import_nothing_heavy(arguments: list[str], tmp_path: Path) -> None:
    script = (
        f"import sys; sys.argv = ['semreg', *{arguments!r}]\n"
        "from semreg.cli.main import main\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code\n"
        "heavy = {'torch', 'numpy', 'matplotlib', 'jinja2', 'sklearn', 'catalogue', 'pluggy', 'timm'}\n"
        "slow = {'pydantic', 'rich'} if len(sys.argv) < 3 or '--help' in sys.argv else set()\n"
        "print(sorted((heavy | slow) & set(sys.modules)), file=sys.stderr)"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path, check=True)
    assert result.stderr.strip() == "[]"
    assert result.stdout


def test_version_and_help() -> None:
    assert output("--version") == f"semreg {__version__}\n"
    text = output("--help")
    assert all(command in text for command in ("run", "check", "table", "list", "show", "evaluate", "report", "runs"))
    assert output("run", "--help").count("--no-fallback") == 1
    assert semreg().returncode == 2


def test_commands_without_arguments_take_the_defaults_that_they_take_beside_others(fake_run: Path) -> None:
    there = fake_run.parent.parent
    assert output("runs", cwd=there) == output("runs", "--out", "runs", cwd=there)
    assert json.loads(output("list", "--json"))[0]["name"] == output("list").splitlines()[1].split()[1]


def test_help_says_each_command_in_a_whole_sentence() -> None:
    assert "..." not in output("--help", COLUMNS="80").partition("Commands:")[2]


def test_list_by_kind_plural_and_json() -> None:
    assert output("list", "loss") == output("list", "losses")
    lines = output("list", "loss").splitlines()
    assert lines[0].split() == ["kind", "name", "from"]
    assert "loss  l1" in " ".join(lines)
    listed = json.loads(output("list", "--json"))
    assert {entry["kind"] for entry in listed} <= KINDS.keys()
    [l1] = [entry for entry in listed if entry["name"] == "l1"]
    expected = {"kind": "loss", "name": "l1", "distribution": "semreg", "version": metadata.version("semreg")}
    assert expected.items() <= l1.items()


def test_list_shows_a_plugin_without_importing_it_and_says_what_is_damaged(install: Callable[..., Path]) -> None:
    install("semreg-toy", {"semreg.losses": {"toy": "toy_cli:loss"}}, toy_cli="raise SystemExit(5)")
    assert "toy  " in output("list", "loss")
    install("semreg-damaged", "[semreg.losses]\nno equals sign\n")
    result = semreg("list", "loss")
    assert result.returncode == 0
    assert result.stderr.startswith("warning: ")
    assert "semreg_damaged" in result.stderr
    assert "toy  " in result.stdout


def test_wrong_names_get_the_closest() -> None:
    assert refusal("show", "conv_encodr").startswith(
        "no component and no recipe is called 'conv_encodr'; did you mean 'conv_encoder'"
    )
    assert refusal("list", "los") == "no kind of component is called 'los'; did you mean 'loss'?"
    assert "No such command 'lst'" in refusal("lst")


def test_a_broken_plugin_breaks_only_its_own_show(install: Callable[..., Path]) -> None:
    groups = {"semreg.losses": {"toy": "toy_broken_cli:loss", "sound": "toy_sound_cli:loss"}}
    install("semreg-broken", groups, toy_broken_cli="import no_such_module", toy_sound_cli="def loss(a): ...")
    message = refusal("show", "toy")
    assert message.startswith("semreg-broken 1.2: its loss 'toy' cannot be imported")
    assert "pip uninstall semreg-broken" in message
    assert "sound(a)" in output("show", "sound")


def test_check_prints_the_matrix_and_holds_it_as_json() -> None:
    text = output("check", VAE)
    assert text.splitlines()[-1].startswith("here: bf16: ")
    assert "vae_digits" in text
    assert "encoder" in text
    checked = json.loads(output("check", VAE, "--json", "--set", "phases.main.train.encoder.kl=0.5"))
    assert checked["phases"]["main"]["step"]["encoder"]["kl"] == 0.5
    assert checked["modules"]["encoder"] == "mlp_encoder"
    assert checked["data"] == {"use": "digits", "found": True, "fallback": False}


def test_check_says_which_data_are_missing_and_what_would_be_used(tmp_path: Path) -> None:
    recipe = tmp_path / "own.toml"
    recipe.write_text(f'extends = "{VAE}"\ndata = {{ use = "npz", path = "own.npz" }}\nfallback.data.use = "digits"')
    result = semreg("check", str(recipe), "--data-root", "nowhere")
    assert result.returncode == 0
    assert "data digits (the fallback)\n" in result.stdout
    said = "warning: The archive 'own.npz' not found under nowhere (looked for own.npz)"
    assert result.stderr.strip() == f"{said}; `semreg run` uses the recipe's fallback"
    result = semreg("check", VAE, "--set", "data.use=mnist", "--data-root", "nowhere")
    assert "data mnist (not found)\n" in result.stdout
    assert result.stderr.startswith("warning: MNIST not found under nowhere (looked for MNIST/raw/train-")
    assert "fallback" not in result.stderr


def test_mistakes_in_recipes_are_said_without_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "broken.toml").write_text("[data\n")
    message = refusal("run", str(tmp_path / "broken.toml"), cwd=tmp_path)
    assert "broken.toml" in message
    assert "line 1" in message
    assert "kll" in refusal("check", VAE, "--set", "phases.main.train.encoder.kll=1")
    assert not (tmp_path / "runs").exists()


def test_report_by_folder_and_by_name(fake_run: Path, tmp_path: Path) -> None:
    for argument in (str(fake_run), fake_run.name):
        (fake_run / "report.html").unlink(missing_ok=True)
        shown = output("report", argument, cwd=tmp_path)
        assert shown.startswith("report: ")
        assert "olr_celeba" in (tmp_path / shown.removeprefix("report: ").strip()).read_text()
    assert "did you mean 'olr_celeba-3f9c1a'" in refusal("report", "runs/olr_celeba-3f9c", cwd=tmp_path)


def test_report_of_each_recipe_of_a_run(fake_run: Path) -> None:
    write_recipe(fake_run, "other", {"description": "Another"})
    names = ("report.html", "report-other.html")
    assert output("report", str(fake_run)).splitlines() == [f"report: {fake_run / name}" for name in names]
    assert "<title>other" in (fake_run / "report-other.html").read_text()


def test_an_interrupt_ends_with_130(install: Callable[..., Path]) -> None:
    source = "import os, signal\ndef wait(): os.kill(os.getpid(), signal.SIGINT)"
    install("semreg-slow", {"semreg.commands": {"wait": "toy_wait:wait"}}, toy_wait=source)
    result = semreg("wait")
    assert result.returncode == 128 + signal.SIGINT
    assert "Traceback" not in result.stderr
