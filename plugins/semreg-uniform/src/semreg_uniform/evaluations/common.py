"""Tools that evaluations of a model with several attributes share: its codes by attribute, recombined and judged."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from semreg.core import ClassField, Handle, TrainedRun, closest
from semreg.trained import Gathered, class_field, probabilities, selected


@dataclass(frozen=True)
class Attributes:
    """The codes of a model: of each attribute, by the name of its label, and the rest, z_0, if there is one."""

    codes: Mapping[str, Handle]
    labels: Mapping[str, Handle]
    rest: Sequence[Handle]

    @property
    def names(self) -> list[str]:
        """The attributes, in the order of the recipe."""
        return list(self.labels)

    def field(self, name: str) -> ClassField:
        """Return the classes of an attribute. Raises ValueError, with the closest names, if there is no such
        attribute."""
        if name not in self.labels:
            raise ValueError(f"there is no attribute {name!r}{closest(name, self.labels)}")
        return class_field(self.labels[name])

    def read(self, split: str, rows: Tensor) -> dict[str, Tensor]:
        """Return all codes of some rows of a split, by the names of their tensors."""
        return {handle.name: selected(handle.batches(split), rows) for handle in (*self.rest, *self.codes.values())}

    def batches(self, split: str) -> Iterator[dict[str, Tensor]]:
        """Yield all codes of a split in batches, by the names of their tensors."""
        handles = (*self.rest, *self.codes.values())
        for codes in zip(*(handle.batches(split) for handle in handles), strict=True):
            yield {handle.name: code for handle, code in zip(handles, codes, strict=True)}

    def compute(self, **given: Tensor) -> dict[str, Tensor]:
        """Return all codes of the given values, such as images, by the names of their tensors."""
        return {handle.name: handle.given(**given) for handle in (*self.rest, *self.codes.values())}

    def read_labels(self, split: str) -> dict[str, Tensor]:
        """Return the classes of a split's images, int64 `(rows,)`, by attribute."""
        return {name: label.read(split) for name, label in self.labels.items()}


def attributes_of(call: str, handles: Sequence[Handle]) -> Attributes:
    """Return the attributes from `z_0, *z_{m}, *{m}`: codes first, then as many labels as attributes; z_0 may be
    missing.

    Raises ValueError if there is no attribute, or a label is not a field of classes; `call` names the caller.
    """
    count = len(handles) // 2
    if not count:
        raise ValueError(
            f"{call} takes the codes, z_0 first, and then the label of each attribute; found {len(handles)}"
        )
    rest, codes, labels = handles[: -2 * count], handles[-2 * count : -count], handles[-count:]
    for label in labels:
        class_field(label)
    by_name = {label.name: code for label, code in zip(labels, codes, strict=True)}
    return Attributes(by_name, {label.name: label for label in labels}, rest)


def check_names(call: str, handles: Sequence[Handle], names: Iterable[str], *, classes: int = 1) -> None:
    """Raise ValueError for attributes that do not exist, or have fewer than `classes` classes with test images."""
    attributes = attributes_of(call, handles)
    for name in names:
        attributes.field(name)
        found = len(attributes.labels[name].read("test").unique())
        if found < classes:
            raise ValueError(f"the test images are of {found} classes of {name}; {classes} are needed")


def seen_in(
    judge: TrainedRun, images: Tensor, attributes: Attributes, among: Mapping[str, Tensor] | None = None
) -> dict[str, Tensor]:
    """Return the verdicts of independent classifiers on images, int64 `(rows,)` for each attribute NAME.

    The judge has a tensor `probability_NAME` `(batch, classes)` for each, read from `image`. `among` has the possible
    classes for each, int64, by default all.
    """
    seen = {}
    for name in attributes.names:
        found = probabilities(judge, images, attributes.field(name), tensor=f"probability_{name}")
        seen[name] = found.argmax(1) if among is None else among[name][found[:, among[name]].argmax(1)]
    return seen


def seen_in_all(
    judge: TrainedRun,
    batches: Iterable[Tensor],
    attributes: Attributes,
    among: Mapping[str, Tensor] | None = None,
) -> dict[str, Tensor]:
    """Return the results of `seen_in` for batches of images."""
    seen = {name: Gathered() for name in attributes.names}
    for images in batches:
        for name, verdicts in seen_in(judge, images, attributes, among).items():
            seen[name].add(verdicts)
    return {name: verdicts.value for name, verdicts in seen.items()}


def agreement(seen: Mapping[str, Tensor], labels: Mapping[str, Tensor]) -> dict[str, float]:
    """Return, for each attribute, the share of images whose class is seen as labelled."""
    return {name: float((seen[name] == labels[name]).float().mean()) for name in labels}


def kept(shares: Sequence[Mapping[str, float]], suffix: str = "") -> dict[str, float]:
    """Return the figures `kept_NAME` of attributes that should not change: means of several agreements."""
    names = shares[0] if shares else ()
    return {f"kept{suffix}_{name}": sum(share[name] for share in shares) / len(shares) for name in names}


def draw_rows(candidates: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Draw `count` of the rows `candidates`, int64, at random; without repetition unless there are fewer."""
    if count <= len(candidates):
        return candidates[torch.randperm(len(candidates), generator=generator)[:count]]
    return candidates[torch.randint(len(candidates), (count,), generator=generator)]
