"""Pictures drawn again with an attribute more."""

from __future__ import annotations

import numpy as np
import pytest
from semreg_avatars import appearance as look
from semreg_avatars.causes import VALUES
from semreg_avatars.dataset import Avatars, draw
from semreg_avatars.editing import CHANGES, FIELD, with_attribute
from semreg_avatars.population import Draws, Stream, population

PICTURES = population(400, 4, 0, frozenset({"expression"}))


def draws(index: int) -> Draws:
    return Draws(0, Stream.EDIT, index)


@pytest.mark.parametrize("name", look.ATTRIBUTES)
def test_the_attribute_is_there_its_rivals_are_gone_and_the_others_stay(name: str) -> None:
    rivals = {look.ATTRIBUTES[rival] for rival in FIELD.rivals()[look.ATTRIBUTES.index(name)]}
    done, lacking = 0, 0
    for index, picture in enumerate(PICTURES):
        changed, before = with_attribute(picture, name, draws(index)), picture.attributes()
        if before[name]:
            assert changed is None
            continue
        lacking += 1
        if changed is None:
            continue
        done += 1
        after = changed.attributes()
        assert {key for key in after if after[key] != before[key]} <= {name} | rivals
        assert after[name]
        assert not any(after[rival] for rival in rivals)
        assert changed == with_attribute(picture, name, draws(index))
        for cause, values in VALUES.items():  # of what the population draws, and nothing else
            assert (vars(changed) | vars(changed.person))[cause] in values
    assert done > 0.6 * lacking


def test_there_is_a_change_for_every_attribute_and_for_no_other() -> None:
    assert set(CHANGES) == set(look.ATTRIBUTES)
    with pytest.raises(ValueError, match="no attribute 'Glasses'"):
        with_attribute(PICTURES[0], "Glasses", draws(0))


def test_surprise_keeps_its_eyes_wide() -> None:
    surprised = [picture for picture in PICTURES if look.EXPRESSIONS[picture.expression] == "surprised"]
    assert {with_attribute(picture, "Narrow_Eyes", draws(0)) for picture in surprised} == {None}


def test_a_data_set_draws_its_pictures_again() -> None:
    avatars = Avatars(size=16, count=8)
    plain = avatars.source().images
    assert plain is not None
    index = next(i for i, picture in enumerate(PICTURES[:8]) if not picture.attributes()["Eyeglasses"])
    [before], after = plain([index]), avatars.redrawn(index, "Eyeglasses")
    changed = with_attribute(PICTURES[index], "Eyeglasses", draws(index))
    assert changed is not None
    assert after is not None
    assert np.array_equal(after, draw(changed, 16))
    assert 0 < (after != before).any(0).mean() < 0.5
    assert avatars.redrawn(index, next(name for name, there in PICTURES[index].attributes().items() if there)) is None


def test_it_draws_those_of_its_own_options() -> None:
    plain, equal = Avatars(size=16, count=40), Avatars(size=16, count=40, equal_shares=True)
    index = next(i for i in range(40) if not np.array_equal(*(one.source().images([i]) for one in (plain, equal))))
    name = next(name for name in look.ATTRIBUTES if equal.redrawn(index, name) is not None)
    again = with_attribute(
        population(40, 4, 0, frozenset({"expression"}), equal_shares=True)[index], name, draws(index)
    )
    assert again is not None
    np.testing.assert_array_equal(equal.redrawn(index, name), draw(again, 16))
