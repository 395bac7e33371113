from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from semreg_avatars import appearance as look
from semreg_avatars.dataset import Avatars
from semreg_avatars.population import Draws, Stream, population

# Pearson correlations of the default set, as the docstring of Avatars states them
STATED = {
    ("Wearing_Lipstick", "Heavy_Makeup"): 0.55,
    ("Sideburns", "Goatee"): 0.46,
    ("Mustache", "Goatee"): 0.44,
    ("Mustache", "Sideburns"): 0.43,
    ("Rosy_Cheeks", "Heavy_Makeup"): 0.32,
    ("Wearing_Lipstick", "No_Beard"): 0.31,
    ("Heavy_Makeup", "No_Beard"): 0.27,
    ("Wearing_Lipstick", "Wearing_Earrings"): 0.22,
    ("Smiling", "Mouth_Slightly_Open"): 0.21,
    ("Wearing_Lipstick", "Mustache"): -0.21,
    ("No_Beard", "Mustache"): -0.61,
    ("No_Beard", "Goatee"): -0.54,
    ("No_Beard", "5_o_Clock_Shadow"): -0.50,
    ("No_Beard", "Sideburns"): -0.47,
}


@cache
def attributes(seed: int) -> np.ndarray:
    return Avatars(seed=seed).source().labels["attributes"].astype(float)


@pytest.mark.parametrize("seed", [0, 1])
def test_correlations_are_as_stated_and_no_others_are_strong(seed):
    found = np.corrcoef(attributes(seed).T)
    position = {name: index for index, name in enumerate(look.ATTRIBUTES)}
    for (one, other), value in STATED.items():
        assert abs(found[position[one], position[other]] - value) < 0.1, (one, other)
        found[position[one], position[other]] = found[position[other], position[one]] = 0
    np.fill_diagonal(found, 0)
    assert np.abs(found).max() < 0.35


@pytest.mark.parametrize("seed", [0, 1])
def test_every_attribute_is_often_enough_present_and_absent(seed):
    shares = attributes(seed).mean(0)
    assert shares.min() > 0.06
    assert shares.max() < 0.72


def test_what_varies_is_only_what_was_named():
    everything = frozenset({"expression", "illumination", "pose", "gaze"})
    fixed, varied = population(300, 3, 2, frozenset()), population(300, 3, 2, everything)
    for name, neutral in (("illumination", look.FRONTAL), ("pose", look.FACING), ("gaze", look.AHEAD)):
        assert {getattr(picture, name) for picture in fixed} == {neutral}
        assert len({getattr(picture, name) for picture in varied}) > 2
    assert {picture.expression for picture in fixed} == {look.NEUTRAL}
    assert [picture.person for picture in fixed] == [picture.person for picture in varied]
    assert [picture.hat for picture in fixed] == [picture.hat for picture in varied]


def test_a_person_stays_the_same_and_people_differ():
    pictures = population(400, 4, 0, frozenset({"expression"}))
    people = [{picture.person for picture in pictures[start : start + 4]} for start in range(0, 400, 4)]
    assert all(len(group) == 1 for group in people)
    assert len(set.union(*people)) == 100


def test_a_longer_set_begins_with_the_shorter_one():
    assert population(50, 4, 1, frozenset()) == population(90, 4, 1, frozenset())[:50]
    assert population(50, 4, 1, frozenset()) != population(50, 4, 2, frozenset())


def test_draws_follow_their_shares():
    draws = [Draws(0, Stream.PERSON, index) for index in range(4000)]
    counts = np.bincount([one.index((0.2, 0.5, 0.3)) for one in draws], minlength=3) / 4000
    assert np.abs(counts - (0.2, 0.5, 0.3)).max() < 0.03
    assert {one.choice("abc") for one in draws} == {"a", "b", "c"}
    assert Draws(0, Stream.PERSON, 1).uniform() != Draws(0, Stream.PICTURE, 1).uniform()


def test_another_first_picture_has_the_same_people_in_other_pictures():
    own = population(40, 4, 0, frozenset(["expression"]))
    others = population(80, 8, 0, frozenset(["expression"]), 40)
    assert [picture.person for picture in own[::4]] == [picture.person for picture in others[::8]]
    assert len({*own} & {*others}) < 4  # by chance
    images = Avatars(count=40, size=16).source().images([5])
    assert np.array_equal(Avatars(count=40, size=16, first=0).source().images([5]), images)
    assert not np.array_equal(Avatars(count=40, size=16, first=40).source().images([5]), images)


def test_two_processes_draw_the_same_pixels():
    program = (
        "import hashlib; from semreg_avatars.dataset import Avatars;"
        "s = Avatars(vary=['expression', 'pose', 'illumination', 'gaze']).source();"
        "print(hashlib.sha256(s.images(range(20)).tobytes() + s.labels['attributes'].tobytes()"
        " + s.split.tobytes()).hexdigest())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", program], env={"PYTHONHASHSEED": seed}, check=True, capture_output=True, text=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1


def test_equal_shares_change_expressions_alone_and_what_follows_from_them():
    varies = frozenset({"expression", "illumination"})
    own, equal = (population(3000, 3, 0, varies, equal_shares=shares) for shares in (False, True))
    shares = np.bincount([picture.expression for picture in equal], minlength=5) / 3000
    assert np.abs(shares - 0.2).max() < 0.03
    same = {"expression": look.NEUTRAL, "mouth_open": False}
    assert [replace(picture, **same) for picture in own] == [replace(picture, **same) for picture in equal]
    source = Avatars(count=3000, vary=["expression"], equal_shares=True).source()
    assert np.abs(np.bincount(source.labels["expression"]) / 3000 - 0.2).max() < 0.03
    images = [Avatars(count=40, size=16, equal_shares=shares).source().images(range(40)) for shares in (False, True)]
    assert not np.array_equal(*images)
