"""Splits and shots of a data set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from semreg.core import TRAIN, ClassField, UserError
from semreg.data.cache import cached
from semreg.data.dataset import Cached
from semreg.data.splitting import judging_on_validation, split_as, with_shots, with_validation


@pytest.fixture
def data(toy: Any, tmp_path: Path) -> Cached:
    return cached(toy, folder=tmp_path)


def by_people(people: list[int]) -> Cached:
    """Training images of these people."""
    field = ClassField(tuple(map(str, range(max(people) + 1))))
    split = torch.full((len(people),), TRAIN, dtype=torch.uint8)
    return Cached({"person": field}, {"person": torch.tensor(people)}, split, "")


@pytest.mark.parametrize(("amount", "expected"), [(16, 16), (0.1, 16), (0.5, 80), (1, 1), (159, 159)])
def test_validation_comes_from_training_images_only(data: Cached, amount: float, expected: int) -> None:
    cut = with_validation(data, amount)
    assert cut.counts == {"train": 160 - expected, "validation": expected, "test": 40}
    assert torch.equal(cut.rows("test"), data.rows("test"))
    rows = torch.cat([cut.rows("train"), cut.rows("validation")]).sort().values
    assert torch.equal(rows, data.rows("train"))
    assert torch.equal(cut.split, with_validation(data, amount).split)


def test_validation_follows_its_seed(data: Cached) -> None:
    assert not torch.equal(with_validation(data, 16, seed=0).split, with_validation(data, 16, seed=1).split)
    assert with_validation(data, 16).rows("validation").tolist() == [
        17,
        21,
        78,
        83,
        113,
        117,
        125,
        128,
        131,
        132,
        138,
        143,
        150,
        156,
        171,
        186,
    ]


def test_own_validation_images_stay(data: Cached) -> None:
    own = with_validation(data, 10, seed=5)
    again = with_validation(own, 20)
    assert torch.equal(again.split, own.split)
    assert again.remarks == ("the data set's own validation images are used",)


@given(amount=st.one_of(st.integers(1, 140), st.floats(0.01, 0.85)), seed=st.integers(0, 5))
def test_as_many_whole_classes_are_cut_as_come_nearest(amount: float, seed: int) -> None:
    data = by_people(list(range(10)) * 16)
    cut = with_validation(data, {"amount": amount, "by": "person"}, seed)
    people = [set(data.arrays["person"][cut.rows(split)].tolist()) for split in ("train", "validation")]
    assert not people[0] & people[1]
    assert people[0] | people[1] == set(range(10))
    wanted = amount if isinstance(amount, int) else round(amount * 160)
    [remark] = cut.remarks
    count = cut.counts["validation"]
    assert remark == f"validation has {count} of 160 training images: {len(people[1])} of 10 classes of person"
    assert abs(cut.counts["validation"] - wanted) == min(abs(16 * classes - wanted) for classes in range(1, 10))
    assert torch.equal(cut.split, with_validation(data, {"amount": amount, "by": "person"}, seed).split)


def test_images_without_labels_of_a_class_that_is_cut_train_no_more() -> None:
    data = by_people(list(range(10)) * 16)
    asked = {"unlabelled": 0.5, "validation": {"amount": 0.3, "by": "person"}}
    cut = split_as(data, asked)
    left = {int(person) for split in ("train", "unlabelled") for person in data.arrays["person"][cut.rows(split)]}
    assert not left & set(data.arrays["person"][cut.rows("validation")].tolist())
    assert cut.counts["unlabelled"]


def test_a_cut_by_classes_leaves_one_to_train_on(data: Cached) -> None:
    assert with_validation(by_people([0, 1] * 4), {"amount": 7, "by": "person"}).counts["train"] == 4
    with pytest.raises(UserError, match="all training images are of one class of person; both parts need"):
        with_validation(by_people([0] * 8), {"amount": 2, "by": "person"})
    with pytest.raises(UserError, match="9 of the 8 images would be 9"):
        with_validation(by_people([0, 1] * 4), {"amount": 9, "by": "person"})
    with pytest.raises(UserError, match="no field of classes is called 'angle'"):
        split_as(data, {"validation": {"amount": 0.1, "by": "angle"}})


def test_what_judges_on_validation_images_can_read_no_test_image(data: Cached) -> None:
    cut = with_validation(data, 16)
    seen = judging_on_validation(cut)
    assert seen.counts == {"train": 144, "validation": 0, "test": 16}, "each image once"
    assert seen.rows("test").tolist() == seen.rows("validation").tolist() == cut.rows("validation").tolist()
    assert torch.equal(seen.rows("train"), cut.rows("train"))
    assert cut.counts["test"] == 40, "the data themselves are as they were"
    with pytest.raises(UserError, match="there are no validation images to judge on") as refused:
        judging_on_validation(data)
    assert "set them aside before training: `semreg run … --set data.split.validation=0.1`" in refused.value.text()


def test_training_images_drawn_from_all(data: Cached) -> None:
    drawn = split_as(data, {"train": 150, "validation": 0.1})
    assert drawn.counts == {"train": 135, "validation": 15, "test": 50}
    assert set(drawn.rows("train").tolist()) & set(data.rows("test").tolist()), "drawn from test images, too"
    assert torch.equal(drawn.split, split_as(data, {"train": 150, "validation": 0.1}).split)
    assert not torch.equal(drawn.split, split_as(data, {"train": 150, "validation": 0.1, "seed": 1}).split)
    assert split_as(data, {"train": 0.5}).counts == {"train": 100, "validation": 0, "test": 100}
    assert split_as(data, {}).fingerprint == data.fingerprint
    assert data.counts == {"train": 160, "validation": 0, "test": 40}, "the original is as it was"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"train": 200}, "data.split.train"),
        ({"train": 0}, "data.split.train"),
        ({"train": 1.0}, "neither a count nor a fraction"),
        ({"train": True}, "neither a count nor a fraction"),
        ({"validation": 160}, "data.split.validation"),
        ({"validation": 0.001}, "both parts need at least one"),
        ({"validation": -3}, "data.split.validation"),
        ({"vaildation": 0.1}, "did you mean 'validation'"),
        ({"train": 100, "seed": 0.5}, "data.split.seed"),
    ],
)
def test_impossible_splits(data: Cached, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        split_as(data, options)


def test_shots_leave_all_but_a_few_training_images_of_a_class_in_no_split(data: Cached) -> None:
    few = split_as(data, {"shots": {"digit": {"0": 3, "2": 16}}, "validation": 10})
    digits = data.arrays["digit"]
    kept = torch.cat([few.rows("train"), few.rows("validation")])
    assert digits[kept].bincount().tolist() == [
        3,
        20,
        16,
        20,
        0,
        20,
        20,
        20,
        20,
    ]  # all of digits 4 and 9 are for testing
    assert set(kept.tolist()) < set(data.rows("train").tolist())
    assert few.counts == {"train": 160 - 17 - 4 - 10, "validation": 10, "test": 40}
    assert torch.equal(few.rows("test"), data.rows("test"))
    assert few.fingerprint != data.fingerprint


def test_shots_follow_the_splits_seed_and_not_the_other_classes(data: Cached) -> None:
    def kept(options: dict[str, Any]) -> list[int]:
        rows = split_as(data, options).rows("train")
        return rows[data.arrays["digit"][rows] == 0].tolist()  # type: ignore[no-any-return]

    assert kept({"shots": {"digit": {"0": 3}}}) == kept({"shots": {"digit": {"2": 4, "0": 3}}})
    assert kept({"shots": {"digit": {"0": 3}}}) != kept({"shots": {"digit": {"0": 3}}, "seed": 1})


def test_shots_reach_a_sets_own_validation_images(data: Cached) -> None:
    few = with_shots(with_validation(data, 80), {"digit": {"0": 1}})
    for split, count in (("train", 1), ("validation", 0)):
        assert (data.arrays["digit"][few.rows(split)] == 0).sum() == count


@pytest.mark.parametrize(
    ("shots", "where", "message"),
    [
        ({"digti": {"0": 5}}, "digti", "did you mean 'digit'"),
        ({"angle": {"0": 5}}, "angle", "no field of classes"),
        ({"digit": {"ten": 5}}, "digit.ten", "no class 'ten'"),
        ({"digit": {"0": 21}}, "digit.0", "21 of the 20 training images of class '0'"),
        ({"digit": {"0": 0}}, "digit.0", "0 of the 20 training"),
        ({"digit": {"0": 0.5}}, "digit.0", "0.5 of the 20 training"),
    ],
)
def test_impossible_shots(data: Cached, shots: Any, where: str, message: str) -> None:
    with pytest.raises(UserError, match=rf"data\.split\.shots\.{where} .*{message}"):
        split_as(data, {"shots": shots})


@pytest.mark.parametrize(("amount", "kept"), [(0.1, 16), (0.5, 80), (1, 160), (1.0, 160), (1e-9, 1)])
def test_a_share_of_the_training_images_stays_and_the_test_images_all(data: Cached, amount: float, kept: int) -> None:
    part = split_as(data, {"share": amount})
    assert part.counts == {"train": kept, "validation": 0, "test": 40}
    assert torch.equal(part.rows("test"), data.rows("test"))
    assert set(part.rows("train").tolist()) <= set(data.rows("train").tolist())
    more = split_as(data, {"share": min(1.0, 2 * amount)})
    assert set(part.rows("train").tolist()) <= set(more.rows("train").tolist()), "a larger share holds a smaller"


def test_a_share_is_of_what_shots_and_labels_taken_away_leave(data: Cached) -> None:
    part = split_as(data, {"unlabelled": 0.5, "shots": {"digit": {"0": 2}}, "share": 0.25, "validation": 4})
    whole = split_as(data, {"unlabelled": 0.5, "shots": {"digit": {"0": 2}}})
    assert part.counts["unlabelled"] == 20
    assert part.counts["train"] == round(0.25 * whole.counts["train"]) - 4
    assert part.counts["validation"] == 4
    for split in ("train", "unlabelled"):
        assert set(part.rows(split).tolist()) <= set(whole.rows(split).tolist())
    assert not torch.equal(part.split, split_as(data, {"share": 0.25, "seed": 1}).split)


@pytest.mark.parametrize("amount", [0, -0.1, 1.1, float("nan"), True])
def test_impossible_shares(data: Cached, amount: float) -> None:
    with pytest.raises(UserError, match=r"data\.split\.share .*is not a share; expected above 0"):
        split_as(data, {"share": amount})


def test_unlabelled_images_are_drawn_from_the_training_images(data: Cached) -> None:
    drawn = split_as(data, {"unlabelled": 0.25})
    assert drawn.counts == {"train": 120, "validation": 0, "test": 40, "unlabelled": 40}
    both = torch.cat([drawn.rows("train"), drawn.rows("unlabelled")]).sort().values
    assert torch.equal(both, data.rows("train"))
    assert torch.equal(drawn.split, split_as(data, {"unlabelled": 40}).split)
    assert not torch.equal(drawn.split, split_as(data, {"unlabelled": 40, "seed": 1}).split)
    assert drawn.fields == data.fields


@pytest.mark.parametrize("which", [["1", "3"], 2], ids=["names", "the last two"])
def test_unlabelled_classes_are_known_no_longer(data: Cached, which: Any) -> None:
    names = data.fields["digit"].names  # type: ignore[union-attr]
    gone = [names.index(name) for name in (which if isinstance(which, list) else names[-2:])]
    left = [name for index, name in enumerate(names) if index not in gone]
    known = split_as(data, {"unlabelled": {"digit": which}})
    assert known.fields["digit"].names == tuple(left)  # type: ignore[union-attr]
    before = data.arrays["digit"]
    for split in ("train", "test"):
        kept = [row for row in data.rows(split).tolist() if int(before[row]) not in gone]
        assert known.rows(split).tolist() == kept
        assert [left[value] for value in known.arrays["digit"][kept]] == [names[value] for value in before[kept]]
    taken = [row for row in data.rows("train").tolist() if int(before[row]) in gone]
    assert known.rows("unlabelled").tolist() == taken
    assert (known.arrays["digit"][taken] == -1).all()
    assert known.fingerprint != data.fingerprint


@pytest.mark.parametrize(
    ("unlabelled", "where", "message"),
    [
        ({"digits": ["0"]}, "data.split.unlabelled.digits", "no field of classes is called 'digits'; did you mean"),
        ({"digit": ["zero"]}, "data.split.unlabelled.digit", "there is no class 'zero'"),
        ({"digit": 10}, "data.split.unlabelled.digit", "of the 10 classes at least one must keep its label"),
        (1.0, "data.split.unlabelled", "neither a count nor a fraction below 1"),
        (160, "data.split.unlabelled", "both parts need at least one"),
    ],
    ids=["field", "class", "all classes", "fraction", "all images"],
)
def test_impossible_unlabelled_images(data: Cached, unlabelled: Any, where: str, message: str) -> None:
    with pytest.raises(UserError) as refused:
        split_as(data, {"unlabelled": unlabelled})
    [problem] = refused.value.problems
    assert problem.where == where
    assert message in problem.message
