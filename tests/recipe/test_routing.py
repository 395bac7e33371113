"""Shared backward passes give every module the gradient of its own row."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from semreg.recipe.plan import Course, Node
from semreg.recipe.routing import Backward, share_backwards

MODULES = ("a", "b", "c", "d")
LOSSES = ("k", "l", "m", "n", "o")
weights = st.sampled_from([1.0, 2.0, -1.0])


@st.composite
def steps(draw: Any) -> tuple[dict[str, dict[str, float]], dict[str, frozenset[str]]]:
    """Rows and reaches of a step: a module's row holds losses that reach it."""
    reaches = {loss: frozenset(draw(st.sets(st.sampled_from(MODULES), min_size=1))) for loss in LOSSES}
    rows: dict[str, dict[str, float]] = {}
    for module in draw(st.permutations(MODULES)):
        near = [loss for loss in LOSSES if module in reaches[loss]]
        row = draw(st.dictionaries(st.sampled_from(near), weights, min_size=1)) if near else {}
        if row and draw(st.booleans()):
            rows[module] = row
    return rows, reaches


def a_step(
    reaches: dict[str, frozenset[str]],
) -> tuple[dict[str, list[torch.nn.Parameter]], dict[str, torch.Tensor]]:
    """Parameters and losses on one graph, where each loss depends on just the modules that it reaches."""
    generator = torch.Generator().manual_seed(0)

    def random(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    parameters = {module: [torch.nn.Parameter(random(3, 3)), torch.nn.Parameter(random(3))] for module in MODULES}
    image = random(5, 3)
    codes = {module: torch.tanh(image @ matrix + bias) for module, (matrix, bias) in parameters.items()}
    losses = {}
    for loss, modules in reaches.items():
        mixed = image
        for module in sorted(modules):
            mixed = mixed * codes[module] + torch.sin(codes[module])
        losses[loss] = (mixed @ random(3)).square().mean()
    return parameters, losses


@settings(deadline=None)
@given(steps())
def test_gradients_are_those_of_each_row_by_itself(
    step: tuple[dict[str, dict[str, float]], dict[str, frozenset[str]]],
) -> None:
    rows, reaches = step
    parameters, losses = a_step(reaches)
    for backward in share_backwards(rows, reaches):
        total = sum(weight * losses[name] for name, weight in backward.weights.items())
        inputs = [parameter for module in backward.modules for parameter in parameters[module]]
        torch.autograd.backward(total, inputs=inputs, retain_graph=True)
    for module in MODULES:
        if module not in rows:
            assert all(parameter.grad is None for parameter in parameters[module])
            continue
        own = sum(weight * losses[name] for name, weight in rows[module].items())
        expected = torch.autograd.grad(own, parameters[module], retain_graph=True)
        for parameter, gradient in zip(parameters[module], expected, strict=True):
            torch.testing.assert_close(parameter.grad, gradient, rtol=1e-10, atol=1e-12)


@given(steps())
def test_every_module_is_in_one_backward_and_no_more_are_made_than_modules(
    step: tuple[dict[str, dict[str, float]], dict[str, frozenset[str]]],
) -> None:
    rows, reaches = step
    backwards = share_backwards(rows, reaches)
    assert sorted(module for backward in backwards for module in backward.modules) == sorted(rows)
    assert len(backwards) <= len(rows)
    assert len(backwards) >= lower_bound(rows, reaches)


def lower_bound(rows: dict[str, dict[str, float]], reaches: dict[str, frozenset[str]]) -> int:
    """The largest set of modules of which no two can share; found by trying all."""

    def apart(a: str, b: str) -> bool:
        return any(
            rows[one].get(loss) != rows[other].get(loss) and other in reaches[loss]
            for one, other in ((a, b), (b, a))
            for loss in rows[one]
        )

    best = 0
    for count in range(len(rows) + 1):
        for chosen in itertools.combinations(rows, count):
            if all(apart(a, b) for a, b in itertools.combinations(chosen, 2)):
                best = count
    return best


def test_a_variational_autoencoder_takes_one_backward() -> None:
    rows = {"encoder": {"rec": 1.0, "kl": 0.5}, "decoder": {"rec": 1.0}}
    reaches = {"rec": frozenset({"encoder", "decoder"}), "kl": frozenset({"encoder"})}
    modules = ("encoder", "decoder")
    assert share_backwards(rows, reaches) == (Backward({"rec": 1.0, "kl": 0.5}, modules, frozenset(modules)),)


def test_another_weight_takes_another_backward() -> None:
    rows = {"encoder": {"rec": 10.0}, "decoder": {"rec": 1.0}}
    reaches = {"rec": frozenset({"encoder", "decoder"})}
    assert len(share_backwards(rows, reaches)) == 2


def test_two_opposing_losses_take_two_backwards() -> None:
    rows = {"encoder": {"fool": 1.0}, "classifier": {"classify": 1.0}}
    reaches = {"fool": frozenset({"encoder", "classifier"}), "classify": frozenset({"encoder", "classifier"})}
    assert [backward.modules for backward in share_backwards(rows, reaches)] == [("encoder",), ("classifier",)]
    cut = reaches | {"classify": frozenset({"classifier"})}
    assert len(share_backwards(rows, cut)) == 2, "the fooling still reaches the classifier"


def test_losses_that_meet_nowhere_share_one_backward() -> None:
    rows = {module: {loss: 1.0} for module, loss in zip(MODULES, LOSSES, strict=False)}
    reaches = {loss: frozenset({module}) for module, loss in zip(MODULES, LOSSES, strict=False)}
    assert len(share_backwards(rows, reaches)) == 1


def test_algorithm_1_takes_two_backwards() -> None:
    """The joint step of the GM-prior paper: one for the autoencoder, one for its two adversaries."""
    rows = {
        "encoder_s": {"rec": 10.0, "lkd": 1.0},
        "encoder_u": {"rec": 10.0, "kl": 1.0, "adv_e": 1.0},
        "classifier": {"adv_c": 1.0},
        "decoder": {"rec": 10.0, "adv_g": 1.0},
        "critic": {"adv_d": 1.0},
    }
    reaches = {
        "rec": frozenset({"encoder_s", "encoder_u", "decoder"}),
        "lkd": frozenset({"encoder_s", "prior_s"}),
        "kl": frozenset({"encoder_u"}),
        "adv_e": frozenset({"encoder_u", "classifier"}),
        "adv_c": frozenset({"encoder_u", "classifier"}),
        "adv_g": frozenset({"decoder", "critic", "prior_s"}),
        "adv_d": frozenset({"decoder", "critic", "prior_s"}),
    }
    attached = [backward.modules for backward in share_backwards(rows, reaches)]
    assert attached == [("encoder_s", "encoder_u", "decoder"), ("classifier", "critic")]


def test_courses_share_a_pass_only_where_they_are_the_same() -> None:
    def course(length: int) -> Course:
        node = Node("warmup", None, {"warmup": length}, (), f"phases.main.train.x{length}")
        return Course(1.0, {"weight": 1.0, "use": "warmup", "warmup": length}, node)

    reaches = {"k": frozenset({"a", "b"})}
    equal = {"a": {"k": course(3)}, "b": {"k": replace(course(3), schedule=course(4).schedule)}}
    assert [one.modules for one in share_backwards(equal, reaches)] == [("a", "b")]
    for other in (course(4), 1.0):
        assert [one.modules for one in share_backwards(equal | {"b": {"k": other}}, reaches)] == [("a",), ("b",)]


def test_what_goes_alone_shares_with_none() -> None:
    rows = {module: {"k": 1.0} for module in MODULES}
    reaches = {"k": frozenset(MODULES)}
    assert [one.modules for one in share_backwards(rows, reaches, {"b"})] == [("a", "c", "d"), ("b",)]
    assert [one.modules for one in share_backwards(rows, reaches, {"a"})] == [("a",), ("b", "c", "d")]
