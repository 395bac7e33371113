"""The true factors of a picture: everything that the population draws for it, visible or not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from semreg.core import ClassField, Order
from semreg_avatars import appearance as look
from semreg_avatars.appearance import Appearance

HAIR = (*look.BALD, *look.RECEDING_HAIR, *look.STRAIGHT_HAIR, *look.WAVY_HAIR, *look.SHORT_HAIR)
IS_THERE = (False, True)

VALUES: dict[str, tuple[str | bool | None, ...]] = {
    "skin": look.SKIN_COLORS,
    "hair": HAIR,
    "hair_color": tuple(look.HAIR_COLORS),
    "bangs": IS_THERE,
    "arched_brows": IS_THERE,
    "bushy_brows": IS_THERE,
    "narrow_eyes": IS_THERE,
    "big_nose": IS_THERE,
    "big_lips": IS_THERE,
    "stubble": IS_THERE,
    "mustache": IS_THERE,
    "goatee": IS_THERE,
    "sideburns": IS_THERE,
    "hat": (None, *look.HATS),
    "hat_color": look.HAT_COLORS,
    "glasses": (None, *look.GLASSES),
    "lipstick": IS_THERE,
    "makeup": IS_THERE,
    "rosy_cheeks": IS_THERE,
    "earrings": IS_THERE,
    "clothes": (*look.CLOTHES, look.SUIT_WITH_TIE),
    "clothes_color": (*look.CLOTHES_COLORS, *look.TIE_COLORS),
    "background": look.BACKGROUNDS,
    "mouth_open": IS_THERE,
}
"""By the attributes of Person and Appearance; the person's are first."""
ORDERS: dict[str, Order] = {"skin": "line"}


def _name(value: str | bool | None) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else value.lower()


CAUSES = {name: ClassField(tuple(map(_name, values)), ORDERS.get(name, "none")) for name, values in VALUES.items()}


def causes_of(pictures: Sequence[Appearance]) -> dict[str, npt.NDArray[np.int64]]:
    """Return the class of each factor in each picture, int64 `(pictures,)`."""
    drawn = [vars(picture) | vars(picture.person) for picture in pictures]
    return {
        name: np.array([values.index(picture[name]) for picture in drawn], np.int64) for name, values in VALUES.items()
    }
