"""The disentanglement loss for recipes: its inputs are all codes and all classifiers."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from semreg.components.functional import in_float32
from semreg_uniform.classifiers import class_logits
from semreg_uniform.functional import disentanglement_loss


@in_float32
def disentanglement(*codes_and_classifiers: Any) -> Tensor:
    """Compute L_dis: no code may reveal another attribute than its own; Eq. 4, averaged over all codes including z₀.

    `disentanglement(z_0, *z_{m}, *classifier_{m})`: codes `(batch, ...)` first, then for each attribute, in the same
    order, the classifier whose `class_logits` reads its code. z₀ is compared with all M classifiers; without it
    (Eq. 10) there are as many codes as classifiers. A single attribute's code has no other classifier: then z₀'s is the
    only term; Eq. 4 would divide by zero. The loss is at least the mean of log(classes), reached if every posterior is
    uniform.

    Raises ValueError for other numbers of codes and classifiers, one attribute without z₀, or codes that don't fit.
    """
    codes = [value for value in codes_and_classifiers if isinstance(value, Tensor)]
    classifiers = [value for value in codes_and_classifiers if isinstance(value, nn.Module)]
    extra = len(codes) - len(classifiers)
    if not classifiers or extra not in (0, 1) or len(codes) + len(classifiers) != len(codes_and_classifiers):
        raise ValueError(
            "disentanglement(z_0, *codes, *classifiers) takes a classifier for each code but z_0, found "
            f"{len(codes)} codes and {len(classifiers)} classifiers"
        )
    if len(codes) == 1:
        raise ValueError("disentanglement of one attribute needs z_0: there is no other code or classifier")
    terms, alone = [], []
    for index, code in enumerate(codes):
        others = [classifier for other, classifier in enumerate(classifiers) if other != index - extra]
        if others:
            terms.append(disentanglement_loss([class_logits(classifier, code) for classifier in others]))
        else:
            alone.append(0 * code.sum())  # connected, so that one attribute needs no different recipe than several
    return torch.stack(terms).mean() + sum(alone)
