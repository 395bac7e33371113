"""The data-set component `avatars`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
from annotated_types import Ge, Interval

from semreg.core import (
    TEST,
    TRAIN,
    ClassField,
    ImageField,
    Order,
    Source,
    Specification,
    VectorField,
    closest,
)
from semreg_avatars import appearance as look
from semreg_avatars.causes import CAUSES, causes_of
from semreg_avatars.drawing import rasterise, svg
from semreg_avatars.editing import FIELD, with_attribute
from semreg_avatars.population import Draws, Stream, population
from semreg_avatars.warps import shading, turn_matrix

Factor = Literal["expression", "illumination", "pose", "gaze"]
MOST_PICTURES = 1_000_000
ONLY_EXPRESSION: list[Factor] = ["expression"]
SAME_NAMES: Mapping[str, str] = {}
FACTORS: dict[str, tuple[tuple[str, ...], Order]] = {
    "expression": (look.EXPRESSIONS, "none"),
    "illumination": (look.ILLUMINATIONS, "line"),
    "pose": (look.POSES, "line"),
    "gaze": (look.GAZES, "line"),
}


def draw(picture: look.Appearance, size: int) -> npt.NDArray[np.uint8]:
    """Draw the finished picture, uint8 `(3, size, size)`."""
    yaw = float(look.POSES[picture.pose])
    drawn = rasterise(svg(picture, face=not yaw), size)
    if yaw:  # the face slides over the head, and is visible only there
        face = rasterise(svg(picture, head=False), size) @ turn_matrix(size, yaw) * drawn[3]
        drawn = face + drawn * (1 - face[3])
    background = np.array([int(picture.background[i : i + 2], 16) / 255 for i in (1, 3, 5)])[:, None, None]
    # light stays where it is when the head turns, and falls on the head only
    image = drawn[:3] * shading(size, picture.illumination) + background * (1 - drawn[3])
    pixels: npt.NDArray[np.uint8] = np.rint(255 * image).clip(0, 255).astype(np.uint8)
    return pixels


@dataclass(frozen=True)
class AvatarReader:
    """Draws pictures by index, in any process: the options determine their contents."""

    size: int
    count: int
    pictures_per_person: int
    seed: int
    vary: frozenset[str]
    first: int = 0
    equal_shares: bool = False

    def pictures(self) -> tuple[look.Appearance, ...]:
        """The contents of every picture."""
        return population(self.count, self.pictures_per_person, self.seed, self.vary, self.first, self.equal_shares)

    def __call__(self, indices: Sequence[int]) -> npt.NDArray[np.uint8]:
        """Draw the pictures, uint8 `(len(indices), 3, size, size)`."""
        pictures = self.pictures()
        images = np.empty((len(indices), 3, self.size, self.size), np.uint8)
        for position, index in enumerate(indices):
            images[position] = draw(pictures[index], self.size)
        return images


class Avatars:
    """Drawn faces with CelebA-style attributes and factorised labels: no download, and the same pixels for a seed.

    python-avatars (after Pablo Stanley's Avataaars) draws the parts, resvg the pixels; a picture of 48×48 takes 6 ms.

    Options: `size`, the pixels of an edge; `count`, the pictures; `seed`; `test`, the share of people held out for the
    test (the rest is training; nobody is in both); `pictures_per_person`; and `vary`, the factors that differ between
    pictures, out of `expression`, `illumination`, `pose` and `gaze`. Factors that do not vary are neutral, frontal, 0°
    and ahead. By default only the expression varies, so that every attribute is visible. `first` is the number of the
    first picture: sets of one seed have the same people, and other pictures of them if their numbers don't overlap.
    `equal_shares` makes every expression equally likely. `names` gives fields of classes other names, as
    `{ identity = "person" }`. `factors` has the true factors instead of `attributes` and `identity`.

    Fields: `image` `(3, size, size)`; `attributes`; `identity`, one class per person; and for each factor in `vary` a
    class field of its name:

    * `identity`: skin, width of the head, hair and its colour, brows, eyes, nose, lips and beard, which do not change
      in a day. Hats, glasses, make-up, earrings, clothes and background do.
    * `expression`: neutral, smiling, surprised, sad, angry, by mouth, brows and eyes; shares 38, 42, 8, 6, 6 % unless
      they are equal.
    * `illumination`: left, half_left, frontal, half_right, right (a line): light from 90 or 45 degrees aside, shading.
    * `pose`: a yaw of -90, -60, -30, 0, 30, 60 or 90 degrees (a line); the face slides round a cylinder, hair and head
      stay. A face at a large angle shows only half of its parts, or fewer, but has the labels of the whole.
    * `gaze`: left, ahead, right (a line), by the pupils.

    Left and right are the picture's. The classes of each of these three are equally likely.

    **Attributes** come from the drawing. Nothing is hidden: with a hat, no attribute of hair is present, and no glasses
    are dark. Shares of positives: from 7.5 % (Receding_Hairline), 9 % (Bald, Sideburns) and 11 % (5_o_Clock_Shadow) to
    47 % (Mouth_Slightly_Open) and 67 % (No_Beard). Attributes without a part of their own are missing, above all Male
    and Young; both exist as hidden causes only. At most one is present of: a colour of hair, Bald and Wearing_Hat;
    Straight_Hair, Wavy_Hair, Receding_Hairline, Bald and Wearing_Hat; Bangs, Receding_Hairline, Bald and Wearing_Hat;
    No_Beard, 5_o_Clock_Shadow and each of Mustache, Goatee and Sideburns (which may occur together; unlike in CelebA,
    none of them occurs with No_Beard).

    **True factors.** With `factors` each cause of a picture is a field of classes, and there are no others: of the
    person `skin` (a line from pale to dark), `hair`, `hair_color`, `bangs`, `arched_brows`, `bushy_brows`,
    `narrow_eyes`, `big_nose`, `big_lips`, `stubble`, `mustache`, `goatee` and `sideburns`; of the day `hat`,
    `hat_color`, `glasses`, `lipstick`, `makeup`, `rosy_cheeks`, `earrings`, `clothes`, `clothes_color`, `background`
    and `mouth_open`; and those in `vary`. The width of the head, a real number, is the field `width` `(1,)`. They are
    known even if invisible, such as hair under a hat. They depend on each other, as follows, and so don't form a grid.

    **Correlations.** Half of the people are masculine, 40 % are old. Probabilities given these (masculine : not):

    * 5_o_Clock_Shadow 0.18 : 0.03; else a beard 0.42 : 0.03, of Mustache 0.62 (and always, if it has nothing else),
      Goatee 0.55, Sideburns 0.45
    * Wearing_Lipstick 0.05 : 0.62 (old 0.45); Heavy_Makeup 0.03 : 0.65 with lipstick, else 0.20; Rosy_Cheeks 0.12 :
      0.50 with make-up, else 0.25; Wearing_Earrings 0.08 : 0.45; Wearing_Necktie 0.35 : 0.07
    * Arched_Eyebrows 0.25 : 0.60; Bushy_Eyebrows 0.45 : 0.15 and Big_Nose 0.40 : 0.18 (0.1 more if old); Big_Lips 0.20
      : 0.40
    * old : young: Gray_Hair 0.50 : 0.03; Eyeglasses 0.42 : 0.18; Narrow_Eyes 0.32 : 0.18; Pale_Skin 0.30 : 0.20; Bald
      0.26 : 0.07 and Receding_Hairline 0.28 : 0.05 if masculine; Bangs 0.15 : 0.30 if masculine, else 0.30 : 0.45
    * brown and red hair is drawn black on the two darkest skins, on which it would be invisible
    * Mouth_Slightly_Open 0.25 neutral, 0.6 smiling, 0.35 sad, 0.4 angry, 1 surprised; Wearing_Hat 0.14

    The resulting correlations (Pearson, 4,000 pictures, over seeds ± 0.05): Wearing_Lipstick and Heavy_Makeup 0.55,
    Sideburns and Goatee 0.46, Mustache and Goatee 0.44, Mustache and Sideburns 0.43, Rosy_Cheeks and Heavy_Makeup 0.32,
    Wearing_Lipstick and No_Beard 0.31, Heavy_Makeup and No_Beard 0.27, Wearing_Lipstick and Wearing_Earrings 0.22,
    Smiling and Mouth_Slightly_Open 0.21, Wearing_Lipstick and Mustache -0.21; by exclusion, No_Beard and Mustache
    -0.61, Goatee -0.54, 5_o_Clock_Shadow -0.50, Sideburns -0.47. No other pair exceeds ± 0.35.

    Raises ValueError if an option is out of its range, or there are fewer than two people to split.
    """

    def __init__(
        self,
        *,
        size: Annotated[int, Interval(ge=16, le=1024)] = 48,
        count: Annotated[int, Interval(ge=2, le=MOST_PICTURES)] = 4000,
        seed: Annotated[int, Ge(0)] = 0,
        test: Annotated[float, Interval(gt=0, lt=1)] = 0.2,
        pictures_per_person: Annotated[int, Ge(1)] = 4,
        vary: list[Factor] = ONLY_EXPRESSION,
        first: Annotated[int, Ge(0)] = 0,
        equal_shares: bool = False,
        names: Mapping[str, str] = SAME_NAMES,
        factors: bool = False,
    ) -> None:
        for name, value, fits, says in (
            ("size", size, 16 <= size <= 1024, "from 16 to 1024"),
            ("count", count, 2 <= count <= MOST_PICTURES, f"from 2 to {MOST_PICTURES:,}"),
            ("seed", seed, seed >= 0, "at least 0"),
            ("test", test, 0 < test < 1, "between 0 and 1"),
            ("pictures_per_person", pictures_per_person, pictures_per_person >= 1, "at least 1"),
            ("first", first, first >= 0, "at least 0"),
        ):
            if not fits:
                raise ValueError(f"{name} is {value}; it must be {says}")
        for factor in vary:
            if factor not in FACTORS:
                raise ValueError(f"vary names {factor!r}{closest(factor, FACTORS)}")
        if equal_shares and "expression" not in vary:
            raise ValueError("equal_shares is of expressions; `vary` doesn't name them")
        self.people = -(-count // pictures_per_person)
        if self.people < 2:
            raise ValueError(
                f"count is {count} and pictures_per_person {pictures_per_person}: that is one person; "
                "count must be greater, since training and test need one each"
            )
        self.size, self.count, self.seed, self.test, self.first = size, count, seed, test, first
        self.pictures_per_person, self.vary = pictures_per_person, frozenset(vary)
        self.equal_shares, self.factors = equal_shares, factors
        kept = {*self.vary} if factors else {"identity", *self.vary}
        self.names = {name: name for name in ("identity", *FACTORS) if name in kept}
        taken = {"image", "split", *(CAUSES if factors else ()), "width" if factors else "attributes"}
        for name, other in names.items():
            if name not in self.names:
                raise ValueError(f"names has {name!r}{closest(name, self.names)}")
            if not other.isidentifier() or other in taken:
                raise ValueError(f"names gives {name} the name {other!r}, which a field of classes can't have")
            self.names[name] = other
        if len({*self.names.values()}) < len(self.names):
            raise ValueError("names gives two fields one name")

    def specification(self) -> Specification:
        """Return `image`, `attributes` and `identity` or the true factors, and the factors that vary."""
        fields: Specification = {"image": ImageField(3, self.size, self.size)}
        if self.factors:
            fields |= CAUSES | {"width": VectorField(1)}
        else:
            fields["attributes"] = FIELD
        people = ClassField(tuple(f"person_{index:04d}" for index in range(self.people)))
        return fields | {
            other: ClassField(*FACTORS[name]) if name in FACTORS else people for name, other in self.names.items()
        }

    def locate(self) -> None:
        """Return at once: the pictures are drawn."""

    def source(self) -> Source:
        """Choose the contents of every picture without drawing it."""
        pictures = self._reader.pictures()
        identity = np.arange(self.count, dtype=np.int64) // self.pictures_per_person
        labels: dict[str, npt.NDArray[Any]]
        if self.factors:
            labels = causes_of(pictures) | {"width": np.array([[p.person.width] for p in pictures], np.float32)}
        else:
            attributes = [[picture.attributes()[name] for name in look.ATTRIBUTES] for picture in pictures]
            labels = {"attributes": np.array(attributes, np.uint8), self.names["identity"]: identity}
        for name in FACTORS:
            if name in self.vary:
                labels[self.names[name]] = np.array([getattr(picture, name) for picture in pictures], np.int64)
        versions = {name: version(name) for name in ("semreg-avatars", "python-avatars", "resvg-py")}
        return Source(
            labels=labels,
            split=np.where(self._held_out()[identity], TEST, TRAIN).astype(np.uint8),
            images=self._reader,
            identity={
                "dataset": "avatars",
                "size": self.size,
                "count": self.count,
                "seed": self.seed,
                "test": self.test,
                "pictures_per_person": self.pictures_per_person,
                "vary": sorted(self.vary),
                "versions": versions,
            }
            | ({"first": self.first} if self.first else {})
            | ({"equal_shares": True} if self.equal_shares else {})
            | ({"factors": True} if self.factors else {}),
        )

    @property
    def _reader(self) -> AvatarReader:
        return AvatarReader(
            self.size, self.count, self.pictures_per_person, self.seed, self.vary, self.first, self.equal_shares
        )

    def redrawn(self, index: int, attribute: str) -> npt.NDArray[np.uint8] | None:
        """Draw picture number `index` again with an attribute that it lacks; all else stays. uint8 `(3, size, size)`.

        Attributes that exclude it are removed. Returns None if others would change with it (`with_attribute`). Raises
        ValueError for an unknown attribute.
        """
        picture = self._reader.pictures()[index]
        changed = with_attribute(picture, attribute, Draws(self.seed, Stream.EDIT, index))
        return None if changed is None else draw(changed, self.size)

    def _held_out(self) -> npt.NDArray[np.bool_]:
        """Return the people of the test split: at least one, and never all."""
        tickets = [Draws(self.seed, Stream.SPLIT, person).uniform() for person in range(self.people)]
        chosen = np.argsort(tickets, kind="stable")[: min(max(1, round(self.test * self.people)), self.people - 1)]
        return np.isin(np.arange(self.people), chosen)
