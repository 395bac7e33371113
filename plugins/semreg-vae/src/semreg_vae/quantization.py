"""Quantised codes for operations and losses, from any quantiser.

Source: van den Oord et al., *Neural Discrete Representation Learning* (2017), Eq. 3; Zeghidour et al., *SoundStream*
(2021), for several stages.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple

import torch
from annotated_types import Ge
from torch import Tensor

from semreg.components.functional import in_float32

# --- outputs of a quantiser ---


class Quantized(NamedTuple):
    """Codes, and the vectors of codebooks that represent them.

    `codes` `(batch, code)`, or maps `(batch, channels, height, width)`, are the inputs. `parts` `(batch, stages, ...)`
    are the vectors of each stage, whose sum represents a code, and `indices` int64 `(batch, stages)`, or
    `(batch, stages, height, width)`, are their numbers in a codebook.
    """

    codes: Tensor
    parts: Tensor
    indices: Tensor


def require_quantized(value: object, call: str) -> None:
    """Raise ValueError unless `value` is the output of a quantiser; `call` names the caller."""
    found = [getattr(value, key, None) for key in Quantized._fields]
    if not all(isinstance(part, Tensor) for part in found):
        said = f"{call} takes what a quantiser gives, such as vector_quantizer"
        raise ValueError(f"{said}; found a {type(value).__name__}")


# --- operations ---


def quantized(q: Quantized) -> Tensor:
    """Return the vectors that represent codes, `(batch, code)` or maps; gradients pass to the codes unchanged.

    z + (Σ parts − z) without gradient, the straight-through estimator (van den Oord et al. 2017, section 3.2). Raises
    ValueError for anything but a quantiser's output.
    """
    require_quantized(q, "quantized(q)")
    return q.codes + (q.parts.sum(1) - q.codes).detach()


# --- losses ---


@in_float32
def commitment(q: Quantized) -> Tensor:
    """Compute the squared distance of codes from the vectors that represent them, which only moves the codes (Eq. 3,
    third).

    It is averaged over batch and elements, and summed over stages; each stage's code is the rest that the stages before
    it left. The weight is the paper's β, 0.25 there. `q` has codes `(batch, code)` or maps. Raises ValueError for
    anything but a quantiser's output.
    """
    require_quantized(q, "commitment(q)")
    parts = q.parts.detach()
    return (_left(q.codes, parts) - parts).square().sum() / max(q.codes.numel(), 1)


@in_float32
def codebook_loss(q: Quantized) -> Tensor:
    """Compute the squared distance of codes from the vectors that represent them, which only moves the vectors (Eq. 3,
    second).

    It is for codebooks that learn by gradient; those that are averages of codes have no parameter for it. Otherwise as
    `commitment`, codes `(batch, code)` or maps. Raises ValueError for anything but a quantiser's output.
    """
    require_quantized(q, "codebook_loss(q)")
    left = _left(q.codes.detach(), q.parts.detach())
    return (left - q.parts).square().sum() / max(q.codes.numel(), 1)


def _left(codes: Tensor, parts: Tensor) -> Tensor:
    """Return the input of each stage, `(batch, stages, ...)`: the code without the vectors of the stages before it."""
    return codes[:, None] - (parts.cumsum(1) - parts)


# --- the use of codebooks ---


class Usage(NamedTuple):
    """How evenly the vectors of a codebook are used."""

    perplexity: float
    used: float
    shares: Tensor


def usage(indices: Tensor, size: Annotated[int, Ge(1)]) -> Usage:
    """Count how many vectors of a codebook of `size` represent codes, and how evenly.

    `perplexity` is exp(−Σ_k p_k log p_k), where p_k is the share of vector k among `indices` int64 of any shape: `size`
    if all are used alike, 1 if only one is. `used` is the share of vectors that are used at all, `shares` the p_k
    `(size,)`. Source: van den Oord et al. (2017), whose code reports it. Raises ValueError without indices.
    """
    if not indices.numel():
        raise ValueError("usage(indices, size) needs an index at least")
    shares = torch.bincount(indices.flatten(), minlength=size).double() / indices.numel()
    return Usage(float(torch.special.entr(shares).sum().exp()), float((shares > 0).double().mean()), shares)
