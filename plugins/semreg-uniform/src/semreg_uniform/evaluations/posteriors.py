"""Classifiers' posteriors given their own and each other's codes (Figures 5 and 6)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn

from semreg.core import Result, Table
from semreg.pictures import bar_plot, heat_map
from semreg.trained import Gathered, better
from semreg_uniform.classifiers import class_logits
from semreg_uniform.evaluations.common import attributes_of

MOST_CLASSES = 12
"""The most classes in a picture of the mean posterior given each class."""


class Found(NamedTuple):
    """A row of the table: posteriors of one attribute's classifier given one code, means over images."""

    code: str
    classifier: str
    entropy: float
    greatest: float
    """log(classes)."""
    share: float
    recognised: float


@better(
    higher=["least_of_others"],
    lower=["greatest_of_own"],
    units={"entropy_*": "nats", "greatest_of_own": "nats", "least_of_others": "share of log(classes)"},
)
def posterior_entropy(
    *codes_classifiers_and_labels: Any, split: Literal["train", "validation", "test"] = "validation"
) -> Result:
    """Compute the entropy of every classifier's posterior given every code, C_m(z_m') (Figure 5), and its mean
    (Figure 6).

    `posterior_entropy(z_0, *z_{m}, *classifier_{m}, *{m})`, on held-out images of people that are in the training
    images: validation images cut from them. The losses push it to near 0 for m = m′ and to near log(classes) otherwise.
    The codes were trained against these classifiers, so uniform posteriors do not mean that a code carries no
    information: that needs a fresh probe of the codes.

    Figures: `entropy_NAME_of_CODE`, in nats, the mean over images; `greatest_of_own`, the greatest mean entropy of a
    classifier given its own code; `least_of_others`, the least given another's, as a share of log(classes).

    Args:
        codes_classifiers_and_labels: z_0, if there is one, the code of each attribute, the classifier of each (a module
            with `class_logits`), and the label of each.
        split: whose images.
    """
    call = "posterior_entropy(z_0, *codes, *classifiers, *labels)"
    modules = [value for value in codes_classifiers_and_labels if isinstance(value, nn.Module)]
    handles = [value for value in codes_classifiers_and_labels if not isinstance(value, nn.Module)]
    attributes = attributes_of(call, handles)
    if len(modules) != len(attributes.names):
        raise ValueError(f"{call} takes a classifier for each label, found {len(modules)} of {len(attributes.names)}")
    classifiers = dict(zip(attributes.names, modules, strict=True))
    labels = attributes.read_labels(split)
    found: list[Found] = []
    pictures = []
    for code in (*attributes.rest, *attributes.codes.values()):
        posteriors = _posteriors(list(classifiers.values()), code.batches(split), code.run.device)
        for name, posterior in zip(classifiers, posteriors, strict=True):
            names = attributes.field(name).names
            if posterior.shape[1] != len(names):
                raise ValueError(f"the classifier of {name} has {posterior.shape[1]} classes; expected {len(names)}")
            entropy, greatest = float(torch.special.entr(posterior).sum(1).mean()), math.log(len(names))
            right = float((posterior.argmax(1) == labels[name]).float().mean())
            found.append(Found(code.name, name, entropy, greatest, entropy / greatest, right))
            if len(names) <= MOST_CLASSES:
                pictures.append(
                    heat_map(
                        f"Mean posterior of {name} given {code.name}",
                        _by_class(posterior, labels[name]),
                        names,
                        limits=(0, 1),
                        caption=f"A row for each true class: the mean posterior over its {split} images.",
                    )
                )
    figures = {f"entropy_{one.classifier}_of_{one.code}": one.entropy for one in found}
    own = [one for one in found if attributes.codes[one.classifier].name == one.code]
    figures["greatest_of_own"] = max(one.entropy for one in own)
    summary = f"entropy of a label's posterior, given its own code: at most {figures['greatest_of_own']:.3f} nats"
    others = [one.share for one in found if one not in own]
    if others:
        figures["least_of_others"] = min(others)
        summary += f"; given another code: at least {figures['least_of_others']:.3f} of log(classes)"
    table = Table(
        "Entropy of the classifiers' posteriors",
        ("code", "classifier", "entropy, nats", "log(classes)", "share", "recognised"),
        [tuple(one) for one in found],
        caption=f"Means over {len(next(iter(labels.values())))} {split} images. Recognised: the share whose likeliest "
        "class is the true one.",
    )
    bars: dict[str, list[float]] = {}
    for one in found:
        bars.setdefault(one.code, []).append(one.share)
    plot = bar_plot("Entropy as a share of log(classes)", attributes.names, bars, y_label="entropy / log(classes)")
    return Result(figures, {}, [table], [plot, *pictures], summary)


def _posteriors(classifiers: Sequence[nn.Module], batches: Iterable[Tensor], device: torch.device) -> list[Tensor]:
    """Return probabilities `(rows, classes)` of each classifier, float64, for batches of codes."""
    found = [Gathered() for _ in classifiers]
    for codes in batches:
        for classifier, posterior in zip(classifiers, found, strict=True):
            with torch.no_grad():
                posterior.add(class_logits(classifier, codes.to(device)).cpu().double().softmax(1))
    return [posterior.value for posterior in found]


def _by_class(posterior: Tensor, labels: Tensor) -> Tensor:
    """Return the mean posterior of the images of each class; zeros for a class without images."""
    classes = posterior.shape[1]
    member = torch.nn.functional.one_hot(labels, classes).double()
    return member.T @ posterior / member.sum(0).clamp(min=1)[:, None]
