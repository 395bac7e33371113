"""Checks of evaluations: figures, tables and pictures of a trained run."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import torch

from semreg.core import Evaluation, Result
from semreg.store.results import read_result, write_result
from semreg.testing.behaviour import check_inputs_kept
from semreg.testing.checks import Checks, require
from semreg.testing.documented import check_description
from semreg.testing.examples import ExampleCall
from semreg.testing.interfaces import require_interface


def check_evaluation(
    evaluation: Callable[..., Any],
    *inputs: Any,
    options: Mapping[str, Any] | None = None,
    judge: Any = None,
    exempt: Collection[str] = (),
) -> None:
    """Check an evaluation: its Result is the same each time, can be stored, and leaves the run unchanged.

    Checks: "signature", "interface" (`semreg.core.Evaluation`), "documentation", "shapes", "source", "result" (named
    figures, at least one with a value, or a picture or table; the paper's figures only under names of figures; a
    summary of one line), "determinism" (PyTorch's global generator is not used), "stored" (written and read back it is
    the same) and "inputs kept" (including modules).

    Args:
        evaluation: the function.
        inputs: handles, such as `FakeRun(...).tensor("z")` or those of a real run, and modules.
        options: of the recipe.
        judge: a run, or a FakeRun, for an evaluation that takes one.
        exempt: names of checks to skip.

    Raises:
        AssertionError: with all failures.
    """
    judged = {} if judge is None else {"judge": judge}
    call = ExampleCall(evaluation, inputs, {**(options or {}), **judged})
    checks = Checks(call.name, exempt)
    check_description(checks, evaluation, len(inputs), options or {})
    checks.run("interface", require_interface, evaluation, Evaluation)
    check_what_is_left(checks, call)
    checks.end()


def check_what_is_left(checks: Checks, call: ExampleCall) -> None:
    """Run the checks "result", "determinism", "stored" and "inputs kept", which evaluations and comparisons share."""
    checks.run("result", lambda: require_result(call()))
    checks.run("determinism", _check_determinism, call)
    checks.run("stored", lambda: _check_stored(call()))
    checks.run("inputs kept", check_inputs_kept, call, call.inputs)


def require_result(result: Any) -> None:
    """Raise AssertionError unless the value is a Result with something that a page can show."""
    require(isinstance(result, Result), f"it gives a {type(result).__name__}, not a Result")
    shown = [result.figures, result.tables, result.pictures, result.scatters]
    require(any(shown), "the result shows nothing: no figure, table or picture")
    for name, value in result.figures.items():
        require(type(value) is float or type(value) is int, f"figure {name} is a {type(value).__name__}")
    unknown = sorted(set(result.paper) - set(result.figures))
    require(not unknown, f"the paper's {', '.join(unknown)} is not a figure of the result")
    require("\n" not in result.summary, "the summary has several lines")
    for picture in result.pictures:
        require(picture.png.startswith(b"\x89PNG"), f"picture {picture.title!r} is not a PNG")


def _check_determinism(call: ExampleCall) -> None:
    before = torch.get_rng_state()
    first, second = call(), call()
    require(torch.equal(before, torch.get_rng_state()), "it draws from PyTorch's global generator")
    for what in ("figures", "tables", "outcomes", "summary"):
        a, b = (repr(getattr(result, what)) for result in (first, second))
        require(a == b, f"done twice, its {what} differ: {a[:200]} and {b[:200]}")


def _check_stored(result: Result) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "evaluation"
        write_result(path, result)
        back = read_result(path)
    for what in ("figures", "paper", "summary", "outcomes"):
        a, b = (json.dumps(getattr(one, what), sort_keys=True) for one in (result, back))
        require(a == b, f"its {what} are not what is read back: {a[:200]} and {b[:200]}")
