from __future__ import annotations

from dataclasses import fields

import numpy as np
from semreg_avatars.appearance import Appearance, Person
from semreg_avatars.causes import CAUSES, VALUES, causes_of
from semreg_avatars.population import population

MOMENT = {"expression", "illumination", "pose", "gaze"}


def test_every_cause_of_a_picture_is_a_factor() -> None:
    drawn = {field.name for kind in (Person, Appearance) for field in fields(kind)}
    assert set(VALUES) == drawn - MOMENT - {"person", "width"}


def test_each_picture_has_the_class_of_its_value_and_each_class_is_drawn() -> None:
    pictures = population(2000, 1, 3, frozenset({"expression"}))
    for name, classes in causes_of(pictures).items():
        assert classes.dtype == np.int64
        assert {*classes.tolist()} == {*range(len(CAUSES[name].names))}, name
        for picture, number in zip(pictures, classes.tolist(), strict=True):
            of = picture.person if hasattr(picture.person, name) else picture
            assert VALUES[name][number] == getattr(of, name)


def test_classes_are_called_by_what_is_drawn() -> None:
    assert CAUSES["skin"].order == "line"
    assert CAUSES["hat"].names[:2] == ("none", "hat")
    assert CAUSES["bangs"].names == ("no", "yes")
    assert all(len(set(field.names)) == len(field.names) for field in CAUSES.values())
