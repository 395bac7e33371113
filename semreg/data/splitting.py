"""Splits a data set by `data.split` into images that train, validate, test, and train without labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import torch
from torch import Tensor

from semreg.core import EXCLUDED, TEST, TRAIN, VALIDATION, ClassField, Problem, UserError, closest
from semreg.core.source import UNLABELLED
from semreg.data.dataset import Cached
from semreg.data.seeds import WHAT_FITS, is_seed
from semreg.data.splits import by_problems, labelled_fields, random_order, share, shots_problems


def split_as(data: Cached, options: Mapping[str, Any]) -> Cached:
    """Split the data set by a recipe's `data.split`.

    These options apply in this order:

    `train = N` (a count, or a fraction) draws that many of *all* images to train on, and tests on the rest.
    `unlabelled` removes the labels of some training rows (`with_unlabelled`).
    `shots` leaves out all except a few training rows of some classes (`with_shots`).
    `share` leaves out all except that share of the training rows (`with_share`).
    `validation = N`, or `{ amount = N, by = "identity" }`, takes validation rows from the remaining training rows
    (`with_validation`).

    The draws depend only on `seed` (default 0), not on the run's seed. Thus a judge trained with another seed has never
    seen this run's test images, nor any image of a class with few shots except these.

    Raises UserError for unknown keys and impossible amounts.
    """
    known = ("train", "unlabelled", "shots", "share", "validation", "seed")
    problems = [Problem(f"data.split.{key}", f"no such option{closest(key, known)}") for key in options.keys() - known]
    seed = options.get("seed", 0)
    if not is_seed(seed):
        problems.append(Problem("data.split.seed", f"{seed!r}: {WHAT_FITS}"))
    if problems:
        raise UserError("", problems)
    result = data
    if "train" in options:
        train, test = _drawn("train", options["train"], torch.nonzero(data.split != EXCLUDED).squeeze(1), int(seed))
        split = data.split.clone()
        split[train], split[test] = TRAIN, TEST
        result = replace(data, split=split)
    if "unlabelled" in options:
        result = with_unlabelled(result, options["unlabelled"], int(seed))
    if "shots" in options:
        result = with_shots(result, options["shots"], int(seed))
    if "share" in options:
        result = with_share(result, options["share"], int(seed))
    if "validation" in options:
        result = with_validation(result, options["validation"], int(seed))
    return result


def with_validation(data: Cached, amount: int | float | Mapping[str, Any], seed: int = 0) -> Cached:
    """Return the data set with `amount` training rows, a count or a fraction drawn from `seed`, as validation rows.

    `{"amount": 0.1, "by": "identity"}` draws whole classes of a field, with a total as near to the amount as possible.
    No identity is then in both parts; rows without labels lose the drawn classes, too. A warning counts the images and
    classes. Test rows never change. A set with its own validation rows keeps them.

    Raises UserError if that leaves no training or no validation row, and if `by` does not name a field of classes.
    """
    if data.counts["validation"]:
        return replace(data, remarks=(*data.remarks, "the data set's own validation images are used"))
    split, train = data.split.clone(), data.rows("train")
    if not isinstance(amount, Mapping):
        split[_drawn("validation", amount, train, seed)[0]] = VALIDATION
        return replace(data, split=split)
    problems = by_problems(data.fields, amount)
    if problems:
        raise UserError("", problems)
    classes = data.arrays[amount["by"]]
    chosen, there = _drawn_classes(amount, classes[train], seed), int((torch.bincount(classes[train]) > 0).sum())
    drawn = torch.isin(classes, chosen)
    split[drawn & (data.split == UNLABELLED)] = EXCLUDED
    split[drawn & (data.split == TRAIN)] = VALIDATION
    images = f"{int((split == VALIDATION).sum()):,} of {len(train):,} training images"
    remark = f"validation has {images}: {len(chosen):,} of {there:,} classes of {amount['by']}"
    return replace(data, split=split, remarks=(*data.remarks, remark))


def judging_on_validation(data: Cached) -> Cached:
    """Return the data set for evaluations on the validation images, which get both names, "validation" and "test".

    The test images belong to no split, so that no evaluation can read them. `counts` lists the validation images only
    as "test", since a reader of all splits must not read them twice. Raises UserError if there are none.
    """
    if not data.counts["validation"]:
        message = (
            "there are no validation images to judge on; set them aside before training: `semreg run … --set "
            "data.split.validation=0.1` takes a tenth of the training images"
        )
        raise UserError("", [Problem("data.split.validation", message)])
    split = data.split.clone()
    split[data.split == TEST], split[data.split == VALIDATION] = EXCLUDED, TEST
    return replace(data, split=split, judge_on_validation=True)


def with_shots(data: Cached, shots: Mapping[str, Mapping[str, int]], seed: int = 0) -> Cached:
    """Return the data set with only so many training rows of some classes: `{"digit": {"0": 5}}` keeps 5 of class "0".

    The others of these classes belong to no split, validation rows included; test rows never change. The remaining rows
    are drawn from `seed`, separately for each class.

    Raises UserError for fields and classes that do not exist, and for more shots than a class has training rows.
    """
    split, train = data.split.clone(), data.rows("train")
    reserve, problems = data.rows("validation"), shots_problems(data.fields, shots)
    for name, amounts in shots.items():
        field = data.fields.get(name)
        for label, amount in amounts.items():
            if not isinstance(field, ClassField) or label not in field.names:
                continue
            where, value = f"data.split.shots.{name}.{label}", field.names.index(label)
            rows, others = (part[data.arrays[name][part] == value] for part in (train, reserve))
            if isinstance(amount, bool) or not isinstance(amount, int) or not 0 < amount <= len(rows):
                problems.append(Problem(where, f"{amount!r} of the {len(rows)} training images of class {label!r}"))
                continue
            kept = rows[torch.from_numpy(random_order(len(rows), seed))[:amount]]
            split[rows], split[others] = EXCLUDED, EXCLUDED
            split[kept] = TRAIN
    if problems:
        raise UserError("", problems)
    return replace(data, split=split)


def with_unlabelled(data: Cached, unlabelled: int | float | Mapping[str, Sequence[str] | int], seed: int = 0) -> Cached:
    """Return the data set with some training rows in the split "unlabelled".

    A count or a fraction draws them from `seed`, of all training rows. `{"digit": ["8", "9"]}` takes all rows of these
    classes; a number takes that many last classes. The field then lacks these classes, and their test and validation
    rows belong to no split.

    Raises UserError for fields and classes that do not exist, or if that leaves no training row.
    """
    split = data.split.clone()
    if not isinstance(unlabelled, Mapping):
        split[_drawn("unlabelled", unlabelled, data.rows("train"), seed)[0]] = UNLABELLED
        return replace(data, split=split)
    fields, arrays = labelled_fields(data.fields, unlabelled), dict(data.arrays)
    for name in unlabelled:
        before, after = (list(cast(ClassField, part[name]).names) for part in (data.fields, fields))
        places = torch.tensor([after.index(label) if label in after else -1 for label in before])
        arrays[name] = places[data.arrays[name]]
        unknown = arrays[name] < 0
        split[unknown & (split == TRAIN)] = UNLABELLED
        split[unknown & (split != UNLABELLED)] = EXCLUDED
    if not (split == TRAIN).any():
        raise UserError("", [Problem("data.split.unlabelled", "no training image is left with a label")])
    return replace(data, fields=fields, arrays=arrays, split=split)


def with_share(data: Cached, amount: float, seed: int = 0) -> Cached:
    """Return the data set with only a share of the training rows, and of those without labels, each at least one.

    The others belong to no split; validation and test rows never change. The remaining rows are drawn from `seed`.
    Raises UserError for a share that is not above 0 and at most 1.
    """
    if isinstance(amount, bool) or not 0 < amount <= 1:
        raise UserError("", [Problem("data.split.share", f"{amount!r} is not a share; expected above 0 and at most 1")])
    split = data.split.clone()
    for rows in (data.rows("train"), data.rows("unlabelled")):
        order = rows[torch.from_numpy(random_order(len(rows), seed))]
        split[order[max(1, share(float(amount), len(rows))) :]] = EXCLUDED
    return replace(data, split=split)


def _drawn_classes(asked: Mapping[str, Any], classes: Tensor, seed: int) -> Tensor:
    """Draw classes from the seed, not all of them, with a total of rows as near as possible to the requested amount."""
    wanted = len(_drawn("validation.amount", asked["amount"], classes, seed)[0])
    counts = torch.bincount(classes)
    there = counts.nonzero().flatten()
    order = there[torch.from_numpy(random_order(len(there), seed))]
    sums = counts[order].cumsum(0)[:-1]
    if not len(sums):
        message = f"all training images are of one class of {asked['by']}; both parts need at least one"
        raise UserError("", [Problem("data.split.validation.by", message)])
    return order[: int((sums - wanted).abs().argmin()) + 1]


def _drawn(key: str, amount: int | float, rows: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    """Return `amount` of the rows, drawn at random from the seed, and the others."""
    if isinstance(amount, bool) or amount <= 0 or (isinstance(amount, float) and amount >= 1):
        raise UserError("", [Problem(f"data.split.{key}", f"{amount!r} is neither a count nor a fraction below 1")])
    count = share(amount, len(rows))
    if not 0 < count < len(rows):
        message = f"{amount} of the {len(rows)} images would be {count}; both parts need at least one"
        raise UserError("", [Problem(f"data.split.{key}", message)])
    order = rows[torch.from_numpy(random_order(len(rows), seed))]
    return order[:count], order[count:]
