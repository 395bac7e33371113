"""Quantisers by vector-quantize-pytorch: modules from codes to `Quantized` codes.

`recipes/quantized/*.toml` train them. Models that draw codes, such as an autoregressive prior, are not part of this
module.

The library looks up vectors, and averages. Its parts that wait for a GPU, or draw by themselves, are switched off here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

import torch
from annotated_types import Ge, Gt, Lt, MinLen
from torch import Tensor, nn

from semreg.components.functional import without_autocast
from semreg.core import shape_error
from semreg_vae.quantization import Quantized

if TYPE_CHECKING:
    from vector_quantize_pytorch import VectorQuantize

Learning = Literal["averages", "gradient"]
MOST_VALUES = 2**24
"""The most values of finite scalars, which the library counts in float32."""


class ResidualQuantizer(nn.Module):
    """Codes as sums of vectors, one from each of several codebooks; each represents the rest that those before it left.

    Source: Zeghidour et al., *SoundStream* (2021), Algorithm 1.

    The vector of stage k is the nearest to z − Σ_{j<k} q_j. A codebook may learn by `averages` of the codes that its
    vectors represent (van den Oord et al. 2017, appendix A.1). These are not parameters, and losses don't train them:
    the codebook learns in the phases that train the module before it. Or it learns by `gradient`, with `codebook_loss`,
    as any module.

    Codes `(batch, code)`, or maps `(batch, channels, height, width)`, in which each position is a code. Raises
    ValueError for other shapes, or options that exclude each other.

    Args:
        size: vectors of a codebook.
        stages: how many codebooks.
        learns: how the codebooks do.
        decay: of the averages, for each batch.
        least_use: a vector that represents fewer codes of a batch, on average, is replaced by a code of the batch, as
            in Dhariwal et al., *Jukebox* (2020); 0 replaces none, as in the paper.
        input_shapes: of the codes, without the batch axis.
    """

    couples_rows = True

    def __init__(
        self,
        *,
        size: Annotated[int, Ge(2)],
        stages: Annotated[int, Ge(1)] = 2,
        learns: Learning = "averages",
        decay: Annotated[float, Gt(0), Lt(1)] = 0.99,
        least_use: Annotated[float, Ge(0)] = 0.0,
        input_shapes: Sequence[Sequence[int]],
    ) -> None:
        super().__init__()
        self.shape = _shape_of_codes("residual_quantizer", input_shapes)
        if learns not in ("averages", "gradient"):
            raise ValueError(f"a codebook learns by 'averages' or 'gradient', found {learns!r}")
        if least_use and learns == "gradient":
            raise ValueError("least_use is of averages; a codebook that learns by gradient has none")
        self.size, self.least_use = size, least_use
        self.stages = nn.ModuleList(_codebook(self.shape[0], size, decay, learns == "gradient") for _ in range(stages))

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many vectors each stage has."""
        return (self.size,) * len(self.stages)

    def before_training(self, images: int) -> None:
        """Raise ValueError if a codebook has more vectors than there are codes of training images to learn from."""
        codes = images * math.prod(self.shape[1:])
        if self.size > codes:
            raise ValueError(
                f"a codebook of {self.size} vectors has {codes} training codes to learn from; expected at most as many"
            )

    def forward(self, codes: Tensor) -> Quantized:
        """Quantise codes of the constructor's shape with a batch axis. Raises ValueError for another shape."""
        _require_codes("residual_quantizer(codes)", codes, self.shape)
        return without_autocast(self._quantized, codes)

    def _quantized(self, codes: Tensor) -> Quantized:
        maps = codes.detach().movedim(1, -1)  # channels last: each position is a code
        left, parts, indices = maps.flatten(0, -2), [], []
        for stage in self.stages:
            part, index, _ = stage(left)
            if self.training and self.least_use and len(left):
                self._replace_unused(stage._codebook, left)
            left = left - part.detach()
            parts.append(part.reshape(maps.shape).movedim(-1, 1))
            indices.append(index.reshape(maps.shape[:-1]))
        return Quantized(codes, torch.stack(parts, 1), torch.stack(indices, 1))

    @torch.no_grad()
    def _replace_unused(self, codebook: Any, codes: Tensor) -> None:
        """Replace vectors out of use by codes of the batch, drawn by PyTorch's own generator, which a run seeds."""
        drawn = codes[torch.randint(len(codes), (self.size,), device=codes.device)].to(codebook.embed)
        unused = codebook.cluster_size < self.least_use
        for buffer, value in ((codebook.embed, drawn), (codebook.embed_avg, self.least_use * drawn)):
            buffer.copy_(torch.where(unused[:, :, None], value, buffer))
        codebook.cluster_size.clamp_(min=self.least_use)

    def extra_repr(self) -> str:
        return f"size={self.size}, stages={len(self.stages)}"


class VectorQuantizer(ResidualQuantizer):
    """Codes replaced by the nearest of a codebook's vectors, argmin_k ‖z − e_k‖ (Eq. 1 and 2).

    Source: van den Oord et al., *Neural Discrete Representation Learning* (2017).

    Codes `(batch, code)` or maps `(batch, channels, height, width)`; options and errors are those of
    `residual_quantizer`, of one stage.
    """

    def __init__(
        self,
        *,
        size: Annotated[int, Ge(2)],
        learns: Learning = "averages",
        decay: Annotated[float, Gt(0), Lt(1)] = 0.99,
        least_use: Annotated[float, Ge(0)] = 0.0,
        input_shapes: Sequence[Sequence[int]],
    ) -> None:
        super().__init__(
            size=size, stages=1, learns=learns, decay=decay, least_use=least_use, input_shapes=input_shapes
        )


class FiniteScalarQuantizer(nn.Module):
    """Codes whose elements are rounded to a few values each: round(f(z)), f a tanh of as many levels.

    Source: Mentzer et al., *Finite Scalar Quantization* (2023), section 3.1.

    There is no codebook to learn, and no vector that could fall out of use; there are Π levels values, between −1 and
    1. Its codes are the rounded ones, through which gradients flow as through f, so a `commitment` of them is 0.

    Codes `(batch, code)`, or maps `(batch, channels, height, width)`, with an element or channel for each of the
    `levels`. Raises ValueError for other shapes, and levels of more than 2²⁴ values.

    Args:
        levels: how many values each element has.
        input_shapes: of the codes, without the batch axis.
    """

    def __init__(
        self, *, levels: Annotated[Sequence[Annotated[int, Ge(3)]], MinLen(1)], input_shapes: Sequence[Sequence[int]]
    ) -> None:
        from vector_quantize_pytorch import FSQ  # here, since it imports PyTorch's compiler

        super().__init__()
        self.shape = _shape_of_codes("finite_scalar_quantizer", input_shapes)
        if self.shape[0] != len(levels):
            cause = f"{len(levels)} levels are given, and the codes have {self.shape[0]} elements"
            raise ValueError(f"finite_scalar_quantizer: {cause}; the module before must give one for each level")
        if math.prod(levels) > MOST_VALUES:
            raise ValueError(f"finite_scalar_quantizer: levels {list(levels)} have more than 2²⁴ values together")
        self.sizes = (math.prod(levels),)
        self.library = FSQ(list(levels), return_indices=False)

    def forward(self, codes: Tensor) -> Quantized:
        """Quantise codes of the constructor's shape with a batch axis. Raises ValueError for another shape."""
        _require_codes("finite_scalar_quantizer(codes)", codes, self.shape)
        return without_autocast(self._quantized, codes)

    def _quantized(self, codes: Tensor) -> Quantized:
        rounded = self.library.quantize(codes.movedim(1, -1))
        indices = self.library.codes_to_indices(rounded.detach()).long()
        found = rounded.movedim(-1, 1)
        return Quantized(found, found.detach()[:, None], indices[:, None])


def _codebook(code: int, size: int, decay: float, by_gradient: bool) -> VectorQuantize:
    from vector_quantize_pytorch import VectorQuantize  # here, since it imports PyTorch's compiler

    made = VectorQuantize(
        code, size, decay=decay, ema_update=not by_gradient, learnable_codebook=by_gradient, commitment_weight=0.0,
        rotation_trick=False, route_gradients_to_input=False, sync_codebook=False,
    )  # fmt: skip
    made._codebook.init_embed_ = _begun  # it reads a number in each step, for an optional start with k-means
    return made


def _begun(*inputs: Any, **options: Any) -> None:
    """Do nothing: the codebook needs no start."""


def _shape_of_codes(who: str, shapes: Sequence[Sequence[int]]) -> tuple[int, ...]:
    if len(shapes) != 1 or len(shapes[0]) not in (1, 3):
        raise ValueError(f"{who} takes one code, `(batch, code)` or maps; found {[tuple(shape) for shape in shapes]}")
    return tuple(shapes[0])


def _require_codes(call: str, codes: Tensor, shape: tuple[int, ...]) -> None:
    if codes.ndim != len(shape) + 1 or codes.shape[1] != shape[0]:
        pattern = f"batch {shape[0]}" + (" height width" if len(shape) == 3 else "")
        raise shape_error(call, pattern, "it is built for these codes", codes)
