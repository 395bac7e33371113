"""New images from priors: of the class asked for, from the seed given, and of nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from semreg.components.priors import StandardNormal
from semreg.core import ClassField, Source, Specification, UserError
from semreg.trained import sample
from semreg.trained.rows import BATCH
from semreg.trained.sampling import class_number, sampled_classes
from tests.conftest import ToyData
from tests.trained.conftest import CLASSES, KINDS, PRIOR, Train

TOLD = """
[model]
code = ["z"]
[tensors]
y = { use = "one_hot(kind)", classes = "@kind.classes" }
reconstruction = "decoder(z, y)"
"""
"""A decoder that is told the class, as a conditional VAE's is."""

TWO_CODES = """
[model]
code = ["z", "u"]
prior = { u = "prior", z = "apart" }
attributes = { kind = "z" }
[modules.apart]
use = "far_apart"
size = 2
[modules.second]
use = "mlp_encoder"
outputs = 4
[tensors]
q = "diagonal_gaussian(second(image))"
u = "sample(q)"
reconstruction = "decoder(z, u)"
[losses.apart]
use = "kl_divergence(q, prior)"
[phases.main.train]
second = { rec = 1, apart = 1 }
"""
"""Two codes with priors, of which that of the first tells classes apart."""


class FarApart(StandardNormal):
    """Codes near a point of the class's own; of random classes without any."""

    def sample(self, count: int, *labels: Tensor, generator: torch.Generator | None = None) -> Tensor:
        kinds = labels[0] if labels else torch.randint(3, (count,), generator=generator)
        return 10.0 * kinds[:, None] + 0.1 * super().sample(count, generator=generator)


def test_of_the_prior(train: Train) -> None:
    run = train(PRIOR)
    images = sample(run, 5, seed=3)
    assert images.shape == (5, 1, 4, 4)
    assert 0 <= images.min() < images.max() <= 1
    assert torch.equal(images, run.sample(5, seed=3))
    assert not torch.equal(images, sample(run, 5, seed=4))
    assert sampled_classes(run) is None
    with pytest.raises(ValueError, match=r"of no class; .* a label is among the `attributes`"):
        sample(run, 5, label="a")
    mean = sample(run, 20_000).mean(0)  # all draws together are those of the prior
    codes = torch.randn(20_000, 2, generator=torch.Generator().manual_seed(7))
    assert torch.allclose(mean, run.decode(codes).clamp(0, 1).mean(0), atol=0.02)


def test_a_label_whose_prior_tells_no_classes_apart_is_not_asked_for(train: Train) -> None:
    run = train(PRIOR + KINDS)
    assert sampled_classes(run) is None
    assert torch.equal(sample(run, 5), sample(train(PRIOR), 5))


def test_samples_by_a_prior_that_ignores_the_label_are_of_no_class(train: Train) -> None:
    run = train('[model]\nsample = "drawn"\n[tensors]\ndrawn = "decoder(draw(prior, kind))"')
    assert sampled_classes(run) is None
    assert sample(run, 5).shape == (5, 1, 4, 4)
    with pytest.raises(ValueError, match="the samples of this run are of no class"):
        sample(run, 5, label="a")


def test_of_each_class_in_turn_or_of_one(train: Train) -> None:
    run = train(CLASSES)
    field = sampled_classes(run)
    assert field is not None
    assert field.names == ("a", "b", "c")
    every = sample(run, 7, seed=1)
    assert torch.equal(every, sample(run, 7, seed=1))
    assert not torch.equal(every, sample(run, 7, seed=2))
    painter = run.modules["painter"]
    for value, name in enumerate(field.names):
        images = sample(run, 7, label=name, seed=1)
        assert torch.equal(images, run.sample(7, label=value, seed=1))
        assert torch.allclose(images[value::3], every[value::3], atol=1e-6), "the same draws for another class"
        drawn = sample(run, 3000, label=name)
        codes = torch.randn(3000, 2, generator=torch.Generator().manual_seed(7))
        label = functional.one_hot(torch.full((3000,), value), 3)
        with torch.no_grad():
            expected = painter(torch.cat([label, codes], 1)).clamp(0, 1)
        assert torch.allclose(drawn.mean(0), expected.mean(0), atol=0.03)


def test_draws_are_new_beyond_one_batch(train: Train) -> None:
    images = sample(train(CLASSES), BATCH + 10, label="a")
    assert len(images) == BATCH + 10
    assert not torch.allclose(images[BATCH:], images[:10])


def test_each_code_is_drawn_from_its_prior_by_the_class_if_that_tells_them_apart(
    train: Train, register: Callable[[str, str, Any], None]
) -> None:
    register("prior", "far_apart", FarApart)
    run = train(TWO_CODES)
    assert sampled_classes(run) == run.fields["kind"]
    rest = torch.randn(5000, 2, generator=torch.Generator().manual_seed(7))
    means = []
    for value, name in enumerate("abc"):
        mean = sample(run, 5000, label=name).mean(0)
        expected = run.decode(torch.full((5000, 2), 10.0 * value), rest).clamp(0, 1).mean(0)
        assert torch.allclose(mean, expected, atol=0.03)
        means.append(mean)
    assert not torch.allclose(means[0], means[2], atol=0.1)
    in_turn = sample(run, 5001)
    assert all(torch.allclose(in_turn[value::3].mean(0), means[value], atol=0.03) for value in range(3))


@pytest.mark.parametrize("codes", ['["z"]', '["y", "z"]'])
def test_a_decoder_that_is_told_the_class_is_told_the_one_asked_for(train: Train, codes: str) -> None:
    run = train(PRIOR + TOLD.replace('["z"]', codes))
    assert sampled_classes(run) == run.fields["kind"]
    for value, name in enumerate("abc"):
        drawn = sample(run, 3000, label=name)
        normal = torch.randn(3000, 2, generator=torch.Generator().manual_seed(7))
        told = run.tensor("reconstruction").given(z=normal, kind=torch.full((3000,), value)).clamp(0, 1)
        assert torch.allclose(drawn.mean(0), told.mean(0), atol=0.03)
        assert torch.allclose(sample(run, 6, seed=2)[value::3], sample(run, 6, label=value, seed=2)[value::3])


def test_what_depends_on_images_is_not_drawn_anew(train: Train) -> None:
    run = train(PRIOR + '[model]\ncode = ["z", "view"]\n[tensors]\nview = "detach(image)"\n'
                'reconstruction = "decoder(z, view)"\n')  # fmt: skip
    with pytest.raises(
        ValueError,
        match=r"'reconstruction' is computed from \['image'\] of the data.*its \[model\] names no prior of view",
    ):
        sample(run, 2)
    with pytest.raises(UserError, match="'reconstruction' is computed from 'image' of the data; a sample depends"):
        train('[model]\nsample = "reconstruction"\n')
    run = train(CLASSES.replace("concatenate(y", "concatenate(marks"))
    with pytest.raises(ValueError, match=r"'drawn' is computed from \['marks'\] of the data, so it can't be drawn"):
        sample(run, 2)


def test_of_two_labels_none_can_be_chosen(train: Train, register: Callable[[str, str, Any], None]) -> None:
    class Shaded(ToyData):
        def specification(self) -> Specification:
            return {**super().specification(), "shade": ClassField(("light", "dark"))}

        def source(self) -> Source:
            found = super().source()
            return replace(found, labels={**found.labels, "shade": found.labels["kind"] // 2})

    register("dataset", "shaded", Shaded)
    two = CLASSES.replace("concatenate(y", "concatenate(s, y")
    shade = '[tensors.s]\nuse = "one_hot(shade)"\nclasses = 2\n[data]\nuse = "shaded"\n'
    run = train(f'extends = "base.toml"\n{two}{shade}')
    with pytest.raises(ValueError, match="'drawn' depends on several labels, kind, shade; one can be chosen here"):
        sample(run, 2)


def test_mistakes_are_told(train: Train) -> None:
    run = train(CLASSES)
    with pytest.raises(ValueError, match="there is no class 'd'; expected one of: a, b, c"):
        sample(run, 2, label="d")
    for wrong in (3, -1, "3", "-1", "1.0", "²", ""):
        with pytest.raises(ValueError, match="there is no class"):
            sample(run, 2, label=wrong)
    with pytest.raises(ValueError, match="count: 0 images can't be drawn"):
        sample(run, 0)
    with pytest.raises(UserError, match=r"\[model\] of its recipe names no prior; add `prior = { z = \"prior\" }`"):
        sample(train(), 2)


def test_a_name_counts_before_a_number() -> None:
    assert class_number(ClassField(("2", "1", "0")), "2") == 0
    assert class_number(ClassField(("2", "1", "0")), 2) == 2
    assert class_number(ClassField(("x", "y")), "1") == 1
