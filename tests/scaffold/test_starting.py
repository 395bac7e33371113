"""Recipes for a user's own data pass the checks as they are written; else one line says why there is none."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from semreg.cli.main import app
from semreg.core import UserError
from semreg.scaffold.families import SIZES
from semreg.scaffold.starting import MOST_FACTORS, start_recipe
from semreg.trained.opening import survey_data
from tests.scaffold.made import MADE, archive, folders, picture, table

FIELD = Path(__file__).parents[3] / "shared" / "field"
ALL = [(like, number) for like, sets in MADE.items() for number in range(len(sets))]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEMREG_CACHE", str(tmp_path / "cache"))


def refused(data: Path, name: str = "mine", like: str | None = None) -> str:
    """The one line that a mistake gets; nothing is written."""
    before = sorted(Path().glob("*"))
    with pytest.raises(UserError) as error:
        start_recipe(name, data, like)
    assert sorted(Path().glob("*")) == before
    [line] = error.value.text().splitlines()
    return line


@pytest.mark.parametrize("like", ["gm_mnist", "vae_digits"])
def test_data_decide_which_recipe_is_changed(like: str, tmp_path: Path) -> None:
    started = start_recipe("mine", MADE[like][0](tmp_path / "data"))
    assert started.path == Path("mine.toml")
    assert f"like {like}" in started.said[0]
    recipe = tomllib.loads(started.path.read_text())
    assert like in recipe["extends"]
    assert "fallback" not in recipe
    assert recipe["data"]["size"] in SIZES
    assert Path("mine_judge.toml").is_file() == (like != "vae_digits")
    assert "avatars" not in started.path.read_text()


@pytest.mark.slow
@pytest.mark.parametrize(("like", "number"), ALL)
def test_check_passes_unchanged(like: str, number: int, tmp_path: Path) -> None:
    from semreg.recipe.check import check
    from semreg.recipe.load import load_recipe

    started = start_recipe("mine", MADE[like][number](tmp_path / "data"))
    assert f"like {like}" in started.said[0]
    result = CliRunner().invoke(app, ["check", "mine.toml"])
    assert result.exit_code == 0, result.output
    plan = check(load_recipe("mine.toml"))
    assert "semreg-avatars" not in plan.distributions()
    data = survey_data(plan)
    assert data is not None
    assert plan.data.batch_size <= data.counts["train"]
    assert all(phase.epochs >= 5 for phase in plan.phases)


@pytest.mark.slow
@pytest.mark.skipif(not FIELD.is_dir(), reason=f"there is no {FIELD}, whose make.py makes the data")
def test_data_that_people_report_trouble_with(tmp_path: Path) -> None:
    subprocess.run([sys.executable, FIELD / "make.py", tmp_path / "field"], check=True)
    found: dict[str, str] = {}
    for number, path in enumerate(sorted((tmp_path / "field").iterdir())):
        name = f"recipe_{number}"
        result = CliRunner().invoke(app, ["init", name, "--data", str(path)])
        if result.exit_code:
            assert (result.exit_code, len(result.stderr.splitlines())) == (2, 1), result.output
            found[path.name] = result.stderr
            continue
        checked = CliRunner().invoke(app, ["check", f"{name}.toml"])
        assert checked.exit_code == 0, f"{path.name}: {checked.output}"
        found[path.name] = str(tomllib.loads(Path(f"{name}.toml").read_text())["extends"])
    assert "say which by --data" in found.pop("mirror")
    assert found.pop("few") == found.pop("sixteen_bits") == "vae_digits"
    assert found.pop("words_for_truth") == found.pop("blank_and_uncertain") == "olr_faces"
    assert "uniform_multipie" in found.pop("ordered")
    assert "uniform_multipie" in found.pop("factors.npz")
    assert found.pop("test_lacks.npz") == "atnl_gm_mnist"
    assert set(found.values()) == {"gm_mnist"}
    assert len(found) == 12


@pytest.mark.slow
def test_a_run_of_what_is_written_ends_with_a_report(tmp_path: Path) -> None:
    start_recipe("mine", folders(tmp_path / "data", ["cat", "dog"], each=10))
    changes = [word for key in ("phases.main.epochs=1", 'without=["evaluate"]') for word in ("--set", key)]
    result = CliRunner().invoke(app, ["run", "mine.toml", *changes])
    assert result.exit_code == 0, result.output
    assert next(Path("runs").glob("mine-*/report.html")).is_file()


def test_a_model_is_asked_for(tmp_path: Path) -> None:
    data = folders(tmp_path / "data", ["ant", "bee", "cow", "dog"])
    started = start_recipe("one", data, "atnl_gm_mnist")
    text = started.path.read_text()
    assert "as asked for" in started.said[0]
    assert "evaluate.order" in tomllib.loads(text)["without"], "which is of classes in an order"
    assert "orders = { label = [...] }" in text


@pytest.mark.slow
def test_a_model_that_stands_for_no_family(tmp_path: Path) -> None:
    data = folders(tmp_path / "data", ["ant", "bee", "cow", "dog"])
    other = tomllib.loads(start_recipe("two", data, "mnist/vae").path.read_text())
    assert other["extends"] == "mnist/vae"
    assert {"evaluate.probe.paper", "evaluate.strip.start"} <= {*other["without"]}
    assert other["each"] == {"label": ["label"]}
    faces = tomllib.loads(start_recipe("three", data, "gm_faces").path.read_text())
    assert faces["requires"] == ["semreg-gmprior"], "and not the drawn faces"


def test_a_model_must_fit_the_data(tmp_path: Path) -> None:
    data = folders(tmp_path / "data", ["ant", "bee"])
    assert "did you mean 'gm_mnist'" in refused(data, like="gm_mnits")
    assert "olr_celeba needs binary attributes" in refused(data, like="olr_celeba")
    assert "uniform_yaleb needs two fields of classes" in refused(data, like="uniform_yaleb")
    assert "no recipe like partial/occlusion fits these data" in refused(data, like="partial/occlusion")
    Path("own.toml").write_text("")
    assert "not one of the recipes that semreg ships" in refused(data, like="own.toml")


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    data = folders(tmp_path / "data", ["ant", "bee"])
    for name in ("mine.toml", "mine_judge.toml"):
        Path(name).write_text("kept")
        assert f"{name}: exists already" in refused(data)
        assert Path(name).read_text() == "kept"
        Path(name).unlink()
    assert "'gm_mnist' is a recipe that semreg ships" in refused(data, "gm_mnist")


@pytest.mark.parametrize("name", ["", "a/b", "../a", ".a", "a b", "a\n", "x" * 61])
def test_names_that_no_recipe_has(name: str, tmp_path: Path) -> None:
    assert "is not a name for a recipe" in refused(tmp_path, name)


def test_another_file_of_the_models_name_is_passed_over(tmp_path: Path) -> None:
    Path("vae_digits.toml").write_text("[data]")
    started = start_recipe("mine", folders(tmp_path / "data", ["all"]))
    assert tomllib.loads(started.path.read_text())["extends"] == "semreg:vae_digits"


def test_unknown_values_are_told_to_the_losses_that_read_them(tmp_path: Path) -> None:
    start_recipe("mine", table(tmp_path / "data", "file,a,b", lambda k: f"{k % 2},{['', 0, 1][k % 3]}"))
    for name in ("mine.toml", "mine_judge.toml"):
        assert "attributes_known" in tomllib.loads(Path(name).read_text())["losses"]["labels"]["use"]


@pytest.mark.slow
def test_many_factors_are_cut(tmp_path: Path) -> None:
    draw = np.random.default_rng(0).integers(0, 3, (120, 8))
    started = start_recipe("mine", archive(tmp_path / "data", 120, factors=draw))
    assert len(tomllib.loads(started.path.read_text())["each"]["m"]) == MOST_FACTORS


def test_a_column_named_as_a_tensor_of_the_recipe_is_told(tmp_path: Path) -> None:
    data = table(tmp_path / "data", "file,decoder", lambda k: "abc"[k % 3])
    assert "decoder" in refused(data)


def test_odd_places_are_written_so_that_they_are_found(tmp_path: Path) -> None:
    data = folders(tmp_path / 'it\'s "all" here\\π', ["all"])
    started = start_recipe("mine", data)
    assert tomllib.loads(started.path.read_text())["data"]["path"] == str(data / "all")
    picture(tmp_path / "a\nb" / "1.png")
    assert "unprintable" in refused(tmp_path / "a\nb", "other")
