"""A picture with an attribute that it lacks and no other change: the ideal result of an edit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from semreg.core import AttributesField, closest
from semreg_avatars import appearance as look
from semreg_avatars.appearance import Appearance
from semreg_avatars.population import Draws

FIELD = AttributesField(look.ATTRIBUTES, look.EXCLUSIVE)

Change = Mapping[str, Sequence[Any]]
"""Values to draw from, by the attributes of Person and Appearance that get them."""
_BARE: Change = {"hat": [None], "bangs": [False]}
_WITH_UNNAMED_COLOR: Change = {**_BARE, "hair_color": ["red"]}
_SMILING: Change = {"expression": [look.EXPRESSIONS.index("smiling")]}
_SHAVEN: Change = {name: [False] for name in ("stubble", "mustache", "goatee", "sideburns")}


def _colored(name: str) -> list[Change]:
    color: Change = {"hair_color": [name]}
    return [color, {**_BARE, **color, "hair": look.SHORT_HAIR}]


def _styled(hair: Sequence[str]) -> list[Change]:
    return [{"hair": hair}, {"hair": hair, "bangs": [False]}, {**_WITH_UNNAMED_COLOR, "hair": hair}]


CHANGES: Mapping[str, Sequence[Change]] = {
    "5_o_Clock_Shadow": [{**_SHAVEN, "stubble": [True]}],
    "Arched_Eyebrows": [{"arched_brows": [True]}],
    "Bald": [{**_BARE, "hair": look.BALD}],
    "Bangs": [{"bangs": [True]}, {"bangs": [True], "hair": look.SHORT_HAIR}],
    "Big_Lips": [{"big_lips": [True]}],
    "Big_Nose": [{"big_nose": [True]}],
    "Black_Hair": _colored("black"),
    "Blond_Hair": _colored("blond"),
    "Brown_Hair": _colored("brown"),
    "Bushy_Eyebrows": [{"bushy_brows": [True]}],
    "Eyeglasses": [{"glasses": look.GLASSES}],
    "Goatee": [{"goatee": [True], "stubble": [False]}],
    "Gray_Hair": _colored("gray"),
    "Heavy_Makeup": [{"makeup": [True]}],
    "Mouth_Slightly_Open": [{"mouth_open": [True]}],
    "Mustache": [{"mustache": [True], "stubble": [False]}],
    "Narrow_Eyes": [{"narrow_eyes": [True]}],
    "No_Beard": [_SHAVEN],
    "Pale_Skin": [{"skin": [look.PALE]}],
    "Receding_Hairline": _styled(look.RECEDING_HAIR),
    "Rosy_Cheeks": [{"rosy_cheeks": [True]}],
    "Sideburns": [{"sideburns": [True], "stubble": [False]}],
    "Smiling": [
        _SMILING,
        {**_SMILING, "arched_brows": [False]},
        {**_SMILING, "arched_brows": [True], "narrow_eyes": [False]},
    ],
    "Straight_Hair": _styled(look.STRAIGHT_HAIR),
    "Wavy_Hair": _styled(look.WAVY_HAIR),
    "Wearing_Earrings": [{"earrings": [True]}],
    "Wearing_Hat": [{"hat": look.HATS}],
    "Wearing_Lipstick": [{"lipstick": [True]}],
    "Wearing_Necktie": [{"clothes": [look.SUIT_WITH_TIE], "clothes_color": look.TIE_COLORS}],
}
"""The changes that give a picture each attribute: the first one counts after which no other attribute differs."""


def with_attribute(picture: Appearance, name: str, draws: Draws) -> Appearance | None:
    """Return the picture with an attribute, without those that exclude it, and with all others unchanged.

    Returns None if that is impossible, as narrow eyes in surprise, or if the picture has the attribute. If there are
    several choices, such as hats, one is drawn. Raises ValueError for an unknown attribute.
    """
    if name not in CHANGES:
        raise ValueError(f"no attribute {name!r}{closest(name, CHANGES)}")
    before = picture.attributes()
    if before[name]:
        return None
    rivals = [look.ATTRIBUTES[rival] for rival in FIELD.rivals()[look.ATTRIBUTES.index(name)]]
    wanted = before | dict.fromkeys(rivals, False) | {name: True}
    drawn = draws.uniform()
    for change in CHANGES[name]:
        values = {key: choice[int(drawn * len(choice))] for key, choice in change.items()}
        of_person = {key: values.pop(key) for key in values.keys() & vars(picture.person).keys()}
        changed = replace(picture, person=replace(picture.person, **of_person), **values)
        if changed.attributes() == wanted:
            return changed
    return None
