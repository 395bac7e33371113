"""The interface between semreg and components: a Protocol for each kind, and for the runs that components receive.

No class inherits from these protocols: matching methods suffice. semreg calls a component with inputs by position and
options by keyword, and itself supplies parameters called `generator`, `input_shapes`, `root` or `judge`.
`semreg.testing` checks components against these protocols.
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

    Its constructor may take `input_shapes`, the shapes of its inputs without the batch axis; semreg supplies them.
    """

    def __call__(self, *inputs: Tensor) -> Any:
        """Return codes `(batch, code)`, or `(batch, channels, height, width)`; a quantiser returns a NamedTuple."""


@runtime_checkable
class Decoder(Protocol):
    """An nn.Module from one or several codes to images."""

    def __call__(self, *codes: Tensor) -> Tensor:
        """Return images `(batch, channels, height, width)`."""


@runtime_checkable
class Critic(Protocol):
    """An nn.Module that scores how real an input is, and may take labels besides."""

    def __call__(self, *inputs: Tensor) -> Tensor:
        """Return scores `(batch, ...)`, one for each sample or each patch; high means real."""


@runtime_checkable
class Classifier(Protocol):
    """An nn.Module from an input or a code to labels."""

    def __call__(self, *inputs: Tensor) -> Tensor:
        """Return logits `(batch, classes)`."""


@runtime_checkable
class Criterion(Protocol):
    """An nn.Module that is a loss with its own parameters or state; `couples_rows` means the same as for a Loss."""

    def __call__(self, *inputs: Tensor) -> Tensor:
        """Return a scalar, as a Loss does, in at least float32. In eval mode no state changes."""


@runtime_checkable
class Prior(Protocol):
    """An nn.Module that holds a distribution of codes, which may depend on labels.

    Every method takes labels after its first argument, each with one row per code. A prior without labels ignores them,
    so that a recipe may exchange priors, and has an attribute `ignores_labels = True`; a conditional prior called
    without labels means its marginal (a mixture also draws the classes). A prior with `fit(codes, *labels)`, `state()`
    and `load_state(state)` is fitted to its code after training; the run stores its state.
    """

    def log_probability(self, codes: Tensor, *labels: Tensor) -> Tensor:
        """Return the log-density of codes `(batch, code)` in nats, `(batch,)`."""
        ...

    def sample(self, count: int, *labels: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Draw codes `(count, code)`; equal generator states give equal draws. Labels have `count` rows."""
        ...


@runtime_checkable
class ClosedFormPrior(Prior, Protocol):
    """A prior with a closed-form KL divergence from a posterior; other priors omit `kl_divergence`."""

    def kl_divergence(self, posterior: Any, *labels: Tensor) -> Tensor:
        """Return KL(posterior ‖ prior) of each element of the code in nats, `(batch, code)`."""
        ...


@runtime_checkable
class Remarking(Protocol):
    """An nn.Module of any kind with warnings about conditions that a training step may not wait to check."""

    def remarks(self) -> list[str]:
        """Return warnings, each once. semreg calls this at records, outside a step, where reading costs little."""
        ...


# --- calls: functions, or classes that are made with the options and then called ---


class Operation(Protocol):
    """A function from tensors to tensors.

    An attribute `in_evaluation` is the function that evaluations call instead, on the same inputs and without options.
    `cuts_gradient = True` means that no gradient flows through. `couples_rows = True` means that a row of the result
    depends on other rows. If several processes share a batch, semreg then calls it on the whole batch.
    """

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        """Return a tensor `(batch, ...)`, or a posterior of such tensors."""
        ...


class Loss(Protocol):
    """A function from tensors of one batch to a value to minimise; it does not know which modules it trains.

    An attribute `couples_rows = True` means that it is not a mean over rows, as a loss of pairs is not. If several
    processes share a batch, semreg then calls it on the whole batch.
    """

    def __call__(self, *inputs: Any, **options: Any) -> Tensor:
        """Return a scalar: the mean over the batch, finite for every batch."""
        ...


class Interpolator(Protocol):
    """A function that interpolates between two codes."""

    def __call__(self, a: Tensor, b: Tensor, weight: Tensor | float) -> Tensor:
        """Return the code at `weight` of the way from `a` to `b`, exactly `a` at 0 and exactly `b` at 1.

        `a` and `b` are `(batch, code)`; `weight`, in [0, 1], is a number or a tensor that broadcasts against them, such
        as `(batch, 1)`. Options are keyword-only.
        """
        ...


@runtime_checkable
class FittedInterpolator(Protocol):
    """An interpolator class that is fitted before a call, to classes unless it has `follows_classes = False`."""

    def __call__(self, a: Tensor, b: Tensor, weight: Tensor | float) -> Tensor:
        """Return a code, as an Interpolator does."""
        ...

    def fit(self, codes: Tensor, labels: Tensor, order: Order) -> None:
        """Learn from codes `(rows, code)` and classes, int64 `(rows,)`; `order` states the classes' neighbours."""
        ...

    def state(self) -> Mapping[str, Tensor]:
        """Return its learned tensors. A run stores them, so that a later use needs no data."""
        ...

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Load the state of an instance with the same options, instead of `fit`."""
        ...


# --- functions at places of their own ---


class Sampler(Protocol):
    """A rule that draws the batches of an epoch from the labels of all rows."""

    def __call__(
        self, *labels: Tensor, count: int, batch_size: int, generator: torch.Generator | None = None, **options: Any
    ) -> Tensor:
        """Return indices of rows below `count`, int64 `(count // batch_size, batch_size)`. Labels are `(count, ...)`.

        If it has a parameter `shards`, it receives the shard of each row, int64 `(count,)`, ascending. semreg shows its
        UserError or ValueError at the recipe's key.
        """
        ...


class Schedule(Protocol):
    """The schedule of a learning rate over a phase."""

    def __call__(self, epoch: float, epochs: int, **options: Any) -> float:
        """Return the factor on the rate at `epoch` of `epochs`, fractional and 0 at the phase's first iteration."""
        ...


class Dataset(Protocol):
    """A class whose constructor takes the recipe's options by keyword, and `root` (a `pathlib.Path`, the data root) if
    it has that parameter. The constructor reads no data."""

    def specification(self) -> Specification:
        """Return the fields without loading images. Raises DataMissing if even that needs files that are missing."""
        ...

    def locate(self) -> None:
        """Raise DataMissing with the layout looked for and what to download, unless the set is present.

        The first line of its message is complete by itself: "NAME not found under ROOT (looked for …)".
        """
        ...

    def source(self) -> Source:
        """Read labels and list images, without decoding any."""
        ...


class Evaluation(Protocol):
    """A function of handles and modules of a trained run; its options are keyword-only.

    Its attribute `before_training`, with the same inputs and options, raises ValueError if labels or counts don't fit.
    """

    def __call__(self, *inputs: Any, **options: Any) -> Result:
        """Return figures, tables and pictures. A ValueError states what is wrong with inputs, options or data."""
        ...


class Comparison(Protocol):
    """A function of one tensor of two or more runs, with a handle for each; its options are keyword-only."""

    def __call__(self, *inputs: Handle, **options: Any) -> Result:
        """Return a result for all runs together. A parameter `names` receives the runs' titles in the table."""
        ...


# --- what components are given ---


class Handle(Protocol):
    """A named tensor of a trained run: read over a split, or recomputed from other values."""

    @property
    def run(self) -> TrainedRun:
        """The tensor's run."""

    @property
    def name(self) -> str:
        """The tensor's name in the recipe."""

    @property
    def field(self) -> Field | None:
        """The data set's description of the field, if the tensor is a field of the data."""

    def read(self, split: str = "train", *, count: int | None = None, draws: bool = False) -> Any:
        """Return its values for the first `count` rows of a split (all by default), on the CPU, floats as float32.

        The result is a tensor `(rows, …)` or a posterior. Modules are in eval mode; random operations take their
        evaluation form (a posterior's mean) or, with `draws`, draw as in training. Raises UserError for an empty split.
        """

    def at(self, split: str, rows: Tensor) -> Any:
        """Return its values, as `read` does, for given rows of a split, int64 `(rows,)`."""

    def batches(
        self, split: str = "train", *, size: int = 256, count: int | None = None, draws: bool = False,
        given: Mapping[str, Tensor] | None = None,
    ) -> Iterator[Any]:  # fmt: skip
        """Yield its values, bit for bit as `read` returns them, `size` rows at a time, to save memory.

        `given` replaces tensors or fields by other values, with a row for each row that is read. Raises as `read` does,
        and ValueError for a size below 1 or a wrong number of given rows.
        """

    def needs(self, *given: str) -> set[str]:
        """Return the fields of the data that its computation needs besides the `given` tensors and fields."""

    def given(self, **values: Tensor) -> Any:
        """Compute it with the named tensors or fields replaced by these values, `(rows, …)` each.

        Raises ValueError if it needs a field of the data that is not given, or if the numbers of rows differ.
        """

    def differentiable(self, **values: Tensor) -> Any:
        """Compute it as `given` does, for all rows at once, on the run's device and with gradients to the values."""


class TrainedRun(Protocol):
    """A trained run, as evaluations receive it through their handles and as their judge."""

    @property
    def folder(self) -> Path:
        """The run's folder."""

    @property
    def device(self) -> torch.device:
        """The device of its modules; handles return values on the CPU."""

    @property
    def fields(self) -> Specification:
        """The data set's description of its fields."""

    @property
    def value_range(self) -> tuple[float, float]:
        """The range of its images."""

    @property
    def roles(self) -> Roles:
        """The roles in the recipe's `[model]`."""

    @property
    def counts(self) -> Mapping[str, int]:
        """The number of images in each split; images to validate and test on count as "test". Raises UserError."""

    def tensor(self, name: str) -> Handle:
        """Return the handle of a tensor or field. Raises UserError, with the closest names, if it doesn't exist."""

    def module(self, name: str) -> nn.Module:
        """Return a module of the recipe, in eval mode. Raises UserError, with the closest names, if it is missing."""

    def encode(self, images: Tensor) -> Any:
        """Return the code of images `(batch, channels, height, width)` in the recipe's range, or a tuple of codes."""

    def decode(self, *codes: Tensor) -> Any:
        """Return the output for codes, which come in the order of the recipe's `code`."""


class ObservedRun(Protocol):
    """A run, as hooks receive it."""

    @property
    def folder(self) -> Path:
        """The run's folder."""

    @property
    def name(self) -> str:
        """The recipe's name, with "@validation" appended if evaluations judge on the validation images."""

    @property
    def recipe(self) -> dict[str, Any]:
        """A copy of the recipe, with everything it extends, as tables."""

    @property
    def modules(self) -> Mapping[str, nn.Module]:
        """The recipe's modules in training, by name. A hook must not change them.

        Raises UserError if the run isn't in training: before the first `phase_started`, and in a process that only
        evaluates or reports.
        """

    def tensor(self, name: str, *, count: int = 8) -> Any:
        """Return the current value of a tensor of the recipe, or of a field, on the CPU, floats as float32.

        It covers `count` images of the validation split, else of the test split, else of the training images: always
        the same, evenly spaced ones. Modules are in eval mode; random operations take their evaluation form, or draw
        the same values each time from separate generators. No bit of the training changes. Raises UserError as
        `modules` does, for an unknown name (with the closest names), and if the computation fails.
        """

    def recorded(self) -> RecordedRun:
        """Read the run from its folder, with the state that was written last. Raises UserError if that fails."""

    def warn(self, message: str) -> None:
        """Print a warning and record it with the run."""


@runtime_checkable
class Tracker(Protocol):
    """A function that copies the contents of a run to an experiment tracker, each item once."""

    def __call__(self, run: RecordedRun) -> str:
        """Return a line that states where the tracker shows the run. Raises UserError, in a line, if it doesn't answer.
        Several processes may call it, again and again; after a kill a run may hold less than before."""
        ...
