"""What a user is told: where, what was found and what would fit, short enough to read."""

from __future__ import annotations

import pickle
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semreg.core import DataMissing, Problem, UserError, closest, printable
from semreg.core.errors import LONGEST_MESSAGE, MOST_PROBLEMS, CannotWrite, cause_of


def test_one_message_stands_in_a_line_and_several_in_columns() -> None:
    assert UserError("r.toml", "is empty").text() == str(UserError("r.toml", "is empty")) == "r.toml: is empty"
    assert UserError("", "is empty").text() == "is empty"
    assert UserError("r.toml", [Problem("data", "is missing")]).text() == "r.toml: 1 error\n  data  is missing"
    both = UserError("r.toml", [Problem("data.size", "is 0"), Problem("", "mend it")])
    assert both.text() == "r.toml: 2 errors\n  data.size  is 0\n             mend it"
    many = UserError("r.toml", [Problem(str(number), "x") for number in range(MOST_PROBLEMS)])
    assert many.text().startswith(f"r.toml: at least {MOST_PROBLEMS} errors\n")


def test_messages_are_short_and_plain() -> None:
    error = UserError("r.toml", [Problem("a", "x" * 10**6), Problem("b", "\x1b[2J\u202ey\nz")])
    assert len(error.text()) < LONGEST_MESSAGE + 200
    assert error.text().endswith("b  \\x1b[2J\\u202ey\nz")
    assert closest("x" * 10**6, ["x" * 10**6 + "y"]).startswith("; expected one of: ")


def test_lines_and_narrow_spaces_stay() -> None:
    assert printable("91.9\u202f%\nof 10\xa0000\t\x9b31m") == "91.9\u202f%\nof 10\xa0000\\t\\x9b31m"


@given(st.text(max_size=30), st.text(max_size=30))
def test_nothing_that_steers_a_terminal_comes_through(source: str, message: str) -> None:
    text = UserError(source, [Problem("where", message), Problem("", source)]).text()
    assert all(letter.isprintable() or letter in "\n\xa0\u2009\u202f" for letter in text)
    if message.isprintable():
        assert message in text


@pytest.mark.parametrize("kind", [UserError, DataMissing, CannotWrite])
def test_workers_can_send_an_error_to_their_parent(kind: type[UserError]) -> None:
    error = kind("r.toml", [Problem("a", "b"), Problem("c", "d")])
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert (again.source, again.problems, again.text()) == (error.source, error.problems, error.text())


def test_the_closest_words_are_offered_else_those_that_there_are() -> None:
    assert closest("margn", ["margin", "weight", "margin"]) == "; did you mean 'margin'?"
    assert closest("adv", ["adv_e", "adv_c", "rec"]) == "; did you mean 'adv_e' or 'adv_c'?"
    assert closest("zzz", ["b", "a"]) == "; expected one of: a, b"
    assert closest("zzz", map(str, range(10, 40))) == f"; expected one of: {', '.join(map(str, range(10, 22)))}, …"
    assert closest("zzz", []) == closest("zzz", [""]) == ""
    assert closest("zzz", ["", "l1"]) == "; expected one of: l1"
    assert len(closest("zzz", ["x" * 10**6])) < 200


def test_a_cause_says_its_type_unless_it_is_there_to_be_read() -> None:
    assert cause_of(ValueError("too\n  large")) == "too large"
    assert cause_of(RuntimeError("no")) == "no"
    assert cause_of(KeyError("size")) == "KeyError: 'size'"
    assert cause_of(ValueError()) == "ValueError: "


class MuteError(ValueError):
    def __str__(self) -> str:
        raise SystemExit(0)


class LoudError(ValueError):
    def __str__(self) -> str:
        return "loud " * 10**6


def test_an_operation_without_a_deterministic_form_is_told_with_the_way_out() -> None:
    error = RuntimeError(
        "cumsum_cuda_kernel does not have a deterministic implementation, but you set "
        "'torch.use_deterministic_algorithms(True)'. You can turn off determinism just for this operation, or …"
    )
    said = "cumsum_cuda_kernel gives other bits each time on this device; leave out --deterministic, or the component"
    assert cause_of(error) == said


def test_a_cause_that_can_not_be_said_or_never_ends_is_said_in_short() -> None:
    assert cause_of(MuteError()) == "MuteError: "
    assert cause_of(LoudError()).startswith("loud loud")
    assert len(cause_of(LoudError())) <= LONGEST_MESSAGE
    assert cause_of(ValueError("odd"), UserError) == "ValueError: odd"


def test_a_notebook_prints_the_message_alone_and_python_its_traceback() -> None:
    error = UserError("r.toml", [Problem("data", "is missing"), Problem("seed", "is none")])
    assert error._render_traceback_() == ["r.toml: 2 errors", "  data  is missing", "  seed  is none"]
    with pytest.raises(UserError) as raised:
        raise error
    assert traceback.format_exception(raised.value)[0].startswith("Traceback")
