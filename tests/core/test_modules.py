"""Functions as modules: the same values, options checked once, and all that PyTorch does with modules."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Annotated, Any, Literal

import pytest
import torch
from annotated_types import Ge, Gt
from hypothesis import given
from hypothesis import strategies as st
from semreg_atnl import Geodesic, angular_triplet_neighbor_loss, spherical_interpolation
from semreg_gmprior import GaussianMixture
from semreg_uniform import gradient_penalty
from torch import Tensor, nn

from semreg.components.losses import binary_cross_entropy, kl_divergence, l2
from semreg.components.operations import diagonal_gaussian, sample
from semreg.components.priors import StandardNormal
from semreg.core import as_module
from semreg.core.registry import UnknownComponentError

CODES, LABELS = torch.randn(12, 4, generator=torch.Generator().manual_seed(0)), torch.arange(12) % 6
RING = {"margin": 1.2, "neighbors": "ring", "num_classes": 6}


def distance(
    a: Tensor,
    b: Tensor,
    *more: Tensor,
    margin: Annotated[float, Ge(0)] = 0.0,
    mode: Literal["hard", "all"],
    scale: Tensor | float = 1.0,
    head: nn.Module | None = None,
) -> Tensor:
    """Of codes, with options of many kinds."""
    for one in (b, *more):
        a = a + scale * ((head(one) if head is not None else one) - margin)
    return a.sum()


def scaled(a: Tensor, *, scale: Tensor) -> Tensor:
    """Whose option is a tensor, or trains."""
    return (scale * a).sum()


def weighted(a: Tensor, b: Tensor, weight: float, bias: float = 0.0) -> Tensor:
    """Whose options are by position, too."""
    return (a - b).sum() * weight + bias


class Counting:
    """A class that is made with its options and then called, and is no module."""

    def __init__(self, *, start: Annotated[int, Gt(0)] = 1) -> None:
        self.count = start

    def __call__(self, a: Tensor) -> Tensor:
        self.count += 1
        return a * self.count


@given(margin=st.floats(0.1, 3), seed=st.integers(0, 2**31))
def test_it_computes_what_the_function_does(margin: float, seed: int) -> None:
    codes = torch.randn(8, 3, generator=torch.Generator().manual_seed(seed)).requires_grad_()
    options: Any = {**RING, "margin": margin}
    loss = as_module(angular_triplet_neighbor_loss, **options)(codes, LABELS[:8])
    assert torch.equal(loss, angular_triplet_neighbor_loss(codes, LABELS[:8], **options))


@pytest.mark.parametrize(
    ("component", "options", "parts"),
    [
        (angular_triplet_neighbor_loss, {"margn": 1, "neighbors": "none"}, ["margn ", "did you mean 'margin'?"]),
        (angular_triplet_neighbor_loss, {"margin": "a", "neighbors": "none"}, ["margin ", "'a'", "valid number"]),
        (angular_triplet_neighbor_loss, {"margin": None, "neighbors": "none"}, ["margin ", "None", "valid number"]),
        (angular_triplet_neighbor_loss, {"margin": 4.0, "neighbors": "none"}, ["less than 3.14"]),
        (angular_triplet_neighbor_loss, {"neighbors": "rong"}, ["should be 'ring', 'line' or 'none'"]),
        (angular_triplet_neighbor_loss, {}, ["needs the option 'neighbors'"]),
        (angular_triplet_neighbor_loss, {"codes": CODES, "neighbors": "none"}, ["has no option 'codes'"]),
        (distance, {"margin": -1, "mode": "soft"}, ["2 errors", "greater than or equal to 0", "'hard' or 'all'"]),
        (distance, {"mode": "all", "margin": float("nan")}, ["finite number"]),
        (distance, {"mode": "all", "scale": float("inf")}, ["scale ", "inf: input should be a finite number"]),
        (gradient_penalty, {"generator": 3}, ["generator ", "3: "]),
        (weighted, {"weight": "much"}, ["valid number"]),
        (GaussianMixture, {"classes": 3, "size": 0}, ["greater than or equal to 1"]),
        (GaussianMixture, {"classes": 3}, ["needs the option 'size'"]),
        ("gaussian_mixture", {"classes": 3, "sizes": 2}, ["did you mean 'size'?", "needs the option 'size'"]),
        (Counting, {"start": 0}, ["greater than 0"]),
    ],
)
def test_options_that_do_not_fit_are_refused_when_it_is_made(component: Any, options: Any, parts: list[str]) -> None:
    with pytest.raises(ValueError) as refused:
        as_module(component, **options)
    said = str(refused.value)
    assert said.startswith(f"as_module({getattr(component, '__name__', 'GaussianMixture')}): ")
    assert [part for part in parts if part not in said] == []


@pytest.mark.parametrize(
    ("component", "said"),
    [(3, "found an int"), (RING, "found a dict"), (Geodesic, None), (type("Apple", (), {}), "an Apple is not called")],
)
def test_what_is_no_function_of_tensors_is_refused(component: Any, said: str | None) -> None:
    if said is None:
        assert as_module(component)
        return
    with pytest.raises(TypeError, match=said):
        as_module(component)


def test_too_few_and_too_many_inputs_are_refused() -> None:
    ring, spreading = as_module(angular_triplet_neighbor_loss, **RING), as_module(distance, mode="all")
    for inputs, said in {
        (): "takes \\(codes, labels\\); 0 given, codes, labels missing",
        (CODES,): "takes \\(codes, labels\\); 1 given, labels missing",
        (CODES, LABELS, LABELS): "takes \\(codes, labels\\); 3 given",
    }.items():
        with pytest.raises(TypeError, match=f"angular_triplet_neighbor_loss {said}"):
            ring(*inputs)
    with pytest.raises(TypeError, match="distance takes \\(a, b, …\\); 1 given, b missing"):
        spreading(CODES)
    assert spreading(CODES, CODES, CODES, CODES).ndim == 0
    with pytest.raises(TypeError, match="generator"):
        ring(CODES, LABELS, generator=torch.Generator())


def test_inputs_that_may_be_left_out_and_options_by_position() -> None:
    entropy = as_module(binary_cross_entropy, reduction="sum")
    logits, targets, known = CODES, CODES.sigmoid(), torch.ones_like(CODES)
    assert torch.allclose(entropy(logits, targets), entropy(logits, targets, known))
    assert as_module(weighted, weight=2)(CODES, CODES + 1) == -2 * CODES.numel()
    assert as_module(weighted)(CODES, CODES + 1, 2) == -2 * CODES.numel()
    with pytest.raises(TypeError, match="weighted takes \\(a, b\\); 1 given, b missing"):
        as_module(weighted, weight=2, bias=1)(CODES)


def test_names_of_recipes() -> None:
    named = as_module("atnl", **RING)
    assert torch.equal(named(CODES, LABELS), angular_triplet_neighbor_loss(CODES, LABELS, **RING))
    mixture = as_module("gaussian_mixture", classes=3, size=2)
    assert isinstance(mixture, GaussianMixture)
    path = as_module("spherical", norm="interpolated")
    assert torch.equal(path(CODES, -CODES, 0.3), spherical_interpolation(CODES, -CODES, 0.3, norm="interpolated"))
    with pytest.raises(UnknownComponentError, match="did you mean 'atnl'"):
        as_module("atnll")


def test_modules_are_inputs_and_draws_come_from_the_generator_of_the_call() -> None:
    critic, penalty = nn.Sequential(nn.Linear(4, 4), nn.SiLU(), nn.Linear(4, 1)), as_module(gradient_penalty)
    draws = [penalty(critic, CODES, -CODES, generator=torch.Generator().manual_seed(seed)) for seed in (0, 0, 1)]
    assert draws[0] == draws[1] != draws[2]
    draws[0].backward()
    assert critic[0].weight.grad is not None
    prior, posterior = StandardNormal(size=2), diagonal_gaussian(CODES)
    assert as_module(kl_divergence)(posterior, prior) == kl_divergence(posterior, prior)
    kept = as_module(sample, generator=torch.Generator().manual_seed(0))
    assert torch.equal(kept(posterior), sample(posterior, generator=torch.Generator().manual_seed(0)))
    assert not torch.equal(kept(posterior), kept(posterior))


def held() -> nn.Module:
    return as_module(distance, mode="all", margin=0.5, scale=torch.tensor(2.0), head=nn.Linear(4, 4))


def test_options_that_are_modules_or_tensors_move_and_train_with_it() -> None:
    module = held()
    assert len(list(module.parameters())) == 2
    assert list(module.state_dict()) == ["option_head.weight", "option_head.bias"], "tensors are options, not state"
    module(CODES, CODES).backward()
    assert all(parameter.grad is not None for parameter in module.parameters())
    module.double()
    assert module(CODES.double(), CODES.double()).dtype == torch.float64
    assert all(tensor.device.type == "meta" for tensor in [*module.to("meta").buffers(), *module.parameters()])
    trained = as_module(scaled, scale=nn.Parameter(torch.tensor(2.0)))
    assert list(trained.state_dict()) == ["option_scale"]
    bare = as_module(angular_triplet_neighbor_loss, **RING)
    assert not bare.state_dict()
    assert not list(bare.parameters())


@pytest.mark.parametrize("again", [copy.deepcopy, copy.copy, lambda module: pickle.loads(pickle.dumps(module))])
def test_it_is_copied_and_pickled(again: Callable[[nn.Module], nn.Module]) -> None:
    module = held().eval()
    copied = again(module)
    assert torch.equal(module(CODES, CODES), copied(CODES, CODES))
    assert not copied.training
    assert repr(copied) == repr(module)
    assert list(copied.state_dict()) == list(module.state_dict())


def test_it_says_what_it_is() -> None:
    assert repr(as_module(l2)) == "l2()"
    assert repr(as_module(angular_triplet_neighbor_loss, **RING)) == (
        "angular_triplet_neighbor_loss(margin=1.2, neighbors='ring', num_classes=6)"
    )
    shown = repr(held())
    assert "mode='all', margin=0.5, scale=tensor()" in shown
    assert "(option_head): Linear(in_features=4" in shown


def test_a_class_that_is_no_module_is_made_once_and_called() -> None:
    counting = as_module(Counting, start=2)
    assert counting(CODES[:1, 0]) == 3 * CODES[0, 0]
    assert counting(CODES[:1, 0]) == 4 * CODES[0, 0]
    assert repr(counting) == "Counting()"


@pytest.mark.slow
def test_it_compiles_without_a_break() -> None:
    compiled = torch.compile(as_module(l2, reduction="sum"), backend="eager", fullgraph=True)
    assert compiled(CODES, CODES + 1) == 4
