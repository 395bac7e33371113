"""The distance of all images' codes together from the standard normal distribution of a prior."""

from __future__ import annotations

from typing import Annotated, Any

import torch

from semreg.core import Handle, Result, Role, Table
from semreg.pictures import line_plot
from semreg.trained import before_training, better, read_codes

TOO_FEW = "the covariance of codes takes two test images at least; there is one"


@better(lower=["mean", "covariance"])
def code_moments(code: Annotated[Handle, Role.CODE]) -> Result:
    """Compare the moments of all test codes together, drawn as in training, with those of N(0, I).

    The critic of an adversarial autoencoder pushes the codes towards N(0, I). Figures: `mean`, the root mean square of
    the dimensions' means (of N(0, I): 0); `deviation`, the mean of their standard deviations (1), `deviation_least` and
    `deviation_greatest`; `covariance`, the root mean square of the covariances of two dimensions (0; a code of one
    dimension has none); `kurtosis`, the mean over the dimensions that vary of the fourth standardised moment (3).

    Args:
        code: `(batch, code)`.

    Raises ValueError for fewer than two test images, and for codes that aren't finite or don't vary.
    """
    codes = read_codes(code, "test", draws=True).double()
    if len(codes) < 2:
        raise ValueError(TOO_FEW)
    mean = codes.mean(0)
    centred = codes - mean
    covariance = centred.T @ centred / (len(codes) - 1)
    deviations = covariance.diagonal().sqrt()
    varies = deviations > 1e-6 * codes.abs().amax()
    if not varies.any():
        raise ValueError(f"{code.name!r} is the same for all test images: it has no moments beyond its mean")
    square = centred[:, varies].square()
    kurtosis = square.square().mean(0) / square.mean(0).square()
    figures = {
        "mean": float(mean.square().mean().sqrt()),
        "deviation": float(deviations.mean()),
        "deviation_least": float(deviations.min()),
        "deviation_greatest": float(deviations.max()),
        "kurtosis": float(kurtosis.mean()),
    }
    if len(mean) > 1:
        others = covariance[~torch.eye(len(mean), dtype=torch.bool)]
        figures["covariance"] = float(others.square().mean().sqrt())
    return _result(figures, code.name, len(codes), deviations.sort(descending=True).values.tolist())


@before_training(code_moments)
def _before_training(code: Handle, **options: Any) -> None:
    """Raise ValueError for a single test image."""
    if code.run.counts["test"] < 2:
        raise ValueError(TOO_FEW)


def _result(figures: dict[str, float], name: str, count: int, deviations: list[float]) -> Result:
    said = {
        "mean": ("mean of a dimension, root mean square", 0.0),
        "deviation": ("standard deviation of a dimension, mean", 1.0),
        "deviation_least": ("least standard deviation", 1.0),
        "deviation_greatest": ("greatest standard deviation", 1.0),
        "covariance": ("covariance of two dimensions, root mean square", 0.0),
        "kurtosis": ("kurtosis of a dimension, mean", 3.0),
    }
    table = Table(
        f"Moments of {name} over all images, beside those of a standard normal distribution",
        ("moment", "codes", "N(0, I)"),
        [(text, figures[figure], normal) for figure, (text, normal) in said.items() if figure in figures],
        caption=f"From {count} test codes, drawn as in training.",
    )
    curve = line_plot(
        f"Standard deviations of {name}",
        {"codes": (list(range(1, len(deviations) + 1)), deviations)},
        x_label="dimensions of the code, the widest first",
        y_label="standard deviation",
        caption="Those of a standard normal distribution are all 1.",
    )
    summary = (
        f"codes over all images: standard deviations {figures['deviation_least']:.2f} to "
        f"{figures['deviation_greatest']:.2f} (1 of a normal), kurtosis {figures['kurtosis']:.1f} (3)"
    )
    return Result(figures, tables=[table], pictures=[curve], summary=summary)
