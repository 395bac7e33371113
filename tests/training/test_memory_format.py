"""Networks of convolutions with channels last: the same values, the same checkpoints, and nothing outside notices."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import semreg
from semreg.recipe.check import check
from semreg.recipe.load import load_recipe
from semreg.training import trainer
from semreg.training.build import build_modules, synthetic_batch
from semreg.training.memory_format import match_parameters, to_channels_first, to_channels_last
from semreg.training.phase import PhaseRunner
from semreg.training.program import Program
from tests.training.conftest import assert_same_bits, trained

Toy = Callable[..., Path]
Register = Callable[[str, str, Any], None]
CPU = torch.device("cpu")
CONVOLUTIONS = """
[modules.encoder]
use = "conv_encoder"
widths = [4, 8]
outputs = 4
[modules.decoder]
use = "conv_decoder"
widths = [8, 4]
channels = "@image.channels"
size = "@image.size"
"""


class Viewing(nn.Module):
    """A network as many are written: it asks for its maps as rows, which only one order in memory allows."""

    def __init__(self, *, outputs: int, input_shapes: list[tuple[int, ...]]) -> None:
        super().__init__()
        channels, height, width = input_shapes[0]
        self.maps = nn.Conv2d(channels, 3, 3, padding=1)
        self.last = nn.Linear(3 * height * width, outputs)

    def forward(self, images: Tensor) -> Tensor:
        maps = self.maps(images)
        rows: Tensor = self.last(maps.view(len(maps), -1))
        return rows


def is_channels_last(module: nn.Module) -> bool:
    weights = [p for p in module.parameters() if p.ndim == 4 and min(p.shape) > 1]
    return bool(weights) and all(
        p.is_contiguous(memory_format=torch.channels_last) and not p.is_contiguous() for p in weights
    )


def test_values_stay_and_what_networks_give_lies_as_before(toy: Toy) -> None:
    plan = check(load_recipe(toy(CONVOLUTIONS)))
    modules, plain = build_modules(plan, seed=0), build_modules(plan, seed=0)
    assert to_channels_last(plan, modules, CPU) == []
    assert is_channels_last(modules["encoder"])
    assert is_channels_last(modules["decoder"])
    values = []
    for used in (modules, plain):
        program = Program(plan, used)
        execution = program.execution(synthetic_batch(plan.fields, plan.value_range))
        values.append(program.value("reconstruction", execution))
        for name, module in used.items():
            assert list(module.state_dict()) == list(plain[name].state_dict())
    assert values[0].is_contiguous()
    torch.testing.assert_close(values[0], values[1])
    to_channels_first(modules)
    for name, module in modules.items():
        assert all(p.is_contiguous() for p in module.parameters())
        for key, value in module.state_dict().items():
            if "running" not in key and "tracked" not in key:
                assert torch.equal(value, plain[name].state_dict()[key])


def test_a_network_without_convolutions_stays(toy: Toy) -> None:
    plan = check(load_recipe(toy()))
    modules = build_modules(plan, seed=0)
    before = {key: value.stride() for key, value in modules["encoder"].state_dict().items()}
    assert to_channels_last(plan, modules, CPU) == []
    assert before == {key: value.stride() for key, value in modules["encoder"].state_dict().items()}


def test_a_network_that_views_its_maps_goes_on_as_it_was(toy: Toy, register: Register) -> None:
    register("encoder", "viewing", Viewing)
    plan = check(load_recipe(toy('[modules.encoder]\nuse = "viewing"\noutputs = 4')))
    modules = build_modules(plan, seed=0)
    [remark] = to_channels_last(plan, modules, CPU)
    assert remark.startswith("modules.encoder is trained with channels first, more slowly: view size is not compatible")
    assert all(parameter.is_contiguous() for parameter in modules["encoder"].parameters())
    assert modules["encoder"](torch.rand(2, 1, 4, 4)).shape[0] == 2


def test_devices_on_which_it_was_not_tried_are_left_alone(toy: Toy) -> None:
    plan = check(load_recipe(toy(CONVOLUTIONS)))
    modules = build_modules(plan, seed=0)
    assert to_channels_last(plan, modules, torch.device("mps")) == []
    assert not is_channels_last(modules["encoder"])


@pytest.mark.usefixtures("no_hooks")
def test_a_run_ends_and_is_evaluated_and_opened_the_same(
    toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = toy(CONVOLUTIONS + 'ema = 0.5\n[optimizer]\nfused = true\n[evaluate.strip]\nuse = "reconstructions"\n')
    seen, iterate = [], PhaseRunner.iterate
    stop = 3

    def watched(self: PhaseRunner, iteration: int) -> None:
        seen.append(all(is_channels_last(self.setting.modules[name]) for name in ("encoder", "decoder")))
        if len(seen) == stop:
            raise KeyboardInterrupt
        iterate(self, iteration)

    monkeypatch.setattr(PhaseRunner, "iterate", watched)
    monkeypatch.setattr(trainer, "SECONDS_BETWEEN_CHECKPOINTS", -1.0)
    monkeypatch.setattr(trainer, "SHARE_OF_CHECKPOINTS", 1e9)
    with pytest.raises(KeyboardInterrupt):
        trained(path, tmp_path / "stopped")
    resumed = trained(path, tmp_path / "stopped")
    whole = trained(path, tmp_path / "whole")
    assert seen
    assert all(seen)
    assert_same_bits(whole, resumed)
    opened = semreg.open_run(whole.folder, device="cpu")
    for run in (whole, opened):
        assert not is_channels_last(run.module("encoder"))
    images = torch.rand(3, 1, 4, 4)
    assert torch.equal(whole.encode(images), opened.encode(images))


@pytest.mark.usefixtures("no_hooks")
def test_a_run_without_it_is_trained_as_it_was_before(
    toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object) -> list[str]:
        raise AssertionError("converted")

    monkeypatch.setattr("semreg.running.start.to_channels_last", never)
    run = trained(toy(CONVOLUTIONS), tmp_path, channels_last=False)
    assert run.module("encoder") is not None


@pytest.mark.parametrize("fused", [False, True])
def test_an_optimizer_goes_on_from_a_checkpoint_bit_for_bit(fused: bool) -> None:
    """PyTorch's fused Adam takes no notice of how what it keeps lies in memory."""

    def stepped(*, read_again: bool) -> Tensor:
        torch.manual_seed(0)
        weight = nn.Parameter(torch.randn(4, 3, 2, 2).to(memory_format=torch.channels_last))
        optimizer = torch.optim.Adam([weight], lr=0.1, fused=fused)
        for step in range(4):
            weight.grad = torch.randn(4, 3, 2, 2).contiguous(memory_format=torch.channels_last)
            optimizer.step()
            if read_again and step == 1:
                state = optimizer.state_dict()
                state["state"] = {
                    index: {key: value.contiguous() for key, value in kept.items()}
                    for index, kept in state["state"].items()
                }
                optimizer = torch.optim.Adam([weight], lr=0.1, fused=fused)
                optimizer.load_state_dict(state)
                match_parameters(optimizer)
        return weight.detach()

    assert torch.equal(stepped(read_again=False), stepped(read_again=True))
