"""What a component says of itself is read as recipes and people read it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from semreg.testing.documented import (
    check_documentation,
    check_shapes,
    check_signature,
    check_source_named,
    documentation,
    says_raises,
)


def good(codes: Tensor, labels: Tensor, *, weight: float = 1.0, generator: torch.Generator | None = None) -> Tensor:
    """Codes `(batch, code)` to a scalar (Author 2020). Raises ValueError for other shapes."""
    return codes


class Net(nn.Module):
    """A network.

    Source: Doe (2020).
    """

    def __init__(self, *, outputs: int, input_shapes: list[tuple[int, ...]]) -> None:
        super().__init__()

    def forward(self, images: Tensor) -> Tensor:
        """Codes `(batch, code)`."""
        return images

    def _hidden(self) -> None:
        """Raises nothing."""


def test_a_signature_that_recipes_can_call_fits() -> None:
    check_signature(good, 2, {"weight": 2.0})
    check_signature(good, 2, {})
    check_signature(Net, 1, {"outputs": 3})


def untyped(codes: Tensor, *, weight=1.0) -> Tensor:  # type: ignore[no-untyped-def]
    return codes


def unresolved(codes: Tensor, *, weight: NoSuchType = 1.0) -> Tensor:  # type: ignore[name-defined]  # noqa: F821
    return codes


def ill_typed(codes: Tensor, *, weight: str = 1.0) -> Tensor:  # type: ignore[assignment]
    return codes


def always_random(codes: Tensor, *, generator: torch.Generator) -> Tensor:
    return codes


@pytest.mark.parametrize(
    ("component", "inputs", "options", "told"),
    [
        (good, 2, {"wieght": 1.0}, r"options.wieght: good has no option 'wieght'; did you mean 'weight'\?"),
        (good, 2, {"weight": torch.tensor(1.0)}, "options: a recipe cannot hold them: "),
        (good, 2, {"weight": "much"}, "options.weight: 'much': input should be a valid number"),
        (good, 3, {}, r"inputs: good takes \(codes, labels\); 3 given"),
        (Net, 1, {}, "options: Net needs the option 'outputs'"),
        (untyped, 1, {}, "weight: has no type annotation"),
        (unresolved, 1, {}, "weight: its annotation 'NoSuchType' cannot be resolved"),
        (ill_typed, 1, {}, "options.weight: 1.0: input should be a valid string"),
        (always_random, 1, {}, "generator: its default must be None"),
    ],
)
def test_a_signature_that_does_not_fit_is_told(
    component: Callable[..., Any], inputs: int, options: dict[str, Any], told: str
) -> None:
    with pytest.raises(AssertionError, match=told):
        check_signature(component, inputs, options)


def test_of_a_class_what_its_public_methods_say_counts_too() -> None:
    assert "Codes `(batch, code)`." in documentation(Net)
    check_shapes(Net)
    assert not says_raises(Net)
    assert says_raises(good)


@pytest.mark.parametrize(
    ("text", "shapes", "raises"),
    [
        ("Codes `(batch, code)` to a scalar.", True, False),
        ("Codes of the images' shape. Other arguments and errors are those of `l1`.", True, True),
        ("A scalar `x` of (two, things).\n\nRaises:\n    ValueError: for three.", False, True),
        ("Reshapes `all (that)` it gets, as it praises.", False, False),
    ],
)
def test_shapes_and_errors_are_found_where_the_docstring_names_them(text: str, shapes: bool, raises: bool) -> None:
    def component() -> None: ...

    component.__doc__ = text
    assert says_raises(component) == raises
    if shapes:
        check_shapes(component)
    else:
        with pytest.raises(AssertionError, match="the docstring names no shape"):
            check_shapes(component)


@pytest.mark.parametrize(
    "text", ["Source: Doe.", "As Doe et al. have it.", "Eq. 3.", "See section 4.1.", "Algorithm 2", "Doe 1998"]
)
def test_a_paper_or_a_place_in_one_is_a_source(text: str) -> None:
    def component() -> None: ...

    component.__doc__ = text
    check_source_named(component)


def test_without_a_docstring_or_a_source_it_is_told() -> None:
    def component() -> None: ...

    with pytest.raises(AssertionError, match="there is no docstring"):
        check_documentation(component)
    with pytest.raises(AssertionError, match="names a source: a paper, a year, an equation"):
        check_source_named(component)
    component.__doc__ = "In 12345 ways."
    check_documentation(component)
    with pytest.raises(AssertionError):
        check_source_named(component)


@pytest.mark.parametrize(
    ("group", "name", "fits"),
    [
        ("losses", "fine", True),
        ("losses", "no-loss", False),
        ("losses", "class", False),
        ("samplers", "no-sampler", False),
        ("encoders", "an-encoder", True),
        ("encoders", "", False),
        ("commands", "no-component", True),
    ],
)
def test_a_name_that_no_recipe_can_say_is_told(install: Callable[..., Any], group: str, name: str, fits: bool) -> None:
    install("semreg-toy", {f"semreg.{group}": {name: f"{__name__}:Holder.component", "other": "not_imported:good"}})
    check_signature(good, 2, {})
    if fits:
        check_signature(Holder.component, 2, {})
    else:
        with pytest.raises(AssertionError, match=f"name: no recipe can say '{name}', as semreg-toy 1.2 has it; "):
            check_signature(Holder.component, 2, {})


class Holder:
    @staticmethod
    def component(codes: Tensor, labels: Tensor) -> Tensor:
        return codes
