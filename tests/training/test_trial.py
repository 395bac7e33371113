"""A trial before any training: without numbers where that tells, computed within limits where it does not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import semreg
from semreg.core import UserError
from semreg.core.errors import ComponentError
from semreg.training import trial
from semreg.training.trial import TOO_LARGE, check_by_dry_run, leads_to
from tests.training.conftest import plan_of

Toy = Callable[..., Path]
Register = Callable[[str, str, Any], None]


def test_leading_to_parameters_is_what_a_gradient_says() -> None:
    used, unused = nn.Linear(3, 3), nn.Linear(3, 3)
    loss = used(torch.rand(2, 3)).sum() + unused(torch.rand(2, 3)).detach().sum()
    for net in (used, unused):
        gradients = torch.autograd.grad(loss, list(net.parameters()), retain_graph=True, allow_unused=True)
        assert leads_to(loss, list(net.parameters())) == any(g is not None for g in gradients)
    assert not leads_to(torch.zeros(()), list(used.parameters()))


def test_large_nets_are_tried_without_being_built(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gigabyte of weights, whose shapes are tried all the same."""
    monkeypatch.setattr(trial, "MOST_WORK", 1e6)
    large = "modules.decoder.hidden=[10_000, 20_000]"
    assert check_by_dry_run(plan_of(toy(), large)) == []
    with pytest.raises(UserError, match=r"losses\.rec .*'l2\(reconstruction, image\)' failed"):
        check_by_dry_run(plan_of(toy(), large, "modules.decoder.size=5"))


def test_a_component_that_looks_at_numbers_is_computed_and_if_too_large_said_so(toy: Toy, register: Register) -> None:
    def looking(a: Tensor, b: Tensor) -> Tensor:
        if float(a.detach().mean()) > 1e6:
            raise ValueError("too great")
        return (a - b).square().mean()

    register("loss", "looking", looking)
    path = toy('[losses.rec]\nuse = "looking(reconstruction, image)"')
    assert check_by_dry_run(plan_of(path)) == []
    assert check_by_dry_run(plan_of(path, "modules.decoder.hidden=[10_000, 20_000]")) == [TOO_LARGE]


def test_recipes_of_too_many_calls_are_not_tried(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "MOST_OPERATIONS", 50)
    assert check_by_dry_run(plan_of(toy())) == [TOO_LARGE]


def test_whatever_a_constructor_raises_is_told_at_its_key(toy: Toy, register: Register) -> None:
    class Odd(nn.Module):
        def __init__(self, *, table: dict[str, int]) -> None:
            super().__init__()
            self.size = table["size"]

        def forward(self, a: Tensor) -> Tensor:
            return a.mean()

    register("loss", "odd_loss", Odd)
    register("encoder", "odd_encoder", Odd)
    path = toy('[losses.rec]\nuse = "odd_loss(reconstruction)"\ntable = { width = 3 }')
    with pytest.raises(UserError, match=r"losses\.rec  odd_loss \(this process\) failed: KeyError: 'size'"):
        check_by_dry_run(plan_of(path))
    path = toy('[modules.odd]\nuse = "odd_encoder"\ntable = { width = 3 }')
    with pytest.raises(UserError, match=r"modules\.odd  odd_encoder \(this process\) failed: KeyError: 'size'"):
        check_by_dry_run(plan_of(path))


def test_whatever_a_call_raises_is_told_at_its_expression(toy: Toy) -> None:
    path = toy('[losses.rec]\nuse = "l2(diagonal_gaussian(concatenate(z, z)), reconstruction)"')
    with pytest.raises(UserError, match=r"losses\.rec .*failed on DiagonalGaussian.*AttributeError"):
        check_by_dry_run(plan_of(path))


def test_a_trial_without_data_finds_what_does_not_fit(toy: Toy) -> None:
    assert check_by_dry_run(plan_of(toy())) == []
    path = toy(
        """
        [phases.later]
        epochs = 1
        train = { decoder = { odd = 1 } }
        [losses.odd]
        use = "l2(reconstruction, z)"
        """
    )
    with pytest.raises(UserError, match=r"losses\.odd"):
        check_by_dry_run(plan_of(path))


def test_a_loss_whose_gradient_does_not_arrive_is_found_by_the_trial(toy: Toy, register: Register) -> None:
    def numbers_alone(a: Tensor) -> Tensor:
        return (a.detach() * torch.ones(1, requires_grad=True)).mean()

    register("loss", "numbers_alone", numbers_alone)
    path = toy('[losses.cut]\nuse = "numbers_alone(reconstruction)"\n[phases.main.train]\nencoder.cut = 1')
    with pytest.raises(UserError) as refused:
        check_by_dry_run(plan_of(path))
    [problem] = refused.value.problems
    assert problem.where == "phases.main.train.encoder.cut"
    assert "does not arrive at 'encoder'" in problem.message


def test_the_trial_tries_precomputed_tensors(toy: Toy) -> None:
    path = toy(
        """
        [tensors]
        features = "encoder(image)"
        [losses.late]
        use = "l2(decoder(features), reconstruction)"
        [phases.late]
        epochs = 1
        precompute = ["features"]
        train = { decoder = { late = 1 } }
        """
    )
    with pytest.raises(UserError, match="'decoder"):
        check_by_dry_run(plan_of(path, "modules.prior.size=2", "modules.encoder.outputs=6", "without=['phases.main']"))
    posterior = toy('[phases.late]\nepochs = 1\nprecompute = ["posterior"]\ntrain = { decoder = { rec = 1 } }')
    with pytest.raises(UserError, match="only single tensors can be precomputed"):
        check_by_dry_run(plan_of(posterior))


ODD_LOSSES: dict[str, tuple[Callable[[Tensor, Tensor], Any], str]] = {
    "complex": (
        lambda a, b: torch.complex(a.mean(), b.mean()),
        "a loss is one real number; this one gives complex64 ()",
    ),
    "sparse": (lambda a, b: (a - b).mean().reshape(1).to_sparse(), "this one gives sparse float32 (1,)"),
    "plain": (lambda a, b: float((a - b).detach().mean()), "this one gives float"),
    "whole": (lambda a, b: (a - b).sum().long(), "the gradient of 'rec' does not arrive at 'decoder'"),
    "cut": (lambda a, b: (a - b).mean().detach(), "the gradient of 'rec' does not arrive at 'decoder'"),
    "in place": (lambda a, b: a.sub_(b).square().mean(), "changes 'reconstruction' in place, which other losses read"),
    "the image": (lambda a, b: (a + b.mul_(0)).mean(), "changes 'image' in place, which other losses read"),
    "backward": (lambda a, b: _after_backward((a - b).square().mean()), "takes gradients itself by backward()"),
}
"""Losses that can't be trained by, and what is said of them."""


def _after_backward(loss: Tensor) -> Tensor:
    loss.backward()  # type: ignore[no-untyped-call]
    return loss


@pytest.mark.usefixtures("no_hooks")
@pytest.mark.parametrize("odd", ODD_LOSSES)
def test_losses_that_nothing_can_be_trained_by_are_named_before_training(
    odd: str, toy: Toy, register: Register, tmp_path: Path
) -> None:
    function, message = ODD_LOSSES[odd]

    def loss(a: Tensor, b: Tensor) -> Any:
        return function(a, b)

    register("loss", "odd", loss)
    path = toy('[losses.rec]\nuse = "odd(reconstruction, image)"')
    for tried in (lambda: check_by_dry_run(plan_of(path)), lambda: semreg.run(path, out=tmp_path, device="cpu")):
        with pytest.raises(UserError, match=r"(losses\.rec|decoder\.rec) ") as refused:
            tried()
        assert message in refused.value.text()
        assert refused.value.exit_code == 2
    assert not list(tmp_path.glob("recipe-*"))


def test_a_tensor_that_takes_gradients_itself_is_named_before_what_reads_it(toy: Toy, register: Register) -> None:
    def backing(codes: Tensor) -> Tensor:
        if codes.requires_grad:  # not where shapes alone are asked for
            codes.sum().backward(retain_graph=True)  # type: ignore[no-untyped-call]
        return codes

    register("operation", "backing", backing)
    tensors = '[tensors]\nbacked = "backing(z)"\nfurther = "decoder(backed)"'
    path = toy(f'{tensors}\n[losses.rec]\nuse = "l2(further, image)"')
    with pytest.raises(
        UserError, match=r": 1 error\n  tensors\.backed  'backing\(z\)' takes gradients itself by backward"
    ):
        check_by_dry_run(plan_of(path))


@pytest.mark.usefixtures("no_hooks")
def test_a_loss_that_would_end_the_process_is_named_and_the_exit_code_is_1(
    toy: Toy, register: Register, tmp_path: Path
) -> None:
    def leaving(a: Tensor, b: Tensor) -> Tensor:
        if a.device.type == "meta" or leaving.calls < 4:  # type: ignore[attr-defined]
            leaving.calls += 1  # type: ignore[attr-defined]
            return (a - b).square().mean()
        raise SystemExit(0)

    leaving.calls = 0  # type: ignore[attr-defined]
    register("loss", "leaving", leaving)
    path = toy('[losses.rec]\nuse = "leaving(reconstruction, image)"')
    with pytest.raises(
        ComponentError, match=r"losses\.rec  'leaving\(reconstruction, image\)' called sys\.exit\(0\)"
    ) as left:
        semreg.run(path, out=tmp_path / "runs", device="cpu")
    assert left.value.exit_code == 1
    [folder] = (tmp_path / "runs").glob("recipe-*")
    status = json.loads((folder / "status.json").read_text())
    assert status["state"] == "failed"
    assert "called sys.exit(0)" in status["message"]


def test_optimizers_are_tried_on_numbers_made_up(toy: Toy, register: Register) -> None:
    register("optimizer", "searching", lambda params, *, lr: torch.optim.LBFGS(params, lr=lr))
    with pytest.raises(
        UserError, match=r"searching \(this process\) can't make a step: it needs a closure; name a class"
    ):
        check_by_dry_run(plan_of(toy(), "optimizer={use='searching'}"))
    assert check_by_dry_run(plan_of(toy(), "optimizer={use='lbfgs'}")) == []
    with pytest.raises(
        UserError, match=r"lbfgs \(semreg .*\) can't make a step: failed: only 'strong_wolfe' is supported"
    ):
        check_by_dry_run(plan_of(toy(), "optimizer={use='lbfgs', line_search_fn='strong'}"))
    with pytest.raises(UserError, match=r"phases\.main\.optimizer of encoder  adam \(semreg .*\) can't make a step: "):
        check_by_dry_run(plan_of(toy(), "optimizer={use='adam', differentiable=true}"))
    assert check_by_dry_run(plan_of(toy(), "optimizer={use='adam', amsgrad=true}")) == []


def test_a_watch_on_what_is_no_picture_is_told_without_numbers(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "MOST_WORK", 0)  # so that nothing can be computed
    watch = "watch.tensors=['image', 'z', 'posterior', 'reconstruction']"
    with pytest.raises(UserError) as refused:
        check_by_dry_run(plan_of(toy(), watch))
    found = {problem.where: problem.message for problem in refused.value.problems}
    assert found.keys() == {"watch.tensors.1", "watch.tensors.2"}
    assert found["watch.tensors.1"] == "'z' is float32 (4, 2); pictures are (images, 1 or 3, height, width)"
    assert check_by_dry_run(plan_of(toy(), "watch.tensors=['reconstruction']")) == []
