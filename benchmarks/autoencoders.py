"""Variational autoencoders of ours beside pythae's: the same nets, first weights, images, batches and epochs.

`python -m benchmarks.autoencoders --peer FOLDER` prints both and writes benchmarks/autoencoders.md. pythae is installed
without what it requires, most of which is here, into a folder of its own:

    pip install --no-deps --target FOLDER pythae==0.1.2 imageio

Each trains in turns, on one thread, with Adam at 1e-3, the losses weighed as pythae weighs them. Compared are the
squared error of reconstructions of test images, from the posteriors' means, and the processor time of an epoch.
"""

from __future__ import annotations

import argparse
import logging
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from benchmarks.by_hand import adam
from benchmarks.measure import ROOT, Goal, Table, goals_table, machine
from benchmarks.peers import pythae_nets, pythae_trainer
from benchmarks.work import Work
from semreg.recipe.check import check
from semreg.recipe.load import load_recipe
from semreg.trained.opening import open_data
from semreg.training.program import Program, evaluating

PAGE = Path(__file__).with_suffix(".md")
TITLE = "# Variational autoencoders\n\nBy `python -m benchmarks.autoencoders --peer FOLDER`, which says how.\n"
EPOCHS, ROUNDS = 20, 3
ALIKE = 1.02
"""Of two errors' noise: what counts as equal."""
SQUARES = "{ reconstruction_error = 0.5"


class Method(NamedTuple):
    """A recipe of ours, what is changed in it, and pythae's model of it."""

    recipe: str
    changes: tuple[str, ...]
    model: Callable[[Any, dict[str, Any], Any, Any], nn.Module]


def _vae(models: Any, shape: dict[str, Any], *nets: Any) -> nn.Module:
    made: nn.Module = models.VAE(models.VAEConfig(**shape), *nets)
    return made


def _tcvae(models: Any, shape: dict[str, Any], *nets: Any) -> nn.Module:
    made: nn.Module = models.BetaTCVAE(models.BetaTCVAEConfig(**shape, beta=6.0), *nets)
    return made


def _vamp(models: Any, shape: dict[str, Any], *nets: Any) -> nn.Module:
    made: nn.Module = models.VAMP(models.VAMPConfig(**shape, number_components=50), *nets)
    return made


def _vq(models: Any, shape: dict[str, Any], *nets: Any) -> nn.Module:
    config = models.VQVAEConfig(**shape, num_embeddings=64, use_ema=True, decay=0.99, commitment_loss_factor=2.0)
    made: nn.Module = models.VQVAE(config, *nets)
    return made


WEIGHED = (f"phases.main.train.encoder={SQUARES}, kl = 1 }}", f"phases.main.train.decoder={SQUARES} }}")
TOTAL_CORRELATION = "{ use = 'total_correlation(z, posterior)', estimator = 'stratified', images = 1438 }"
METHODS = {
    "VAE": Method("vae_digits", WEIGHED, _vae),
    "β-TCVAE": Method(
        "vae_digits",
        (
            f"losses.total_correlation={TOTAL_CORRELATION}",
            f"phases.main.train.encoder={SQUARES}, kl = 1, total_correlation = 5 }}",
            WEIGHED[1],
        ),
        _tcvae,
    ),
    "VampVAE": Method("priors/vamp", (*WEIGHED, "phases.main.train.prior={ kl = 1 }"), _vamp),
    "VQ-VAE": Method("quantized/vq", (), _vq),
}


class Trained(NamedTuple):
    """What a round found: the squared error of a test pixel, and the seconds of processor time of an epoch."""

    error: float
    seconds: float


def work_of(method: Method, epochs: int) -> Work:
    """A recipe's plan without evaluations, and its data."""
    changes = [*method.changes, f"phases.main.epochs={epochs}", "without=['evaluate']"]
    plan = check(load_recipe(ROOT / "recipes" / f"{method.recipe}.toml", changes))
    return Work(plan, open_data(plan))


def images_of(work: Work, split: str) -> Tensor:
    """All of a split, from 0 to 1."""
    return work.data.arrays["image"].index_select(0, work.data.rows(split)).float() / 255


def ours(work: Work) -> Trained:
    """A run of ours."""
    with tempfile.TemporaryDirectory() as folder:
        runner = work.runner(Path(folder))
        begun = time.process_time()
        for iteration in range(work.steps):
            runner.iterate(iteration)
        took = time.process_time() - begun
        modules = runner.setting.modules
    images = images_of(work, "test")
    program = Program(work.plan, modules, training=False)
    with evaluating(modules):
        made = program.value("reconstruction", program.execution({"image": images}))
    return Trained(float((made - images).square().mean()), took / work.epochs)


def theirs(work: Work, method: Method) -> Trained:
    """A run of pythae's."""
    from pythae import models

    encoder, decoder = pythae_nets(work.plan, quantised=method.model is _vq)
    images = images_of(work, "test")
    size = encoder(images[:1]).embedding.shape[1]
    model = method.model(models, {"input_dim": tuple(images.shape[1:]), "latent_dim": size}, encoder, decoder)
    train = pythae_trainer(work, adam(), model)
    begun = time.process_time()
    train()
    took = time.process_time() - begun
    model.eval()
    with torch.no_grad():
        if method.model is _vq:
            made = model({"data": images}).recon_x
        else:
            made = decoder(encoder(images).embedding).reconstruction
    return Trained(float((made - images).square().mean()), took / work.epochs)


def compared(epochs: int, rounds: int) -> tuple[Table, list[Goal]]:
    """Both sides of each method, in turns."""
    rows, goals = [], []
    for name, method in METHODS.items():
        work = work_of(method, epochs)
        pairs = [(ours(work), theirs(work, method)) for _ in range(rounds)]
        error, other = (statistics.median(pair[side].error for pair in pairs) for side in (0, 1))
        took, longer = (statistics.median(pair[side].seconds for pair in pairs) for side in (0, 1))
        told = [f"{error:.4f}", f"{other:.4f}", f"{error / other:.2f}", f"{took:.3f}", f"{longer:.3f}"]
        rows.append([name, *told, f"{took / longer:.2f}"])
        goals.append(Goal(f"{name}: error", f"at most {ALIKE} of pythae's", told[2], error / other <= ALIKE))
        goals.append(Goal(f"{name}: time", "at most pythae's", rows[-1][-1], took <= longer))
    columns = ["method", "error, semreg", "error, pythae", "ratio", "seconds an epoch, semreg", "pythae", "ratio"]
    note = f"Medians of {rounds} rounds of {epochs} epochs on scikit-learn's digits; ratios are ours by theirs. "
    note += "At pythae's weights the VAEs of both learn no more than the mean image, whose error is 0.073."
    return Table("Reconstruction and time", columns, rows, note), goals


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", type=Path, help="the folder with pythae")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    arguments = parser.parse_args()
    if arguments.peer:
        sys.path.append(str(arguments.peer))
    logging.getLogger("pythae").setLevel(logging.ERROR)
    torch.set_num_threads(1)
    table, goals = compared(arguments.epochs, arguments.rounds)
    told = "  \n".join(machine()) + "\n"
    page = "\n".join([TITLE, told, table.markdown(), goals_table(goals).markdown()])
    print(page)
    PAGE.write_text(page)
    sys.exit(not all(goal.met for goal in goals))


if __name__ == "__main__":
    main()
