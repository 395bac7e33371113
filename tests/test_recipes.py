"""The recipes that are shipped: each checks, and the README's first command works end to end, shrunk."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from semreg.core import ClassField
from semreg.core.registry import OWN_DISTRIBUTION, components
from semreg.recipe.check import check
from semreg.recipe.load import load_recipe
from semreg.recipe.schema import parse_tables
from semreg.running.choices import Choices
from semreg.running.judges import judge_of
from semreg.running.start import open_data
from semreg.store.checkpoint import read_latest
from tests.projects import ALL, ROOT

RECIPES = sorted(path for path in (ROOT / "recipes").rglob("*.toml") if path.parent.name != "partial")
FACES = (f"conditional/faces/{method}" for method in ("cgan", "cvae", "cvae_gan", "gm"))
UNIFORM = (
    "multipie", "multipie_without_dis", "ablation", "ablation_without_dis",
    "ablation_predictability", "yaleb", "yaleb_ablation", "yaleb_ablation_without_dis",
)  # fmt: skip
SUPERVISION = ("occlusion", "temperature", "neither")
OWN_FILES = {
    "olr_faces", "olr_photographs", "atnl_objects", "gm_faces", "uniform/bu3dfe", "uniform/rafd", *FACES,
    *(f"uniform_{name}" for name in UNIFORM), *(f"olr_supervision/{name}" for name in SUPERVISION),
}  # fmt: skip
"""Recipes whose labels are known from the user's own files only."""

SHRUNK = [
    "fallback.data.count=240", "data.batch_size=16", "phases.classifier.epochs=1", "phases.siamese.epochs=1",
    "phases.decoder.epochs=1", "modules.decoder.width=0.1", "fallback.modules.siamese.channels=[8, 16]",
    "fallback.modules.classifier.widths=[8, 16]", "evaluate.editing.count=8", "evaluate.editing_unscaled.count=8",
]  # fmt: skip


def recipe_name(path: Path) -> str:
    return path.relative_to(ROOT / "recipes").with_suffix("").as_posix()


def _has_a_word_for_its_classes(path: Path) -> bool:
    return len(load_recipe(path).table.get("each", {}).get("label", ())) == 1


@pytest.mark.parametrize("path", [path for path in RECIPES if recipe_name(path) not in OWN_FILES], ids=recipe_name)
def test_every_recipe_checks(path: Path, tmp_path: Path) -> None:
    plan = check(load_recipe(path), data_root=tmp_path)
    assert plan.phases
    assert plan.distributions().keys() <= {OWN_DISTRIBUTION, *ALL}


@pytest.mark.parametrize("path", [path for path in RECIPES if load_recipe(path).has_fallback], ids=recipe_name)
def test_every_fallback_checks_and_needs_no_data(
    path: Path, tmp_path: Path, shared_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = check(load_recipe(path), data_root=tmp_path, fallback=True)
    assert plan.missing is None
    assert plan.distributions().keys() <= {OWN_DISTRIBUTION, *ALL}
    if plan.data.use == "digits":  # fewer than MNIST's: what the recipe takes of each class must be there
        monkeypatch.setenv("SEMREG_CACHE", str(shared_cache))
        assert open_data(plan).counts["train"]


@pytest.mark.parametrize("path", [path for path in RECIPES if _has_a_word_for_its_classes(path)], ids=recipe_name)
def test_the_word_for_the_classes_is_changed_alone(path: Path, tmp_path: Path) -> None:
    recipe, choices = load_recipe(path, ["each.label=['kind']"]), Choices(data_root=tmp_path, out=tmp_path / "runs")
    for fallback in {False, recipe.has_fallback}:
        if not fallback and recipe_name(path) in OWN_FILES:
            continue
        plan = check(recipe, data_root=tmp_path, fallback=fallback)
        assert isinstance(plan.fields["kind"], ClassField)
        judges = [judge_of(plan, each, choices) for each in plan.evaluations.values() if each.judge]
        for judge in judges:
            if _has_a_word_for_its_classes(judge.recipe.path):
                assert judge.fields["kind"] == plan.fields["kind"]


def test_mixes_have_one_budget_and_atnl_meets_every_prior() -> None:
    mixes = {path.stem: load_recipe(path).resolve() for path in (ROOT / "recipes" / "mixes").glob("*.toml")}
    kept = [(table["data"], table["optimizer"], table["phases"]["main"]["epochs"]) for table in mixes.values()]
    assert all(one == kept[0] for one in kept)
    assert {
        tuple(table["modules"][name]["widths"]) for table in mixes.values() for name in ("encoder_s", "encoder_u")
    } == {(16, 32, 64)}
    asked = {name: table["evaluate"].keys() - {"inpainting"} for name, table in mixes.items()}
    assert all(one == asked["gm"] for one in asked.values())
    priors = {f"atnl_{one.name}": one.name for one in components("prior")}
    assert {name: mixes[name]["modules"]["prior_s"]["use"] for name in mixes if name.startswith("atnl_")} == priors
    assert all(mixes[name]["losses"]["atnl"] for name in priors)


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    return _run(tmp_path_factory.mktemp("first"), tmp_path_factory.mktemp("cache"))


def _run(out: Path, cache: Path) -> tuple[Path, subprocess.CompletedProcess[str]]:
    sets = [part for change in SHRUNK for part in ("--set", change)]
    command = [sys.executable, "-m", "semreg", "run", "recipes/olr_celeba.toml", "--data-root", str(out / "nothing")]
    environment = {**os.environ, "SEMREG_CACHE": str(cache)}
    done = subprocess.run(
        [*command, "--out", str(out / "runs"), "--device", "cpu", *sets],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return next((out / "runs").glob("olr_celeba-*")), done


@pytest.mark.parametrize(
    ("name", "fallback", "beside"),
    [
        ("mnist/vae.toml", False, {"probe"}),
        ("atnl_mnist.toml", False, {"probe"}),
        ("atnl_mnist.toml", True, set()),
        ("poses/atnl.toml", False, set()),  # drawn faces, and no fallback
        ("atnl_objects.toml", False, set()),  # COIL-20, by a recipe for poses
        ("gm_cifar10.toml", False, {"samples"}),
        ("gm_faces.toml", False, set()),  # a folder of one's own, and no FaceScrub
        ("olr_celeba.toml", False, {"linear", "norms", "correlations", "principal_component", "compression"}),
        ("olr_celeba.toml", True, set()),
        ("olr_faces.toml", False, set()),
        ("uniform_multipie.toml", False, {"synthesis"}),
        ("uniform_yaleb.toml", False, set()),
        ("uniform/bu3dfe.toml", False, {"synthesis"}),
    ],
)
def test_a_papers_figures_stand_beside_those_on_its_data_alone(name: str, fallback: bool, beside: set[str]) -> None:
    path = ROOT / "recipes" / name
    tables = parse_tables(load_recipe(path).resolve(fallback=fallback), str(path))
    assert {key for key, one in tables.evaluate.items() if one.paper and one.paper.figures(tables.data)} == beside


def test_the_embedded_run_says_that_it_is_the_fallback(
    embedded: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    folder, done = embedded
    assert "CelebA not found" in done.stderr
    assert "avatars" in json.loads((folder / "run.json").read_text())["fallback"]
    assert "CelebA not found" in (folder / "report.html").read_text()


def test_the_embedded_run_leaves_every_evaluation_and_a_judge(
    embedded: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    folder, _ = embedded
    evaluations = {
        path.name.rpartition("-")[0]: json.loads((path / "result.json").read_text())
        for path in (folder / "evaluations").iterdir()
    }
    assert set(evaluations) == {
        "linear",
        "norms",
        "correlations",
        "principal_component",
        "compression",
        "editing",
        "editing_unscaled",
    }
    assert 0 <= evaluations["editing"]["figures"]["added"] <= 1
    assert len(list(folder.parent.glob("attribute_judge-*"))) == 1
    assert (folder / "report.html").read_text().count("data:image/png;base64") >= 6


def test_two_runs_of_one_seed_have_the_same_bits(
    embedded: tuple[Path, subprocess.CompletedProcess[str]], tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    first, _ = embedded
    second, _ = _run(tmp_path, tmp_path / "cache")
    one, _ = read_latest(first / "checkpoints")
    other, _ = read_latest(second / "checkpoints")
    assert one is not None
    assert other is not None
    for module, weights in one["modules"].items():
        assert all(value.equal(other["modules"][module][key]) for key, value in weights.items()), module
    for name in ("linear", "editing"):
        results = [
            json.loads(next((folder / "evaluations").glob(f"{name}-*/result.json")).read_text())
            for folder in (first, second)
        ]
        assert results[0]["figures"] == results[1]["figures"]
