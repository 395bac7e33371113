"""The trained runs that travel with semreg: small, of this recipe, of no machine, and good for every command."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import semreg
from semreg.core import UserError
from semreg.recipe.load import load_recipe
from semreg.store.names import folder_of, in_zoo, zoo_names
from semreg.trained import load_images
from tests.cli.conftest import refused, said
from tests.projects import ROOT

__all__ = ["refused", "said"]

ZOO = ROOT / "semreg" / "zoo"
MOST = 4_000_000


def test_they_are_small_and_name_no_machine() -> None:
    files = [path for path in ZOO.rglob("*") if path.is_file()]
    assert 0 < sum(path.stat().st_size for path in files) <= MOST
    folders = [f"/{name}/".encode() for name in ("home", "root", "tmp", "var", "work")]
    for path in files:
        assert not [folder for folder in folders if folder in path.read_bytes()], path


def test_they_go_by_name() -> None:
    assert zoo_names() == ["zoo:atnl_gm_digits", "zoo:olr_faces"]
    for name in zoo_names():
        assert folder_of(Path(name), Path("runs")) == in_zoo(Path(name)) == ZOO / name.removeprefix("zoo:")
    assert in_zoo(Path("runs/x")) == Path("runs/x")
    with pytest.raises(UserError, match="no trained run of that name; did you mean 'zoo:olr_faces'"):
        semreg.open_run("zoo:olr_face")
    with pytest.raises(UserError, match=r"not the folder of a run .* did you mean 'zoo:olr_faces'"):
        semreg.open_run("olr_faces")


@pytest.mark.parametrize("name", zoo_names())
def test_each_is_trained_by_the_recipe_that_is_shipped(name: str) -> None:
    recipe = load_recipe(f"zoo/{name.removeprefix('zoo:')}").resolve()
    kept = json.loads((in_zoo(Path(name)) / "recipe.json").read_text())
    for table in ("data", "model", "modules", "tensors", "losses", "optimizer", "phases"):
        assert kept[table] == recipe[table]


def test_faces_are_edited(said: Callable[..., str], tmp_path: Path) -> None:
    run = semreg.open_export("zoo:olr_faces", device="cpu")
    images = load_images(run, [ROOT / "docs" / "face.png"])
    away = (run.decode(run.encode(images)) - images).square().mean()
    assert away < 0.03
    assert run.results["editing"].figures["added"] > 0.9
    said("edit", "zoo:olr_faces", ROOT / "docs" / "face.png", "--add", "Eyeglasses", "--out", tmp_path / "a.png")


def test_digits_are_sampled_and_reached_along_the_ring(said: Callable[..., str], tmp_path: Path) -> None:
    run = semreg.open_export("zoo:atnl_gm_digits", device="cpu")
    three = run.sample(8, label="3", seed=1)
    assert three.shape == (8, 1, 24, 24)
    means = run.module("prior_s").state_dict()["means"]
    codes, _ = run.encode(three)
    assert (torch.cdist(codes, means).argmin(1) == 3).float().mean() > 0.5
    way = {"use": "geodesic", "norm": "interpolated"}
    assert run.interpolate(three[:1], run.sample(1, label="5"), interpolator=way, steps=3).shape[:2] == (1, 3)
    said("sample", "zoo:atnl_gm_digits", "--out", tmp_path / "a.png")


def test_they_stay_as_they_are(refused: Callable[..., str], tmp_path: Path) -> None:
    for command in ("evaluate", "report"):
        assert "is an exported run, which can't be" in refused(command, "zoo:olr_faces")
    with pytest.raises(UserError, match="is an exported run, which can't be evaluated"):
        semreg.evaluate("zoo:olr_faces")


def test_what_is_no_export_is_said(tmp_path: Path) -> None:
    for folder in (tmp_path, "olr_faces"):
        with pytest.raises(UserError, match=r"this is not the folder of an exported run .*'?zoo:olr_faces"):
            semreg.open_export(folder)
    shutil.copytree(in_zoo(Path("zoo:olr_faces")), tmp_path / "mine")
    (tmp_path / "mine" / "model.safetensors").unlink()
    with pytest.raises(UserError, match=r"has lost its weights \(it has no model.safetensors\)"):
        semreg.open_export(tmp_path / "mine")
