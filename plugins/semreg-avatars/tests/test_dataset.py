from __future__ import annotations

import pickle
from dataclasses import replace
from importlib.metadata import entry_points
from unittest.mock import patch

import numpy as np
import pytest
from semreg_avatars import appearance as look
from semreg_avatars.causes import CAUSES
from semreg_avatars.dataset import Avatars, draw
from semreg_avatars.population import population

from semreg.core import TEST, TRAIN, AttributesField, ClassField, ImageField
from semreg.testing import check_dataset


def test_is_found_as_a_component():
    (entry,) = entry_points(group="semreg.datasets", name="avatars")
    assert entry.load() is Avatars


def test_specification_draws_nothing():
    with patch("semreg_avatars.drawing.resvg_py.svg_to_bytes", side_effect=AssertionError):
        fields = Avatars(size=32, count=90, vary=["pose", "gaze"]).specification()
        source = Avatars(size=32, count=90, vary=["pose", "gaze"]).source()
    assert fields["image"] == ImageField(3, 32, 32)
    assert isinstance(fields["attributes"], AttributesField)
    assert list(fields) == ["image", "attributes", "identity", "pose", "gaze"]
    assert fields["pose"] == ClassField(("-90", "-60", "-30", "0", "30", "60", "90"), "line")
    assert fields["gaze"].references()["order"] == "line"
    assert fields["identity"].references()["classes"] == 23
    assert set(source.labels) == set(fields) - {"image"}


def test_fields_of_classes_are_called_as_told():
    avatars = Avatars(count=40, vary=["pose"], names={"pose": "azimuth", "identity": "person"})
    same = Avatars(count=40, vary=["pose"])
    for old, new in (("pose", "azimuth"), ("identity", "person")):
        assert avatars.specification()[new] == same.specification()[old]
        assert np.array_equal(avatars.source().labels[new], same.source().labels[old])
        assert old not in avatars.specification()


def test_labels_fit_the_specification():
    avatars = Avatars(count=500, vary=["expression", "illumination", "pose", "gaze"])
    source = avatars.source()
    for name, field in avatars.specification().items():
        if isinstance(field, ClassField):
            values = source.labels[name]
            assert values.dtype == np.int64
            assert set(np.unique(values)) == set(range(len(field.names)))
    assert source.labels["attributes"].dtype == np.uint8
    assert source.labels["attributes"].shape == (500, 29)


def test_true_factors_take_the_place_of_attributes_and_identity():
    options = {"count": 60, "vary": ["pose"]}
    avatars, same = Avatars(**options, factors=True), Avatars(**options)
    assert list(avatars.specification()) == ["image", *CAUSES, "width", "pose"]
    source = avatars.source()
    assert set(source.labels) == set(avatars.specification()) - {"image"}
    assert np.array_equal(source.split, same.source().split)
    assert np.array_equal(source.images([3, 50]), same.source().images([3, 50]))
    hats = same.source().labels["attributes"][:, look.ATTRIBUTES.index("Wearing_Hat")]
    assert np.array_equal(source.labels["hat"] > 0, hats == 1)


@pytest.mark.parametrize("test", [0.001, 0.2, 0.999])
def test_nobody_is_in_both_splits(test):
    source = Avatars(count=401, test=test).source()
    identity, split = source.labels["identity"], source.split
    train, held_out = set(identity[split == TRAIN]), set(identity[split == TEST])
    assert train
    assert held_out
    assert not train & held_out
    assert len(train | held_out) == 101
    assert len(held_out) == pytest.approx(101 * test, abs=1)


def test_the_reader_survives_pickling_and_any_order():
    source = Avatars(size=24, count=40).source()
    reader = pickle.loads(pickle.dumps(source.images))
    images = reader([7, 3, 7])
    assert images.shape == (3, 3, 24, 24)
    assert images.dtype == np.uint8
    assert np.array_equal(images[0], images[2])
    assert not np.array_equal(images[0], images[1])
    assert np.array_equal(source.images([3])[0], images[1])
    assert reader([]).shape == (0, 3, 24, 24)


def test_identity_tells_sets_apart():
    options = (
        {}, {"size": 32}, {"count": 41}, {"seed": 1}, {"test": 0.5}, {"pictures_per_person": 2}, {"vary": []},
        {"first": 9}, {"equal_shares": True}, {"factors": True},
    )  # fmt: skip
    found = [Avatars(**{"count": 40, **changed}).source().identity for changed in options]
    assert len({str(one) for one in found}) == len(options)
    assert set(found[0]["versions"]) == {"semreg-avatars", "python-avatars", "resvg-py"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 8}, "size is 8; it must be from 16 to 1024"),
        ({"count": 1}, "count is 1; it must be from 2 to 1,000,000"),
        ({"seed": -1}, "seed is -1"),
        ({"test": 1.0}, "test is 1.0; it must be between 0 and 1"),
        ({"pictures_per_person": 0}, "pictures_per_person is 0"),
        ({"first": -1}, "first is -1"),
        ({"vary": ["posse"]}, "vary names 'posse'; did you mean 'pose'"),
        ({"names": {"pose": "azimuth"}}, "names has 'pose'"),
        ({"names": {"identity": "image"}}, "names gives identity the name 'image'"),
        ({"names": {"identity": "expression"}}, "two fields one name"),
        ({"names": {"identity": "person"}, "factors": True}, "names has 'identity'"),
        ({"names": {"expression": "skin"}, "factors": True}, "names gives expression the name 'skin'"),
        ({"count": 4, "pictures_per_person": 4}, "that is one person"),
    ],
)
def test_options_out_of_range_are_refused_by_name(options, message):
    with pytest.raises(ValueError, match=message):
        Avatars(**options)


def test_every_pose_light_and_gaze_looks_different():
    picture = replace(population(4, 1, 0, frozenset())[1], hat=None, glasses=None)
    for name, values in (("pose", look.POSES), ("illumination", look.ILLUMINATIONS), ("gaze", look.GAZES)):
        images = [draw(replace(picture, **{name: index}), 48).astype(int) for index in range(len(values))]
        for index, image in enumerate(images):
            for other in images[:index]:
                assert (np.abs(image - other).max(0) > 40).sum() > 8


def test_light_leaves_the_background_alone_and_frontal_light_the_picture():
    bald = replace(population(1, 1, 0, frozenset())[0].person, hair="NONE", bangs=False)
    picture = replace(population(1, 1, 0, frozenset())[0], person=bald, hat=None)
    lit = [draw(replace(picture, illumination=index), 48) for index in range(len(look.ILLUMINATIONS))]
    corners = {tuple(image[:, 0, 0]) + tuple(image[:, 0, -1]) for image in lit}
    assert len(corners) == 1
    left_over_right = [image[:, 10:40, :24].mean() / image[:, 10:40, 24:].mean() for image in lit]
    assert np.all(np.diff(left_over_right) < 0)


@pytest.mark.parametrize("factors", [False, True])
def test_it_conforms(factors):
    check_dataset(Avatars, options={"count": 60, "size": 16, "vary": ["pose"], "factors": factors}, exempt={"source"})
