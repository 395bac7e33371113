"""Options against signatures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

import pytest
import torch
from annotated_types import Ge, Gt, Lt, MinLen
from torch import Tensor, nn

from semreg.core.interfaces import Handle
from semreg.core.options import check_inputs, check_options, signature_of


def loss(
    a: Tensor,
    b: Tensor,
    *,
    margin: float = 1.0,
    mode: Literal["hard", "all"] = "all",
    share: Annotated[float, Ge(0), Lt(1)] = 0.5,
    count: Annotated[int, Gt(0)] = 1,
    names: list[str] | None = None,
    low_high: tuple[float, float] = (0.0, 1.0),
    pairs: list[tuple[int, int]] = [],  # noqa: B006
    on: bool = False,
    generator: torch.Generator | None = None,
) -> Tensor:
    raise NotImplementedError


class Network(nn.Module):
    def __init__(self, *, outputs: Annotated[int, Gt(0)], input_shapes: Any, hidden: list[int] | None = None) -> None:
        super().__init__()

    def forward(self, image: Tensor, label: Tensor | None = None) -> Tensor:
        raise NotImplementedError


def spreading(first: Tensor, *others: Tensor) -> Tensor:
    raise NotImplementedError


def anything(a: Tensor, **options: Any) -> Tensor:
    raise NotImplementedError


def messages(function: Callable[..., Any], options: dict[str, Any], inputs: int = 2) -> list[str]:
    problems = check_options(signature_of(function), options, inputs=inputs, where="losses.x", name="loss (toy 1.0)")
    return [f"{problem.where}: {problem.message}" for problem in problems]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("margin", 0.5), ("margin", 2), ("mode", "hard"), ("share", 0), ("share", 0.999), ("count", 3), ("names", []),
        ("names", ["a"]), ("low_high", [-1, 1]), ("low_high", [0.5, 1.0]), ("on", True),
    ],
)  # fmt: skip
def test_values_that_fit(key: str, value: Any) -> None:
    assert messages(loss, {key: value}) == []


@pytest.mark.parametrize(
    ("key", "value", "part"),
    [
        ("margin", "0.5", "'0.5': input should be a valid number"),
        ("margin", True, "valid number"),
        ("margin", [1.0], "valid number"),
        ("mode", "soft", "'soft': input should be 'hard' or 'all'"),
        ("share", 1.0, "1.0: input should be less than 1"),
        ("share", -0.1, "greater than or equal to 0"),
        ("count", 0, "0: input should be greater than 0"),
        ("count", 1.5, "valid integer"),
        ("count", 2.0, "valid integer"),
        ("count", "3", "valid integer"),
        ("count", True, "valid integer"),
        ("names", "a", "valid list"),
        ("names", ["a", 1], "valid string"),
        ("low_high", [1.0], "low_high"),
        ("low_high", [1.0, 2.0, 3.0], "low_high"),
        ("low_high", ["a", "b"], "low_high"),
        ("low_high", 3.0, "low_high"),
        ("on", 1, "valid boolean"),
        ("on", "yes", "valid boolean"),
    ],
)
def test_values_that_do_not_fit_are_told_at_their_key(key: str, value: Any, part: str) -> None:
    [message] = messages(loss, {key: value})
    assert message.startswith(f"losses.x.{key}: ")
    assert part in message


def test_an_unknown_option_is_told_with_the_closest() -> None:
    [message] = messages(loss, {"margn": 1.0})
    assert message == "losses.x.margn: loss (toy 1.0) has no option 'margn'; did you mean 'margin'?"


def test_inputs_and_what_the_engine_fills_are_no_options() -> None:
    for key in ("a", "b", "generator"):
        [message] = messages(loss, {key: 1})
        assert f"has no option {key!r}" in message
        assert f"did you mean {key!r}" not in message
    assert "has no option 'input_shapes'" in " ".join(messages(Network, {"outputs": 1, "input_shapes": [[1]]}, 0))


def test_an_input_that_the_call_leaves_out_may_be_an_option() -> None:
    def step(epoch: float, epochs: int, every: int = 3) -> float:
        raise NotImplementedError

    assert messages(step, {"every": 4}, 2) == []
    assert len(messages(step, {"every": 4}, 3)) == 1


def test_missing_options_are_told_together() -> None:
    def needy(a: Tensor, *, first: int, second: str, third: int = 3) -> Tensor:
        raise NotImplementedError

    assert messages(needy, {}, 1) == ["losses.x: loss (toy 1.0) needs the options 'first', 'second'"]
    assert messages(needy, {"second": "x"}, 1) == ["losses.x: loss (toy 1.0) needs the option 'first'"]
    assert messages(Network, {}, 0) == ["losses.x: loss (toy 1.0) needs the option 'outputs'"]


def test_all_mistakes_of_a_table_come_together() -> None:
    found = messages(loss, {"margin": "x", "mode": 3, "shar": 1})
    assert [message.split(":")[0] for message in found] == ["losses.x.margin", "losses.x.mode", "losses.x.shar"]


def test_keyword_parameters_take_anything() -> None:
    assert messages(anything, {"x": 1, "y": "z"}, 1) == []


def test_options_without_annotation_or_of_unknown_types_are_taken() -> None:
    class Odd:
        pass

    def odd(a, *, plain=1, strange: Odd | int = 2, handle: Handle | None = None):  # type: ignore[no-untyped-def]
        raise NotImplementedError

    assert messages(odd, {"plain": object(), "strange": 3, "handle": 4}, 1) == []


def test_an_annotation_that_cannot_be_resolved_forbids_nothing() -> None:
    def broken(a: Tensor, *, x: NoSuchType = 1) -> Tensor:  # type: ignore[name-defined]  # noqa: F821
        raise NotImplementedError

    assert messages(broken, {"x": "anything"}, 1) == []


def test_lists_stand_for_tuples_inside_lists_too() -> None:
    assert messages(loss, {"pairs": [[0, 1], [1, 2]]}) == []
    [message] = messages(loss, {"pairs": [[0, 1], [1, "x"]]})
    assert message.startswith("losses.x.pairs: ")


@pytest.mark.parametrize(
    "value", ["rong", -3, [[0, 1], [1]], [[0, 1], ["a", 1]]], ids=["word", "number", "one", "text"]
)
def test_of_a_union_all_that_would_fit_is_told(value: Any) -> None:
    def related(
        a: Tensor,
        *,
        neighbors: Literal["ring", "line"] | list[tuple[int, int]] | Tensor | None = None,
        share: Annotated[float, Gt(0)] | bool = True,
        pairs: list[tuple[int, int]] | Tensor | None = None,
    ) -> Tensor:
        raise NotImplementedError

    assert messages(related, {"neighbors": [[0, 1], [1, 2]], "share": 0.5, "pairs": [[0, 1]]}, 1) == []
    [neighbors, share, pairs] = messages(related, {"neighbors": value, "share": value, "pairs": value}, 1)
    assert neighbors == f"losses.x.neighbors: {value!r}: should be 'ring', 'line' or list[tuple[int, int]]"
    assert share == f"losses.x.share: {value!r}: should be float (Gt(gt=0)) or bool"
    assert "should be a valid" in pairs, "of one kind more is told"


def test_optimizers_of_pytorch_have_options_too() -> None:
    assert messages(torch.optim.Adam, {"lr": 1e-3, "betas": [0, 0.9]}, 1) == []
    assert "did you mean 'lr'?" in messages(torch.optim.Adam, {"lrr": 1}, 1)[0]
    assert len(messages(torch.optim.SGD, {"momentum": "high"}, 1)) == 1


def inputs(function: Callable[..., Any], count: int) -> list[str]:
    return [problem.message for problem in check_inputs(signature_of(function), count, where="x", name="loss")]


def test_numbers_of_inputs() -> None:
    assert inputs(loss, 2) == []
    assert inputs(loss, 1) == ["loss takes (a, b); 1 given, b missing"]
    assert inputs(loss, 0) == ["loss takes (a, b); 0 given, a, b missing"]
    assert inputs(loss, 3) == ["loss takes (a, b); 3 given"]


def test_numbers_of_inputs_with_several() -> None:
    assert inputs(spreading, 1) == inputs(spreading, 9) == []
    assert inputs(spreading, 0) == ["loss takes (first, …); 0 given, first missing"]

    class Prior(nn.Module):
        def forward(self) -> None:
            raise NotImplementedError

    prior = signature_of(Prior.forward)
    assert [parameter.name for parameter in prior.inputs()] == ["self"]


def test_annotated_types_of_lists() -> None:
    def few(a: Tensor, *, widths: Annotated[list[Annotated[int, Gt(0)]], MinLen(1)]) -> Tensor:
        raise NotImplementedError

    assert messages(few, {"widths": [1, 2]}, 1) == []
    assert "greater than 0" in messages(few, {"widths": [1, 0]}, 1)[0]
    assert "at least 1 item" in messages(few, {"widths": []}, 1)[0]
