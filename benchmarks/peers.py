"""Other frameworks as contestants: each trains a VAE of a recipe's nets, and gives the seconds per step.

They get whole batches from a DataLoader that slices a tensor, the quickest way to feed them, and have logging and
checkpoints switched off.
"""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr
from io import StringIO
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from benchmarks.by_hand import VAE, Adam
from benchmarks.measure import seconds
from benchmarks.work import Work
from semreg.recipe.plan import Plan
from semreg.training.build import build_modules

Contestant = Callable[[], float]
"""Trains a round and returns the seconds per step."""


class WholeBatches(Dataset[Tensor]):
    """Batches sliced and normalised at once: where there is `__getitems__` the loader asks for all of a batch."""

    def __init__(self, pixels: Tensor) -> None:
        self.pixels = pixels

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitems__(self, indices: list[int]) -> Tensor:
        return self.pixels.index_select(0, torch.tensor(indices)).float().mul_(1 / 255)


def loader(work: Work, collate: Callable[[Any], Any] = lambda batch: batch) -> DataLoader[Any]:
    """The frameworks' batches, as `collate` wraps them."""
    data = WholeBatches(work.data.arrays["image"].index_select(0, work.data.rows("train")))
    return DataLoader(data, work.batch_size, shuffle=True, drop_last=True, collate_fn=collate)


# --- frameworks ---


def accelerate(work: Work, adam: Adam) -> Contestant:
    """Hugging Face's Accelerate, as its documentation writes a loop."""
    from accelerate import Accelerator

    accelerator = Accelerator(cpu=True)
    model = VAE(work.plan)
    model, optimizer, batches = accelerator.prepare(model, adam(model.parameters()), loader(work))
    return loop_with(work, model, optimizer, batches, accelerator.backward)


def loop_with(work: Work, model: Any, optimizer: Any, batches: Any, backward: Callable[[Tensor], object]) -> Contestant:
    """The loop that the documentation of both writes, around what they have prepared."""

    def train() -> None:
        for _ in range(work.epochs):
            for image in batches:
                optimizer.zero_grad()
                backward(model(image))
                optimizer.step()

    return lambda: seconds(train) / work.steps


def fabric(work: Work, adam: Adam) -> Contestant:
    """Lightning Fabric, as its documentation writes a loop."""
    from lightning.fabric import Fabric

    fabric = Fabric(accelerator="cpu", devices=1)
    model = VAE(work.plan)
    model, optimizer = fabric.setup(model, adam(model.parameters()))
    batches = fabric.setup_dataloaders(loader(work))
    return loop_with(work, model, optimizer, batches, fabric.backward)


def lightning(work: Work, adam: Adam) -> Contestant:
    """Lightning's Trainer without logger, checkpoints, progress bar and summary; its start-up is not counted."""
    import lightning

    class Module(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.model, self.begun, self.taken = VAE(work.plan), 0.0, 0.0

        def training_step(self, image: Tensor) -> Tensor:
            loss: Tensor = self.model(image)
            return loss

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return adam(self.parameters())

        def on_train_start(self) -> None:
            self.begun = time.perf_counter()

        def on_train_end(self) -> None:
            self.taken = time.perf_counter() - self.begun

    module, batches = Module(), loader(work)

    def train() -> float:
        lightning.Trainer(
            max_epochs=work.epochs, accelerator="cpu", devices=1, logger=False, enable_checkpointing=False,
            enable_progress_bar=False, enable_model_summary=False,
        ).fit(module, batches)  # fmt: skip
        return module.taken / work.steps

    return train


def pythae(work: Work, adam: Adam) -> Contestant:
    """pythae's VAE and trainer, on the same nets; its own loss, and its progress bar, drawn into nothing."""
    from pythae import models

    shape = tuple(next(iter(loader(work))).shape[1:])
    code = work.plan.modules["prior"].node.options["size"]
    model = models.VAE(models.VAEConfig(input_dim=shape, latent_dim=code), *pythae_nets(work.plan))
    train = pythae_trainer(work, adam, model)
    return lambda: seconds(train) / work.steps


def pythae_nets(plan: Plan, *, quantised: bool = False) -> tuple[Any, Any]:
    """The encoder and the decoder of a plan as pythae calls them; a `quantised` code is a map of one place, which it
    looks up whole."""
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder

    modules = build_modules(plan, seed=0)

    class Encoder(BaseEncoder):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.net = modules["encoder"]

        def forward(self, image: Tensor) -> Any:
            code = self.net(image)
            if quantised:
                return ModelOutput(embedding=code[:, :, None, None])
            mean, log_variance = code.chunk(2, dim=1)
            return ModelOutput(embedding=mean, log_covariance=log_variance)

    class Decoder(BaseDecoder):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.net = modules["decoder"]

        def forward(self, code: Tensor) -> Any:
            return ModelOutput(reconstruction=self.net(code.flatten(1)))

    return Encoder(), Decoder()


def pythae_trainer(work: Work, adam: Adam, model: Any) -> Callable[[], None]:
    """What trains a model of pythae's by its own trainer, a round."""
    from pythae.data.datasets import BaseDataset, DatasetOutput
    from pythae.trainers import BaseTrainer, BaseTrainerConfig

    logging.getLogger(BaseTrainer.__module__).setLevel(logging.ERROR)
    batches = loader(work, lambda batch: DatasetOutput(data=batch))
    few = torch.zeros(work.batch_size, *next(iter(batches))["data"].shape[1:])
    options = adam([torch.zeros(1)]).defaults
    place = TemporaryDirectory()
    config = BaseTrainerConfig(
        output_dir=place.name, learning_rate=options["lr"], no_cuda=True,
        optimizer_params={"fused": True} if options["fused"] else {},
    )  # fmt: skip
    trainer = BaseTrainer(model, BaseDataset(few, torch.zeros(len(few))), training_config=config)
    trainer.train_loader = batches
    trainer.prepare_training()

    def train(_: object = place) -> None:  # which lasts as long as this
        with redirect_stderr(StringIO()):
            for epoch in range(1, work.epochs + 1):
                trainer.train_step(epoch)

    return train


FRAMEWORKS: dict[str, tuple[str, Callable[[Work, Adam], Contestant]]] = {
    "Accelerate": ("accelerate", accelerate),
    "Lightning Fabric": ("lightning", fabric),
    "Lightning Trainer": ("lightning", lightning),
    "pythae": ("pythae", pythae),
}
"""The distribution of each, and what makes it a contestant."""


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the frameworks from telling how they would rather be used."""
    for name in ("lightning.pytorch", "lightning.fabric", "lightning.pytorch.utilities.rank_zero"):
        logging.getLogger(name).setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
