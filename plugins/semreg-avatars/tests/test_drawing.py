"""Parts of pictures: cut from python-avatars, put together and rasterised."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from semreg_avatars import appearance as look
from semreg_avatars import drawing
from semreg_avatars.population import population


def test_a_face_that_looks_ahead_is_the_same_drawn_in_one_or_in_halves():
    """Head and face put together, as a turned head is, agree with the picture drawn at once."""
    for picture in population(8, 1, 3, frozenset({"expression"})):
        head = drawing.rasterise(drawing.svg(picture, face=False), 48)
        face = drawing.rasterise(drawing.svg(picture, head=False), 48)
        whole = drawing.rasterise(drawing.svg(picture), 48)
        assert np.abs(face + head * (1 - face[3]) - whole).max() < 0.03


def test_a_part_that_is_no_longer_as_expected_is_named():
    with pytest.raises(RuntimeError, match=r"python-avatars 1\.\d+\.\d+ draws a part without 'xyz'"):
        drawing.edited("<svg/>", ("xyz", "abc"))


def test_every_part_that_may_be_worn_or_grown_is_there():
    """A name that python-avatars does not have would fail in one picture of many thousands only."""
    hair = (*look.STRAIGHT_HAIR, *look.WAVY_HAIR, *look.SHORT_HAIR, *look.RECEDING_HAIR)
    shown = {name: drawing.part("Top", top=drawing.parts.HairType[name]) for name in hair}
    shown |= {name: drawing.part("Top", top=drawing.parts.HatType[name]) for name in look.HATS}
    shown |= {name: drawing.part("Accessory", accessory=drawing.parts.AccessoryType[name]) for name in look.GLASSES}
    for name in (*look.CLOTHES, look.SUIT_WITH_TIE):
        shown[name] = drawing.part("Clothing", clothing=drawing.parts.ClothingType[name])
    assert all(shown.values())
    assert len(set(shown.values())) == len(shown)
    assert drawing.RAISED.keys() <= {*hair, *look.HATS}


def test_every_mood_has_a_mouth_open_and_closed_of_its_own():
    person = replace(population(1, 1, 0, frozenset())[0].person, mustache=False, goatee=False, stubble=False)
    picture = replace(population(1, 1, 0, frozenset())[0], person=person, rosy_cheeks=False)
    drawn = {}
    for index, mood in enumerate(look.EXPRESSIONS):
        for mouth_open in (False, True):
            if mood == "surprised" and not mouth_open:
                continue  # nobody is surprised with the mouth closed
            drawn[mood, mouth_open] = drawing.svg(replace(picture, expression=index, mouth_open=mouth_open))
    assert drawn.keys() == drawing.MOUTHS.keys()
    assert len(set(drawn.values())) == len(drawn)


def test_nobody_is_surprised_with_the_mouth_closed():
    surprised = look.EXPRESSIONS.index("surprised")
    pictures = population(400, 1, 0, frozenset({"expression"}))
    assert {picture.mouth_open for picture in pictures if picture.expression == surprised} == {True}


@pytest.mark.parametrize("size", [16, 48])
def test_pixels_are_between_none_and_their_share_of_what_is_drawn(size):
    for picture in population(3, 1, 5, frozenset({"expression"})):
        pixels = drawing.rasterise(drawing.svg(picture), size)
        assert pixels.shape == (4, size, size)
        assert pixels.min() >= 0
        assert (pixels[:3] <= pixels[3] + 1e-12).all(), "colours are multiplied by alpha"
        assert pixels[3].max() == 1
        assert pixels[3].min() < 0.2, "the background is open"


def test_one_shape_is_moved_stretched_and_clipped_as_svg_says():
    def area(content):
        text = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 40"><g fill="#fff">{content}</g></svg>'
        return drawing.rasterise(text, 40)[3]

    square = drawing.rectangle(10, 12, 8, 6)
    plain = area(square)
    assert plain.sum() == 48
    assert np.array_equal(area(drawing.group("translate(3 5)", square)), np.roll(plain, (5, 3), (0, 1)))
    wide = area(drawing.stretched(10, 12, square, horizontal=2, vertical=0.5))
    assert np.argwhere(wide).min(0).tolist() == [12, 10], "the point about which it is stretched stays"
    assert wide.sum() == 48
    assert area(drawing.clipped("half", drawing.rectangle(0, 0, 14, 40), square)).sum() == 24
