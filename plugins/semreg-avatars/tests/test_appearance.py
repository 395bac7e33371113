from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from semreg_avatars import appearance as look
from semreg_avatars.appearance import Appearance
from semreg_avatars.dataset import draw
from semreg_avatars.population import population

from semreg.core import AttributesField
from semreg.data.datasets.celeba import ATTRIBUTES as CELEBA

SMILING = look.EXPRESSIONS.index("smiling")


@cache
def pictures() -> tuple[Appearance, ...]:
    return population(2000, 1, 5, frozenset({"expression"}))


SHAVEN = {"stubble": False, "mustache": False, "goatee": False, "sideburns": False}
CUT = {"hair": "SHORT_FLAT", "bangs": False}
# by attribute: what a person, or a picture, has with it and without
OF_PERSON: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "5_o_Clock_Shadow": (SHAVEN | {"stubble": True}, SHAVEN),
    "Arched_Eyebrows": ({"arched_brows": True}, {"arched_brows": False}),
    "Bald": (CUT | {"hair": "NONE"}, CUT),
    "Bangs": ({"hair": "FRO", "bangs": True}, {"hair": "FRO", "bangs": False}),
    "Big_Lips": ({"big_lips": True}, {"big_lips": False}),
    "Big_Nose": ({"big_nose": True}, {"big_nose": False}),
    "Black_Hair": (CUT | {"hair_color": "black"}, CUT | {"hair_color": "red"}),
    "Blond_Hair": (CUT | {"hair_color": "blond"}, CUT | {"hair_color": "red"}),
    "Brown_Hair": (CUT | {"hair_color": "brown"}, CUT | {"hair_color": "red"}),
    "Bushy_Eyebrows": ({"bushy_brows": True}, {"bushy_brows": False}),
    "Goatee": (SHAVEN | {"goatee": True}, SHAVEN),
    "Gray_Hair": (CUT | {"hair_color": "gray"}, CUT | {"hair_color": "red"}),
    "Mustache": (SHAVEN | {"mustache": True}, SHAVEN),
    "Narrow_Eyes": ({"narrow_eyes": True}, {"narrow_eyes": False}),
    "No_Beard": (SHAVEN, SHAVEN | {"goatee": True}),
    "Pale_Skin": ({"skin": look.PALE}, {"skin": look.SKIN_COLORS[1]}),
    "Receding_Hairline": (CUT | {"hair": "SIDES"}, CUT),
    "Sideburns": (SHAVEN | {"sideburns": True}, SHAVEN),
    "Straight_Hair": (CUT | {"hair": "STRAIGHT_1"}, CUT),
    "Wavy_Hair": (CUT | {"hair": "FRO"}, CUT),
}
OF_PICTURE: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "Eyeglasses": ({"glasses": look.GLASSES[0]}, {"glasses": None}),
    "Heavy_Makeup": ({"makeup": True}, {"makeup": False}),
    "Mouth_Slightly_Open": ({"mouth_open": True}, {"mouth_open": False}),
    "Rosy_Cheeks": ({"rosy_cheeks": True}, {"rosy_cheeks": False}),
    "Smiling": ({"expression": SMILING}, {"expression": look.NEUTRAL}),
    "Wearing_Earrings": ({"earrings": True}, {"earrings": False}),
    "Wearing_Hat": ({"hat": look.HATS[0]}, {"hat": None}),
    "Wearing_Lipstick": ({"lipstick": True}, {"lipstick": False}),
    "Wearing_Necktie": ({"clothes": look.SUIT_WITH_TIE}, {"clothes": "BLAZER_SHIRT"}),
}


def switched(picture: Appearance, name: str, *, on: bool) -> Appearance:
    """The picture with its attribute `name` on or off, and nothing else changed that needn't."""
    which = 0 if on else 1
    if name in OF_PICTURE:
        return replace(picture, **OF_PICTURE[name][which])
    return replace(picture, person=replace(picture.person, **OF_PERSON[name][which]))


def test_names_are_celebas_and_in_its_order():
    assert len(look.ATTRIBUTES) == 29
    assert list(look.ATTRIBUTES) == [name for name in CELEBA if name in look.ATTRIBUTES]
    assert tuple(pictures()[0].attributes()) == look.ATTRIBUTES


@pytest.mark.parametrize("name", look.ATTRIBUTES)
def test_an_attribute_is_seen_at_48_pixels_and_labelled(name):
    """Switching a part switches its label, leaves labels that don't exclude it alone, and changes pixels clearly."""
    position = look.ATTRIBUTES.index(name)
    rivals = {
        look.ATTRIBUTES[index] for index in AttributesField(look.ATTRIBUTES, look.EXCLUSIVE).rivals()[position]
    } | {name}
    hair = {attribute for group in look.EXCLUSIVE if "Bald" in group for attribute in group}
    changed = []
    neutral = [picture for picture in pictures() if picture.expression == look.NEUTRAL and picture.hat is None]
    for picture in neutral[:12]:
        on, off = switched(picture, name, on=True), switched(picture, name, on=False)
        assert on.attributes()[name]
        assert not off.attributes()[name]
        free = set(look.ATTRIBUTES) - rivals - (hair if name in hair else set())
        assert {other for other in free if on.attributes()[other] != off.attributes()[other]} == set()
        difference = np.abs(draw(on, 48).astype(int) - draw(off, 48).astype(int)).max(0)
        changed.append(int((difference > 40).sum()))
    assert min(changed) >= 6, changed
    assert np.median(changed) >= 20, changed


def test_labels_at_most_one_of_a_group_and_nothing_under_a_hat():
    rows = np.array([[picture.attributes()[name] for name in look.ATTRIBUTES] for picture in pictures()])
    for group in look.EXCLUSIVE:
        columns = [look.ATTRIBUTES.index(name) for name in group]
        assert rows[:, columns].sum(1).max() == 1
    hidden = [rows[:, look.ATTRIBUTES.index(name)] for name in ("Bald", "Bangs", "Black_Hair", "Straight_Hair")]
    hats = np.array([picture.hat is not None for picture in pictures()])
    assert hats.any()
    assert not np.any(np.array(hidden)[:, hats])
    beards = rows[:, [look.ATTRIBUTES.index(n) for n in ("5_o_Clock_Shadow", "Mustache", "Goatee", "Sideburns")]]
    assert np.array_equal(rows[:, look.ATTRIBUTES.index("No_Beard")], ~beards.any(1))


def test_a_mood_overrules_brows_and_eyes():
    person = replace(pictures()[0].person, arched_brows=True, narrow_eyes=True)
    seen = {
        name: replace(pictures()[0], person=person, expression=index).attributes()
        for index, name in enumerate(look.EXPRESSIONS)
    }
    assert {name: (row["Arched_Eyebrows"], row["Narrow_Eyes"], row["Smiling"]) for name, row in seen.items()} == {
        "neutral": (True, True, False),
        "smiling": (True, True, True),
        "surprised": (True, False, False),
        "sad": (False, True, False),
        "angry": (False, True, False),
    }
