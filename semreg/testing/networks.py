"""Checks of networks: encoders, decoders, critics and classifiers, as recipes build and call them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from semreg.components.values import is_posterior, tensors_of
from semreg.core import Classifier, Critic, Decoder, Encoder
from semreg.core.options import signature_of
from semreg.testing.behaviour import (
    check_degenerate,
    check_determinism,
    check_device,
    check_waits,
    degenerate,
    require_finite,
    same,
)
from semreg.testing.checks import Checks, require
from semreg.testing.documented import check_description
from semreg.testing.examples import Inputs, in_dtype, row_count, taken, with_gradients
from semreg.testing.interfaces import require_interface


def check_encoder(
    encoder: Callable[..., Any], *inputs: Tensor, options: Mapping[str, Any] | None = None, exempt: Collection[str] = ()
) -> None:
    """Check an encoder: from images (and other inputs) to codes `(batch, ...)`, or a NamedTuple of such, codes first.

    Checks: "signature", "interface" (`semreg.core.Encoder`), "documentation", "shapes", "source", "output" (finite, a
    row for each row, with as many axes as the kind has), "gradient" (finite, to all parameters and inputs), "rows" (in
    evaluation mode each row's result depends only on that row, in any order), "dtype" (as float64), "bf16" (finite
    under autocast), "device", "degenerate" (in evaluation mode: one row, equal rows, zeros), "waits" (no step waits for
    a GPU), "determinism" (in evaluation mode; and equal seeds build equal networks) and "state" (saved and restored, it
    gives the same results).

    Args:
        encoder: the class; its constructor receives `input_shapes` if it has that parameter.
        inputs: examples `(batch, ...)`.
        options: of the recipe, for the constructor.
        exempt: names of checks to skip.

    Raises:
        AssertionError: with all failures.
    """
    _check_network(encoder, inputs, options or {}, exempt, Encoder, axes=range(2, 6))


def check_decoder(
    decoder: Callable[..., Any], *inputs: Tensor, options: Mapping[str, Any] | None = None, exempt: Collection[str] = ()
) -> None:
    """Check a decoder, from one or several codes to images `(batch, channels, height, width)`, otherwise as
    `check_encoder`.
    """
    _check_network(decoder, inputs, options or {}, exempt, Decoder, axes=[4])


def check_critic(
    critic: Callable[..., Any], *inputs: Tensor, options: Mapping[str, Any] | None = None, exempt: Collection[str] = ()
) -> None:
    """Check a critic, from images or codes to scores `(batch, ...)`, otherwise as `check_encoder`."""
    _check_network(critic, inputs, options or {}, exempt, Critic, axes=range(1, 6))


def check_classifier(
    classifier: Callable[..., Any],
    *inputs: Tensor,
    options: Mapping[str, Any] | None = None,
    exempt: Collection[str] = (),
) -> None:
    """Check a classifier, to logits `(batch, classes)`, otherwise as `check_encoder`."""
    _check_network(classifier, inputs, options or {}, exempt, Classifier, axes=[2])


def _check_network(
    network: Callable[..., Any],
    inputs: Inputs,
    options: Mapping[str, Any],
    exempt: Collection[str],
    kind: type,
    axes: Sequence[int],
) -> None:
    checks = Checks(getattr(network, "__name__", type(network).__name__), exempt)
    check_description(checks, network, len(inputs), options)
    shapes = [tuple(value.shape[1:]) for value in inputs]
    filled = {"input_shapes": shapes} if "input_shapes" in signature_of(network).parameters else {}

    def build() -> nn.Module:
        module: nn.Module = network(**options, **filled)
        return module

    made = seeded(build)
    still = seeded(build).eval()
    checks.run("interface", require_interface, made, kind)
    checks.run("output", _check_result, made, inputs, axes, kind)
    checks.run("gradient", _check_gradient, made, inputs)
    checks.run("rows", _check_rows, still, inputs)
    checks.run("dtype", _check_dtype, still, inputs)
    checks.run("bf16", _check_autocast, still, inputs)
    checks.run("device", check_device, lambda given: given[0](*given[1:]), (still, *inputs))
    batches = degenerate(inputs)
    del batches["empty batch"]  # PyTorch's instance normalisation fails on it
    checks.run("degenerate", check_degenerate, batches, lambda given: _check_result(still, given, axes, kind), "")
    checks.run("waits", check_waits, lambda given: given[0](*given[1:]), (made, *inputs))
    checks.run("determinism", _check_determinism, build, still, inputs)
    checks.run("state", check_state, build, lambda module: module.eval()(*inputs))
    checks.end()


def seeded(build: Callable[[], nn.Module], seed: int = 0) -> nn.Module:
    """Call `build` after a seed; PyTorch's global generator continues as if nothing had been drawn."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build()


def check_state(build: Callable[[], nn.Module], result: Callable[[nn.Module], Any]) -> None:
    """Check that one network's saved state gives a network of another seed the same result."""
    first, second = seeded(build, 1), seeded(build, 2)
    with torch.no_grad():
        for parameter in first.parameters():  # values that start equal in all networks must be kept, too
            parameter.add_(0.01)
        expected = result(first)
        stored = save({key: value.contiguous().clone() for key, value in first.state_dict().items()})
        second.load_state_dict(load(stored))
        require(same(expected, result(second)), "after its state is restored it gives other results")


def _check_result(network: nn.Module, inputs: Inputs, axes: Sequence[int], kind: type) -> None:
    result = network(*inputs)
    several = kind is Encoder and is_posterior(result)  # as a quantiser's
    known = isinstance(result, Tensor) or several
    require(known, f"it gives a {type(result).__name__}; a tensor is expected")
    rows, parts = row_count(inputs), tensors_of(result)
    shapes = ", ".join(str(tuple(part.shape)) for part in parts)
    require(
        parts[0].ndim in axes and all(part.ndim and len(part) == rows for part in parts),
        f"{rows} rows give {shapes}; {' or '.join(map(str, axes))} axes and a row for each are expected",
    )
    require_finite(result)


def _check_gradient(network: nn.Module, inputs: Inputs) -> None:
    fresh, leaves = with_gradients(inputs)
    results = [part for part in tensors_of(network(*fresh)) if part.requires_grad]
    named = dict(network.named_parameters())
    # of the squares, too: only the sum would be constant after some normalisations
    total = sum((part.square().sum() + part.sum() for part in results), torch.zeros(()))
    slopes = torch.autograd.grad(total, [*leaves, *named.values()], allow_unused=True)
    names = [*(f"input {k}" for k in range(len(leaves))), *(f"parameter {name}" for name in named)]
    for name, slope in zip(names, slopes, strict=True):
        require(slope is not None, f"no gradient arrives at {name}")
        require_finite(slope, f"the gradient to {name}")


def _check_rows(network: nn.Module, inputs: Inputs) -> None:
    double, rows = in_dtype((network, *inputs), torch.float64), row_count(inputs)
    with torch.no_grad():
        together = tensors_of(double[0](*double[1:]))
        for row in range(rows):
            alone = tensors_of(double[0](*taken(double[1:], [row])))
            torch.testing.assert_close(alone, [part[row : row + 1] for part in together])


def _check_dtype(network: nn.Module, inputs: Inputs) -> None:
    for dtype in (torch.float32, torch.float64):
        given = in_dtype((network, *inputs), dtype)
        found = {tensor.dtype for tensor in tensors_of(given[0](*given[1:])) if tensor.is_floating_point()}
        require(found == {dtype}, f"as {dtype} it gives {', '.join(map(str, sorted(found, key=str)))}")


def _check_autocast(network: nn.Module, inputs: Inputs) -> None:
    with torch.autocast("cpu", torch.bfloat16):
        require_finite(network(*inputs))


def _check_determinism(build: Callable[[], nn.Module], network: nn.Module, inputs: Inputs) -> None:
    check_determinism(lambda _: network(*inputs), False)
    states = [seeded(build, 3).state_dict() for _ in range(2)]
    require(all(same(states[0][key], states[1][key]) for key in states[0]), "one seed of PyTorch's built two networks")
