"""Checks of schedules of a learning rate over a phase."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from typing import Any

from semreg.core import Schedule
from semreg.testing.checks import Checks, require
from semreg.testing.documented import check_documentation, check_signature
from semreg.testing.interfaces import require_interface

EPOCHS = (1, 3, 50)
PLACES = 41
"""The places of each phase that the check reads, from its first iteration to its end."""


def check_schedule(
    schedule: Callable[..., Any], *, options: Mapping[str, Any] | None = None, exempt: Collection[str] = ()
) -> None:
    """Check a schedule: its factor is finite and never negative, throughout phases of any length.

    Checks: "signature", "interface" (`semreg.core.Schedule`), "documentation", "values" and "determinism".

    Args:
        schedule: the function.
        options: of the recipe.
        exempt: names of checks to skip.

    Raises:
        AssertionError: with all failures.
    """
    given = dict(options or {})
    checks = Checks(getattr(schedule, "__name__", type(schedule).__name__), exempt)
    checks.run("signature", check_signature, schedule, 2, given)
    checks.run("interface", require_interface, schedule, Schedule, given)
    checks.run("documentation", check_documentation, schedule)
    checks.run("values", lambda: _check_values(_course(schedule, given)))
    checks.run(
        "determinism", lambda: require(_course(schedule, given) == _course(schedule, given), "called twice, it differs")
    )
    checks.end()


def _course(schedule: Callable[..., Any], options: Mapping[str, Any]) -> dict[tuple[float, int], Any]:
    """Return the factor at each place of each phase."""
    places = [(epochs * k / (PLACES - 1), epochs) for epochs in EPOCHS for k in range(PLACES)]
    return {(epoch, epochs): schedule(epoch, epochs, **options) for epoch, epochs in places}


def _check_values(course: Mapping[tuple[float, int], Any]) -> None:
    for (epoch, epochs), factor in course.items():
        fits = isinstance(factor, int | float) and math.isfinite(factor) and factor >= 0
        require(fits, f"at epoch {epoch:g} of {epochs} it is {factor!r}; a finite number from 0 on fits")
