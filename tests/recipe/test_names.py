"""Recipes by name and by path: one and the same wherever they are named."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import semreg
from semreg.core import UserError
from semreg.recipe import names
from semreg.recipe.check import check
from semreg.recipe.load import load_recipe
from semreg.recipe.names import find_recipe, from_folder, near, reference, referred, shipped_recipes, spelled
from semreg.trained.run import Run

OWN = Path(__file__).parents[2] / "recipes"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, as the working one."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def refusal(said: str, *folders: Path) -> str:
    with pytest.raises(LookupError) as refused:
        find_recipe(said, *folders)
    return str(refused.value)


def test_recipes_are_in_the_package_else_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert shipped_recipes() == OWN
    package = tmp_path / "semreg"
    package.mkdir()
    monkeypatch.setattr(names, "_PACKAGE", package)
    assert shipped_recipes() == tmp_path / "recipes"
    (package / "recipes").mkdir()
    assert shipped_recipes() == package / "recipes"


@pytest.mark.parametrize("name", ["vae_digits", "mnist/atnl", "partial/occlusion"])
def test_a_name_is_that_of_a_shipped_recipe_in_any_folder(name: str, elsewhere: Path, tmp_path: Path) -> None:
    for said, folders in (
        (name, ()),
        (name, (tmp_path,)),
        (f"semreg:{name}", ()),
        (f"semreg:{name}.toml", (tmp_path,)),
    ):
        assert find_recipe(said, *folders) == OWN / f"{name}.toml"


def test_what_is_no_name_is_a_path_from_the_first_folder_that_has_it(elsewhere: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("")
    (tmp_path / "bare").write_text("")
    assert find_recipe("mine.toml", elsewhere, tmp_path) == tmp_path / "mine.toml"
    assert find_recipe("../mine.toml").samefile(tmp_path / "mine.toml")
    assert find_recipe(str(tmp_path / "mine.toml")) == tmp_path / "mine.toml"
    assert find_recipe("bare", tmp_path) == tmp_path / "bare"
    (elsewhere / "mine.toml").write_text("")
    assert find_recipe("mine.toml", elsewhere, tmp_path) == elsewhere / "mine.toml"
    (elsewhere / "vae_digits.toml").write_text("seed = 1")
    assert find_recipe("vae_digits.toml") == Path("vae_digits.toml"), "a path is never asked back"
    assert find_recipe("./vae_digits.toml") == Path("vae_digits.toml")


@pytest.mark.parametrize(("there", "other"), [("vae_digits.toml", "./vae_digits.toml"), ("vae_digits", "./vae_digits")])
def test_a_name_that_is_also_a_file_is_asked_back(there: str, other: str, elsewhere: Path) -> None:
    (elsewhere / there).write_text("seed = 1")
    message = (
        f"'vae_digits' is a recipe of semreg, and the file '{there}' is here; write semreg:vae_digits for the one, "
        f"{other} for the other"
    )
    assert refusal("vae_digits") == message
    assert find_recipe("semreg:vae_digits") == OWN / "vae_digits.toml"
    assert find_recipe(other) == Path(there)
    with pytest.raises(UserError) as refused:
        semreg.load_recipe("vae_digits")
    assert refused.value.text() == message
    (elsewhere / "child.toml").write_text('extends = "vae_digits"')
    with pytest.raises(UserError, match=r"child\.toml: 1 error\n  extends +'vae_digits' is a recipe of semreg, and"):
        load_recipe("child.toml")


def test_a_folder_is_asked_back_and_a_copy_is_not(elsewhere: Path) -> None:
    shutil.copy(OWN / "vae_digits.toml", elsewhere)
    assert find_recipe("vae_digits") == OWN / "vae_digits.toml"
    (elsewhere / "mnist" / "ae").mkdir(parents=True)
    assert "the folder 'mnist/ae' is here; write semreg:mnist/ae for the one, ./mnist/ae for" in refusal("mnist/ae")
    assert find_recipe("mnist/atnl") == OWN / "mnist" / "atnl.toml"


def test_in_the_folder_of_the_shipped_recipes_they_are_what_is_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(OWN)
    assert find_recipe("vae_digits").samefile(OWN / "vae_digits.toml")
    assert find_recipe("mnist/atnl", OWN) == OWN / "mnist" / "atnl.toml"


def test_what_is_unknown_is_told_with_what_is_close(elsewhere: Path) -> None:
    assert refusal("vae_digit").startswith("there is no recipe 'vae_digit'; did you mean 'vae_digits'")
    assert refusal("mnist/atn").startswith("there is no recipe 'mnist/atn'; did you mean 'mnist/atnl'")
    assert refusal("semreg:vae_digit").startswith("semreg ships no recipe 'vae_digit'; did you mean 'vae_digits'")
    (elsewhere / "own_recipe.toml").write_text("")
    assert refusal("own_recipe") == "there is no recipe 'own_recipe'; did you mean 'own_recipe.toml'?"
    assert refusal("own_recip.toml") == "there is no recipe 'own_recip.toml'; did you mean 'own_recipe.toml'?"
    assert refusal("recipes/mnist/atnl.toml") == (
        "there is no recipe 'recipes/mnist/atnl.toml'; semreg ships 'mnist/atnl', by that name"
    )
    assert near(elsewhere / "gm_mnist.toml") == "; semreg ships 'gm_mnist', by that name"
    assert "no package 'no_such_package' is installed to hold 'x.toml'" in refusal("no_such_package:x.toml")
    assert "to hold 'olr_faces'; did you mean 'zoo/olr_faces'?" in refusal("zoo:olr_faces")
    assert "there is no recipe '../secret'" in refusal("../secret")
    assert "there is no recipe 'a.toml' or '/b/a.toml'" in refusal("a.toml", Path(), Path("/b"))


def test_a_plugin_s_recipe_is_named_alike_everywhere(install: Callable[..., Path], elsewhere: Path) -> None:
    package = install("semreg-toy", {}) / "toy_names"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    (package / "base.toml").write_text("seed = 3")
    assert find_recipe("toy_names:base.toml") == package / "base.toml"
    assert load_recipe("toy_names:base.toml").resolve() == {"seed": 3}
    assert "did you mean 'base.toml'?" in refusal("toy_names:bas.toml")


def test_a_path_is_written_so_that_it_is_no_name() -> None:
    assert [spelled(Path(text)) for text in ("x.toml", "x", "a/b", "a:b.toml", "-x.toml", "/x", "../x")] == [
        "x.toml", "./x", "./a/b", "./a:b.toml", "./-x.toml", "/x", "../x",
    ]  # fmt: skip
    assert [spelled(text) for text in ("x", "semreg:x", "-x.toml")] == ["x", "semreg:x", "./-x.toml"]
    assert load_recipe("vae_digits").said == "vae_digits"
    assert load_recipe(OWN / "vae_digits.toml").said == str(OWN / "vae_digits.toml")


def test_a_reference_finds_a_shipped_recipe_wherever_it_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert reference(OWN / "mnist" / "atnl.toml") == "semreg:mnist/atnl"
    assert from_folder(OWN / "mnist" / "atnl.toml", tmp_path) == "semreg:mnist/atnl"
    assert reference(Path("mine.toml")) == str(Path("mine.toml").resolve())
    assert from_folder(Path("mine.toml"), tmp_path) == "elsewhere/mine.toml"
    assert referred(str(tmp_path / "mine.toml")) == tmp_path / "mine.toml", "as in the records of earlier versions"
    monkeypatch.setattr(names, "_PACKAGE", tmp_path / "other" / "semreg")
    assert referred("semreg:mnist/atnl") == tmp_path / "other" / "recipes" / "mnist" / "atnl.toml"


# --- what names recipes ---


def test_extends_and_judge_take_names(elsewhere: Path) -> None:
    Path("mine.toml").write_text('extends = ["gm_mnist", "partial/predictability"]\nseed = 3')
    table = load_recipe("mine.toml").resolve(fallback=True)
    assert table["losses"].keys() > {"gm", "predictability"}
    judges = {one["judge"] for one in table["evaluate"].values() if "judge" in one}
    assert judges == {"semreg:digit_judge"}, "which is found from here too, whatever lies beside"
    Path("digit_judge.toml").write_text("")
    plan = check(load_recipe("mine.toml"), fallback=True)
    assert {one.judge for one in plan.evaluations.values() if one.judge} == {OWN / "digit_judge.toml"}
    Path("mine.toml").write_text('extends = "gm_mnist"\n[evaluate.exchange]\njudge = "digit_judge"')
    with pytest.raises(UserError, match=r"exchange\.judge +'digit_judge' is a recipe of semreg, and the file"):
        check(load_recipe("mine.toml"), fallback=True)
    Path("digit_judge.toml").unlink()
    assert check(load_recipe("mine.toml"), fallback=True).evaluations["exchange"].judge == OWN / "digit_judge.toml"
    Path("mine.toml").write_text('extends = "gm_mnist"\n[evaluate.exchange]\njudge = "digit_judg"')
    with pytest.raises(UserError, match=r"exchange\.judge +there is no recipe '.*'; did you mean 'digit_judge'"):
        check(load_recipe("mine.toml"), fallback=True)


@pytest.mark.usefixtures("no_hooks")
def test_a_run_is_the_same_by_name_and_by_path_and_weights_take_its_recipe_s_name(
    toy: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(names, "shipped_recipes", lambda: tmp_path)  # toy recipes, as if semreg shipped them

    def run(recipe: str | Path, *overrides: str) -> Run:
        return semreg.run(recipe, overrides=overrides, device="cpu")

    first = run(toy("phases.main.epochs = 1", "first.toml").stem)
    record = json.loads((first.folder / "run.json").read_text())
    assert record["recipe"] == "semreg:first"
    assert record["command"] == "semreg.run('first', device='cpu')"
    assert run(tmp_path / "first.toml").folder == first.folder
    text = 'without = ["phases.main.train.encoder"]\nmodules.encoder.weights = "RUN:encoder"'
    tuned = run(toy(text.replace("RUN", "first"), "tuned.toml"))
    weights = json.loads((tuned.folder / "run.json").read_text())["training"]["modules"]["encoder"]["weights"]
    assert weights == [record["hash"], "encoder"]
    for named in ("semreg:first", "first.toml", first.folder.name):
        assert run(toy(text.replace("RUN", named), "tuned.toml")).folder == tuned.folder, "whatever names the run"
    second = run("first", "seed=1")
    assert run(toy(text.replace("RUN", "first"), "tuned.toml")).folder == tuned.folder, (
        "as it is written, whatever others"
    )
    toy("phases.main.epochs = 2", "first.toml")
    with pytest.raises(UserError, match=r"no trained run of first as it is written.*; of others of it, name one") as no:
        run(toy(text.replace("RUN", "first"), "tuned.toml"))
    assert all(folder.name in no.value.text() for folder in (first.folder, second.folder))
