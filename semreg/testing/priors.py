"""Checks of priors: their draws follow their density, and their closed forms are correct."""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from semreg.components.functional import gaussian_log_density
from semreg.core import ClosedFormPrior, DiagonalGaussian, Prior
from semreg.core.options import signature_of
from semreg.testing.behaviour import check_determinism, check_device, check_waits, require_finite
from semreg.testing.checks import Checks, require
from semreg.testing.documented import check_description
from semreg.testing.examples import Inputs, taken
from semreg.testing.interfaces import require_interface
from semreg.testing.networks import check_state, seeded
from semreg.testing.statistics import greatest_deviation

MOST_DEVIATION = 5.0
"""In standard errors. One in 1.5 million tests of a correct prior is beyond it, and seeds are fixed."""
DRAWS = 40_000


def check_prior(
    prior: Callable[..., Any],
    *labels: Tensor,
    options: Mapping[str, Any] | None = None,
    exempt: Collection[str] = (),
    input_shapes: Sequence[tuple[int, ...]] = ((1, 8, 8),),
) -> None:
    """Check a prior: an nn.Module whose draws follow its log-density.

    Give it a code of two or three dimensions: with more, a statistical test detects less. The check builds it with the
    options and moves its parameters a little, so that parameters that start at zero have an effect, too.

    Checks: "signature", "interface" (`semreg.core.Prior`), "documentation", "shapes", "source", "draws" (`(count,
    code)`, finite, also none at all), "log-density" (finite, `(batch,)`, each row by itself), "gradient" (of the
    log-density, equal to finite differences in float64), "dtype", "device", "waits" (no step waits for a GPU),
    "determinism" (of draws, under a generator), "statistics" (draws follow the density, and it integrates to 1, by
    importance sampling; for each class of the labels, and without labels), "labels" (a prior with `ignores_labels`
    ignores them), "state" (saved and restored, it gives the same density) and, if it has a `kl_divergence`, "kl": per
    element `(batch, code)`, its sum equal to a Monte Carlo estimate.

    Args:
        prior: the class.
        labels: for a prior that depends on labels, int64 `(batch,)` each.
        options: of the recipe, for the constructor.
        exempt: names of checks to skip.
        input_shapes: for a prior whose constructor has that parameter, the shapes of its inputs in a recipe.

    Raises:
        AssertionError: with all failures.
    """
    given = dict(options or {})
    checks = Checks(getattr(prior, "__name__", type(prior).__name__), exempt)
    check_description(checks, prior, 0, given)
    if "input_shapes" in signature_of(prior).parameters:
        given["input_shapes"] = input_shapes
    made = _moved(seeded(lambda: prior(**given)))
    rows = len(labels[0]) if labels else 6
    kind = ClosedFormPrior if hasattr(made, "kl_divergence") else Prior
    checks.run("interface", require_interface, made, kind)
    checks.run("draws", _check_draws, made, labels, rows)
    checks.run("log-density", _check_density, made, labels, rows)
    checks.run("gradient", _check_gradient, made, labels, rows)
    checks.run("dtype", _check_dtype, made, labels, rows)
    checks.run("device", _check_device, made, labels, rows)
    checks.run("waits", _check_waits, made, labels, rows)
    checks.run("determinism", check_determinism, lambda seed: made.sample(rows, *labels, generator=_source(seed)), True)
    for given_labels in _without_and_with(labels):
        checks.run("statistics", _check_statistics, made, given_labels)
    checks.run("labels", _check_labels, made, labels, rows)
    checks.run("state", _check_state, prior, given, _codes(made, rows))
    if hasattr(made, "kl_divergence"):
        checks.run("kl", _check_kl, made, labels)
    checks.end()


def _without_and_with(labels: Inputs) -> list[Inputs]:
    return [(), labels] if labels else [()]


def _source(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _moved(prior: nn.Module) -> Any:
    source = _source(7)
    with torch.no_grad():
        for parameter in prior.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=source))
    return prior


def _codes(prior: Any, rows: int, *labels: Tensor) -> Tensor:
    with torch.no_grad():
        codes: Tensor = prior.sample(rows, *labels, generator=_source(3))
    return codes


def _check_draws(prior: Any, labels: Inputs, rows: int) -> None:
    for count, given in ((rows, labels), (rows, ()), (0, ())):
        draws = prior.sample(count, *given, generator=_source())
        require(draws.ndim == 2 and len(draws) == count, f"{count} draws have the shape {tuple(draws.shape)}")
        require_finite(draws, "a draw")


def _check_density(prior: Any, labels: Inputs, rows: int) -> None:
    codes = _codes(prior, rows, *labels)
    for given in _without_and_with(labels):
        density = prior.log_probability(codes, *given)
        require(density.shape == (rows,), f"for codes {tuple(codes.shape)} it is {tuple(density.shape)}")
        require_finite(density, "the log-density")
        require_finite(prior.log_probability(torch.zeros_like(codes), *given), "the log-density of zeros")
        alone = [prior.log_probability(*taken((codes, *given), [row])) for row in range(rows)]
        torch.testing.assert_close(torch.cat(alone), density)
        require(prior.log_probability(*taken((codes, *given), [])).shape == (0,), "an empty batch has another shape")


def _check_gradient(prior: Any, labels: Inputs, rows: int) -> None:
    double = _double(prior)
    codes = _codes(prior, rows, *labels).double().requires_grad_()
    torch.autograd.gradcheck(lambda codes: double.log_probability(codes, *labels), codes, fast_mode=True)
    named = dict(double.named_parameters())
    density = double.log_probability(codes, *labels).sum()
    slopes = torch.autograd.grad(density, [codes, *named.values()], allow_unused=True)
    for name, slope in zip(named, slopes[1:], strict=True):
        require(slope is not None, f"parameter {name} gets no gradient from the log-density")
        require_finite(slope, f"the gradient to {name}")


def _double(prior: Any) -> Any:
    return copy.deepcopy(prior).double()


def _check_dtype(prior: Any, labels: Inputs, rows: int) -> None:
    for dtype, module in ((torch.float32, prior), (torch.float64, _double(prior))):
        codes = _codes(module, rows, *labels)
        found = {codes.dtype, module.log_probability(codes, *labels).dtype}
        require(found == {dtype}, f"as {dtype} it gives {', '.join(map(str, sorted(found, key=str)))}")


def _check_device(prior: Any, labels: Inputs, rows: int) -> None:
    codes = _codes(prior, rows, *labels)
    check_device(lambda given: given[0].log_probability(*given[1:]), (prior, codes, *labels))
    check_device(lambda given: given[0].sample(rows, *given[1:], generator=_source()), (prior, *labels))


def _check_waits(prior: Any, labels: Inputs, rows: int) -> None:
    codes = _codes(prior, rows, *labels)
    check_waits(lambda given: given[0].log_probability(*given[1:]), (prior, codes, *labels))
    check_waits(lambda given: given[0].sample(rows, *given[1:], generator=_source()), (prior, *labels))
    if hasattr(prior, "kl_divergence"):
        posterior = DiagonalGaussian(codes, torch.zeros_like(codes))
        check_waits(lambda given: given[0].kl_divergence(*given[1:]), (prior, posterior, *labels))


def _check_statistics(prior: Any, labels: Inputs) -> None:
    for condition in _conditions(labels):
        each = tuple(label.expand(DRAWS, *label.shape[1:]) for label in condition)

        def density(codes: Tensor, condition: Inputs = condition) -> Tensor:
            given = (label.expand(len(codes), *label.shape[1:]) for label in condition)
            value: Tensor = prior.log_probability(codes, *given)
            return value

        with torch.no_grad():
            deviation, what = greatest_deviation(
                prior.sample(DRAWS, *each, generator=_source(1)), density, generator=_source(2)
            )
        told = f", given labels {[label.flatten().tolist() for label in condition]}" if condition else ""
        require(
            deviation < MOST_DEVIATION,
            f"draws do not follow the density{told}: {what} differs by {deviation:.1f} standard errors",
        )


def _check_state(prior: Callable[..., Any], options: Mapping[str, Any], codes: Tensor) -> None:
    check_state(lambda: prior(**options), lambda module: module.log_probability(codes))  # type: ignore[operator]


def _conditions(labels: Inputs) -> list[Inputs]:
    """Return each different row of the labels by itself, three at most; nothing without labels."""
    if not labels:
        return [()]
    rows = {str([label[row].tolist() for label in labels]): row for row in range(len(labels[0]))}
    return [taken(labels, [row]) for row in list(rows.values())[:3]]


def _check_labels(prior: Any, labels: Inputs, rows: int) -> None:
    if not getattr(prior, "ignores_labels", False):
        return
    for label in labels or (torch.zeros(rows, dtype=torch.int64), torch.ones(rows, dtype=torch.int64)):
        draws = []
        for given in ((), (label,)):
            with torch.random.fork_rng(devices=[]):  # a prior that draws from the global generator fails elsewhere
                torch.manual_seed(0)
                draws.append(prior.sample(rows, *given, generator=_source(3)))
        densities = [prior.log_probability(draws[0], *given) for given in ((), (label,))]
        if not (torch.equal(*draws) and torch.equal(*densities)):
            raise AssertionError("it says ignores_labels, and a label changes its draws or densities")


def _check_kl(prior: Any, labels: Inputs) -> None:
    """Check the divergence of a few posteriors against the mean of log q − log p over draws from them."""
    rows = min(len(labels[0]), 4) if labels else 4
    given = taken(labels, range(rows)) if labels else ()
    size = _codes(prior, 1).shape[1]
    source = _source(4)
    mean, log_variance = torch.randn(2, rows, size, generator=source, dtype=torch.float64)
    double = _double(prior)
    posterior = DiagonalGaussian(mean, log_variance - 1)
    with torch.no_grad():
        elements = double.kl_divergence(posterior, *given)
        require(elements.shape == mean.shape, f"for a posterior {tuple(mean.shape)} it is {tuple(elements.shape)}")
        require_finite(elements, "the divergence")
        noise = torch.randn(DRAWS, rows, size, generator=source, dtype=torch.float64)
        codes = posterior.mean + torch.exp(0.5 * posterior.log_variance) * noise
        own = gaussian_log_density(codes, posterior.mean, posterior.log_variance).sum(-1)
        repeated = [label.expand(DRAWS, *label.shape).flatten(0, 1) for label in given]
        other = double.log_probability(codes.flatten(0, 1), *repeated).view(DRAWS, rows)
    estimate, error = (own - other).mean(0), (own - other).std(0) / DRAWS**0.5
    deviation = float(((elements.sum(1) - estimate).abs() / error).max())
    require(
        deviation < MOST_DEVIATION,
        f"its sum over the code differs from a Monte Carlo estimate by {deviation:.1f} standard errors: "
        f"{elements.sum(1).tolist()} against {estimate.tolist()}",
    )
