"""Transfer of attributes from one image to another (Figure 8), judged by independent classifiers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import torch
from annotated_types import Gt, MinLen
from torch import Tensor

from semreg.core import Cell, Handle, Reads, Result, Role, Table, TrainedRun
from semreg.pictures import image_grid
from semreg.trained import before_training, better, synthesised
from semreg_uniform.evaluations.common import (
    Attributes,
    agreement,
    attributes_of,
    check_names,
    draw_rows,
    seen_in,
    seen_in_all,
)


@better(higher=["target_*", "kept_*"], units={"*": "share"})
def attribute_transfer(
    image: Annotated[Handle, Role.INPUT],
    reconstruction: Annotated[Handle, Role.OUTPUT],
    *codes_and_labels: Annotated[Handle, Role.REST, Role.CODE, Role.LABEL],
    judge: Annotated[TrainedRun, Reads("probability_{label}")],
    transfers: Sequence[Annotated[list[str], MinLen(1)]] | None = None,
    among: Literal["all", "test"] = "all",
    pairs: Annotated[int, Gt(0)] = 500,
    pictures: Annotated[int, Gt(0)] = 8,
    generator: torch.Generator | None = None,
) -> Result:
    """Replace one or several attributes' codes of an input image by those of a target image (Figure 8).

    `attribute_transfer(image, x_f, z_0, *z_{m}, *{m})`: random pairs of test images whose classes differ in all
    transferred attributes. Independent classifiers decide whether the result shows the target's classes for these, and
    the input's for the others. With test images of people who are not in the training images, this is a transfer to
    unseen identities; only a judge that was trained on other images of these people (`judge_data`) can recognise the
    identity.

    Figures, for each transfer of NAME or NAME_and_NAME: `target_…`, the mean share of transferred attributes that are
    seen as the target's; `kept_…`, that of all other attributes seen as the input's. Upper limits in practice, for each
    attribute: `judge_on_images_NAME` and `judge_on_reconstructions_NAME`.

    Args:
        image: the data's images.
        reconstruction: images computed from only the codes, `(batch, channels, height, width)`.
        codes_and_labels: z_0, if there is one, the code of each attribute `(batch, ...)`, and as many labels.
        judge: a run with a tensor `probability_NAME` `(batch, classes)` read from `image` for each attribute.
        transfers: lists of attributes that are transferred together; by default each by itself.
        among: whether the judge chooses among all classes, or only among those of test images: some of many people look
            alike in any picture.
        pairs: how many for each transfer.
        pictures: how many of them are shown, the first ones.
        generator: source of the pairs.
    """
    attributes = attributes_of("attribute_transfer(image, x_f, z_0, *codes, *labels)", codes_and_labels)
    chosen = [[name] for name in attributes.names] if transfers is None else [list(names) for names in transfers]
    for name in (name for names in chosen for name in names):
        attributes.field(name)
    generator = generator or torch.Generator().manual_seed(0)
    labels = attributes.read_labels("test")
    possible = (
        {name: label.bincount().nonzero().flatten() for name, label in labels.items()} if among == "test" else None
    )
    figures: dict[str, float] = {}
    rows: list[tuple[Cell, ...]] = []
    grids = []
    for names in chosen:
        inputs, targets = _pairs(labels, names, pairs, generator)
        codes, given = (attributes.read("test", rows) for rows in (inputs, targets))
        made = synthesised(reconstruction, transferred(attributes, codes, given, names))
        wanted = {name: label[targets if name in names else inputs] for name, label in labels.items()}
        shares = agreement(seen_in(judge, made, attributes, possible), wanted)
        called, others = "_and_".join(names), [name for name in attributes.names if name not in names]
        figures[f"target_{called}"] = _mean([shares[name] for name in names])
        if others:
            figures[f"kept_{called}"] = _mean([shares[name] for name in others])
        rows.append((" + ".join(names), len(inputs), *shares.values()))
        shown = [*(image.at("test", rows[:pictures]) for rows in (inputs, targets)), made[:pictures]]
        grids.append(
            image_grid(
                f"Transfer of {' and '.join(names)}",
                shown,
                row_labels=["input", "target", "transferred"],
                value_range=reconstruction.run.value_range,
                caption="The first random pairs of test images, unselected.",
            )
        )
    copies = (synthesised(reconstruction, codes) for codes in attributes.batches("test"))
    for said, images in (("images", image.batches("test")), ("reconstructions", copies)):
        seen = seen_in_all(judge, images, attributes, possible)
        found = agreement(seen, labels)
        figures |= {f"judge_on_{said}_{name}": share for name, share in found.items()}
        rows.append((f"nothing: {said}", len(next(iter(seen.values()))), *found.values()))
    table = Table(
        "Seen as intended, by independent classifiers",
        ("transferred", "images", *attributes.names),
        rows,
        caption="For transferred attributes: the share seen as the target's class; for the others, as the input's. The "
        "last two rows show the test images and their reconstructions, an upper bound."
        + (" The judge chooses among the classes of test images." if among == "test" else ""),
    )
    summary = ", ".join(
        f"{name.replace('_', ' ')} {share:.1%}" for name, share in figures.items() if not name.startswith("judge")
    )
    return Result(figures, {}, [table], grids, f"transfer between test images, seen as intended: {summary}")


def transferred(
    attributes: Attributes, codes: Mapping[str, Tensor], targets: Mapping[str, Tensor], names: Sequence[str]
) -> dict[str, Tensor]:
    """Return the codes of images, with those of the attributes `names` from as many targets, all by the names of
    tensors."""
    given = [attributes.codes[name].name for name in names]
    return {**codes, **{code: targets[code] for code in given}}


def _pairs(
    labels: dict[str, Tensor], names: Sequence[str], count: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Draw random inputs, and for each a random target that differs from it in the classes of all `names`."""
    rows = len(next(iter(labels.values())))
    inputs = draw_rows(torch.arange(rows), count, generator)
    differs = torch.stack([labels[name][inputs, None] != labels[name] for name in names]).all(0)
    possible = differs.any(1)
    if not possible.any():
        raise ValueError(f"no two test images differ in {' and '.join(names)}; nothing can be transferred")
    targets = torch.multinomial(differs[possible].float(), 1, generator=generator).squeeze(1)
    return inputs[possible], targets


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


@before_training(attribute_transfer)
def _before_training(
    image: Handle, reconstruction: Handle, *codes_and_labels: Handle, transfers: Sequence[list[str]] | None, **_: Any
) -> None:
    """Raise ValueError for attributes that do not exist."""
    names = [name for names in transfers or () for name in names]
    check_names("attribute_transfer(image, x_f, z_0, *codes, *labels)", codes_and_labels, names)
