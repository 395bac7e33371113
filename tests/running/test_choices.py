"""What a user chooses: names that exist, places that are paths, help for every option."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import pytest
import torch

import semreg
from semreg.cli.mix import mix
from semreg.cli.sweep import sweep
from semreg.core import UserError
from semreg.data.root import VARIABLE
from semreg.running.choices import DECIDING_BITS, PRECISIONS, Choices, chosen_before


def test_without_a_choice_a_run_may_fall_back_and_leaves_nothing_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    choices = Choices()
    assert (choices.seed, choices.device, choices.precision) == (None, "auto", "fp32")
    assert (choices.data_root, choices.out) == (Path("data"), Path("runs"))
    assert (choices.fallback, choices.skip_bad_images, choices.tensorboard) == (True, False, False)
    assert choices.of_computing() == {
        "channels_last": True, "tf32": True, "compile": False, "deterministic": False, "capture": "auto",
    }  # fmt: skip


@pytest.mark.parametrize("precision", PRECISIONS)
def test_places_may_be_texts(precision: str) -> None:
    choices = Choices(precision=precision, data_root="faces", out="there")  # type: ignore[arg-type]
    assert (choices.data_root, choices.out) == (Path("faces"), Path("there"))
    assert choices == Choices(precision=precision, data_root=Path("faces"), out=Path("there"))


def test_a_precision_that_does_not_exist_is_told() -> None:
    with pytest.raises(UserError, match="'fp8' is not one of fp32, bf16, fp16") as refused:
        Choices(precision="fp8")
    assert refused.value.source == "--precision"


def test_steps_are_captured_where_they_can_be_or_not() -> None:
    assert Choices(capture="off").capture == "off"
    with pytest.raises(UserError, match="'maybe' is not one of auto, off") as refused:
        Choices(capture="maybe")
    assert (refused.value.source, refused.value.exit_code) == ("--capture", 2)


def test_evaluations_judge_on_test_or_validation_images() -> None:
    assert (Choices().judge_on, Choices(judge_on="validation").judge_on) == ("test", "validation")
    with pytest.raises(UserError, match="'train' is not one of test, validation") as refused:
        Choices(judge_on="train")
    assert refused.value.source == "--judge-on"


def test_what_a_run_was_computed_by_is_read_from_its_record() -> None:
    for name in DECIDING_BITS:
        default = getattr(Choices(), name)
        record = {"choices": Choices(**{name: not default}, capture="off").of_computing()}
        assert chosen_before(record) == {name: not default}
    strange: list[dict[str, Any]] = [{}, {"choices": 3}, {"choices": {"tf32": "no", "more": False}}]
    for record in [*strange, {"choices": Choices().of_computing()}]:
        assert chosen_before(record) == {}


@pytest.mark.parametrize("threads", [0, -1])
def test_fewer_threads_than_one_are_told(threads: int) -> None:
    with pytest.raises(UserError, match=f"{threads} is not a number of threads; expected at least 1") as refused:
        Choices(threads=threads)
    assert refused.value.source == "--threads"


def test_a_device_that_is_not_here_is_told_once_it_is_wanted() -> None:
    assert Choices(device="cpu").torch_device() == torch.device("cpu")
    for device, said in (
        ("cuda:99", "'cuda:99' is not available; expected one of: cpu"),
        ("gpu", "'gpu' is not a device"),
    ):
        with pytest.raises(UserError, match=said) as refused:
            Choices(device=device).torch_device()
        assert refused.value.source == "--device"


def test_every_choice_has_help_and_a_default() -> None:
    for field in fields(Choices):
        assert field.default is not MISSING, field.name
        assert field.metadata["help"].endswith("."), field.name


@pytest.mark.parametrize(
    ("function", "left_out"),
    [
        (semreg.run, set()),
        (semreg.table, {"seed", "tensorboard", "continue_from", "allow_other_processes"}),
        (semreg.mix, {"seed", "tensorboard", "continue_from", "allow_other_processes"}),
    ],
)
def test_python_spells_the_choices_out(function: Callable[..., Any], left_out: set[str]) -> None:
    parameters = inspect.signature(function).parameters
    assert not any(one.kind is one.VAR_KEYWORD for one in parameters.values())
    expected = {field.name: field.default for field in fields(Choices) if field.name not in left_out}
    found = {name: one.default for name, one in parameters.items() if name in expected}
    assert {name: str(default) for name, default in found.items()} == {k: str(v) for k, v in expected.items()}
    assert list(found) == list(expected), "in the same order"
    assert not left_out & parameters.keys()


def test_a_sweep_is_judged_on_validation_images_unless_told_otherwise() -> None:
    """All else of it is spelt as the table's is."""
    own, tables = (inspect.signature(function).parameters for function in (semreg.sweep, semreg.table))
    names = [field.name for field in fields(Choices) if field.name in tables]
    assert [name for name in own if name in names] == names
    assert {name for name in names if own[name].default != tables[name].default} == {"judge_on"}
    assert own["judge_on"].default == inspect.signature(sweep).parameters["judge_on"].default == "validation"


def test_the_commands_leave_out_what_python_leaves_out() -> None:
    for command in (mix, sweep):
        assert {field.name for field in fields(Choices)} - inspect.signature(command).parameters.keys() == {
            "seed", "tensorboard", "continue_from", "allow_other_processes",
        }  # fmt: skip
