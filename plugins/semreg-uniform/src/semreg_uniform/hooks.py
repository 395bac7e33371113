"""A warning in training if a critic has stopped working: beyond the paper."""

from __future__ import annotations

import re

from semreg.core import ObservedRun
from semreg.core.hookspecs import Progress, hookimpl

__all__ = ["CriticWatch"]

DEAD = (0.8, 1.0)
"""The penalty E[(‖∇D‖₂ − 1)²] for gradients near zero; for large ones it is above 1."""
LEAST = 200
"""The fewest iterations to check, if an epoch has fewer: every critic starts with small gradients."""
CALL = re.compile(r"\s*gradient_penalty\(\s*(\w+)")


class CriticWatch:
    """Warns, once a phase, if a loss `gradient_penalty(critic, …)` stays between 0.8 and 1 for an epoch.

    The critic's gradients are then near zero, and the adversarial losses have no effect any more. The warning appears
    in training and in the report.
    """

    def __init__(self) -> None:
        self._critics: dict[str, str] = {}
        self._alive: dict[str, int] = {}
        self._begun: int | None = None

    @hookimpl
    def phase_started(self, run: ObservedRun) -> None:
        """Find the penalties of the recipe."""
        uses = {name: CALL.match(str(loss.get("use"))) for name, loss in run.recipe.get("losses", {}).items()}
        self._critics = {name: found[1] for name, found in uses.items() if found}
        self._alive, self._begun = {}, None

    @hookimpl
    def iteration_done(self, run: ObservedRun, progress: Progress) -> None:
        """Check penalties when they are read from the device."""
        if self._begun is None:  # a resumed run doesn't have the earlier iterations
            self._begun = progress.iteration - 1
        if not self._critics or progress.losses is None:
            return
        long = max(progress.iterations // progress.epochs, LEAST)
        for name, critic in [*self._critics.items()]:
            penalty = progress.losses.get(name)
            if penalty is None:
                continue
            if not DEAD[0] <= penalty <= DEAD[1]:
                self._alive[name] = progress.iteration
            elif progress.iteration - self._alive.setdefault(name, self._begun) >= long:
                del self._critics[name]
                run.warn(
                    f"{progress.phase}: {name} is {penalty:.2f} in epoch {progress.epoch}, and was between {DEAD[0]} "
                    f"and {DEAD[1]:.0f} for {long:,} iterations: the gradients of {critic} are near zero, and the "
                    f"other modules no longer learn from it. Limit its gradient by `--set "
                    f"modules.{critic}.optimizer.clip=1`, or change its learning rate by `--set "
                    f"modules.{critic}.optimizer.lr=…`"
                )
