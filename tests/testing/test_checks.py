"""All checks are done, and what failed is told together."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import torch

from semreg import testing
from semreg.components.encoders import MLPEncoder
from semreg.components.interpolators import linear
from semreg.components.losses import l1
from semreg.components.operations import sample
from semreg.components.priors import StandardNormal
from semreg.components.schedules import constant
from semreg.core import DiagonalGaussian, Result
from semreg.data.datasets.digits import Digits
from semreg.data.samplers import shuffled
from semreg.testing.checks import MOST_LINES, Checks, require


def fail(text: str) -> None:
    raise AssertionError(text)


def told(checks: Checks) -> list[str]:
    with pytest.raises(AssertionError) as raised:
        checks.end()
    return str(raised.value).splitlines()


def test_all_checks_are_done_and_what_failed_is_told_together() -> None:
    checks, done = Checks("loss", ()), []
    checks.run("first", fail, "one is wrong")
    checks.run("second", done.append, "second")
    checks.run("third", int, "x")
    assert done == ["second"]
    assert told(checks) == [
        "loss: 2 of 3 checks failed",
        "  first: one is wrong",
        "  third: ValueError: invalid literal for int() with base 10: 'x'",
    ]


def test_nothing_is_told_where_nothing_failed() -> None:
    checks = Checks("loss", {"second"})
    checks.run("first", require, True, "never")
    checks.run("second", fail, "exempt, so not done")
    checks.end()


def test_what_fails_alike_is_told_once() -> None:
    checks = Checks("loss", ())
    for name in ("value", "gradient", "dtype"):
        checks.run(name, fail, f"no option{' at all' if name == 'dtype' else ''}")
    assert told(checks)[1:] == ["  value, gradient: no option", "  dtype: no option at all"]


def test_an_exemption_must_exist() -> None:
    checks = Checks("loss", {"ordr", "order"})
    checks.run("order", fail, "exempt")
    checks.run("value", fail, "what failed is told once the exemptions are right")
    assert told(checks) == ["no check is called ordr; expected one of: order, value"]


def test_of_a_long_message_the_beginning_is_told() -> None:
    checks = Checks("loss", ())
    checks.run("value", fail, "\n".join(map(str, range(100))))
    assert len(told(checks)) == 1 + MOST_LINES


def test_an_interrupt_is_no_failure() -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Checks("loss", ()).run("value", interrupted)


def measured(z: Any) -> Result:
    return Result(figures={"mean": 0.0})


CODES = torch.zeros(4, 2)


@pytest.mark.parametrize(
    ("check", "component", "inputs", "given"),
    [
        (testing.check_loss, l1, (CODES, CODES), {}),
        (testing.check_operation, sample, (DiagonalGaussian(CODES, CODES),), {}),
        (testing.check_encoder, MLPEncoder, (torch.zeros(2, 1, 4, 4),), {"options": {"outputs": 2}}),
        (testing.check_prior, StandardNormal, (), {"options": {"size": 2}}),
        (testing.check_interpolator, linear, (CODES, CODES), {}),
        (testing.check_dataset, Digits, (), {}),
        (testing.check_sampler, shuffled, (), {"batch_size": 4}),
        (testing.check_evaluation, measured, (CODES,), {}),
        (testing.check_schedule, constant, (), {}),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_each_call_does_the_checks_that_its_docstring_names(
    check: Callable[..., None], component: Any, inputs: tuple[Any, ...], given: dict[str, Any]
) -> None:
    paragraph = (check.__doc__ or "").partition("Checks: ")[2].partition("\n\n")[0]
    named = set(re.findall(r'"([a-z\d -]+)"', paragraph))
    with pytest.raises(AssertionError) as raised:
        check(component, *inputs, exempt={*named, "no such"}, **given)
    assert set(str(raised.value).partition("; expected one of: ")[2].split(", ")) == named
