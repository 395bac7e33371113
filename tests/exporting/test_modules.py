"""Parts of a run as modules: they compute what the run does, and torch.export says them for any batch and any image."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
import torch
from torch import nn

from benchmarks.families import FAMILIES
from semreg.components.values import tensors_of
from semreg.core import UserError
from semreg.exporting.comparing import as_rgb, difference, values_for
from semreg.exporting.modules import (
    Part,
    decoder_of,
    encoder_of,
    module_of,
    modules_for,
    program_of,
    round_to_half,
    saved,
)
from semreg.recipe.check import check
from semreg.recipe.load import load_recipe
from semreg.trained.opening import opened
from semreg.trained.run import Run
from semreg.training.build import synthetic_batch
from tests.projects import ROOT
from tests.trained.conftest import Train


def test_encoder_and_decoder_are_the_run_s(run: Run) -> None:
    images = run.tensor("image").read("test", count=5)
    encoder, decoder = encoder_of(run), decoder_of(run)
    (codes,) = encoder.module(as_rgb(images, run.value_range))
    assert torch.equal(codes, run.encode(images))
    assert torch.equal(decoder.module(codes)[0], run.decode(codes))
    assert (encoder.inputs, encoder.outputs, encoder.reads_images) == (("image",), ("z",), True)
    assert (decoder.inputs, decoder.outputs, decoder.reads_images) == (("z",), ("reconstruction",), False)
    assert modules_for(run, ["z"]) == ["encoder"]
    assert modules_for(run, ["reconstruction"], ["z"]) == ["decoder"]


def test_labels_that_codes_need_are_inputs(train: Train) -> None:
    run = train("""
        [tensors]
        seen = { use = "one_hot(kind)", classes = "@kind.classes" }
        z = "concatenate(sample(posterior), seen)"
    """)
    encoder = encoder_of(run)
    assert encoder.inputs == ("image", "kind")
    images, kinds = (run.tensor(name).read("test", count=3) for name in encoder.inputs)
    (codes,) = encoder.module(as_rgb(images, run.value_range), kinds)
    assert torch.equal(codes, run.tensor("z").given(image=images, kind=kinds))


def test_a_module_by_its_name(run: Run) -> None:
    part = module_of(run, "decoder")
    (found,) = part.module(torch.ones(2, 2))
    assert torch.equal(found, run.module("decoder")(torch.ones(2, 2)))
    assert (part.name, part.inputs, part.outputs) == ("modules/decoder", ("z",), ("decoder(z)",))
    with pytest.raises(UserError, match=r"no tensor or loss calls it; its numbers are in model.safetensors"):
        module_of(run, "prior")
    with pytest.raises(UserError, match="has no module 'decodr'; did you mean 'decoder'"):
        module_of(run, "decodr")


@pytest.mark.slow
def test_half_precision_is_of_the_file_alone_and_nothing_names_this_machine(run: Run) -> None:
    round_to_half(run)
    before = {name: weight.clone() for name, weight in run.module("decoder").state_dict().items()}
    part, codes = decoder_of(run), torch.randn(4, 2)
    program = program_of(part, [torch.zeros(2, 2)], half=True)
    weights = list(program.state_dict.values())
    assert {weight.dtype for weight in weights if weight.ndim > 1} == {torch.float16}
    assert {weight.dtype for weight in weights if weight.ndim == 1} == {torch.float32}
    after = run.module("decoder").state_dict()
    assert after.keys() == before.keys()
    assert all(torch.equal(after[name], weight) for name, weight in before.items())
    content = saved(program)
    call = torch.export.load(io.BytesIO(content)).module()
    for rows in (1, 4):
        assert torch.equal(call(codes[:rows])[0], run.decode(codes[:rows]))
    assert str(ROOT).encode() not in content
    assert b"site-packages" not in content


class Stubborn(nn.Module):
    def forward(self, *values: torch.Tensor) -> tuple[torch.Tensor]:
        return (values[0] if values[0].sum() > 0 else -values[0],)


@pytest.mark.slow
def test_what_the_format_can_t_say_is_said() -> None:
    part = Part("encoder", Stubborn(), ("a",), ("b",))
    with pytest.raises(UserError, match=r"torch\.export can't say it: "):
        program_of(part, [torch.ones(2, 2)])


# --- every family of recipes, shrunk ---


def untrained(family: str, folder: Path) -> Run:
    """A run of a shrunk recipe, whose modules are as they are before training, but for running statistics of chance."""
    recipe = load_recipe(ROOT / "recipes" / f"{family}.toml", FAMILIES[family])
    plan = check(recipe, data_root=folder, fallback=recipe.has_fallback)
    state = {"modules": {}, "averages": {}}
    run = opened(folder / "runs" / "x", plan, {"seed": 0, "data": {"fingerprint": ""}}, state, torch.device("cpu"))
    generator = torch.Generator().manual_seed(0)
    for module in run.modules.values():
        for buffer in module.buffers():
            if buffer.is_floating_point():
                buffer.copy_(torch.rand(buffer.shape, generator=generator) + 0.5)
    return run


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_all_modules_of_every_family_are_the_run_s(family: str, tmp_path: Path) -> None:
    run, parts = untrained(family, tmp_path), []
    for make, roles in ((encoder_of, ("input", "code")), (decoder_of, ("code", "output"))):
        if all(getattr(run.roles, role) for role in roles):
            parts.append(make(run))
        else:
            with pytest.raises(UserError, match=r"the \[model\] of its recipe names no"):
                make(run)
    called = [name for name in run.modules if any(run.plan.calls_of(name))]
    parts += [module_of(run, name) for name in called]
    assert all(run.plan.modules[name].node.loaded.kind == "prior" for name in run.modules.keys() - set(called))
    images = None
    if parts[0].reads_images:
        images = synthetic_batch(run.fields, run.value_range, 5)[run.roles.input]
        low, high = run.value_range
        images = ((images - low) * (255 / (high - low))).round() * ((high - low) / 255) + low
    for part in parts:
        program = program_of(part, values_for(run, part, None))
        call = torch.export.load(io.BytesIO(saved(program))).module()
        values = values_for(run, part, images)
        assert difference(run, part, call, values) <= 1e-5
        assert tensors_of(tuple(call(*values)))
