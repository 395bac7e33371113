"""Tensors and losses as a program: once per execution, lazily, each draw by itself."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn

from semreg.components.functional import in_float32
from semreg.recipe.check import check
from semreg.recipe.load import load_recipe
from semreg.training.build import build_modules, synthetic_batch
from semreg.training.program import ExpressionError, Program, evaluating, value_text

Toy = Callable[..., Path]
Register = Callable[[str, str, Any], None]


def program_of(path: Path, **choices: Any) -> Program:
    plan = check(load_recipe(path))
    modules = build_modules(plan, seed=0)
    return Program(plan, modules, **{"key": (0, "main", "step"), **choices})


def execution_of(program: Program, index: int = 0) -> dict[str, Any]:
    return program.execution(synthetic_batch(program.plan.fields, program.plan.value_range), index)


@pytest.fixture
def counted(register: Register) -> list[str]:
    """An operation `counted` that notes its calls, and a random one, `noise`."""
    calls: list[str] = []

    def counted(x: Tensor, *, label: str = "") -> Tensor:
        calls.append(label)
        return x * 1

    def noise(x: Tensor, *, scale: float = 1.0, generator: torch.Generator | None = None) -> Tensor:
        return scale * torch.randn(x.shape, generator=generator)

    def silence(x: Tensor) -> Tensor:
        return torch.zeros_like(x)

    noise.in_evaluation = silence  # type: ignore[attr-defined]

    def always(x: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
        return torch.randn(x.shape, generator=generator)

    register("operation", "counted", counted)
    register("operation", "noise", noise)
    register("operation", "always", always)
    return calls


def test_a_name_is_computed_once_and_only_when_read(toy: Toy, counted: list[str]) -> None:
    program = program_of(
        toy(
            """
            [tensors]
            shared = { use = "counted(z)", label = "shared" }
            unread = { use = "counted(z)", label = "unread" }
            a = { use = "counted(shared)", label = "a" }
            b = { use = "counted(shared)", label = "b" }
            [losses.both]
            use = "l2(a, b)"
            [losses.again]
            use = "l2(shared, b)"
            """
        )
    )
    execution = execution_of(program)
    program.losses["both"](execution)
    assert sorted(counted) == ["a", "b", "shared"]
    program.losses["again"](execution)
    assert sorted(counted) == ["a", "b", "shared"]
    program.losses["again"](execution_of(program))
    assert counted.count("shared") == 2, "nothing is kept from one execution to the next"


def test_what_is_written_twice_is_computed_twice(toy: Toy, counted: list[str]) -> None:
    program = program_of(toy('[tensors]\nsum = "multiply(counted(z), counted(z))"\n[losses.x]\nuse = "l2(sum, z)"'))
    program.losses["x"](execution_of(program))
    assert len(counted) == 2


def test_what_is_written_twice_is_drawn_twice(toy: Toy, counted: list[str]) -> None:
    program = program_of(toy('[tensors]\na = "noise(z)"\nb = "noise(z)"\ndifference = "multiply(noise(z), noise(z))"'))
    execution = execution_of(program)
    a, b = program.value("a", execution), program.value("b", execution)
    assert not torch.equal(a, b)
    assert (program.value("difference", execution) < 0).any(), "a square would never be negative"


def test_a_loss_and_a_tensor_of_one_name_draw_each_for_itself(toy: Toy, counted: list[str]) -> None:
    program = program_of(toy('[tensors]\nx = "counted(noise(z))"\n[losses.x]\nuse = "l2(noise(z), x)"'))
    assert program.losses["x"](execution_of(program)) > 0


def test_draws_depend_on_key_name_and_index_alone(toy: Toy, counted: list[str]) -> None:
    alone = program_of(toy('[tensors]\na = "noise(z)"'))
    more = program_of(toy('[tensors]\nfirst = "noise(image)"\na = "noise(z)"\nlast = "noise(a)"'))
    execution = execution_of(more, 3)
    more.value("last", execution)
    more.value("first", execution)
    torch.rand(5)
    expected = alone.value("a", execution_of(alone, 3))
    assert torch.equal(more.value("a", execution), expected)
    assert torch.equal(alone.value("a", execution_of(alone, 3)), expected)
    assert not torch.equal(alone.value("a", execution_of(alone, 4)), expected)
    for other in ((1, "main", "step"), (0, "other", "step"), (0, "main", "else")):
        changed = program_of(toy('[tensors]\na = "noise(z)"'), key=other)
        assert not torch.equal(changed.value("a", execution_of(changed, 3)), expected)


def test_draws_leave_the_global_generator_alone(toy: Toy, counted: list[str]) -> None:
    program = program_of(toy('[tensors]\na = "noise(z)"'))
    before = torch.get_rng_state()
    program.value("a", execution_of(program))
    assert torch.equal(torch.get_rng_state(), before)


def test_evaluation_takes_the_evaluation_form_and_drops_the_options(toy: Toy, counted: list[str]) -> None:
    program = program_of(toy('[tensors]\na = { use = "noise(z)", scale = 3.0 }\nb = "always(z)"'), training=False)
    execution = execution_of(program)
    with evaluating(dict(program.modules)):
        assert not program.value("a", execution).any()
        assert torch.equal(program.value("z", execution), program.value("posterior", execution).mean)
        assert program.value("b", execution).any(), "an operation without evaluation form stays random"


def test_options_reach_the_outermost_call_alone(toy: Toy, counted: list[str]) -> None:
    program = program_of(toy('[tensors]\na = { use = "counted(counted(z))", label = "outer" }'))
    program.value("a", execution_of(program))
    assert counted == ["", "outer"]


def test_a_failing_call_is_told_with_its_expression_and_shapes(toy: Toy) -> None:
    path = toy('[tensors]\nbad = "multiply(image, detach(point))"\nodd = "take(posterior, point)"')
    program = program_of(path)
    with pytest.raises(ExpressionError) as refused:
        program.value("bad", execution_of(program))
    [problem] = refused.value.problems
    assert refused.value.source == str(path)
    assert problem.where == "tensors.bad"
    assert (
        "'multiply(image, detach(point))' failed on float32 (4, 1, 4, 4), float32 (4, 3): The size" in problem.message
    )
    assert refused.value.__cause__ is not None
    with pytest.raises(ExpressionError) as refused:
        program.value("odd", execution_of(program))
    assert "DiagonalGaussian(float32 (4, 2), float32 (4, 2))" in refused.value.text()


def test_the_innermost_failing_call_is_the_one_told(toy: Toy) -> None:
    program = program_of(toy('[tensors]\nbad = "detach(multiply(image, point))"\n[losses.x]\nuse = "l2(bad, bad)"'))
    with pytest.raises(ExpressionError) as refused:
        program.losses["x"](execution_of(program))
    assert refused.value.problems[0].where == "tensors.bad"
    assert "'multiply(image, point)' failed" in refused.value.text()


def test_a_loss_is_one_number(toy: Toy, register: Register) -> None:
    program = program_of(toy('[losses.vector]\nuse = "multiply(z, z)"\n[losses.module]\nuse = "detach(posterior)"'))
    for name, shown in {"vector": "float32 (4, 2)", "module": "DiagonalGaussian"}.items():
        with pytest.raises(ExpressionError, match="a loss is one real number") as refused:
            program.losses[name](execution_of(program))
        assert shown in refused.value.text()


def test_modules_may_be_inputs(toy: Toy, register: Register) -> None:
    def weight_norm(module: nn.Module) -> Tensor:
        return torch.stack([parameter.square().sum() for parameter in module.parameters()]).sum()

    register("loss", "weight_norm", weight_norm)
    program = program_of(toy('[losses.decay]\nuse = "weight_norm(encoder)"'))
    loss = program.losses["decay"](execution_of(program))
    assert loss > 0
    assert loss.requires_grad


def test_a_component_with_state_is_the_same_in_every_step_and_in_evaluation(toy: Toy, register: Register) -> None:
    class Projection(nn.Module):
        def __init__(self, *, size: int) -> None:
            super().__init__()
            self.register_buffer("matrix", torch.randn(2, size))

        def forward(self, code: Tensor) -> Tensor:
            return code @ self.get_buffer("matrix")

    register("operation", "projection", Projection)
    path = toy('[tensors]\nseen = { use = "projection(mean)", size = 5 }\nmean = "posterior_mean(posterior)"')
    values = []
    for key, training in (((0, "main", "a"), True), ((0, "main", "b"), True), ((0, "evaluation"), False)):
        program = program_of(path, key=key, training=training)
        values.append(program.value("seen", execution_of(program)))
    assert values[0].shape == (4, 5)
    assert torch.equal(values[0], values[1])
    assert torch.equal(values[0], values[2])
    other = program_of(path, key=(1, "main", "a"))
    assert not torch.equal(values[0], other.value("seen", execution_of(other)))


class Pair(NamedTuple):
    first: Tensor
    second: Tensor


def test_low_precision_is_inside_networks_alone(toy: Toy, register: Register) -> None:
    seen: dict[str, Any] = {}

    def watching(a: Tensor, pair: Pair, indices: Tensor) -> Tensor:
        seen["inputs"] = [a.dtype, pair.first.dtype, type(pair), indices.dtype]
        seen["inside"] = (a @ a.T).dtype
        return a.square().mean()

    def pair(a: Tensor) -> Pair:
        seen["operation"] = [a.dtype, (a @ a.T).dtype]
        return Pair(a.bfloat16(), a)

    register("loss", "watching", watching)
    register("operation", "pair", pair)
    path = toy('[tensors]\nfeatures = "encoder(image)"\n[losses.x]\nuse = "watching(features, pair(features), kind)"')
    program = program_of(path, precision="bf16")
    layers = [layer for layer in program.modules["decoder"].modules() if isinstance(layer, nn.Linear)]
    layers[0].register_forward_hook(lambda module, inputs, output: seen.update(network=output.dtype))
    execution = execution_of(program)
    with program.autocast():
        loss = program.losses["x"](execution)
        decoded = program.value("reconstruction", execution)
    assert seen.pop("network") == torch.bfloat16
    assert program.value("features", execution).dtype == decoded.dtype == torch.float32
    assert seen == {
        "operation": [torch.float32, torch.float32],
        "inputs": [torch.float32, torch.float32, Pair, torch.int64],
        "inside": torch.float32,
    }
    assert loss.dtype == torch.float32
    assert program_of(path).value("features", execution_of(program)).dtype == torch.float32


def test_losses_are_in_float32_in_a_run_of_full_precision_too(toy: Toy, register: Register) -> None:
    seen = []

    @in_float32
    def decorated(a: Tensor) -> Tensor:
        seen.append(a.dtype)
        return a.square().sum()

    def plain(a: Tensor) -> Tensor:
        return decorated(a)

    def halved(a: Tensor) -> Tensor:
        return a.bfloat16()

    register("loss", "plain", plain)
    register("loss", "decorated", decorated)
    register("operation", "halved", halved)
    path = toy('[tensors]\nlow = "halved(image)"\n[losses]\nx.use = "plain(low)"\ny.use = "decorated(low)"')
    program = program_of(path)
    execution = execution_of(program)
    assert program.value("low", execution).dtype == torch.bfloat16
    assert program.losses["x"](execution).dtype == program.losses["y"](execution).dtype == torch.float32
    assert seen == [torch.float32, torch.float32]


def test_evaluating_puts_every_mode_back() -> None:
    modules: dict[str, nn.Module] = {"on": nn.Dropout().train(), "off": nn.Dropout().eval()}
    with contextlib.suppress(KeyError), evaluating(modules):
        assert not modules["on"].training
        assert not torch.is_grad_enabled()
        raise KeyError
    assert modules["on"].training
    assert not modules["off"].training
    assert torch.is_grad_enabled()


def test_values_described() -> None:
    assert value_text(torch.zeros(2, 3, dtype=torch.int64)) == "int64 (2, 3)"
    assert value_text(Pair(torch.zeros(2), torch.zeros(1))) == "Pair(float32 (2,), float32 (1,))"
    assert value_text(nn.ReLU()) == "ReLU"


@pytest.mark.parametrize(("own", "inside"), [("", torch.float32), ('precision = "bf16"', torch.bfloat16)])
def test_a_criterion_computes_in_float32_as_losses_do(
    own: str, inside: torch.dtype, toy: Toy, register: Register
) -> None:
    seen: list[torch.dtype] = []

    class Watching(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.ones(()))

        def forward(self, codes: Tensor) -> Tensor:
            seen.extend([codes.dtype, (codes @ codes.T).dtype])
            return self.scale * codes.square().mean()

    register("criterion", "watching", Watching)
    register("operation", "halved", halved)
    path = toy(f'[modules.watch]\nuse = "watching"\n{own}\n[losses]\nx.use = "watch(halved(point))"')
    for precision in ("bf16", "fp32"):
        program = program_of(path, precision=precision)
        with program.autocast():
            assert program.losses["x"](execution_of(program)).dtype == torch.float32
    assert seen == [torch.float32, inside] * 2


def halved(x: Tensor) -> Tensor:
    return x.bfloat16()


@pytest.mark.parametrize(
    ("own", "run", "inside"),
    [
        ("bf16", "fp32", torch.bfloat16),
        ("fp16", "fp32", torch.float16),
        ("fp32", "bf16", torch.float32),
        ("bf16", "bf16", torch.bfloat16),
    ],
)
def test_a_module_may_have_a_precision_of_its_own(own: str, run: str, inside: torch.dtype, toy: Toy) -> None:
    path = toy(f'[tensors]\nfeatures = "encoder(image)"\n[modules.encoder]\nhidden = [8]\nprecision = "{own}"')
    program = program_of(path, precision=run)
    seen = []
    for layer in program.modules["encoder"].modules():
        if isinstance(layer, nn.Linear):
            layer.register_forward_hook(lambda module, inputs, output: seen.append(output.dtype))
    execution = execution_of(program)
    with program.autocast():
        assert program.value("features", execution).dtype == torch.float32
    assert seen == [inside, torch.float32]  # the last layer gives codes


def test_an_operation_that_calls_a_module_does_so_in_the_modules_precision(toy: Toy, register: Register) -> None:
    seen = []

    def head(classifier: nn.Module, codes: Tensor) -> Tensor:
        seen.append(codes.dtype)
        made: Tensor = classifier(codes)
        return made

    register("operation", "head", head)
    tensors = '[tensors]\nread = "head(probe, point)"\nlogits = "probe(point)"\n'
    for own in ("fp32", "bf16"):
        path = toy(f'{tensors}[modules.probe]\nuse = "mlp_encoder"\noutputs = 2\nhidden = [3]\nprecision = "{own}"')
        program = program_of(path, precision="bf16")
        layer = next(layer for layer in program.modules["probe"].modules() if isinstance(layer, nn.Linear))
        layer.register_forward_hook(lambda module, inputs, output: seen.append(output.dtype))
        with program.autocast():
            program.value("read", execution_of(program))
    assert seen == [torch.float32, torch.float32, torch.float32, torch.bfloat16]


def test_a_prior_computes_in_float32(toy: Toy, register: Register) -> None:
    class Matrix(nn.Module):
        def sample(self, count: int, generator: torch.Generator | None = None) -> Tensor:
            codes = torch.randn(count, 4, generator=generator)
            return codes @ torch.eye(4)

        def log_probability(self, codes: Tensor) -> Tensor:
            return codes.sum(1)

    register("prior", "matrix", Matrix)
    path = toy('[tensors]\ndrawn = "draw_like(p, point)"\n[modules.p]\nuse = "matrix"')
    drawn = []
    for precision in ("fp32", "bf16"):
        program = program_of(path, precision=precision)
        with program.autocast():
            drawn.append(program.value("drawn", execution_of(program)))
    assert torch.equal(*drawn)
