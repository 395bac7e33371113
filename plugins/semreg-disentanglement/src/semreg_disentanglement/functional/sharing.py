"""Images that share a factor's value, drawn from the given images: images of chosen factors can't be made."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from semreg_disentanglement.functional.common import Inputs

AT_ONCE = 2**20
"""How many values of drawn codes are in memory at once."""


class Sharing(NamedTuple):
    """The images that share a value of one factor; all int64 `(images,)`."""

    ordered: Tensor
    """All images in the order of their values."""
    counts: Tensor
    """How many images have the value of each image."""
    first: Tensor
    """Their first index in `ordered`."""
    place: Tensor
    """The image's number among them, from 0."""

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw images `(count,)` at random among those that share their value with another one."""
        shared = (self.counts > 1).nonzero().flatten()
        return shared[torch.randint(len(shared), (count,), generator=generator)]

    def alike(self, images: Tensor, number: int, generator: torch.Generator) -> Tensor:
        """Draw for each of images `(rows,)` some of its value, `(rows, number)`, independently; it may draw itself."""
        chances = torch.rand(len(images), number, generator=generator, dtype=torch.float64)
        places = (chances * self.counts[images, None]).long()
        return self.ordered[self.first[images, None] + places]

    def partners(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Draw for each of images `(rows,)` from `draw` another one of its value, `(rows,)`."""
        chances = torch.rand(len(images), generator=generator, dtype=torch.float64)
        counts = self.counts[images]
        steps = 1 + (chances * (counts - 1)).long()
        return self.ordered[self.first[images] + (self.place[images] + steps) % counts]

    def groups(self) -> list[Tensor]:
        """Return the images of each value that two or more share."""
        begins = (self.place[self.ordered] == 0).nonzero().flatten()
        return [group for group in self.ordered.tensor_split(begins[1:]) if len(group) > 1]


def sharing(call: str, given: Inputs) -> list[Sharing]:
    """Find for each factor the images that share its value. Raises ValueError for a factor whose value no two images
    share."""
    found = []
    for place, classes in zip(given.places.tolist(), given.factors.T, strict=True):
        ordered, counts = classes.argsort(stable=True), classes.bincount()
        if counts.max() < 2:
            raise ValueError(f"{call}: no two images share a value of factor {place}")
        first = (counts.cumsum(0) - counts)[classes]
        found.append(Sharing(ordered, counts[classes], first, ordered.argsort() - first))
    return found


def require_two_factors(call: str, given: Inputs) -> None:
    """Raise ValueError for a single factor: there is no other to distinguish it from."""
    if given.factors.shape[1] < 2:
        why = "; ".join(given.notes)
        raise ValueError(f"{call}: the metric compares factors, and only one varies{why and f' ({why})'}")
