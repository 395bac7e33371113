"""`semreg mix` by its real entry point."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from semreg.cli.main import app
from tests.cli.test_main import VAE, semreg


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "summed.toml").write_text('losses.kl.reduction = "mean"\n')
    return tmp_path


def test_mixes_are_ranked_printed_and_written(folder: Path) -> None:
    budget = ("--table", "--share", "0.2", "--set", "losses.l1.reduction=mean")
    made = semreg("mix", VAE, "--with", "losses.l1(reconstruction, image)=5", *budget, cwd=folder)
    assert made.returncode == 0, made
    assert made.stdout.startswith("# vae_digits-mix: 2 recipes × 1 seed\n\n## Ranking\n")
    assert "l1(reconstruction, image)=5: l1(reconstruction, image) trains encoder, decoder, weight 5.\n" in made.stderr
    assert "Each run has 1 epoch on 0.2 of the training images" in made.stdout
    assert "`semreg mix " in made.stdout
    [table] = (folder / "runs" / "tables").iterdir()
    assert (table / "table.md").read_text() == made.stdout
    assert made.stderr.splitlines()[-3:] == [
        f"recipes: runs/tables/{table.name}/*.toml",
        f"table: runs/tables/{table.name}/table.md",
        f"table: runs/tables/{table.name}/table.html",
    ]
    assert (table / "vae_digits+l1.toml").is_file()


def ended(*arguments: object) -> object:
    """The exit code of the command, in this process."""
    with pytest.raises(SystemExit) as end:
        app(["mix", *map(str, arguments)], prog_name="semreg")
    return end.value.code


def test_without_a_table_it_is_only_printed_and_a_run_that_fails_gives_exit_code_1(
    toy: Callable[..., Path], no_hooks: None, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "wild.toml").write_text("optimizer.lr = 1e20\n")
    budget = ("--share", "0.5", "--out", folder / "runs", "--device", "cpu")
    assert ended(toy(), "--with", "wild.toml", *budget) == 1
    said = capsys.readouterr()
    assert "Traceback" not in said.err
    assert "No probe, leakage, order: [model] names no field of classes among its attributes; add " in said.err
    ranking = said.out.split("## reconstruction")[0]
    assert "| + wild |    – |" in ranking
    assert "| recipe |    1 |" in ranking
    assert "+ wild · seed 0 failed: " in said.out
    assert not (folder / "runs" / "tables").exists()


def test_mistakes_get_one_message_and_exit_code_2(
    toy: Callable[..., Path], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe, out = toy(), ("--out", folder / "runs")
    for arguments, message in (
        ((recipe, "--with", "losses.l1,losses.l2,a.toml,b.toml"), "--with: 4 additions and their pairs make 11"),
        ((recipe, "--with", "losses.ll"), "--with losses.ll: no loss or criterion is called 'll'; expected one of: "),
        (
            (recipe, "--with", "losses.l1"),
            "--with losses.l1: its input 'a' matches no role of [model]; write its inputs, lo",
        ),
        ((recipe, "--with", "sum.toml"), "--with sum.toml: there is no recipe 'sum.toml' or"),
        ((recipe, "--with", folder / "summed.toml", "--epochs", 0), "--epochs: 0 is not a number of epochs"),
        (
            (recipe, "--with", folder / "summed.toml", "--label", "y"),
            "--label: 'y' is not a field of classes among",
        ),
        ((folder / "none.toml", "--with", "losses.l1"), f"there is no recipe '{folder / 'none.toml'}'"),
    ):
        assert ended(*arguments, *out) == 2
        assert capsys.readouterr().err.startswith(message)
    assert not (folder / "runs").exists()
