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
        default=None, metadata=_told("The recipe's own if left out.", metavar="N", parser=chosen_seed)
    )
    device: str = field(default="auto", metadata=_told("Where to compute.", metavar="auto|cpu|cuda[:n]"))
    precision: str = field(
        default="fp32", metadata=_told("Of the networks; fp16 on a GPU alone.", metavar="|".join(PRECISIONS))
    )
    data_root: Path = field(
        default=None,  # type: ignore[assignment]  # filled in below
        metadata=_told("Where the data sets are.", envvar=VARIABLE, shown=DEFAULT),
    )
    out: Path = field(default=RUNS, metadata=_told("The folder of all runs."))
    fallback: bool = field(
        default=True,
        metadata=_told("Stop if the data are missing, instead of using the recipe's fallback.", flag="--no-fallback"),
    )
    skip_bad_images: bool = field(default=False, metadata=_told("Leave out, and count, images that can't be read."))
    continue_from: Path | None = field(
        default=None,
        metadata=_told("Go on from this run, which had fewer epochs.", option="--continue", metavar="RUN"),
    )
    judge_on: str = field(
        default="test",
        metadata=_told("Images to judge on; with validation no figure is of test images.", metavar="|".join(JUDGED_ON)),
    )
    tensorboard: bool = field(
        default=False, metadata=_told("Also write the curves for TensorBoard, into the run's folder.")
    )
    channels_last: bool = field(
        default=True,
        metadata=_told("Keep images in memory channel by channel, not pixel by pixel.", flag="--no-channels-last"),
    )
    tf32: bool = field(
        default=True,
        metadata=_told("Multiply in full float32 on a GPU, in convolutions too.", flag="--no-tf32"),
    )
    compile: bool = field(default=False, metadata=_told("Compile the steps by torch.compile, for long trainings."))
    capture: str = field(
        default="auto",
        metadata=_told("Make GPU steps CUDA graphs where they can be; same bits.", metavar="|".join(CAPTURES)),
    )
    deterministic: bool = field(
        default=False, metadata=_told("The same bits each time on a GPU too, or the operation that can't.")
    )
    threads: int | None = field(
        default=None, metadata=_told("Compute on the CPU with N threads, not as many as cores.", metavar="N")
    )
    allow_other_processes: bool = field(
        default=False,
        metadata=_told("Go on with another number of processes than the run was begun with, to other bits."),
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
                raise UserError(option, f"{getattr(self, name)!r} is none of {', '.join(fit)}")
        if self.threads is not None and self.threads < 1:
            raise UserError("--threads", f"{self.threads} threads can't compute; 1 is the fewest")

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
