"""Draws from fitted Gaussians beside draws from the priors."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from semreg_gmprior.evaluations.fitted import fitted_samples

from semreg.core import Result
from semreg.trained import mean_dissimilarity


def sampled(world: Any, **options: Any) -> Result:
    parts = [world.tensor("z_s"), world.module("prior_s"), world.tensor("z_u"), world.module("prior_u")]
    parts += [world.tensor(name) for name in ("x_f", "digit", "image")]
    options = {"judge": world, "count": 300, "generator": torch.Generator().manual_seed(0)} | options
    return fitted_samples(*parts, **options)


def given_by_kind(world: Any) -> dict[str, list[tuple[torch.Tensor, torch.Tensor]]]:
    """The codes that were judged, class after class, by the kind of draw."""
    judged = [codes for codes in world.given if len(codes[0]) > 100]
    return {kind: judged[index::3] for index, kind in enumerate(("priors", "apart", "jointly"))}


def test_fitted_draws_are_recognised_where_the_prior_is_not_the_codes(world: Any) -> None:
    with torch.no_grad():
        world.modules["prior_s"].log_variances.fill_(2.0)
    figures = sampled(world, count=200).figures
    assert figures["priors_recognised"] < 0.6
    assert figures["apart_recognised"] > 0.99
    assert figures["jointly_recognised"] > 0.99
    for name in ("priors", "apart", "jointly"):
        assert figures[f"{name}_ratio"] == pytest.approx(figures[f"{name}_diversity"] / figures["diversity_real"])


def test_draws_have_the_moments_of_the_codes(world: Any) -> None:
    z_s, z_u = (world.tensors[name]["train"] for name in ("z_s", "z_u"))
    labels = world.tensors["digit"]["train"]
    z_u[:, 1] = 5 * labels + z_s[:, 0]  # what z_u says of the class, and of z_s within it
    sampled(world, count=200)
    kinds = given_by_kind(world)
    for value in range(3):
        own = torch.cat([z_s, z_u], 1)[labels == value].double()
        jointly, apart, priors = (torch.cat(kinds[kind][value], 1).double() for kind in ("jointly", "apart", "priors"))
        torch.testing.assert_close(jointly.mean(0), own.mean(0), rtol=0, atol=0.3)
        torch.testing.assert_close(torch.cov(jointly.mT), torch.cov(own.mT, correction=0), rtol=0.3, atol=0.3)
        torch.testing.assert_close(apart[:, :2].mean(0), own[:, :2].mean(0), rtol=0, atol=0.05)
        torch.testing.assert_close(apart[:, 2:].mean(0), z_u.double().mean(0), rtol=0, atol=1.0)
        assert torch.corrcoef(jointly[:, [0, 3]].mT)[0, 1] > 0.99
        assert abs(torch.corrcoef(apart[:, [0, 3]].mT)[0, 1]) < 0.3
        torch.testing.assert_close(priors[:, 2:].std(0), torch.ones(3).double(), rtol=0, atol=0.2)


def test_z_u_is_random_as_in_training(world: Any) -> None:
    means = world.tensors["z_u"]["train"]
    world.tensors["z_u"]["train"] = torch.zeros_like(means)
    world.drawn["z_u"] = {"train": 3 * means, "test": world.tensors["z_u"]["test"]}
    sampled(world, count=200)
    assert torch.cat([codes[1] for codes in given_by_kind(world)["apart"]]).std() > 2


def test_diversity_is_of_equal_numbers(world: Any) -> None:
    result = sampled(world, compared=7)
    images, labels = world.tensors["image"]["test"], world.tensors["digit"]["test"]
    expected = sum(mean_dissimilarity(images[labels == value][:7]) for value in range(3)) / 3
    assert result.figures["diversity_real"] == pytest.approx(expected)
    assert [row[1] for row in result.tables[0].rows] == [900, 900, 900]
    assert len(result.pictures) == 3


def test_classes_without_training_images_are_left_out(world: Any) -> None:
    world.tensors["digit"]["train"] = world.tensors["digit"]["train"].clamp(max=1)
    assert [row[1] for row in sampled(world).tables[0].rows] == [600, 600, 600]


def test_one_test_image_of_each_class_leaves_no_diversity(world: Any) -> None:
    world.tensors["digit"]["test"] = torch.arange(3)
    result = sampled(world, count=10)
    assert set(result.figures) == {"priors_recognised", "apart_recognised", "jointly_recognised"}


def test_a_prior_that_is_none_is_refused(world: Any) -> None:
    handles = [world.tensor(name) for name in ("z_s", "z_u", "x_f", "digit", "image")]
    parts = [handles[0], world.module("prior_s"), handles[1], "prior", *handles[2:]]
    for call in (fitted_samples, fitted_samples.before_training):  # type: ignore[attr-defined]
        with pytest.raises(ValueError, match="the prior of 'z_u' must be a module to draw from; found 'prior'"):
            call(*parts, judge=world)
