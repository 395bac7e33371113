"""New images from priors: of the class asked for, from the seed given, and of nothing else."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from semreg.core import ClassField, UserError
from semreg.trained import sample
from semreg.trained.run import BATCH
from semreg.trained.sampling import class_number, sampled_classes
from tests.trained.conftest import CLASSES, PRIOR, STRIP, Train


def test_of_the_prior(train: Train) -> None:
    run = train(PRIOR)
    images = sample(run, 5, seed=3)
    assert images.shape == (5, 1, 4, 4)
    assert 0 <= images.min() < images.max() <= 1
    assert torch.equal(images, sample(run, 5, seed=3))
    assert not torch.equal(images, sample(run, 5, seed=4))
    assert sampled_classes(run) is None
    with pytest.raises(ValueError, match=r"of no class; recipes/gm_mnist\.toml draws them by class"):
        sample(run, 5, label="a")
    mean = sample(run, 20_000).mean(0)  # all draws together are those of the prior
    codes = torch.randn(20_000, 2, generator=torch.Generator().manual_seed(7))
    assert torch.allclose(mean, run.decode(codes).clamp(0, 1).mean(0), atol=0.02)


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
        assert torch.equal(images, sample(run, 7, label=value, seed=1))
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


def test_what_depends_on_images_is_not_drawn_anew(train: Train) -> None:
    run = train(f'{CLASSES}[tensors.more]\nuse = "average(drawn, image)"\n'
                '[evaluate.first]\nuse = "intra_class_diversity(more, kind, image)"\ncount = 2\n')  # fmt: skip
    assert sample(run, 2).shape == (2, 1, 4, 4), "the first evaluation counts"
    run = train(CLASSES.replace("intra_class_diversity(drawn", "intra_class_diversity(reconstruction"))
    with pytest.raises(ValueError, match=r"'reconstruction' is computed from \['image'\] of the data"):
        sample(run, 2)


def test_mistakes_are_told(train: Train) -> None:
    run = train(CLASSES)
    with pytest.raises(ValueError, match="there is no class 'd'; there is: a, b, c"):
        sample(run, 2, label="d")
    for wrong in (3, -1, "3", "-1", "1.0", "²", ""):
        with pytest.raises(ValueError, match="there is no class"):
            sample(run, 2, label=wrong)
    with pytest.raises(ValueError, match="count: 0 images can't be drawn"):
        sample(run, 0)
    with pytest.raises(UserError, match=r"no evaluation inception_score or .* prior_samples, which says .*vae_digits"):
        sample(train(STRIP), 2)


def test_a_name_counts_before_a_number() -> None:
    assert class_number(ClassField(("2", "1", "0")), "2") == 0
    assert class_number(ClassField(("2", "1", "0")), 2) == 2
    assert class_number(ClassField(("x", "y")), "1") == 1
