"""Checks that several kinds share, on the plainest things that pass and fail them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from semreg.core import DiagonalGaussian, require_classes
from semreg.testing.behaviour import (
    check_degenerate,
    check_determinism,
    check_device,
    check_inputs_kept,
    check_labels,
    check_refusals,
    degenerate,
    require_finite,
    same,
)
from semreg.testing.examples import ExampleCall, Inputs

CODES, LABELS = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), torch.tensor([0, 1, 2])


def seeded(seed: int) -> Tensor:
    return torch.rand(3, generator=torch.Generator().manual_seed(seed))


def test_draws_of_a_generator_are_told_from_draws_of_chance() -> None:
    check_determinism(seeded, random=True)
    check_determinism(lambda _: CODES, random=False)
    with pytest.raises(AssertionError, match="six seeds gave one and the same result"):
        check_determinism(lambda _: CODES, random=True)
    with pytest.raises(AssertionError, match="global generator; draw from `generator`"):
        check_determinism(lambda seed: seeded(seed) + torch.rand(3), random=True)
    with pytest.raises(AssertionError, match="global generator; take a parameter `generator"):
        check_determinism(lambda _: torch.rand(3), random=False)
    results = iter([CODES, CODES + 1])
    with pytest.raises(AssertionError, match="the same inputs and generator gave two results"):
        check_determinism(lambda _: next(results), random=False)


def test_results_are_the_same_bit_for_bit_and_part_by_part() -> None:
    odd = torch.tensor([float("nan"), float("inf"), 0.0])
    assert same(DiagonalGaussian(odd, CODES), DiagonalGaussian(odd.clone(), CODES.clone()))
    assert not same(CODES, CODES.double())
    assert not same(CODES, CODES + 1e-6)
    assert not same(DiagonalGaussian(odd, CODES), DiagonalGaussian(odd, CODES + 1))


def test_a_tensor_or_a_module_that_is_changed_is_named() -> None:
    posterior, norm = DiagonalGaussian(CODES.clone(), CODES.clone()), nn.BatchNorm1d(2)
    check_inputs_kept(lambda given: norm.eval()(given[0].mean), (posterior, norm))
    with pytest.raises(AssertionError, match="tensor 1 of the inputs was changed in place"):
        check_inputs_kept(lambda given: given[0].log_variance.add_(1), (posterior, norm))
    with pytest.raises(AssertionError, match="BatchNorm1d among the inputs was changed: running_mean, running_var"):
        check_inputs_kept(lambda given: norm.train()(given[0].mean), (posterior, norm))


def test_what_is_made_on_the_cpu_and_left_there_is_told() -> None:
    check_device(lambda given: given[0] * 2, (CODES,))
    with pytest.raises(RuntimeError, match="device"):
        check_device(lambda given: given[0] + torch.zeros(2), (CODES,))
    with pytest.raises(AssertionError, match=r"inputs are on \w+, the result is on cpu"):
        check_device(lambda given: torch.zeros(2), (CODES,))


def test_a_component_that_looks_at_numbers_is_not_tried_where_there_are_none() -> None:
    check_device(lambda given: given[0] if float(given[0].sum()) > 0 else -given[0], (CODES,))


def test_degenerate_batches_keep_all_that_is_not_of_the_batch() -> None:
    whole = torch.rand(2, 2)  # of no batch: its first axis is another's
    batches = degenerate((CODES, LABELS, whole))
    shapes = {name: [tuple(tensor.shape) for tensor in inputs] for name, inputs in batches.items()}
    assert shapes.pop("empty batch") == [(0, 2), (0,), (2, 2)]
    assert shapes.pop("one row") == [(1, 2), (1,), (2, 2)]
    assert set(shapes) == {"equal rows", "one class", "zeros"}
    assert all(shape == [(3, 2), (3,), (2, 2)] for shape in shapes.values())
    assert batches["equal rows"][0].tolist() == [[1, 2]] * 3
    assert torch.equal(batches["equal rows"][1], LABELS)
    assert batches["one class"][1].tolist() == [0, 0, 0]
    assert torch.equal(batches["one class"][0], CODES)
    assert not batches["zeros"][0].any()
    assert torch.equal(batches["zeros"][1], LABELS)


def refusing(error: Exception, name: str) -> Callable[[Inputs], None]:
    def check(inputs: Inputs) -> None:
        if inputs == (name,):
            raise error

    return check


def test_one_degenerate_batch_may_be_refused_and_only_by_a_value_error() -> None:
    batches: dict[str, Inputs] = {"zeros": ("zeros",), "one row": ("one row",)}
    check_degenerate(batches, refusing(ValueError("zeros have no direction"), "zeros"), "zeros")
    for error, name, told in (
        (ValueError("no"), "one row", "one row: ValueError: no"),
        (RuntimeError("no"), "zeros", "zeros: RuntimeError: no"),
        (AssertionError("NaN"), "zeros", "zeros: NaN"),
    ):
        with pytest.raises(AssertionError, match=f"^{told}$"):
            check_degenerate(batches, refusing(error, name), "zeros")


def announced(codes: Tensor, labels: Tensor) -> Tensor:
    """Raises ValueError for other shapes."""
    if codes.ndim != 2 or labels.shape != codes.shape[:1]:
        raise ValueError("announced(codes, labels) takes a label for each code")
    return codes.sum()


def unannounced(codes: Tensor, labels: Tensor) -> Tensor:
    """A sum."""
    return announced(codes, labels)


def broadcast(codes: Tensor, labels: Tensor) -> Tensor:
    """A sum. Raises."""
    return (codes * labels[:, None]).sum()


def broken(codes: Tensor, labels: Tensor) -> Any:
    """A sum. Raises."""
    return {}[tuple(codes.shape)] if codes.shape != (3, 2) else codes.sum()


def test_shapes_that_do_not_fit_are_refused_as_the_docstring_says() -> None:
    check_refusals(ExampleCall(announced, (CODES, LABELS), {}))
    check_refusals(ExampleCall(broadcast, (CODES, LABELS), {}), torch_may=True)
    told = r"input 0 with an axis less, \(3,\) raises ValueError, and the docstring doesn't say so"
    with pytest.raises(AssertionError, match=told):
        check_refusals(ExampleCall(unannounced, (CODES, LABELS), {}))
    with pytest.raises(AssertionError, match=r"input 0 with a row less, \(2, 2\) ends in RuntimeError"):
        check_refusals(ExampleCall(broadcast, (CODES, LABELS), {}))
    with pytest.raises(AssertionError, match=r"input 0 with an axis less, \(3,\) ends in KeyError"):
        check_refusals(ExampleCall(broken, (CODES, LABELS), {}), torch_may=True)


def of_three_classes(codes: Tensor, labels: Tensor) -> Tensor:
    require_classes("of_three_classes(codes, labels)", labels, rows=len(codes), classes=3)
    return codes.sum()


def of_indices(codes: Tensor, labels: Tensor) -> Tensor:
    require_classes("of_indices(codes, labels)", labels, rows=len(codes))
    return codes[labels].sum()


def test_labels_that_are_no_classes_must_be_refused() -> None:
    check_labels(ExampleCall(of_three_classes, (CODES, LABELS), {}))
    check_labels(ExampleCall(lambda codes: codes.sum(), (CODES,), {}))  # without labels
    with pytest.raises(AssertionError, match=r"input 1 as float32 is taken for classes; semreg\.core\.require_classes"):
        check_labels(ExampleCall(broadcast, (CODES, LABELS), {}))
    with pytest.raises(AssertionError, match="input 1 far beyond the classes ends in IndexError"):
        check_labels(ExampleCall(of_indices, (CODES, LABELS), {}))


def test_what_is_not_finite_is_shown() -> None:
    require_finite((CODES, LABELS))
    for value, shown in ((float("nan"), "NaN"), (float("-inf"), "-inf")):
        with pytest.raises(AssertionError, match=f"^the gradient holds {shown}$"):
            require_finite(DiagonalGaussian(CODES, torch.tensor([1.0, value])), "the gradient")
