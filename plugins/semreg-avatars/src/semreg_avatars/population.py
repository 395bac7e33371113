"""The people and pictures to draw, sampled with plausible correlations, as a pure function of the seed."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from functools import lru_cache

import numpy as np

from semreg_avatars import appearance as look
from semreg_avatars.appearance import Appearance, Person

EXPRESSION_SHARES = {"neutral": 0.38, "smiling": 0.42, "surprised": 0.08, "sad": 0.06, "angry": 0.06}
MOUTH_OPEN = {"neutral": 0.25, "smiling": 0.6, "surprised": 1.0, "sad": 0.35, "angry": 0.4}
# bald, receding, straight, wavy, short, by (masculine, old)
HAIR_SHARES = {
    (True, False): (0.07, 0.05, 0.18, 0.20, 0.50),
    (True, True): (0.26, 0.28, 0.10, 0.10, 0.26),
    (False, False): (0.03, 0.02, 0.45, 0.38, 0.12),
    (False, True): (0.05, 0.04, 0.40, 0.33, 0.18),
}
HAIR_STYLES = (look.BALD, look.RECEDING_HAIR, look.STRAIGHT_HAIR, look.WAVY_HAIR, look.SHORT_HAIR)
# in the order of HAIR_COLORS, by old
COLOR_SHARES = {False: (0.27, 0.36, 0.29, 0.03, 0.05), True: (0.12, 0.21, 0.14, 0.50, 0.03)}


class Stream(IntEnum):
    """The purposes of random numbers; each has its own."""

    PERSON = 0
    PICTURE = 1
    SPLIT = 2
    EDIT = 3


class Draws:
    """Random numbers for one person or picture. All come from uniform ones, which are the same in every version of
    NumPy."""

    def __init__(self, seed: int, stream: Stream, index: int) -> None:
        self._generator = np.random.Generator(np.random.PCG64((seed, int(stream), index)))

    def uniform(self) -> float:
        """Draw a number in [0, 1)."""
        return float(self._generator.random())

    def happens(self, probability: float) -> bool:
        """Return True with this probability."""
        return self.uniform() < probability

    def index(self, shares: Sequence[float]) -> int:
        """Draw an index with these probabilities; the last gets the rest up to 1."""
        return min(int(np.searchsorted(np.cumsum(shares), self.uniform(), side="right")), len(shares) - 1)

    def choice(self, values: Sequence[str]) -> str:
        """Draw one of the values, all equally likely."""
        return values[int(self.uniform() * len(values))]


def draw_person(draws: Draws, *, masculine: bool, old: bool) -> Person:
    """Draw a person of the given kind."""
    style = HAIR_STYLES[draws.index(HAIR_SHARES[masculine, old])]
    beard = draws.index((0.40, 0.18, 0.42) if masculine else (0.94, 0.03, 0.03))  # none, stubble, beard
    skin = look.SKIN_COLORS[draws.index((0.30 if old else 0.20, 0.25, 0.2, 0.15, 0.1))]
    color = tuple(look.HAIR_COLORS)[draws.index(COLOR_SHARES[old])]
    if skin in look.SKIN_COLORS[-2:] and color in {"brown", "red"}:
        color = "black"  # a brown beard would be invisible on them
    mustache, goatee, sideburns = (beard == 2 and draws.happens(p) for p in (0.62, 0.55, 0.45))
    return Person(
        skin=skin,
        width=0.95 + 0.1 * draws.uniform(),
        hair=draws.choice(style),
        hair_color=color,
        bangs=draws.happens((0.15 if old else 0.30) + (0.0 if masculine else 0.15))
        and style not in {look.BALD, look.RECEDING_HAIR},
        arched_brows=draws.happens(0.25 if masculine else 0.60),
        bushy_brows=draws.happens((0.45 if masculine else 0.15) + (0.1 if old else 0.0)),
        narrow_eyes=draws.happens(0.32 if old else 0.18),
        big_nose=draws.happens((0.40 if masculine else 0.18) + (0.1 if old else 0.0)),
        big_lips=draws.happens(0.20 if masculine else 0.40),
        stubble=beard == 1,
        mustache=mustache or (beard == 2 and not goatee and not sideburns),
        goatee=goatee,
        sideburns=sideburns,
    )


def draw_picture(
    draws: Draws, person: Person, *, masculine: bool, old: bool, vary: frozenset[str], equal_shares: bool = False
) -> Appearance:
    """Draw a picture of the person. All draws are always made, so that an option changes only what it names."""
    lipstick = draws.happens(0.05 if masculine else 0.45 if old else 0.62)
    makeup = draws.happens(0.03 if masculine else 0.65 if lipstick else 0.20)
    shares = tuple(EXPRESSION_SHARES.values())
    expression = draws.index([1 / len(shares)] * len(shares) if equal_shares else shares)
    illumination = int(draws.uniform() * len(look.ILLUMINATIONS))
    pose = int(draws.uniform() * len(look.POSES))
    gaze = int(draws.uniform() * len(look.GAZES))
    expression = expression if "expression" in vary else look.NEUTRAL
    with_tie = draws.happens(0.35 if masculine else 0.07)
    clothes, color = draws.choice(look.CLOTHES), draws.choice(look.CLOTHES_COLORS)
    tie_color = draws.choice(look.TIE_COLORS)
    hat, glasses = draws.choice(look.HATS), draws.choice(look.GLASSES)
    return Appearance(
        person=person,
        hat=hat if draws.happens(0.14) else None,
        hat_color=draws.choice(look.HAT_COLORS),
        glasses=glasses if draws.happens(0.42 if old else 0.18) else None,
        lipstick=lipstick,
        makeup=makeup,
        rosy_cheeks=draws.happens(0.12 if masculine else 0.50 if makeup else 0.25),
        earrings=draws.happens(0.08 if masculine else 0.45),
        clothes=look.SUIT_WITH_TIE if with_tie else clothes,
        clothes_color=tie_color if with_tie else color,
        background=draws.choice(look.BACKGROUNDS),
        mouth_open=draws.happens(MOUTH_OPEN[look.EXPRESSIONS[expression]]),
        expression=expression,
        illumination=illumination if "illumination" in vary else look.FRONTAL,
        pose=pose if "pose" in vary else look.FACING,
        gaze=gaze if "gaze" in vary else look.AHEAD,
    )


@lru_cache(maxsize=4)
def population(
    count: int,
    pictures_per_person: int,
    seed: int,
    vary: frozenset[str],
    first: int = 0,
    equal_shares: bool = False,
) -> tuple[Appearance, ...]:
    """Draw `count` pictures, person after person. Each person and picture has its own draws, so that a greater `count`
    leaves the first pictures unchanged, and another `first` has the same people in other pictures. With `equal_shares`
    all expressions are equally likely."""
    pictures = []
    for index in range(count):
        of_person = Draws(seed, Stream.PERSON, index // pictures_per_person)
        masculine, old = of_person.happens(0.5), of_person.happens(0.4)
        person = draw_person(of_person, masculine=masculine, old=old)
        of_picture = Draws(seed, Stream.PICTURE, first + index)
        pictures.append(
            draw_picture(of_picture, person, masculine=masculine, old=old, vary=vary, equal_shares=equal_shares)
        )
    return tuple(pictures)
