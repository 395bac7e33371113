"""The accuracy of ACAI's critic, which guesses from a mixed image how much was mixed into it.

Source: Berthelot et al., *Understanding and Improving Interpolation in Autoencoders via an Adversarial Regularizer*
(2019), of the critic; its error as a measure is beyond the paper.
"""

from __future__ import annotations

from typing import Annotated, Any

import torch
from torch import Tensor

from semreg.components.interpolators import linear
from semreg.core import Handle, Result, Role, Table
from semreg.trained import CHUNK, before_training, better, read_codes
from semreg_baselines.acai import Share, interpolation_weight

TOO_FEW = "a mix is of two test images at least; there is one"


@better(units={"explained": "share"})
def critic_on_mixtures(
    code: Annotated[Handle, Role.CODE],
    guess: Handle,
    *,
    most: Share = 0.5,
    generator: torch.Generator | None = None,
) -> Result:
    """Measure the error of a critic's guess at how much of a second code was mixed into a test code, beside that of a
    constant.

    Each test code is mixed linearly with that of another test image, at a weight uniform in [0, most), as in ACAI's
    training. An error near the constant's has two possible reasons: either the mixed images look unmixed, which is
    ACAI's aim, or the critic has not learnt to recognise them. If an autoencoder's mixtures look mixed, its critic's
    error is far lower.

    Figures: `mean_squared_error` of the guess; `constant`, that of always guessing the mean weight; `explained`, one
    minus the quotient of the two, at most 1 and below 0 for a guess that is worse than the constant; `unmixed`, the
    mean guess at reconstructions, whose true value is 0.

    Args:
        code: `(batch, code)`.
        guess: the critic's, `(batch, 1)`, computed from `code` through its decoder.
        most: of the weight; above 0.
        generator: source of the weights and of the pairs.

    Raises ValueError for fewer than two test images, `most = 0`, or a guess of another shape.
    """
    if not most > 0:
        raise ValueError("most is 0, so nothing is mixed; expected above 0")
    codes = read_codes(code, "test")
    if len(codes) < 2:
        raise ValueError(TOO_FEW)
    generator = generator or torch.Generator().manual_seed(0)
    weight = interpolation_weight(codes, most=most, generator=generator)
    step = int(torch.randint(1, len(codes), (), generator=generator))  # no code is mixed with itself
    mixed = _guesses(guess, code, linear(codes, codes.roll(step, 0), weight))
    figures = {
        "mean_squared_error": float((mixed - weight).square().mean()),
        "constant": float((weight - weight.mean()).square().mean()),
        "unmixed": float(_guesses(guess, code, codes).mean()),
    }
    figures["explained"] = 1 - figures["mean_squared_error"] / figures["constant"]
    table = Table(
        "How well the critic tells how much was mixed",
        ("", "mean squared error"),
        [("the critic", figures["mean_squared_error"]), ("always the mean weight", figures["constant"])],
        caption=f"{len(codes)} test codes, each mixed with another at weights up to {most:g}. Mean guess at "
        f"reconstructions, into which nothing is mixed: {figures['unmixed']:.3f}.",
        digits=4,
    )
    summary = f"the critic explains {figures['explained']:.1%} of the variance of how much was mixed"
    return Result(figures, tables=[table], summary=summary)


@before_training(critic_on_mixtures)
def _before_training(code: Handle, guess: Handle, *, most: float, **options: Any) -> None:
    """Raise ValueError for a single test image, and for weights that are all 0."""
    if code.run.counts["test"] < 2:
        raise ValueError(TOO_FEW)
    if not most > 0:
        raise ValueError("most is 0, so nothing is mixed; expected above 0")


def _guesses(guess: Handle, code: Handle, codes: Tensor) -> Tensor:
    """Return the critic's guess at the images of codes `(rows, code)`, `(rows, 1)`. Raises ValueError for another
    shape."""
    parts = [guess.given(**{code.name: part}) for part in torch.split(codes, CHUNK)]
    if parts[0].shape[1:] != (1,):
        raise ValueError(f"{guess.name!r} must be a guess (batch, 1); one of it has shape {tuple(parts[0].shape[1:])}")
    return torch.cat(parts)
