"""The two recipes of Figure 2, from data without images to the report."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from semreg.cli.main import app
from semreg.recipe.check import check
from semreg.recipe.load import load_recipe
from semreg.store.recipes import evaluations_of
from semreg.store.results import read_result

RECIPES = Path(__file__).parents[3] / "recipes"


def test_both_recipes_train_decoder_and_critic_alike() -> None:
    ours, other = (check(load_recipe(RECIPES / name)) for name in ("gm_toy.toml", "toy/cvae_gan.toml"))
    ours_joint, [(_, other_joint)] = ours.matrix()["main"]["joint"], other.matrix()["main"].items()
    assert {name: ours_joint[name] for name in ("decoder", "critic")} == {
        name: other_joint[name] for name in ("decoder", "critic")
    }
    encoder_u = dict(ours_joint["encoder_u"])
    del encoder_u["adv_e"]
    assert other_joint["encoder"] == encoder_u
    assert ours.warnings == other.warnings == []
    for name in ("decoder", "critic"):
        assert ours.modules[name].node.options == other.modules[name].node.options


@pytest.mark.parametrize("recipe", ["gm_toy.toml", "toy/cvae_gan.toml"])
def test_data_without_images_come_through_to_the_report(
    recipe: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEMREG_CACHE", str(tmp_path / "cache"))
    changes = ["data.count=600", "phases.main.epochs=1"]
    sets = [part for change in changes for part in ("--set", change)]
    done = CliRunner().invoke(
        app, ["run", str(RECIPES / recipe), "--out", str(tmp_path / "runs"), "--device", "cpu", *sets]
    )
    assert done.exit_code == 0, done.output
    [folder] = (tmp_path / "runs").iterdir()
    figures = read_result(evaluations_of(folder, Path(recipe).stem)["spread"]).figures
    assert set(figures) == {"ratio", "ratio_green", "ratio_red", "ratio_blue"}
    assert (folder / "report.html").read_text().count("data:image/png;base64") >= 2
