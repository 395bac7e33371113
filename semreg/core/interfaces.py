"""What semreg and components expect of each other: a Protocol for each kind, and for the runs that they are given.

Nothing inherits from these: shape is enough. A component is called as its Protocol says, inputs by position and options
by keyword; a parameter called `generator`, `input_shapes`, `root` or `judge` is filled by semreg. `semreg.testing`
holds components to them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from semreg.core.results import RecordedRun, Result
    from semreg.core.roles import Roles
    from semreg.core.source import Source
    from semreg.core.specification import Field, Order, Specification

__all__ = [
    "Classifier", "ClosedFormPrior", "Comparison", "Criterion", "Critic", "Dataset", "Decoder", "Encoder", "Evaluation",
    "FittedInterpolator", "Handle", "Interpolator", "Loss", "ObservedRun", "Operation", "Prior",
    "Remarking", "Sampler", "Schedule", "Tracker", "TrainedRun",
]  # fmt: skip

# --- networks: a class whose constructor takes the options; its instances are nn.Modules ---


@runtime_checkable
class Encoder(Protocol):
    """An nn.Module from images `(batch, channels, height, width)` to codes.

    Its constructor may take `input_shapes`, the shapes of its inputs without the batch axis, which the engine fills in.
    """

    def __call__(self, *inputs: Tensor) -> Any:
        """Codes `(batch, code)`, or spatial codes `(batch, channels, height, width)`; of a quantiser a NamedTuple."""


@runtime_checkable
class Decoder(Protocol):
    """An nn.Module from one or several codes to images."""

    def __call__(self, *codes: Tensor) -> Tensor:
        """Images `(batch, channels, height, width)`."""


@runtime_checkable
class Critic(Protocol):
    """An nn.Module that scores how real an input is, given labels where it takes any."""

    def __call__(self, *inputs: Tensor) -> Tensor:
        """Scores `(batch, ...)`, one for each sample or each patch; high is real."""


@runtime_checkable
class Classifier(Protocol):
    """An nn.Module from an input or a code to labels."""

    def __call__(self, *inputs: Tensor) -> Tensor:
        """Logits `(batch, classes)`."""


@runtime_checkable
class Criterion(Protocol):
    """An nn.Module that is a loss with parameters or state of its own; `couples_rows` says of it what of a Loss."""

    def __call__(self, *inputs: Tensor) -> Tensor:
        """A scalar, as a Loss's, in at least float32. In eval mode no state changes."""


@runtime_checkable
class Prior(Protocol):
    """An nn.Module that holds a distribution of codes, which may depend on labels.

    Every method takes labels after its first argument, each with one row per code. A prior that needs none ignores
    them, so that a recipe may exchange one prior for another, and says so by an attribute `ignores_labels = True`; a
    conditional prior called without labels means its marginal (a mixture draws the classes too). One that also has
    `fit(codes, *labels)`, `state()` and `load_state(state)` is fitted to its code after training, and kept with it.
    """

    def log_probability(self, codes: Tensor, *labels: Tensor) -> Tensor:
        """Log-density of codes `(batch, code)` in nats, `(batch,)`."""
        ...

    def sample(self, count: int, *labels: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Draws `(count, code)`; one generator state gives one draw. Labels have `count` rows."""
        ...


@runtime_checkable
class ClosedFormPrior(Prior, Protocol):
    """A prior whose KL divergence from a posterior is known in closed form; others leave `kl_divergence` out."""

    def kl_divergence(self, posterior: Any, *labels: Tensor) -> Tensor:
        """KL(posterior ‖ prior) of each element of the code in nats, `(batch, code)`."""
        ...


@runtime_checkable
class Remarking(Protocol):
    """An nn.Module, of any kind, that sometimes has to be warned of: of what a step may not wait to find out."""

    def remarks(self) -> list[str]:
        """What a run is warned of, each once. Asked for at records, outside of a step, when reading costs little."""
        ...


# --- calls: functions, or classes that are made with the options and then called ---


class Operation(Protocol):
    """A function from tensors to tensors.

    An attribute `in_evaluation` is the function that evaluations call instead, on the same inputs and without options;
    `cuts_gradient = True` says that no gradient flows through, and `couples_rows = True` that a row of the result
    depends on other rows: where several processes have a part of the batch each, it is then called on the whole one.
    """

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        """A tensor `(batch, ...)`, or a posterior of such."""
        ...


class Loss(Protocol):
    """A function from tensors of one batch to what is to be minimised; it does not know which modules it trains.

    An attribute `couples_rows = True` says that it is no mean over the rows of a batch, as one of pairs is not: where
    several processes have a part of the batch each, it is then called on the whole one.
    """

    def __call__(self, *inputs: Any, **options: Any) -> Tensor:
        """A scalar: the mean over the batch, finite whatever the batch."""
        ...


class Interpolator(Protocol):
    """A function that walks from one code to another."""

    def __call__(self, a: Tensor, b: Tensor, weight: Tensor | float) -> Tensor:
        """The code at `weight` of the way from `a` to `b`, exactly `a` at 0 and exactly `b` at 1.

        `a` and `b` are `(batch, code)`; `weight`, in [0, 1], is a number or a tensor that broadcasts against them, such
        as `(batch, 1)`. Options are keyword-only.
        """
        ...


@runtime_checkable
class FittedInterpolator(Protocol):
    """A class, made with its options and fitted before it is called; without `follows_classes = False`, on classes."""

    def __call__(self, a: Tensor, b: Tensor, weight: Tensor | float) -> Tensor:
        """As an Interpolator's."""
        ...

    def fit(self, codes: Tensor, labels: Tensor, order: Order) -> None:
        """Learn from codes `(rows, code)` and their classes, int64 `(rows,)`, which neighbour in this order."""
        ...

    def state(self) -> Mapping[str, Tensor]:
        """What it learnt, which a run keeps, so that its use needs no data."""
        ...

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Take what another one with the same options learnt, in the place of `fit`."""
        ...


# --- functions at places of their own ---


class Sampler(Protocol):
    """A rule that draws the batches of an epoch from the labels of all rows."""

    def __call__(
        self, *labels: Tensor, count: int, batch_size: int, generator: torch.Generator | None = None, **options: Any
    ) -> Tensor:
        """Indices of rows below `count`, int64 `(count // batch_size, batch_size)`. Labels are `(count, ...)`.

        One that names `shards` is given the shard of each row, int64 `(count,)`, ascending. What it raises as UserError
        or ValueError is told at the recipe's key.
        """
        ...


class Schedule(Protocol):
    """The course of a learning rate over a phase."""

    def __call__(self, epoch: float, epochs: int, **options: Any) -> float:
        """The factor on the rate at `epoch`, fractional and 0 at the phase's first iteration, of `epochs` in all."""
        ...


class Dataset(Protocol):
    """A data set: a class whose constructor takes the recipe's options by keyword, and `root` (a `pathlib.Path`, the
    data root) if it names that parameter. The constructor reads no data."""

    def specification(self) -> Specification:
        """The fields, without loading images. Raises DataMissing where even that needs files that are not there."""
        ...

    def locate(self) -> None:
        """Raises DataMissing, saying what layout was looked for and what to download, unless the set is there.

        The first line of its message stands by itself: "NAME not found under ROOT (looked for …)".
        """
        ...

    def source(self) -> Source:
        """Reads labels and lists images. Decodes none."""
        ...


class Evaluation(Protocol):
    """A function of handles and modules of a trained run; its options are keyword-only.

    Its attribute `before_training`, of the same inputs and options, raises ValueError for what labels and counts tell.
    """

    def __call__(self, *inputs: Any, **options: Any) -> Result:
        """Figures, tables and pictures. A ValueError tells what is wrong with the inputs, the options or the data."""
        ...


class Comparison(Protocol):
    """A function of one tensor of two or more runs, a handle of each; its options are keyword-only."""

    def __call__(self, *inputs: Handle, **options: Any) -> Result:
        """As an Evaluation's, of all runs together. A parameter `names` is filled with what the table calls each."""
        ...


# --- what components are given ---


class Handle(Protocol):
    """A named tensor of a trained run: read over a split, or recomputed from other values."""

    @property
    def run(self) -> TrainedRun:
        """The run that it is of."""

    @property
    def name(self) -> str:
        """Its name in the recipe."""

    @property
    def field(self) -> Field | None:
        """What the data say of it, if it is a field of the data."""

    def read(self, split: str = "train", *, count: int | None = None, draws: bool = False) -> Any:
        """Its values for the first `count` rows of a split (all by default), on the CPU, floats as float32.

        A tensor `(rows, …)`, or a posterior of such. Modules are in eval mode; random operations take their evaluation
        form (a posterior's mean), or with `draws` are random as in training. Raises UserError for an empty split.
        """

    def at(self, split: str, rows: Tensor) -> Any:
        """Its values as `read` gives them, of some rows of a split alone, by their places in it, int64 `(rows,)`."""

    def batches(
        self, split: str = "train", *, size: int = 256, count: int | None = None, draws: bool = False,
        given: Mapping[str, Tensor] | None = None,
    ) -> Iterator[Any]:  # fmt: skip
        """Its values as `read` gives them, bit for bit, `size` rows at a time: for what need not be in memory at once.

        `given` has other values of tensors or fields than the data's, a row for each that is read. Raises as `read`
        does, and ValueError for batches of less than a row, and for other numbers of rows that are given.
        """

    def needs(self, *given: str) -> set[str]:
        """The fields of the data that it is computed from beyond the tensors and fields that are `given`."""

    def given(self, **values: Tensor) -> Any:
        """Its values where the named tensors or fields have the values given, `(rows, …)` each.

        Raises ValueError if it needs a field of the data that is not given, or the numbers of rows differ.
        """

    def differentiable(self, **values: Tensor) -> Any:
        """As `given`, of all rows at once, on the run's device and with gradients to the values."""


class TrainedRun(Protocol):
    """A trained run, as evaluations get it through their handles and as their judge."""

    @property
    def folder(self) -> Path:
        """The run's folder."""

    @property
    def device(self) -> torch.device:
        """Where its modules are; what handles give is on the CPU."""

    @property
    def fields(self) -> Specification:
        """What the data say of their fields."""

    @property
    def value_range(self) -> tuple[float, float]:
        """The range of its images."""

    @property
    def roles(self) -> Roles:
        """What the recipe's `[model]` says."""

    @property
    def counts(self) -> Mapping[str, int]:
        """How many images each split has, those that "validation" and "test" both mean as "test". Raises UserError."""

    def tensor(self, name: str) -> Handle:
        """The handle of a tensor or field. Raises UserError, with the closest names, if there is none."""

    def module(self, name: str) -> nn.Module:
        """A module of the recipe, in eval mode. Raises UserError, with the closest names, if there is none."""

    def encode(self, images: Tensor) -> Any:
        """The code of images `(batch, channels, height, width)` in the recipe's range; a tuple of several codes."""

    def decode(self, *codes: Tensor) -> Any:
        """The output for codes, in the order of the recipe's `code`."""


class ObservedRun(Protocol):
    """A run as hooks are given it."""

    @property
    def folder(self) -> Path:
        """The run's folder."""

    @property
    def name(self) -> str:
        """The recipe's name, and "@validation" after it where these are the images that evaluations judge on."""

    @property
    def recipe(self) -> dict[str, Any]:
        """The recipe with all that it extends, as tables; a copy."""

    @property
    def modules(self) -> Mapping[str, nn.Module]:
        """The recipe's modules as they are in training, by name; a hook looks, and changes nothing.

        Raises UserError where the run isn't in training: before the first `phase_started`, and in a process that only
        evaluates or reports.
        """

    def tensor(self, name: str, *, count: int = 8) -> Any:
        """A tensor of the recipe, or a field, as it is now, on the CPU, floats as float32.

        It is of `count` images of the validation split, else the test split, else the training images: evenly spaced in
        it, and so always the same. Modules are in eval mode, random operations have their evaluation form or draw from
        generators of their own, the same each time; no bit of the training changes. Raises UserError as `modules` does,
        with the closest names if there is no such tensor, and where its computation fails.
        """

    def recorded(self) -> RecordedRun:
        """The run as its folder holds it now, with the state that was written last. Raises UserError if it can't."""

    def warn(self, message: str) -> None:
        """Say a warning and record it with the run."""


@runtime_checkable
class Tracker(Protocol):
    """A function that makes a store of experiments hold what a run does, each thing once."""

    def __call__(self, run: RecordedRun) -> str:
        """Where the run is now to be seen, in a line. It is called at any time, by several processes, and again: after
        a kill a run may hold less than before. Raises UserError, in a line, for a store that doesn't answer."""
        ...
