"""What a component raises, as a user is told it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from semreg.core import Problem, UserError
from semreg.core.errors import ComponentError
from semreg.recipe.component_errors import component_error, failure_text, naming_component
from semreg.recipe.plan import Node, Plan
from tests.projects import SEMREG

Toy = Callable[..., Path]
PlanOf = Callable[..., Plan]


class BareError(BaseException):
    """Caught by nobody who catches exceptions."""


@pytest.fixture
def node(toy: Toy, plan_of: PlanOf) -> Node:
    return plan_of(toy()).losses["rec"]


RAISED: dict[str, tuple[BaseException, str, type[UserError]]] = {
    "exit": (SystemExit(0), f"l2 ({SEMREG}) called sys.exit(0)", ComponentError),
    "bare": (BareError("b"), f"l2 ({SEMREG}) failed: BareError: b", ComponentError),
    "closed": (GeneratorExit(), f"l2 ({SEMREG}) failed: GeneratorExit: ", ComponentError),
    "group": (BaseExceptionGroup("g", [SystemExit(0)]), f"l2 ({SEMREG}) failed: BaseExceptionGroup", ComponentError),
    "key": (KeyError("k"), f"l2 ({SEMREG}) failed: KeyError: 'k'", UserError),
    "stop": (StopIteration(), f"l2 ({SEMREG}) failed: StopIteration: ", UserError),
    "value": (ValueError("too few"), f"too few (l2, {SEMREG})", UserError),
    "user": (UserError("", [Problem("key", "is wrong")]), f"l2 ({SEMREG}) refused: key is wrong", UserError),
    "memory": (torch.OutOfMemoryError("CUDA"), f"l2 ({SEMREG}) ran out of memory: CUDA", UserError),
}


@pytest.mark.parametrize("case", RAISED)
def test_it_is_told_with_its_place_its_name_and_its_plugin(case: str, node: Node) -> None:
    raised, said, kind = RAISED[case]
    with pytest.raises(UserError) as told, naming_component(node, "recipe.toml"):
        raise raised
    assert type(told.value) is kind
    assert told.value.__cause__ is raised
    [problem] = told.value.problems
    assert (told.value.source, problem.where) == ("recipe.toml", "losses.rec")
    assert problem.message.startswith(said)


def test_ctrl_c_stays_what_it_is(node: Node) -> None:
    with pytest.raises(KeyboardInterrupt), naming_component(node, ""):
        raise KeyboardInterrupt


def test_another_place_may_be_told(node: Node) -> None:
    assert component_error(node, "", KeyError(), "elsewhere").problems[0].where == "elsewhere"


def test_a_deed_is_short() -> None:
    assert len(failure_text(KeyError("x" * 10**6))) < 400


def test_nothing_is_said_of_what_does_not_fail(node: Node) -> None:
    seen: list[Any] = []
    with naming_component(node, ""):
        seen.append(1)
    assert seen == [1]
