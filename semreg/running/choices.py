"""The user's choices besides the recipe: the single source of their names, defaults and help.

Commands take their options from it, and the functions of `semreg` their keyword arguments. It imports no PyTorch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from semreg.core import UserError
from semreg.data.root import DEFAULT, VARIABLE, data_root_of
from semreg.data.seeds import chosen_seed

if TYPE_CHECKING:
    import torch

PRECISIONS = ("fp32", "bf16", "fp16")
CAPTURES = ("auto", "off")
JUDGED_ON = ("test", "validation")
DECIDING_BITS = ("channels_last", "tf32", "compile", "deterministic")
"""Choices of arithmetic that change a run's last bits, or make them repeatable."""
RUNS = Path("runs")


def _told(help: str, **option: Any) -> dict[str, Any]:
    """Return the metadata of a choice's option on the command line."""
    return {"help": help, **option}


@dataclass(frozen=True)
class Choices:
    """Seed, device, threads, arithmetic, places, and the allowed substitutes for missing parts of a recipe.

    Raises UserError for an invalid seed, an unknown precision, judged split or way to capture steps, and for less than
    one thread.
    """

    seed: int | None = field(
        default=None, metadata=_told("Seed of the run; default: the recipe's own.", metavar="N", parser=chosen_seed)
    )
    device: str = field(default="auto", metadata=_told("Device to compute on.", metavar="auto|cpu|cuda[:n]"))
    precision: str = field(
        default="fp32", metadata=_told("Precision of the networks; fp16 needs a GPU.", metavar="|".join(PRECISIONS))
    )
    data_root: Path = field(
        default=None,  # type: ignore[assignment]  # filled in below
        metadata=_told("Folder of the data sets.", envvar=VARIABLE, shown=DEFAULT),
    )
    out: Path = field(default=RUNS, metadata=_told("Folder of all runs."))
    fallback: bool = field(
        default=True,
        metadata=_told("Stop if the data are missing; don't use the recipe's fallback data.", flag="--no-fallback"),
    )
    skip_bad_images: bool = field(default=False, metadata=_told("Skip images that can't be read, and count them."))
    continue_from: Path | None = field(
        default=None,
        metadata=_told("Start from the end of this run, which had fewer epochs.", option="--continue", metavar="RUN"),
    )
    judge_on: str = field(
        default="test",
        metadata=_told("Split to evaluate on; validation leaves the test images unseen.", metavar="|".join(JUDGED_ON)),
    )
    tensorboard: bool = field(
        default=False, metadata=_told("Also write the curves for TensorBoard into the run's folder.")
    )
    channels_last: bool = field(
        default=True,
        metadata=_told("Use PyTorch's default memory format, not channels last.", flag="--no-channels-last"),
    )
    tf32: bool = field(
        default=True,
        metadata=_told("Compute convolutions on a GPU in full float32, not in TF32.", flag="--no-tf32"),
    )
    compile: bool = field(
        default=False, metadata=_told("Compile the steps with torch.compile; this pays in long trainings.")
    )
    capture: str = field(
        default="auto",
        metadata=_told("Capture GPU steps as CUDA graphs where possible; same results.", metavar="|".join(CAPTURES)),
    )
    deterministic: bool = field(
        default=False, metadata=_told("Make GPU results repeatable bit by bit; stop at an operation that can't be.")
    )
    threads: int | None = field(
        default=None, metadata=_told("Number of CPU threads; default: one per core.", metavar="N")
    )
    allow_other_processes: bool = field(
        default=False,
        metadata=_told("Resume with a different number of processes; the results differ in their last bits."),
    )

    def __post_init__(self) -> None:
        object.__setattr__(self, "data_root", data_root_of(self.data_root))
        object.__setattr__(self, "out", Path(self.out))
        if self.seed is not None:
            object.__setattr__(self, "seed", chosen_seed(self.seed))
        if self.continue_from is not None:
            object.__setattr__(self, "continue_from", Path(self.continue_from))
        for name, fit in (("precision", PRECISIONS), ("judge_on", JUDGED_ON), ("capture", CAPTURES)):
            if getattr(self, name) not in fit:
                option = f"--{name.replace('_', '-')}"
                raise UserError(option, f"{getattr(self, name)!r} is not one of {', '.join(fit)}")
        if self.threads is not None and self.threads < 1:
            raise UserError("--threads", f"{self.threads} is not a number of threads; expected at least 1")

    def of_computing(self) -> dict[str, Any]:
        """Return the arithmetic, for the record of a run: choices that decide last bits, and whether steps are
        captured.
        """
        return {name: getattr(self, name) for name in (*DECIDING_BITS, "capture")}

    def torch_device(self) -> torch.device:
        """Return the device, a different one for each of several processes. Raises UserError if it is missing."""
        from semreg.trained.opening import device_of

        return device_of(self.device)


def chosen_before(record: Mapping[str, Any]) -> dict[str, bool]:
    """Return the choices that decided the last bits of a recorded run and differ from the defaults."""
    before = record.get("choices")
    if not isinstance(before, dict):  # of a record from before there were such choices, or a stranger's
        return {}
    return others_than_default({name: before[name] for name in DECIDING_BITS if isinstance(before.get(name), bool)})


def others_than_default(chosen: Mapping[str, bool]) -> dict[str, bool]:
    """Return the choices that differ from the defaults."""
    return {name: value for name, value in chosen.items() if value != Choices.__dataclass_fields__[name].default}
