"""All checks are done, and what failed is told together."""

from __future__ import annotations

import pytest

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
    assert told(checks) == ["no check is called ordr; there is: order, value"]


def test_of_a_long_message_the_beginning_is_told() -> None:
    checks = Checks("loss", ())
    checks.run("value", fail, "\n".join(map(str, range(100))))
    assert len(told(checks)) == 1 + MOST_LINES


def test_an_interrupt_is_no_failure() -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Checks("loss", ()).run("value", interrupted)
