"""The metrics of a run as arrays: losses by phase and name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from textwrap import indent
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from semreg.core import UserError, closest
from semreg.store.record import PhaseMetrics, read_metrics

Value = TypeVar("Value")


class Curve(np.ndarray[Any, np.dtype[np.float64]]):
    """The values of one loss, float64 `(records,)`, with the `iterations` at which they were recorded, int64
    `(records,)`; a slice applies to both."""

    iterations: NDArray[np.int64]

    def __new__(cls, points: list[tuple[int, float]]) -> Curve:
        curve = np.array([value for _, value in points], dtype=np.float64).view(cls)
        curve.iterations = np.array([iteration for iteration, _ in points], dtype=np.int64)
        return curve

    def __array_finalize__(self, whole: Any) -> None:
        iterations = getattr(whole, "iterations", None)
        if iterations is not None and iterations.shape == self.shape:
            self.iterations = iterations

    def __getitem__(self, index: Any) -> Any:
        part = super().__getitem__(index)
        if isinstance(part, Curve):
            part.iterations = self.iterations[index]
        return part


class Losses(Mapping[str, Curve]):
    """Curves by the names of losses: those of training, and as `validation` those of the validation split."""

    def __init__(self, training: Mapping[str, Any], validation: Mapping[str, Any] | None = None) -> None:
        self._curves = {name: Curve(points) for name, points in training.items()}
        self._validation = validation

    @property
    def validation(self) -> Losses:
        """The losses of the validation split; empty if a phase doesn't validate."""
        return Losses(self._validation or {})

    def __getitem__(self, name: str) -> Curve:
        return _found(self._curves, "loss", name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._curves)

    def __len__(self) -> int:
        return len(self._curves)

    def __repr__(self) -> str:
        return "\n".join(f"{name}: {_told(curve)}" for name, curve in self._curves.items()) or "no losses"


class Metrics(Mapping[str, Losses]):
    """Losses by phases, in the order of training: `metrics["main"]["kl"]`."""

    def __init__(self, phases: Mapping[str, PhaseMetrics]) -> None:
        self._phases = {name: Losses(phase.train, phase.validation) for name, phase in phases.items()}

    def to_pandas(self) -> Any:
        """Return a DataFrame with a row for each value: `phase`, `split`, `loss`, `iteration`, `value`.

        Raises UserError if pandas isn't installed.
        """
        try:
            import pandas
        except ImportError:
            raise UserError("", "to_pandas needs pandas, which isn't installed; `pip install pandas`") from None
        rows = [
            (phase, split, loss, int(iteration), float(value))
            for phase, losses in self.items()
            for split, curves in (("train", losses), ("validation", losses.validation))
            for loss, curve in curves.items()
            for iteration, value in zip(curve.iterations, curve, strict=True)
        ]
        return pandas.DataFrame(rows, columns=["phase", "split", "loss", "iteration", "value"])

    def __getitem__(self, phase: str) -> Losses:
        return _found(self._phases, "phase", phase)

    def __iter__(self) -> Iterator[str]:
        return iter(self._phases)

    def __len__(self) -> int:
        return len(self._phases)

    def __repr__(self) -> str:
        return "\n".join(f"{phase}\n{indent(repr(losses), '  ')}" for phase, losses in self.items()) or "no phases"


def metrics_of(folder: Path) -> Metrics:
    """Return the metrics that a run has recorded so far."""
    return Metrics(read_metrics(folder))


def _found(known: Mapping[str, Value], what: str, name: str) -> Value:
    if name not in known:
        raise KeyError(f"there is no {what} {name!r}{closest(str(name), known)}")
    return known[name]


def _told(curve: Curve) -> str:
    if not len(curve):
        return "no values"
    return f"{len(curve)} values, the last {float(curve[-1]):.4g} at iteration {curve.iterations[-1]}"
