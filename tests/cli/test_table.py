"""`semreg table` by its real entry point."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from semreg.cli.main import app
from tests.cli.test_main import VAE, output, semreg

SMALL = f'extends = "{VAE}"\nwithout = ["evaluate.samples"]\nphases.main.epochs = 1\n'


@pytest.fixture
def recipes(tmp_path: Path) -> Path:
    (tmp_path / "first.toml").write_text(SMALL)
    (tmp_path / "second.toml").write_text(f'{SMALL}description = "Twice | the rate"\noptimizer.lr = 2e-3\n')
    return tmp_path


def test_the_table_is_printed_and_written(recipes: Path) -> None:
    command = ("table", "first.toml", "second.toml", "--seeds", "1", "--name", "digits", "--figures", "*.mean_squared*")
    figures = ("reconstructions.mean_squared_error", "reconstructions.mean_absolute_error")
    plots = ("--plot", ":".join(figures), "--plot", ":".join(reversed(figures)))
    made = semreg(*command, *plots, cwd=recipes)
    assert made.returncode == 0, made
    assert "1/2  first · seed 0\n" in made.stderr
    assert made.stdout.startswith("# digits: 2 recipes × 1 seed\n")
    assert "| Twice \\| the rate |" in made.stdout
    assert (
        "`semreg table first.toml second.toml --seeds 1 --name digits --figures '*.mean_squared*' --plot" in made.stdout
    )
    (folder,) = (recipes / "runs" / "tables").iterdir()
    assert (folder / "table.md").read_text() == made.stdout
    pictures = re.findall(r"!\[.* against .*\]\((.*)\)", made.stdout)
    assert sorted(pictures) == sorted(picture.name for picture in folder.glob("*.png"))
    assert len(pictures) == 2
    assert made.stderr.splitlines()[-2:] == [
        f"table: runs/tables/{folder.name}/{name}" for name in ("table.md", "table.html")
    ]
    assert 'href="../../first-' in (folder / "table.html").read_text()
    assert len(output("runs", cwd=recipes).splitlines()) == 3


def ended(*arguments: object) -> object:
    """The exit code of the command, in this process."""
    with pytest.raises(SystemExit) as end:
        app(["table", *map(str, arguments)], prog_name="semreg")
    return end.value.code


def test_a_run_that_fails_gives_exit_code_1_and_the_table(
    toy: Callable[..., Path], no_hooks: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended(toy("optimizer.lr = 1e20", "bad.toml"), "--out", tmp_path / "runs", "--device", "cpu") == 1
    said = capsys.readouterr()
    assert "Traceback" not in said.err
    assert "bad · seed 0 failed: losses." in said.out


def test_mistakes_get_one_message_and_exit_code_2(
    toy: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe, out = toy(), ("--out", tmp_path / "runs")
    assert ended(recipe, *out, "--seeds", "1,1") == 2
    assert capsys.readouterr().err.startswith("--seeds: '1,1': write a number, as in --seeds 3")
    assert ended(recipe, *out, "--against", "x") == 2
    assert "no recipe is called 'x'; expected one of: recipe" in capsys.readouterr().err
    assert ended(recipe, *out, "--plot", "probe.accuracy") == 2
    assert capsys.readouterr().err.startswith("--plot: 'probe.accuracy': write X:Y, two figures as EVALUATION.FIGURE")
    assert ended(recipe, *out, "--plot", "probe.loss:probe.accuracy") == 2
    assert capsys.readouterr().err.startswith("--plot: 'probe.loss' is a figure of no evaluation")
    assert ended(recipe, *out, "--figures-of", "strip") == 2
    assert "--figures-of: no recipe has the evaluation 'strip'" in capsys.readouterr().err
    assert ended() == 2
    assert not (tmp_path / "runs").exists()
