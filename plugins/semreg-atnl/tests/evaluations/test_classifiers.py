"""The two classifiers of Table II: one against a plain loop, the other on images that are told apart at a glance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from semreg_atnl.evaluations import classifiers
from semreg_atnl.evaluations.classifiers import convolutional, nearest_neighbors
from torch import Tensor


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31), st.integers(3, 15), st.sampled_from([1, 3]))
def test_neighbours_vote_as_in_a_plain_loop(seed: int, rows: int, neighbors: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    images, asked = (torch.rand(count, 2, 2, 3, generator=generator) for count in (rows, 5))
    labels = torch.randint(2, (rows,), generator=generator)  # of two classes an odd number never ties
    found = nearest_neighbors(images, labels, asked, neighbors=neighbors)
    assert (found.dtype, found.shape) == (torch.int64, (5,))
    for image, verdict in zip(asked, found.tolist(), strict=True):
        order = (images - image).square().sum((1, 2, 3)).argsort()
        assert verdict == Counter(labels[order[:neighbors]].tolist()).most_common(1)[0][0]


def halves(count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Images `(count, 1, 8, 8)` whose left or right half is bright, with which."""
    labels = torch.arange(count) % 2
    images = 0.3 * torch.rand(count, 1, 8, 8, generator=generator)
    images[labels == 0, :, :, :4] += 0.5
    images[labels == 1, :, :, 4:] += 0.5
    return images, labels


def seen(
    seed: int = 0, iterations: int = 30, chances: Tensor | None = None, held_out: Sequence[int] = ()
) -> tuple[Tensor, Tensor]:
    """What the net sees in test images, and what they show."""
    source = torch.Generator().manual_seed(7)
    images, labels = halves(40, source)
    asked, shown = halves(20, source)
    verdicts = convolutional(
        images, labels, torch.ones(40) if chances is None else chances, torch.tensor(held_out, dtype=torch.int64),
        asked, classes=2, iterations=iterations, device=torch.device("cpu"),
        generator=torch.Generator().manual_seed(seed),
    )  # fmt: skip
    return verdicts, shown


def test_the_net_learns_what_it_is_shown_in_proportion() -> None:
    verdicts, shown = seen()
    assert verdicts.dtype == torch.int64
    assert torch.equal(verdicts, shown)
    only_left = (torch.arange(40) % 2 == 0).float()
    assert not seen(chances=only_left)[0].any(), "what never comes into a batch is never said"


@pytest.mark.parametrize("seed", [0, 1])
def test_the_generator_alone_decides(seed: int) -> None:
    torch.manual_seed(3)
    before = torch.get_rng_state()
    first = seen(seed, iterations=1)[0]
    torch.rand(5)
    assert torch.equal(seen(seed, iterations=1)[0], first)
    torch.set_rng_state(before)
    seen(seed, iterations=1)
    assert torch.equal(torch.get_rng_state(), before)


def test_it_stops_where_held_out_images_are_no_longer_better_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(classifiers, "CHECKED", 5)
    monkeypatch.setattr(classifiers, "PATIENCE", 20)
    batches: list[int] = []
    drawn = torch.multinomial

    def counted(*arguments: Any, **options: Any) -> Tensor:
        batches.append(1)
        return drawn(*arguments, **options)

    monkeypatch.setattr(torch, "multinomial", counted)
    verdicts, shown = seen(iterations=1000, held_out=range(10))
    assert torch.equal(verdicts, shown)
    assert 20 < len(batches) < 100
