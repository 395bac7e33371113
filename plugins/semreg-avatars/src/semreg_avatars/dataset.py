"""The data-set component `avatars`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from annotated_types import Ge, Gt, Le, Lt
from semreg.data.source import TEST, TRAIN, Source
from semreg.data.specification import AttributesField, ClassField, ImageField, Order, Specification

from semreg_avatars import appearance as look
from semreg_avatars.drawing import rasterise, svg
from semreg_avatars.population import Draws, population
from semreg_avatars.warps import turned_and_lit

Factor = Literal["expression", "illumination", "pose", "gaze"]
FACTORS: dict[str, tuple[tuple[str, ...], Order]] = {
    "expression": (look.EXPRESSIONS, "none"),
    "illumination": (look.ILLUMINATIONS, "line"),
    "pose": (look.POSES, "line"),
    "gaze": (look.GAZES, "line"),
}


def draw(picture: look.Appearance, size: int) -> npt.NDArray[np.uint8]:
    """The finished picture, uint8 `(3, size, size)`."""
    drawn = rasterise(svg(picture), size).astype(np.float64).transpose(2, 0, 1) / 255
    drawn[:3] *= drawn[3]
    drawn = turned_and_lit(drawn, picture.pose, picture.illumination)
    background = np.array([int(picture.background[i : i + 2], 16) / 255 for i in (1, 3, 5)])[:, None, None]
    image = drawn[:3] + background * (1 - drawn[3])
    return np.rint(255 * image).clip(0, 255).astype(np.uint8)


@dataclass(frozen=True)
class AvatarReader:
    """Draws pictures by index, in any process."""

    size: int
    count: int
    pictures: int
    seed: int
    vary: frozenset[str]

    def __call__(self, indices: Sequence[int]) -> npt.NDArray[np.uint8]:
        everyone = population(self.count, self.pictures, self.seed, self.vary)
        images = [draw(everyone[index], self.size) for index in indices]
        return np.stack(images) if images else np.zeros((0, 3, self.size, self.size), np.uint8)


class Avatars:
    def __init__(
        self,
        *,
        size: Annotated[int, Ge(16), Le(512)] = 48,
        count: Annotated[int, Ge(10)] = 4000,
        seed: Annotated[int, Ge(0)] = 0,
        test: Annotated[float, Gt(0), Lt(1)] = 0.2,
        pictures: Annotated[int, Ge(1)] = 4,
        vary: Sequence[Factor] = ("expression",),
    ) -> None:
        self.size, self.count, self.seed, self.test, self.pictures = size, count, seed, test, pictures
        self.vary = frozenset(vary)
        self.people = -(-count // pictures)

    def specification(self) -> Specification:
        fields: Specification = {
            "image": ImageField(3, self.size, self.size),
            "attributes": AttributesField(look.ATTRIBUTES, look.EXCLUSIVE),
            "identity": ClassField(tuple(f"person_{index:04d}" for index in range(self.people))),
        }
        return fields | {name: ClassField(*FACTORS[name]) for name in FACTORS if name in self.vary}

    def locate(self) -> None:
        """Nothing to find: the pictures are drawn."""

    def source(self) -> Source:
        everyone = population(self.count, self.pictures, self.seed, self.vary)
        labels = {
            "attributes": np.array([[p.attributes()[name] for name in look.ATTRIBUTES] for p in everyone], np.uint8),
            "identity": np.arange(self.count, dtype=np.int64) // self.pictures,
        }
        for name in FACTORS:
            if name in self.vary:
                labels[name] = np.array([getattr(picture, name) for picture in everyone], np.int64)
        order = np.argsort([Draws(self.seed, 2, person).uniform() for person in range(self.people)], kind="stable")
        held_out = np.zeros(self.people, bool)
        held_out[order[: max(1, round(self.test * self.people))]] = True
        split = np.where(held_out[labels["identity"]], TEST, TRAIN).astype(np.uint8)
        return Source(
            labels=labels,
            split=split,
            images=AvatarReader(self.size, self.count, self.pictures, self.seed, self.vary),
            identity={
                "dataset": "avatars",
                "size": self.size,
                "count": self.count,
                "seed": self.seed,
                "test": self.test,
                "pictures": self.pictures,
                "vary": sorted(self.vary),
                "versions": {name: version(name) for name in ("semreg-avatars", "python-avatars", "resvg-py")},
            },
        )
