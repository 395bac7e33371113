"""Checks of comparisons: figures, tables and pictures of several runs together."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from semreg.core import Comparison
from semreg.testing.checks import Checks, require
from semreg.testing.documented import check_description
from semreg.testing.evaluations import check_what_is_left, require_result
from semreg.testing.examples import ExampleCall
from semreg.testing.interfaces import require_interface


def check_comparison(
    comparison: Callable[..., Any],
    *inputs: Any,
    options: Mapping[str, Any] | None = None,
    exempt: Collection[str] = (),
) -> None:
    """Check a comparison: its Result of two or more runs is the same each time, can be stored, and leaves the runs
    unchanged.

    Checks: "signature", "interface" (`semreg.core.Comparison`), "documentation", "shapes", "source", "result",
    "determinism", "stored" and "inputs kept", as in `check_evaluation`, and "two runs" (only the first two).

    Args:
        comparison: the function.
        inputs: handles of one tensor of three or more runs, such as `FakeRun(...).tensor("z")` of each.
        options: of the recipe; the check supplies `names`, if it is a parameter.
        exempt: names of checks to skip.

    Raises:
        AssertionError: with all failures.
    """
    filled = dict(options or {})
    if "names" in ExampleCall(comparison, (), {}).signature.parameters:
        filled["names"] = [f"seed {number}" for number in range(len(inputs))]
    call = ExampleCall(comparison, inputs, filled)
    checks = Checks(call.name, exempt)
    check_description(checks, comparison, len(inputs), filled)
    checks.run("interface", require_interface, comparison, Comparison)
    check_what_is_left(checks, call)
    checks.run("two runs", _check_two, call)
    checks.end()


def _check_two(call: ExampleCall) -> None:
    require(len(call.inputs) > 2, f"{len(call.inputs)} runs are given; the example needs three or more")
    names = {"names": call.options["names"][:2]} if "names" in call.options else {}
    require_result(ExampleCall(call.component, call.inputs[:2], {**call.options, **names})())
