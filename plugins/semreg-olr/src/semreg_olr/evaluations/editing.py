"""Section 4.5: labels added to and removed from images, judged by an independent classifier."""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple

import torch
from annotated_types import Gt
from torch import Tensor
from torch.nn.functional import pad

from semreg.core import Handle, ImageField, Picture, Reads, Result, Role, Table, TrainedRun
from semreg.pictures import image_grid
from semreg.trained import better, gathered, read_attributes, synthesised
from semreg_olr.evaluations.common import (
    Count,
    attributes_field,
    check_embedding,
    mean,
    moments,
    shown,
    unknown_note,
)
from semreg_olr.functional import edit_embedding
from semreg_olr.statistics import scores

SCALES = (0.5, 1.0, 1.5, 2.0)
IMAGES_SCALED = 4
CHUNK = 256
"""How many images are decoded and judged at once."""


class Edit(NamedTuple):
    """One label added to, or removed from, some test images."""

    label: int
    rows: Tensor
    """`(cases,)`, int64: which test images."""
    codes: Tensor
    """`(cases, labels, k)`, edited."""
    shows: Tensor
    """`(cases,)`: whether the judge sees the edit: the label after adding, its absence after removing."""
    showed: Tensor
    """`(cases,)`: whether it saw the same before the edit."""
    kept: Tensor
    """`(cases, others)`: whether its verdicts on the other labels, except rivals, are as before."""


@better(higher=["added*", "removed*", "kept*"], units={"*": "share"})
def attribute_editing(
    embedding: Annotated[Handle, Role.CODE],
    reconstruction: Annotated[Handle, Role.OUTPUT],
    attributes: Annotated[Handle, Role.ATTRIBUTES],
    target: Annotated[Handle, Role.TARGET],
    *,
    judge: Annotated[TrainedRun, Reads("probability")],
    scale: Annotated[float, Gt(0)] = 1.0,
    count: Count = 200,
    pictures: Count = 12,
    scaled: str = "Narrow_Eyes",
    generator: torch.Generator | None = None,
) -> Result:
    """Add every label to test images and remove it, judged by an independent classifier (4.5, Figures 7 and 8).

    Adding replaces a label's row by a draw from the normal distribution of its rows over the training images that have
    it (Eq. 4–5), times `scale`, and zeroes its rivals' rows, on test images that do not have the label; removing sets
    the row to zero, on test images that have it. The judge reads the reconstruction before and after the edit.

    Figures, over all cases: `added`, the share in which the judge sees the label after the edit; `added_unseen`, the
    same among the cases in which it did not see it before; `kept`, the share of verdicts on the other labels (except
    rivals) that are the same before and after; `removed`, the share in which it does not see the label after the edit,
    `removed_seen` among the cases in which it did before, and `kept_removing`. Upper limits in practice:
    `judge_on_images` and `judge_on_reconstructions`, the judge's label accuracy on test images and on their
    reconstructions, and `seen_where_present`, the mean share of present labels that it sees in reconstructions. The
    result also stores the moments of the labels' rows, for `semreg edit`.

    Args:
        embedding: `(batch, labels, k)`.
        reconstruction: images computed from `embedding`, `(batch, channels, height, width)`.
        attributes: `(batch, labels)`, a field of the data.
        target: the decoder's target images, to show.
        judge: a run on the same data, with a tensor `probability` `(batch, labels)` read from `image`.
        scale: factor on the rows that are added.
        count: most test images for adding, and for removing, each label.
        pictures: how many labels to show added, and removed.
        scaled: the label to show at several scales (Figure 8); if the data lack it, the one added with most success.
        generator: source of the draws.
    """
    bench = Bench(embedding, reconstruction, attributes, judge, generator or torch.Generator().manual_seed(0))
    added = [bench.add(label, scale, count) for label in bench.editable if bench.absent[:, label].any()]
    removed = [bench.remove(label, count) for label in bench.editable if bench.present[:, label].any()]
    if not added or not removed:
        raise ValueError("there is no label that some training image has, and some test images have and others lack")
    on_images = scores(judge.tensor("probability").read("test"), bench.labels)
    on_copies = scores(bench.before, bench.labels)
    seen = torch.where(bench.present, (bench.before > 0.5).float(), torch.nan).nanmean(0)
    figures = {
        **{"added": _share(added), "added_unseen": _share(added, due=True), "kept": _kept(added)},
        **{"removed": _share(removed), "removed_seen": _share(removed, due=True), "kept_removing": _kept(removed)},
        "judge_on_images": mean(on_images.accuracy),
        "judge_on_reconstructions": mean(on_copies.accuracy),
        "seen_where_present": mean(seen),
    }
    note = unknown_note(attributes, "these count nowhere, and nothing is added or removed where they are")
    table = _table(bench.names, added, removed, torch.stack([seen, on_images.accuracy, on_copies.accuracy], 1), note)
    wanted = [edit for edit in added if bench.names[edit.label] == scaled]
    levels, strip = bench.scales(wanted[0] if wanted else max(added, key=lambda edit: mean(edit.shows)), scale)
    grids = [bench.grid(target, "added", added, pictures), bench.grid(target, "removed", removed, pictures)]
    summary = (
        f"4.5 added label seen by an independent classifier in {figures['added']:.1%} "
        f"({figures['seen_where_present']:.1%} where truly present), other labels kept {figures['kept']:.1%}; "
        f"removed {figures['removed']:.1%}"
    )
    return Result(figures, {}, [table, levels], [*grids, strip], summary)


def _table(names: tuple[str, ...], added: list[Edit], removed: list[Edit], judge: Tensor, note: str) -> Table:
    """Return each label's shares, and their means; `judge` is `(labels, 3)`, `note` ends the caption."""
    adding, removing = ({edit.label: edit for edit in edits} for edits in (added, removed))
    numbers = [
        [*_row(adding.get(label)), *_row(removing.get(label)), *judge[label].tolist()] for label in range(len(names))
    ]
    to_add = ("cases to add", "added", "added where unseen before", "others kept")
    to_remove = ("cases to remove", "removed", "removed where seen before", "others kept removing")
    means = torch.tensor(numbers).nanmean(0).tolist()
    return Table(
        "Labels added and removed, as an independent classifier sees them",
        ("label", *to_add, *to_remove, "seen where present", "judge on images", "judge on reconstructions"),
        [("mean of the labels", *means), *((shown(name), *row) for name, row in zip(names, numbers, strict=True))],
        caption="A label is added to test images without it, and removed from images with it. Others kept: the judge's "
        "verdicts on the other labels, without rivals, that the edit does not change. Seen where present: unedited "
        "reconstructions of images with the label in which the judge sees it. The last two columns are the judge's "
        "accuracies." + note,
    )


class Bench:
    """Test images, their embeddings and a judge of their edits."""

    def __init__(
        self,
        embedding: Handle,
        reconstruction: Handle,
        attributes: Handle,
        judge: TrainedRun,
        generator: torch.Generator,
    ) -> None:
        field = attributes_field(attributes)
        self.names, self.rivals = field.names, field.rivals()
        self.embedding, self.reconstruction, self.judge, self.generator = embedding, reconstruction, judge, generator
        self.range = embedding.run.value_range
        codes = check_embedding(embedding.read("train"), self.names, embedding.name)
        self.statistics = moments(codes, read_attributes(attributes))
        self.editable = self.statistics.images.nonzero().flatten().tolist()
        self.codes, self.labels = embedding.read("test"), read_attributes(attributes, "test")
        self.present, self.absent = self.labels > 0.5, self.labels <= 0.5
        self.before = self.verdict(self.codes)
        if self.before.shape != self.present.shape:
            found, fit = tuple(self.before.shape), tuple(self.present.shape)
            raise ValueError(f"the judge's probability must be {fit} for the test images, found {found}")

    def images(self, codes: Tensor) -> Tensor:
        """Return the reconstructions of embeddings, in the recipe's range."""
        return synthesised(self.reconstruction, {self.embedding.name: codes})

    def verdict(self, codes: Tensor) -> Tensor:
        """Return the judge's probabilities `(rows, labels)` for the reconstructions of embeddings."""
        probability, field = self.judge.tensor("probability"), self.judge.tensor("image").field
        if not isinstance(field, ImageField):
            raise ValueError("the judge must read the data's images, by the name 'image'")
        parts = (_framed(self.images(part), field.height, field.width) for part in torch.split(codes, CHUNK))
        verdicts: Tensor = gathered((probability.given(image=part) for part in parts), len(codes))
        return verdicts

    def add(self, label: int, scale: float, count: int) -> Edit:
        rows = self.absent[:, label].nonzero().flatten()[:count]
        codes = edit_embedding(
            self.codes[rows],
            add={label: scale},
            statistics=self.statistics,
            rivals=self.rivals,
            generator=self.generator,
        )
        return self._edit(label, rows, codes, adding=True)

    def remove(self, label: int, count: int) -> Edit:
        rows = self.present[:, label].nonzero().flatten()[:count]
        return self._edit(label, rows, edit_embedding(self.codes[rows], remove={label: 0.0}), adding=False)

    def _edit(self, label: int, rows: Tensor, codes: Tensor, *, adding: bool) -> Edit:
        before, after = self.before[rows] > 0.5, self.verdict(codes) > 0.5
        others = [other for other in range(len(self.names)) if other not in (label, *self.rivals[label])]
        shows, showed = (seen[:, label] == adding for seen in (after, before))
        return Edit(label, rows, codes, shows, showed, (after == before)[:, others])

    def grid(self, target: Handle, verb: Literal["added", "removed"], edits: list[Edit], columns: int) -> Picture:
        """Draw Figure 7: labels spread evenly over all of them, each on its own test image."""
        sign = {"added": "+", "removed": "−"}[verb]
        spread = torch.linspace(0, len(edits) - 1, min(columns, len(edits))).round().long().tolist()
        chosen = [edits[index] for index in spread]
        cases = [column % len(edit.rows) for column, edit in enumerate(chosen)]
        places = [int(edit.rows[case]) for edit, case in zip(chosen, cases, strict=True)]
        edited = self.images(torch.stack([edit.codes[case] for edit, case in zip(chosen, cases, strict=True)]))
        plain = self.images(self.codes[places])
        originals = target.at("test", torch.tensor(places))
        return image_grid(
            f"Labels {verb}",
            [originals, plain, edited],
            row_labels=["image", "reconstruction", "edited"],
            column_labels=[f"{sign} {shown(self.names[edit.label])}" for edit in chosen],
            value_range=self.range,
            caption="Test images in order, unselected. "
            + {"added": "The label's row is a draw from its distribution.", "removed": "The label's row is zero."}[verb]
            + (f" {len(chosen)} of {len(edits)} labels, evenly spread." if len(chosen) < len(edits) else ""),
        )

    def scales(self, edit: Edit, scale: float) -> tuple[Table, Picture]:
        """Draw Figure 8: the added rows, drawn with the given scale, at several scales."""
        name, steps, columns = shown(self.names[edit.label]), [], [self.images(self.codes[edit.rows[:IMAGES_SCALED]])]
        for step in SCALES:
            codes = edit.codes.clone()
            codes[:, edit.label] *= step / scale
            columns.append(self.images(codes[:IMAGES_SCALED]))
            probability = self.verdict(codes)[:, edit.label]
            steps.append((step, mean((probability > 0.5).float()), mean(probability)))
        table = Table(
            f"{name} added at several scales",
            ("scale", "seen by the judge", "mean probability"),
            steps,
            caption="The same draws, multiplied by the scale.",
        )
        strip = image_grid(
            f"{name} at several scales",
            list(torch.stack(columns, 1)),
            column_labels=["reconstruction", *(f"× {step:g}" for step in SCALES)],
            value_range=self.range,
            caption=f"The same drawn row of {name}, multiplied by the scale above, added to test images without it.",
        )
        return table, strip


def _framed(images: Tensor, height: int, width: int) -> Tensor:
    """Crop images, or continue them by the pixels of their edges, to the given size.

    A decoder may reconstruct a crop (section 4.4: 176 of 178 pixels), but the judge reads whole images.
    """
    vertical, horizontal = height - images.shape[-2], width - images.shape[-1]
    margins = (horizontal // 2, horizontal - horizontal // 2, vertical // 2, vertical - vertical // 2)
    return pad(images, margins, mode="replicate") if any(margins) else images


def _share(edits: list[Edit], *, due: bool = False) -> float:
    """Return the share of cases in which the edit shows; with `due`, of those in which it did not show before."""
    return mean(torch.cat([edit.shows[~edit.showed] if due else edit.shows for edit in edits]))


def _kept(edits: list[Edit]) -> float:
    return mean(torch.cat([edit.kept.flatten() for edit in edits]))


def _row(edit: Edit | None) -> list[float]:
    """Return the cases, the share that shows, the share of those that did not show before, and the share of others
    kept."""
    return [len(edit.rows), _share([edit]), _share([edit], due=True), _kept([edit])] if edit else [0] + 3 * [torch.nan]
