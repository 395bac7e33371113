"""Codes moved from class to class of a Gaussian mixture."""

from __future__ import annotations

from pathlib import Path

import torch
from hypothesis import given
from hypothesis import strategies as st
from semreg_gmprior import GaussianMixture
from semreg_gmprior.evaluations.masks import mask_of
from semreg_gmprior.inpainting import inpaint
from semreg_gmprior.panels import inpainting, mixture, moved

import semreg
from semreg.testing import check_panel
from semreg.trained import Seen
from semreg.trained.run import Run
from tests.exploring.conftest import folder, run

__all__ = ["folder", "run"]


def drawn(seed: int) -> tuple[torch.Tensor, GaussianMixture]:
    torch.manual_seed(seed)
    prior = GaussianMixture(classes=3, size=4)
    with torch.no_grad():
        prior.means.mul_(6)
        prior.log_variances.uniform_(-1, 1)
    return prior.sample(5, torch.full((5,), 1)).detach(), prior


@given(seed=st.integers(0, 2**31), wanted=st.integers(0, 2))
def test_a_code_takes_the_same_place_in_another_class(seed: int, wanted: int) -> None:
    codes, prior = drawn(seed)
    deviations = torch.exp(0.5 * prior.floored_log_variances()).detach()
    own = torch.stack([prior.log_probability(codes, torch.full((5,), c)) for c in range(3)], 1).argmax(1)
    before = (codes - prior.means[own]) / deviations[own]
    after = (moved(codes, prior, wanted, 1.0) - prior.means[wanted]) / deviations[wanted]
    assert torch.allclose(before, after, atol=1e-3)


@given(seed=st.integers(0, 2**31), wanted=st.integers(0, 2))
def test_distance_0_is_the_mean_and_nothing_changed_is_the_code(seed: int, wanted: int) -> None:
    codes, prior = drawn(seed)
    assert torch.allclose(moved(codes, prior, wanted, 0.0), prior.means[wanted].detach().expand(5, -1), atol=1e-5)
    assert torch.equal(moved(codes, prior, None, 1.0), codes)


def test_a_painted_part_is_filled_in_as_the_command_does(trained_runs: tuple[Path, Path]) -> None:
    image = 2 * torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(1)) - 1
    mask = mask_of("eyes", 8, 8)[1]
    for place, values in zip(trained_runs, ({}, {"class": "round"}), strict=True):
        run = semreg.open_run(place, device="cpu")
        panel = inpainting(run)
        assert panel is not None
        assert [control.name for control in panel.controls] == ["part", *values]
        [strip] = panel.strips([Seen(image, {})], {"part": mask, **values})
        assert strip.images is not None
        assert torch.equal(strip.images, torch.cat([*inpaint(run, image, mask, label=values.get("class"))]))


def test_a_run_without_a_mixture_has_no_class_and_style(trained_runs: tuple[Path, Path]) -> None:
    assert mixture(semreg.open_run(trained_runs[0], device="cpu")) is None


def test_it_conforms(run: Run) -> None:
    check_panel(inpainting, run)
