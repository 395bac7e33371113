"""Pictures while a run trains: they change no bit, are drawn once each, and end as if nothing had stopped the run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from semreg.core import UserError
from semreg.core.hookspecs import Progress
from semreg.recipe.schema import WatchTable
from semreg.report.writing import write_report
from semreg.running.watch import Watch
from semreg.store.folder import RunFolder
from semreg.store.watched import read_watched
from semreg.trained.run import Run
from semreg.training import trainer
from semreg.training.phase import PhaseRunner

Toy = Callable[..., Path]
Register = Callable[[str, str, object], None]
Trained = Callable[..., Run]

pytestmark = pytest.mark.usefixtures("no_hooks")

UNSTEADY = """
[modules.encoder]
use = "dropping"
outputs = 4
[tensors]
noisy = "hidden_noise(image)"
again = "decoder(sample(diagonal_gaussian(encoder(noisy))))"
drawn = "decoder(draw_like(prior, image))"
alone = "watched(drawn)"
[losses.denoise]
use = "l2(again, image)"
[phases.main]
epochs = 3
[phases.main.train]
encoder = { rec = 1, kl = 0.5, denoise = 1 }
decoder = { rec = 1, denoise = 1 }
"""
"""Dropout, batch norm, draws of semreg's and of PyTorch's own generator, and a tensor that pictures alone read."""
WATCH = ["watch.tensors=['image', 'again', 'alone']", "watch.every=2", "watch.images=3"]


def hidden_noise(x: Tensor) -> Tensor:
    return functional.dropout(x, 0.2) + 0.1 * torch.randn_like(x)


@pytest.fixture
def unsteady(toy: Toy, register: Register) -> Path:
    from tests.running.faults import Dropping

    register("encoder", "dropping", Dropping)
    register("operation", "hidden_noise", hidden_noise)
    register("operation", "watched", lambda x: x)
    return toy(UNSTEADY)


def weights(run: Run) -> dict[str, Tensor]:
    return {f"{name}.{k}": v for name, module in run.modules.items() for k, v in module.state_dict().items()}


def losses(run: Run) -> list[object]:
    lines = map(json.loads, (run.folder / "metrics.jsonl").read_text().splitlines())
    return [(line["iteration"], line["losses"]) for line in lines]


def pictures(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "watch").iterdir()}


def test_the_bits_are_those_of_a_run_that_nobody_watches(unsteady: Path, trained: Trained, tmp_path: Path) -> None:
    plain = trained(unsteady, out=tmp_path / "plain")
    watched = trained(unsteady, *WATCH)
    assert watched.folder.name == plain.folder.name, "it is outside the identity"
    assert losses(watched) == losses(plain)
    values = weights(watched)
    assert all(torch.equal(value, values[key]) for key, value in weights(plain).items())
    assert [(one.phase, one.epoch, one.picture) for one in read_watched(watched.folder)] == [
        ("main", 2, "main-2.png"),
        ("main", 3, "main-3.png"),
    ]
    assert pictures(watched.folder).keys() == {"main-2.png", "main-3.png"}
    assert not (plain.folder / "watch").exists()
    page = write_report(watched.folder).read_text()
    assert page.index("image, again, alone after epoch 2") < page.index("image, again, alone after epoch 3")


@pytest.mark.parametrize("stop", [7, 17])
def test_a_run_that_was_stopped_has_each_picture_once_with_the_same_bits(
    stop: int, unsteady: Path, trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Checkpoints come less often than pictures: what was drawn after the last of them is drawn again."""
    whole = trained(unsteady, *WATCH, "watch.every=1", out=tmp_path / "whole")
    iterate, done = PhaseRunner.iterate, 0

    def interrupted(self: PhaseRunner, iteration: int) -> None:
        nonlocal done
        done += 1
        monkeypatch.setattr(trainer, "SECONDS_BETWEEN_CHECKPOINTS", -1.0 if iteration == 5 else 1e9)
        if done > stop:
            raise RuntimeError("killed")
        iterate(self, iteration)

    with monkeypatch.context() as patch:
        patch.setattr(PhaseRunner, "iterate", interrupted)
        with pytest.raises(RuntimeError):
            trained(unsteady, *WATCH, "watch.every=1")
    [folder] = (tmp_path / "runs").iterdir()
    (folder / "watch" / "main-9.png").write_bytes(b"of a stretch that was cut off")
    assert trained(unsteady, *WATCH, "watch.every=1").folder == folder
    assert pictures(folder) == pictures(whole.folder)
    assert len(read_watched(folder)) == 3
    assert read_watched(folder) == read_watched(whole.folder)


def test_a_run_that_is_trained_gets_no_pictures_and_says_so(
    toy: Toy, trained: Trained, capsys: pytest.CaptureFixture[str]
) -> None:
    run = trained(toy())
    again = trained(toy(), "watch.tensors=['reconstruction']")
    assert again.folder == run.folder
    assert "has no pictures: `[watch]` keeps them while a run trains" in capsys.readouterr().err
    assert not (run.folder / "watch").exists()


def test_what_is_no_picture_is_refused_before_training(
    toy: Toy, register: Register, trained: Trained, tmp_path: Path
) -> None:
    register("operation", "first_row", lambda x: x[:0])
    path = toy('[tensors]\nnone = "first_row(image)"')
    with pytest.raises(UserError, match=r"watch\.tensors\.0  'none' is float32 \(0, 1, 4, 4\); pictures are"):
        trained(path, "watch.tensors=['none']")
    assert not (tmp_path / "runs").exists()


class Drawn(RunFolder):
    """A run of which each tensor is one grey image."""

    def tensor(self, name: str, *, count: int = 8) -> Tensor:
        return torch.full((count, 1, 2, 2), 0.5)


@pytest.mark.parametrize(
    ("every", "epochs", "drawn"), [(1, 3, [1, 2, 3]), (2, 5, [2, 4, 5]), (5, 3, [3]), (3, 6, [3, 6])]
)
def test_after_every_so_many_epochs_and_after_the_last(
    every: int, epochs: int, drawn: list[int], tmp_path: Path
) -> None:
    run, per_epoch = Drawn(tmp_path, "toy"), 4
    watch = Watch(WatchTable(tensors=["x"], every=every), (0.0, 1.0))
    watch.phase_started(run)
    for iteration in range(1, epochs * per_epoch + 1):
        epoch = (iteration - 1) // per_epoch + 1
        watch.iteration_done(run, Progress("main", epoch, epochs, iteration, epochs * per_epoch))
    for _ in range(2):  # said again where a run resumes
        watch.phase_finished(run, "main", epochs)
    assert [one.epoch for one in read_watched(tmp_path)] == drawn
    assert sorted(pictures(tmp_path)) == sorted(f"main-{epoch}.png" for epoch in drawn)
