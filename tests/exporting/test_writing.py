"""A run is exported whole or not at all, and what was exported is the run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import semreg
from semreg.core import UserError
from semreg.exporting import comparing, hub, writing
from semreg.exporting.writing import export_run
from semreg.trained.run import Run
from tests.trained.conftest import Train

Said = Callable[..., str]


@pytest.fixture
def not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Examples are written and not run, which takes a process."""
    monkeypatch.setattr(writing, "run_alone", lambda folder: None)


def files_in(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_an_export_is_the_run(run: Run, not_run: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "made" / "out"
    made = semreg.export(run, out=out, license="mit")
    assert made.folder == out
    assert made.differences.keys() == {"encoder.pt2", "decoder.pt2"}
    assert not made.left_out
    assert made.reading is not None
    assert made.size == sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    assert files_in(out) == {
        "README.md", "config.json", "decoder.pt2", "encoder.pt2", "evaluations/samples/result.json", "example.ppm",
        "example.py", "model.safetensors", "recipe.json", "recipes.json", "run.json", "status.json", "strip.png",
    }  # fmt: skip
    assert not list(out.parent.glob(".*"))
    assert json.loads((out / "config.json").read_text())["modules"].keys() == made.differences.keys()
    opened = semreg.open_export(out, device="cpu")
    images = run.tensor("image").read("test", count=3)
    assert torch.equal(opened.encode(images), run.encode(images))
    assert torch.equal(opened.sample(2), run.sample(2))
    assert opened.results["samples"].figures == run.results["samples"].figures
    assert list(opened.modules) == ["encoder", "decoder", "prior"]
    with pytest.raises(UserError, match=r"modules\.reader +was not exported"):
        opened.module("reader")
    for said in (run.folder, tmp_path):
        assert str(said).encode() not in b"".join(path.read_bytes() for path in out.rglob("*") if path.is_file())
    with pytest.raises(UserError, match="exists already; give a folder that export can make"):
        semreg.export(run, out=out)

    # What the modules compute no longer is what the run does.
    monkeypatch.setattr(comparing, "TOLERANCE", 0.0)
    monkeypatch.setattr(writing, "saved", lambda program: b"")
    monkeypatch.setattr(torch.export, "load", lambda file: _Shifted())
    with pytest.raises(UserError, match="nothing is written"):
        semreg.export(run, out=tmp_path / "other" / "out")
    assert not list((tmp_path / "other").iterdir())


class _Shifted:
    def module(self) -> Callable[..., Any]:
        return lambda values: (torch.ones(len(values), 2),)


def test_a_run_without_a_decoder_says_which_line_to_add(train: Train, tmp_path: Path) -> None:
    run = train('without = ["model"]\n')
    with pytest.raises(UserError, match=r'names no code and no output; add `code = \["z"\]` and `output'):
        export_run(run.folder, tmp_path / "out")
    with pytest.raises(UserError, match="has no module 'encodr'; did you mean 'encoder'"):
        export_run(train().folder, tmp_path / "out", modules=["encodr"])
    assert not (tmp_path / "out").exists()


def test_what_came_there_meanwhile_stays(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out"

    def somebody(folder: Path) -> None:
        out.mkdir()
        (out / "theirs").touch()

    monkeypatch.setattr(writing, "run_alone", somebody)
    with pytest.raises(UserError, match="exists already"):
        export_run(run.folder, out)
    assert files_in(tmp_path) == {"out/theirs"}


def test_what_is_not_installed_is_said_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub.importlib.util, "find_spec", lambda name: None)
    for options, said in (({"onnx": True}, "onnx, onnxscript, onnxruntime"), ({"push": "a/b"}, "huggingface_hub")):
        with pytest.raises(UserError, match=f"{said} (is|are)n't installed"):
            export_run(tmp_path / "no_run", tmp_path / "out", **options)  # type: ignore[arg-type]


@pytest.mark.slow
def test_half_precision_modules_and_an_upload(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    uploaded: list[Any] = []
    monkeypatch.setenv("HF_TOKEN", "x")
    monkeypatch.setattr(hub, "upload", lambda *given: uploaded.append(given) or "https://hub.example")
    whole, half = tmp_path / "whole", tmp_path / "half"
    export_run(run.folder, whole)
    made = export_run(run.folder, half, half=True, modules=["reader", "prior"], push="a/b")
    assert uploaded == [(half, "a/b")]
    assert made.address == "https://hub.example"
    assert made.left_out == {"prior": "no tensor or loss calls it; its numbers are in model.safetensors"}
    assert made.rounded is not None
    assert 0 < made.rounded < 1e-2
    assert "modules/reader.pt2" in files_in(half)
    assert (half / "model.safetensors").stat().st_size < (whole / "model.safetensors").stat().st_size
    opened = semreg.open_export(half, device="cpu")
    codes = torch.randn(5, 2)
    exported = torch.export.load(half / "decoder.pt2").module()
    assert torch.allclose(exported(codes)[0], opened.decode(codes), atol=1e-6)
    assert torch.allclose(opened.decode(codes), run.decode(codes), atol=2e-2)
    reader = torch.export.load(half / "modules" / "reader.pt2").module()
    assert torch.allclose(reader(codes)[0], opened.module("reader")(codes), atol=1e-6)


@pytest.mark.slow
def test_an_example_that_fails_leaves_nothing(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "example_of", lambda *parts, pictures: "import semreg\n")
    with pytest.raises(UserError, match=r"fails with only PyTorch installed: .*No module named 'semreg'"):
        export_run(run.folder, tmp_path / "out")
    assert not list(tmp_path.glob("*out*"))


@pytest.mark.slow
def test_an_export_is_exported_again_on_images_of_one_s_own(run: Run, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    export_run(run.folder, first)
    export_run(first, second)
    assert (first / "model.safetensors").read_bytes() == (second / "model.safetensors").read_bytes()
    figures = [(folder / "README.md").read_text().split("## Figures")[1].split("##")[0] for folder in (first, second)]
    assert "| samples | accuracy |" in figures[0]
    assert figures[0] == figures[1]


@pytest.mark.slow
def test_an_encoder_alone_is_exported_alone(train: Train, tmp_path: Path) -> None:
    run = train('without = ["model.output"]')
    made = export_run(run.folder, tmp_path / "out")
    assert made.differences.keys() == {"encoder.pt2"}
    assert made.left_out.keys() == {"decoder"}
    assert "names no output; add `output" in made.left_out["decoder"]
    assert {"example.ppm", "encoder.pt2"} <= files_in(tmp_path / "out")
    assert "strip.png" not in files_in(tmp_path / "out")
