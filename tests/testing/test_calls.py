"""The kit finds what is wrong with losses and operations, and says so by name."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from semreg.components.functional import in_float32, normal_noise
from semreg.core import at_hand, require_classes
from semreg.testing import check_loss, check_operation

CODES = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
LABELS = torch.tensor([0, 0, 1, 1, 2, 2])


@in_float32
def good(codes: Tensor, labels: Tensor, *, weight: float = 1.0) -> Tensor:
    """Codes `(batch, code)` and labels `(batch,)` to a scalar (Author 2020). Raises ValueError for other shapes."""
    if codes.ndim != 2 or labels.shape != codes.shape[:1]:
        raise ValueError("good(codes, labels) takes one label for each code")
    require_classes("good(codes, labels)", labels, rows=len(codes))
    return weight * (codes.square().sum(1) * labels).sum() / max(len(codes), 1)


class _Looking(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        gradients[0].sum().item()
        return gradients[0]


class _Wrong(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.square()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return gradients[0] * 3.0


def undocumented(codes: Tensor, labels: Tensor) -> Tensor:
    return good(codes, labels)


def untyped(codes: Tensor, labels: Tensor, *, weight=1.0) -> Tensor:  # type: ignore[no-untyped-def]
    return good(codes, labels, weight=weight)


def ill_typed(codes: Tensor, labels: Tensor, *, weight: str = 1.0) -> Tensor:  # type: ignore[assignment]
    return good(codes, labels, weight=weight)  # type: ignore[arg-type]


def vector(codes: Tensor, labels: Tensor) -> Tensor:
    good(codes, labels)
    return codes.square().sum(1)


def wrong_gradient(codes: Tensor, labels: Tensor) -> Tensor:
    good(codes, labels)
    return _Wrong.apply(codes).sum() / max(len(codes), 1)  # type: ignore[no-untyped-call, no-any-return]


def disconnected(codes: Tensor, labels: Tensor) -> Tensor:
    return good(codes.detach(), labels)


def of_one_dtype(codes: Tensor, labels: Tensor) -> Tensor:
    return good(codes.float(), labels)


def of_one_device(codes: Tensor, labels: Tensor) -> Tensor:
    return good(codes + torch.zeros(4), labels)


def in_order(codes: Tensor, labels: Tensor) -> Tensor:
    return good(codes * torch.arange(len(codes), device=codes.device).to(codes)[:, None], labels)


def of_pairs(codes: Tensor, labels: Tensor) -> Tensor:
    return good(codes - codes.sum(0), labels)


def a_mean(codes: Tensor, labels: Tensor) -> Tensor:
    good(codes, labels)
    return codes.square().mean()


def a_norm(codes: Tensor, labels: Tensor) -> Tensor:
    good(codes, labels)
    return codes.square().sum(1).sqrt().sum()


def of_global_chance(codes: Tensor, labels: Tensor) -> Tensor:
    return good(codes + torch.rand((), device=codes.device), labels)


def of_ignored_chance(codes: Tensor, labels: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
    return good(codes, labels)


def of_their_number(codes: Tensor, labels: Tensor) -> Tensor:
    return good(codes, labels) * len(labels.unique()).bit_length() ** 0


def of_a_look(codes: Tensor, labels: Tensor) -> Tensor:
    return good(codes, labels) if codes.sum() < 1e30 else 0 * codes.sum()


def of_another_look(codes: Tensor, labels: Tensor) -> Tensor:
    return good(codes if at_hand(codes) else 2 * codes, labels)


def of_a_look_back(codes: Tensor, labels: Tensor) -> Tensor:
    return good(_Looking.apply(codes), labels)  # type: ignore[no-untyped-call]


def in_place(codes: Tensor, labels: Tensor) -> Tensor:
    value = good(codes, labels)
    codes.detach().add_(1)
    return value


def careless(codes: Tensor, labels: Tensor) -> Tensor:
    return (codes.square() * labels[:, None]).sum() / max(len(codes), 1)


def in_low_precision(codes: Tensor, labels: Tensor) -> Tensor:
    return codes.square().sum().to(good(codes, labels)) / max(len(codes), 1)


def of_any_labels(codes: Tensor, labels: Tensor) -> Tensor:
    return good(codes, torch.zeros_like(labels, dtype=torch.int64))


def test_what_is_right_passes() -> None:
    check_loss(good, CODES, LABELS, options={"weight": 2.0})


@pytest.mark.parametrize(
    ("loss", "failing", "words"),
    [
        (undocumented, {"documentation", "shapes", "source", "refusals"}, "there is no docstring"),
        (untyped, {"signature"}, "weight: has no type annotation"),
        (ill_typed, {"signature"}, r"options\.weight"),
        (vector, {"value"}, r"a tensor of shape \(6,\)"),
        (wrong_gradient, {"gradient"}, "Jacobian"),
        (disconnected, {"value", "gradient", "degenerate"}, "no gradient flows"),
        (of_one_dtype, {"dtype", "gradient"}, "float64 becomes torch.float32"),
        (of_one_device, {"device", "waits"}, "device"),
        (of_their_number, {"waits"}, r"1 × unique at test_calls\.py:\d+; its result's shape depends on numbers"),
        (of_a_look, {"waits"}, r"1 × bool at test_calls\.py:\d+; keep it a tensor, with torch\.where"),
        (of_another_look, {"waits"}, "where semreg.core.at_hand is false, as on a GPU, the result differs"),
        (of_a_look_back, {"waits"}, r"1 × item at test_calls\.py:\d+"),
        (in_order, {"order", "halves"}, "not close"),
        (of_pairs, {"halves"}, "it is not a mean over rows: .* an attribute `couples_rows = True` says so"),
        (a_mean, {"degenerate"}, "empty batch: the result holds NaN"),
        (a_norm, {"degenerate", "halves"}, "zeros: the gradient holds NaN"),
        (of_global_chance, {"determinism", "gradient", "order", "halves"}, "global generator; take a parameter"),
        (of_ignored_chance, {"determinism"}, "six seeds gave one"),
        (
            in_place,
            {"inputs kept", "value", "gradient", "degenerate", "waits", "determinism"},
            "tensor 0 of the inputs was changed in place",
        ),
        (in_low_precision, {"precision"}, "in torch.float16, of 24 numbers, the result is"),
        (of_any_labels, {"labels"}, "input 1 as float32 is taken for classes; semreg.core.require_classes refuses it"),
        (careless, {"refusals"}, r"input 0 with a row less, \(5, 4\) ends in RuntimeError"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_each_fault_is_found_and_named(loss: Callable[..., Any], failing: set[str], words: str) -> None:
    exempt = {"documentation", "shapes", "source", "refusals", "precision", "labels"} - failing
    with pytest.raises(AssertionError, match=words) as raised:
        check_loss(loss, CODES.clone(), LABELS, exempt=exempt)
    assert f"{loss.__name__}: " in str(raised.value)
    for name in failing:
        assert re.search(rf"^  (?:[\w ]+, )*{name}(?:, [\w ]+)*: ", str(raised.value), re.MULTILINE)
        exempt.add(name)
    if loss is not vector:  # what is no scalar fails in many ways
        check_loss(loss, CODES.clone(), LABELS, exempt=exempt)


def test_a_module_among_the_inputs_may_be_all_that_is_trained_but_not_changed() -> None:
    def of_module(module: nn.Module, codes: Tensor) -> Tensor:
        """Codes `(batch, code)` to a scalar (2020)."""
        return module(codes.detach()).square().sum() / max(len(codes), 1)  # type: ignore[no-any-return]

    check_loss(of_module, nn.Linear(4, 2), CODES, exempt={"refusals", "precision"})
    with pytest.raises(AssertionError, match="BatchNorm1d among the inputs was changed: running_mean"):
        check_loss(of_module, nn.BatchNorm1d(4), CODES, exempt={"refusals", "degenerate", "precision"})


def reversed_rows(codes: Tensor) -> Tensor:
    """Codes `(batch, code)` in another order (2020)."""
    return codes.cumsum(0)


def test_operations_are_row_by_row_and_keep_gradients() -> None:
    def cut(codes: Tensor) -> Tensor:
        """Codes `(batch, code)`, doubled (2020)."""
        return 2 * codes.detach()

    with pytest.raises(AssertionError, match="1 of 17 checks failed\n  gradient: no gradient flows to any input"):
        check_operation(cut, CODES)
    cut.cuts_gradient = True  # type: ignore[attr-defined]
    check_operation(cut, CODES)
    with pytest.raises(AssertionError, match="1 of 17 checks failed\n  order: "):
        check_operation(reversed_rows, CODES, exempt={"halves"})


def test_what_couples_rows_must_say_so() -> None:
    def of_all(codes: Tensor) -> Tensor:
        """Codes `(batch, code)`, less their mean (2020)."""
        return codes - codes.sum(0) / max(len(codes), 1)

    with pytest.raises(
        AssertionError, match="1 of 17 checks failed\n  halves: rows of the result depend on other rows"
    ):
        check_operation(of_all, CODES)
    of_all.couples_rows = True  # type: ignore[attr-defined]
    check_operation(of_all, CODES)


def test_a_loss_by_a_module_with_batch_norm_is_a_mean_over_rows() -> None:
    def of_scores(critic: nn.Module, codes: Tensor) -> Tensor:
        """Codes `(batch, code)` to a scalar (2020). Raises ValueError for other shapes."""
        return critic(codes).square().sum() / max(len(codes), 1)  # type: ignore[no-any-return]

    left = {"refusals", "precision", "inputs kept", "degenerate", "determinism", "order"}
    check_loss(of_scores, nn.BatchNorm1d(4), CODES, exempt=left)


def test_the_form_in_evaluations_takes_the_same_inputs() -> None:
    def noisy(codes: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
        """Codes `(batch, code)` with noise (2020)."""
        return codes + normal_noise(codes.shape, like=codes, generator=generator)

    check_operation(noisy, CODES)
    noisy.in_evaluation = lambda codes, more: codes  # type: ignore[attr-defined]
    with pytest.raises(AssertionError, match="evaluation: TypeError"):
        check_operation(noisy, CODES)
