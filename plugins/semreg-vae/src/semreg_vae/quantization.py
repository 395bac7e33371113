"""Codes of finitely many values, as operations and losses see them, whatever quantiser gives them.

Source: van den Oord et al., *Neural Discrete Representation Learning* (2017), Eq. 3; Zeghidour et al., *SoundStream*
(2021), for several stages.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple

import torch
from annotated_types import Ge
from torch import Tensor

from semreg.components.functional import in_float32

# --- what a quantiser gives ---


class Quantized(NamedTuple):
    """Codes, and the vectors of codebooks that stand for them.

    `codes` `(batch, code)`, or maps `(batch, channels, height, width)`, are those that were given. `parts`
    `(batch, stages, ...)` are the vectors of each stage, whose sum stands for a code, and `indices` int64
    `(batch, stages)`, or `(batch, stages, height, width)`, say which of a codebook these are.
    """

    codes: Tensor
    parts: Tensor
    indices: Tensor


def require_quantized(value: object, call: str) -> None:
    """Raises ValueError unless `value` is what a quantiser gives; `call` names who asks."""
    found = [getattr(value, key, None) for key in Quantized._fields]
    if not all(isinstance(part, Tensor) for part in found):
        said = f"{call} takes what a quantiser gives, such as vector_quantizer"
        raise ValueError(f"{said}; found a {type(value).__name__}")


# --- operations ---


def quantized(q: Quantized) -> Tensor:
    """The vectors that stand for codes, `(batch, code)` or maps; the codes get the gradient as if they were given on.

    z + (Σ parts − z) without gradient, the straight-through estimator (van den Oord et al. 2017, section 3.2). Raises
    ValueError for anything but what a quantiser gives.
    """
    require_quantized(q, "quantized(q)")
    return q.codes + (q.parts.sum(1) - q.codes).detach()


# --- losses ---


@in_float32
def commitment(q: Quantized) -> Tensor:
    """The squared distance of codes from the vectors that stand for them, which pulls the codes alone (Eq. 3, third).

    Averaged over batch and elements, and added up over stages, of each of which the code is what those before it left.
    The weight is the paper's β, 0.25 there. `q` has codes `(batch, code)` or maps. Raises ValueError for anything but
    what a quantiser gives.
    """
    require_quantized(q, "commitment(q)")
    parts = q.parts.detach()
    return (_left(q.codes, parts) - parts).square().sum() / max(q.codes.numel(), 1)


@in_float32
def codebook_loss(q: Quantized) -> Tensor:
    """The squared distance of codes from the vectors that stand for them, which pulls these alone (Eq. 3, second).

    For codebooks that learn by gradient; those that are averages of codes have no parameter for it. Else as
    `commitment`, codes `(batch, code)` or maps. Raises ValueError for anything but what a quantiser gives.
    """
    require_quantized(q, "codebook_loss(q)")
    left = _left(q.codes.detach(), q.parts.detach())
    return (left - q.parts).square().sum() / max(q.codes.numel(), 1)


def _left(codes: Tensor, parts: Tensor) -> Tensor:
    """What each stage is given, `(batch, stages, ...)`: the code without the vectors of the stages before it."""
    return codes[:, None] - (parts.cumsum(1) - parts)


# --- what codebooks are used for ---


class Usage(NamedTuple):
    """How evenly the vectors of a codebook are used."""

    perplexity: float
    used: float
    shares: Tensor


def usage(indices: Tensor, size: Annotated[int, Ge(1)]) -> Usage:
    """How many vectors of a codebook of `size` stand for codes, and how evenly.

    `perplexity` is exp(−Σ_k p_k log p_k), where p_k is the share of vector k among `indices` int64 of any shape: `size`
    where all are used alike, 1 where one is. `used` is the share of vectors that are used at all, `shares` the p_k
    `(size,)`. Source: van den Oord et al. (2017), whose code reports it. Raises ValueError where there are no indices.
    """
    if not indices.numel():
        raise ValueError("usage(indices, size) needs an index at least")
    shares = torch.bincount(indices.flatten(), minlength=size).double() / indices.numel()
    return Usage(float(torch.special.entr(shares).sum().exp()), float((shares > 0).double().mean()), shares)
