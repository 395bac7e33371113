"""Fixtures of several test files."""

from __future__ import annotations

import json
import os
import re
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import catalogue
import numpy as np
import pluggy
import pytest
import torch

from semreg.cli.main import app
from semreg.core import (
    AttributesField,
    ClassField,
    DataMissing,
    ImageField,
    Result,
    Source,
    Specification,
    Table,
    VectorField,
    hookspecs,
    plugin_manager,
    registry,
)
from semreg.core.kinds import KINDS
from semreg.data.images import ImageArray
from semreg.data.splits import drawn_split
from semreg.pictures import bar_plot, heat_map, image_grid
from semreg.store.recipes import evaluations_of, own_name, write_evaluations
from semreg.store.results import write_result

# The tests' nets are so small that a second thread only waits; the environment is for the processes that tests start.
os.environ.setdefault("OMP_NUM_THREADS", "1")
torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
# Where a process's first gradients are those of a compiler or of pretended devices, PyTorch begins threads, and no
# process that a test forks later could compute any.
torch.ones((), requires_grad=True).backward()

Install = Callable[..., Path]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Install a made-up distribution for this test: metadata, entry points and modules in a folder on the path.

    `install("semreg-toy", {"semreg.losses": {"toy": "toy:loss"}}, toy="def loss(a): ...")` returns the folder, which a
    subprocess finds too, by PYTHONPATH.
    """
    paths: list[str] = []
    inherited = [os.environ["PYTHONPATH"]] if os.environ.get("PYTHONPATH") else []

    def install(
        distribution: str, groups: dict[str, dict[str, str]] | str, version: str = "1.2", **modules: str
    ) -> Path:
        folder = tmp_path / "site" / distribution
        information = folder / f"{re.sub('-', '_', distribution)}-{version}.dist-info"
        information.mkdir(parents=True)
        (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
        if not isinstance(groups, str):
            sections = ([f"[{group}]", *(f"{k} = {v}" for k, v in points.items())] for group, points in groups.items())
            groups = "\n".join(line for section in sections for line in section)
        (information / "entry_points.txt").write_text(groups)
        for module, source in modules.items():
            (folder / f"{module}.py").write_text(source)
        paths.append(str(folder))
        monkeypatch.syspath_prepend(str(folder))
        monkeypatch.setenv("PYTHONPATH", ":".join([*paths, *inherited]))
        return folder

    return install


@pytest.fixture
def fake_run(tmp_path: Path) -> Path:
    """A finished run's folder, as training leaves it, with two phases, three evaluations and hostile names."""
    return write_fake_run(tmp_path / "runs" / "olr_celeba-3f9c1a")


def seconds_per_iteration(losses: int, share: float) -> dict[str, float]:
    """Where the time of an iteration went in a phase of one loss, and in one of several that grows slower."""
    slower = 1 + share if losses > 1 else 1
    backward = 0.04 * slower if losses > 1 else 0.03
    return {"data": 0.004, "forward": 0.02, "backward": backward, "optimizer": 0.005, "hooks": 0.0002, "other": 0.001}


def write_fake_run(folder: Path) -> Path:
    """Write a run's folder without training anything."""
    random = np.random.default_rng(0)
    folder.mkdir(parents=True)
    attributes = ["Bald", "Bangs", "Eyeglasses", "Mouth_Slightly_Open", "Smiling", "Wearing_Hat"]
    record = {
        "name": "olr_celeba",
        "hash": "3f9c1a",
        "seed": 7,
        "precision": "fp32",
        "device": "cpu",
        "fallback": "CelebA not found under ./data (looked for celeba/img_align_celeba); using the avatars instead.",
        "data": {
            "name": "avatars",
            "options": {"size": 48},
            "fields": {"image": {"kind": "image"}, "attributes": {"kind": "attributes", "names": attributes}},
            "counts": {"train": 3200, "validation": 400, "test": 400},
            "fingerprint": "sha256:0123abcd",
        },
        "versions": {"python": "3.11.7", "torch": "2.14.1", "semreg": "0.1.0", "semreg-olr": "0.1.0"},
        "threads": 2,
        "command": "semreg run recipes/olr_celeba.toml --seed 7",
        "started": "2025-01-02T03:04:05+00:00",
        "trained": True,
        "modules": {
            "classifier": {"use": "conv_encoder", "parameters": 123456},
            "siamese": {"use": "label_<b>encoder</b>", "parameters": 654321},
        },
        "phases": [
            {
                "name": "classifier",
                "epochs": 6,
                "iterations": 600,
                "batch_size": 32,
                "steps": {"main": {"classifier": {"bce": 1}}},
                "backwards": {"main": 1},
            },
            {
                "name": "siamese",
                "epochs": 12,
                "iterations": 1200,
                "batch_size": 32,
                "steps": {
                    "joint": {"siamese": {"pair": 1, "rec": 10}, "decoder": {"rec": 10, "adv_g": 0.1}},
                    "critic": {"critic": {"adv_d": 1}},
                },
                "backwards": {"joint": 2, "critic": 1},
            },
        ],
    }
    metrics = []
    for phase, count, losses in (("classifier", 600, ["bce"]), ("siamese", 1200, ["pair", "rec", "adv_g", "adv_d"])):
        for iteration in range(10, count + 1, 10):
            values = {
                loss: (k + 1) * 0.7 * float(np.exp(-iteration / (80 + 90 * k)) + 0.02 * random.random() + 0.01)
                for k, loss in enumerate(losses)
            }
            metrics.append({
                "phase": phase, "epoch": 1 + iteration // 100, "iteration": iteration, "iterations": count,
                "losses": values, "images_per_second": 420 + 10 * random.random(), "seconds": iteration / 10,
                "seconds_per_iteration": seconds_per_iteration(len(losses), iteration / count),
            })  # fmt: skip
            if iteration % 100 == 0:
                valid = {losses[0]: values[losses[0]] * 1.2 + 0.02}
                where = {"phase": phase, "epoch": 1, "iteration": iteration}
                metrics.append({**where, "validation": valid, "best": True, "seconds_of_validation": 0.8})
    status = {"state": "finished", "recipe": "olr_celeba", "phase": "siamese"}
    status |= {"iteration": 1200, "iterations": 1200, "message": ""}
    recipe = {"data": {"use": "avatars"}, "evaluate": {"linear": {}, "correlation": {}, "edits": {}}}
    (folder / "run.json").write_text(json.dumps(record))
    (folder / "recipe.json").write_text(json.dumps(recipe))
    (folder / "status.json").write_text(json.dumps(status | {"updated": "2025-01-02T03:12:25+00:00"}))
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in metrics) + '{"phase": "siam')
    (folder / "warnings.jsonl").write_text(json.dumps({"warning": "<script>alert('warning')</script>"}) + "\n")

    accuracies = random.uniform(0.85, 0.99, (2, len(attributes)))
    rows = [[name, *map(float, accuracies[:, k]), 40 + k] for k, name in enumerate(attributes)]
    linear = Result(
        figures={"linear": 0.941, "convolutional": 0.952, "ratio": 0.988},
        paper={"linear": 0.916, "convolutional": 0.942, "ratio": 0.972},
        tables=[
            Table("Per attribute", ["attribute", "linear", "convolutional", "images"], rows, "Accuracy on test images.")
        ],
        pictures=[
            bar_plot(
                "Accuracy",
                attributes,
                {"linear": accuracies[0], "convolutional": accuracies[1]},
                y_label="accuracy",
                caption="Linear probes on frozen embeddings beside a convolutional network on the images.",
            )
        ],
        summary="4.1 linear 0.941 / convolutional 0.952 = 0.988 (paper 0.972)",
    )
    correlation = Result(
        figures={"agreement": 0.83},
        pictures=[
            heat_map("Correlation", np.corrcoef(random.random((6, 9))), attributes, caption="Of label embeddings.")
        ],
    )
    ramp = np.linspace(0, 1, 48)[None, None, None, :] * np.linspace(0.3, 1, 8)[:, None, None, None]
    faces = np.broadcast_to(ramp, (8, 3, 48, 48)) * np.array([0.9, 0.7, 0.5])[None, :, None, None]
    edits = Result(
        figures={"seen": 0.87, "kept": float("nan")},
        paper={"kept": 0.95},
        tables=[Table("Long", ["k", "value"], [[k, k / 7] for k in range(20)])],
        pictures=[image_grid("Edits", [faces, 1 - faces], row_labels=["image", "edited"], caption="<i>not markup</i>")],
        summary="4.5 added attribute seen in 87 % of the edits, 95 % of the others unchanged",
    )
    for name, result in (("linear", linear), ("correlation", correlation), ("edits", edits)):
        write_fake_result(folder, name, result)
    return folder


def write_fake_result(folder: Path, name: str, result: Result) -> Path:
    """Write the result of an evaluation of a run's own recipe, after or in place of those it has; its folder."""
    recipe, path = own_name(folder), folder / "evaluations" / f"{name}-0a1b2c"
    write_result(path, result)
    places = {other: place.name for other, place in evaluations_of(folder, recipe).items()}
    write_evaluations(folder, recipe, places | {name: path.name}, reported=True)
    return path


# --- recipes on a toy data set ---


class ToyData:
    """Images 1×4×4 that show their class, an ordered class, two attributes and a vector; drawn from a fixed seed."""

    def __init__(self, *, count: int = 60, missing: bool = False, root: Path | None = None) -> None:
        self.count, self.missing, self.root = count, missing, root

    def specification(self) -> Specification:
        return {
            "image": ImageField(1, 4, 4),
            "kind": ClassField(("a", "b", "c"), order="line"),
            "marks": AttributesField(("round", "dark"), exclusive=(("round", "dark"),)),
            "point": VectorField(3),
        }

    def locate(self) -> None:
        if self.missing:
            raise DataMissing("", f"ToyData not found under {self.root} (looked for toy.bin); draw it yourself")

    def source(self) -> Source:
        random = np.random.default_rng(0)
        kinds = np.arange(self.count, dtype=np.int64) % 3
        pixels = (random.integers(0, 128, (self.count, 1, 4, 4)) + 60 * kinds[:, None, None, None]).astype(np.uint8)
        marks = np.stack([kinds == 0, kinds == 2], axis=1).astype(np.uint8)
        points = random.normal(size=(self.count, 3)).astype(np.float32)
        return Source(
            labels={"kind": kinds, "marks": marks, "point": points},
            split=drawn_split(self.count, classes=kinds),
            images=ImageArray(pixels, (4, 4)),
            identity={"count": self.count},
        )


TOY_RECIPE = """
[data]
use = "toy"
batch_size = 8

[model]
input = "image"
code = ["z"]
output = "reconstruction"

[modules.encoder]
use = "mlp_encoder"
outputs = 4
hidden = [6]

[modules.decoder]
use = "mlp_decoder"
hidden = [6]
channels = "@image.channels"
size = "@image.size"

[modules.prior]
use = "standard_normal"
size = 2

[tensors]
posterior = "diagonal_gaussian(encoder(image))"
z = "sample(posterior)"
reconstruction = "decoder(z)"

[losses.rec]
use = "l2(reconstruction, image)"

[losses.kl]
use = "kl_divergence(posterior, prior)"

[optimizer]
lr = 1e-2

[phases.main]
epochs = 2

[phases.main.train]
encoder = { rec = 1, kl = 0.5 }
decoder = { rec = 1 }
"""


@pytest.fixture
def register() -> Iterator[Callable[[str, str, Any], None]]:
    """`register(kind, name, value)` as in a notebook, undone after the test."""
    taken: list[tuple[str, str]] = []

    def register(kind: str, name: str, value: Any) -> None:
        registry.register(kind, name, value)
        taken.append((kind, name))

    yield register
    for kind, name in taken:
        del catalogue.REGISTRY[(*KINDS[kind].group.split("."), name)]


@pytest.fixture(scope="session")
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def toy(
    register: Callable[[str, str, Any], None], shared_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Path]:
    """`toy(text, name="recipe.toml")` writes a recipe beside `base.toml`, a small autoencoder on toy data.

    A text without `[data]` extends that recipe.
    """
    monkeypatch.setenv("SEMREG_CACHE", str(shared_cache))
    register("dataset", "toy", ToyData)
    (tmp_path / "base.toml").write_text(TOY_RECIPE)

    def write(text: str = "", name: str = "recipe.toml") -> Path:
        text = textwrap.dedent(text)
        if "[data]" not in text and "extends" not in text:
            text = f'extends = "base.toml"\n{text}'
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


def tiny_run(recipe: Path) -> Path:
    """The folder of a run of a recipe, for fixtures of a session: data, cache and runs lie beside the recipe."""
    import semreg

    root = recipe.parent
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEMREG_CACHE", str(root / "cache"))
        return semreg.run(recipe, data_root=root / "data", out=root / "runs", device="cpu").folder


@pytest.fixture
def no_hooks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs without progress bars and reports."""

    def load_hooks(warn: Callable[[str], None]) -> pluggy.PluginManager:
        manager = pluggy.PluginManager("semreg")
        manager.add_hookspecs(hookspecs)
        return manager

    monkeypatch.setattr(plugin_manager, "load_hooks", load_hooks)


# --- what strangers hand over ---


@pytest.fixture
def sentinel(tmp_path: Path) -> Iterator[Path]:
    """Made by code that runs, which none does."""
    path = tmp_path / "code_was_run"
    yield path
    assert not path.exists(), "code of a stranger's was run"


@pytest.fixture
def refused_or_done(capsys: pytest.CaptureFixture[str], sentinel: Path) -> Callable[..., tuple[int, str]]:
    """`refused_or_done("report", folder)`: the exit code, 0 or 2, and what was said; no code was run."""

    def refused_or_done(*arguments: object) -> tuple[int, str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            app([str(argument) for argument in arguments], prog_name="semreg")
        out, err = capsys.readouterr()
        code = ended.value.code
        assert code in (0, 2), err
        assert "Traceback" not in err
        assert len(err) < 20_000
        assert not sentinel.exists()
        return int(code), err + out

    return refused_or_done
