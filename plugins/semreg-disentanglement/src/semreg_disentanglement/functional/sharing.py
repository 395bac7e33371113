"""Images that share a factor's value, drawn from those that there are: no images of wished-for factors are at hand."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from semreg_disentanglement.functional.common import Inputs

AT_ONCE = 2**20
"""So many numbers of drawn codes are held at once."""


class Sharing(NamedTuple):
    """Which images share the value of one factor; all int64 `(images,)`."""

    ordered: Tensor
    """All images in the order of their values."""
    counts: Tensor
    """How many images have the value of each image."""
    first: Tensor
    """Where among `ordered` these begin."""
    place: Tensor
    """Which of these the image is, from 0."""

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """Images `(count,)` at random, of those whose value another one has."""
        shared = (self.counts > 1).nonzero().flatten()
        return shared[torch.randint(len(shared), (count,), generator=generator)]

    def alike(self, images: Tensor, number: int, generator: torch.Generator) -> Tensor:
        """For each of images `(rows,)` some of its value, `(rows, number)`, independently, itself among them."""
        chances = torch.rand(len(images), number, generator=generator, dtype=torch.float64)
        places = (chances * self.counts[images, None]).long()
        return self.ordered[self.first[images, None] + places]

    def partners(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """For each of images `(rows,)` that `draw` gives another one of its value, `(rows,)`."""
        chances = torch.rand(len(images), generator=generator, dtype=torch.float64)
        counts = self.counts[images]
        steps = 1 + (chances * (counts - 1)).long()
        return self.ordered[self.first[images] + (self.place[images] + steps) % counts]

    def groups(self) -> list[Tensor]:
        """The images of each value that two or more have."""
        begins = (self.place[self.ordered] == 0).nonzero().flatten()
        return [group for group in self.ordered.tensor_split(begins[1:]) if len(group) > 1]


def sharing(call: str, given: Inputs) -> list[Sharing]:
    """Of each factor which images share its value. Raises ValueError for a factor whose value no two images share."""
    found = []
    for place, classes in zip(given.places.tolist(), given.factors.T, strict=True):
        ordered, counts = classes.argsort(stable=True), classes.bincount()
        if counts.max() < 2:
            raise ValueError(f"{call}: no two images share a value of factor {place}")
        first = (counts.cumsum(0) - counts)[classes]
        found.append(Sharing(ordered, counts[classes], first, ordered.argsort() - first))
    return found


def require_two_factors(call: str, given: Inputs) -> None:
    """Raises ValueError for one factor, which need not be told from any other."""
    if given.factors.shape[1] < 2:
        why = "; ".join(given.notes)
        raise ValueError(f"{call}: the metric compares factors, and only one varies{why and f' ({why})'}")
