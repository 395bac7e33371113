"""What classifiers make of each other's codes (Figures 5 and 6)."""

from __future__ import annotations

import math
from typing import Any, Literal

import torch
from torch import Tensor, nn

from semreg.evaluation.result import Result, Table
from semreg.report.pictures import bar_plot, heat_map
from semreg.runs.run import Handle
from semreg_uniform.classifiers import class_logits
from semreg_uniform.evaluations.common import attributes_of

CHUNK = 256
MOST_CLASSES = 12
"""In a picture of the mean posterior given each class."""


def posterior_entropy(
    *codes_classifiers_and_labels: Any, split: Literal["train", "validation", "test"] = "validation"
) -> Result:
    """The entropy of every classifier's posterior given every code, C_m(z_m') (Figure 5), and its mean (Figure 6).

    `posterior_entropy(z_0, *z_{m}, *classifier_{m}, *{m})`, on held-out images of people that are in the training
    images: validation images cut from them. Near 0 for m = m′ and near log(classes) otherwise is what the losses ask
    for; since these classifiers are what the codes were trained against, uniform posteriors do not mean that a code
    tells nothing: a fresh probe of the codes says that.

    Figures: `entropy_NAME_of_CODE`, in nats, the mean over images; `greatest_of_own`, the greatest mean entropy of a
    classifier given its own code; `least_of_others`, the least given another's, as a share of log(classes).

    Args:
        codes_classifiers_and_labels: z_0, if there is one, the code of each attribute, the classifier of each (a module
            with `class_logits`), and the label of each.
        split: whose images.
    """
    call = "posterior_entropy(z_0, *codes, *classifiers, *labels)"
    handles = [value for value in codes_classifiers_and_labels if isinstance(value, Handle) or hasattr(value, "read")]
    modules = [value for value in codes_classifiers_and_labels if isinstance(value, nn.Module)]
    attributes = attributes_of(call, handles)
    if len(modules) != len(attributes.names):
        raise ValueError(f"{call} takes a classifier for each label, found {len(modules)} of {len(attributes.names)}")
    classifiers = dict(zip(attributes.names, modules, strict=True))
    labels = attributes.read_labels(split)
    codes = [*attributes.rest, *attributes.codes.values()]
    figures: dict[str, float] = {}
    rows, pictures = [], []
    own_entropies, other_shares = [], []
    bars: dict[str, list[float]] = {}
    for code in codes:
        values = code.read(split)
        bars[code.name] = []
        for name, classifier in classifiers.items():
            field = attributes.field(name)
            posterior = _posterior(classifier, values, code.run.device)
            if posterior.shape[1] != len(field.names):
                raise ValueError(f"the classifier of {name} has {posterior.shape[1]} classes, {len(field.names)} fit")
            entropy = float(torch.special.entr(posterior).sum(1).mean())
            share = entropy / math.log(len(field.names))
            right = float((posterior.argmax(1) == labels[name]).float().mean())
            is_own = attributes.codes[name] is code
            figures[f"entropy_{name}_of_{code.name}"] = entropy
            rows.append((code.name, name, entropy, math.log(len(field.names)), share, right))
            bars[code.name].append(share)
            if is_own:
                own_entropies.append(entropy)
            else:
                other_shares.append(share)
            if len(field.names) <= MOST_CLASSES:
                pictures.append(
                    heat_map(
                        f"Mean posterior of {name} given {code.name}",
                        _by_class(posterior, labels[name]),
                        field.names,
                        limits=(0, 1),
                        caption=f"A row for each true class: the mean posterior over its {split} images.",
                    )
                )
    figures["greatest_of_own"] = max(own_entropies)
    table = Table(
        "Entropy of the classifiers' posteriors",
        ("code", "classifier", "entropy, nats", "log(classes)", "share", "recognised"),
        rows,
        caption=f"Means over {len(next(iter(labels.values())))} {split} images. Recognised: the share whose likeliest "
        "class is the true one.",
    )
    plot = bar_plot("Entropy as a share of log(classes)", attributes.names, bars, y_label="entropy / log(classes)")
    summary = f"entropy given the own code at most {figures['greatest_of_own']:.3f} nats"
    if other_shares:
        figures["least_of_others"] = min(other_shares)
        summary += f", given another at least {min(other_shares):.3f} of log(classes)"
    return Result(figures, {}, [table], [plot, *pictures], summary)


def _posterior(classifier: nn.Module, codes: Tensor, device: torch.device) -> Tensor:
    """Probabilities `(rows, classes)`, float64, computed a part at a time."""
    with torch.no_grad():
        parts = [
            class_logits(classifier, part.to(device)).cpu().double().softmax(1) for part in torch.split(codes, CHUNK)
        ]
    return torch.cat(parts)


def _by_class(posterior: Tensor, labels: Tensor) -> Tensor:
    """The mean posterior of the images of each class; zeros where there is none."""
    classes = posterior.shape[1]
    member = torch.nn.functional.one_hot(labels, classes).double()
    return member.T @ posterior / member.sum(0).clamp(min=1)[:, None]
