"""What a code says of its image."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from semreg.components.priors import StandardNormal
from semreg.components.values import map_tensors
from semreg.core import DiagonalGaussian, Picture, Roles
from semreg.evaluation import standard
from semreg.evaluation.standard import divergence, reconstructions
from semreg.testing import FakeRun
from semreg.trained import rows


class Posteriors(FakeRun):
    """A run with one posterior of 50 test images, whose third dimension is its prior."""

    def __init__(self) -> None:
        source = torch.Generator().manual_seed(0)
        mean, log_variance = torch.randn(2, 50, 3, generator=source)
        mean[:, 2], log_variance[:, 2] = 0, 0
        self.posterior = DiagonalGaussian(mean, log_variance)
        super().__init__(tensors={"z": {"test": mean}}, functions={}, fields={})

    def tensor(self, name: str) -> Any:
        handle = super().tensor(name)
        if name == "q":
            handle.read = lambda split, count=None: map_tensors(lambda part: part[:count], self.posterior)
        return handle


def test_it_is_the_closed_form_summed_over_the_code() -> None:
    run = Posteriors()
    mean, log_variance = run.posterior
    expected = kl_divergence(Normal(mean, (0.5 * log_variance).exp()), Normal(0.0, 1.0)).sum(1).mean()
    result = divergence(run.tensor("q"), StandardNormal(size=3))
    assert result.figures == {"nats_per_image": pytest.approx(float(expected), rel=1e-5), "active_dimensions": 2}
    assert "2 of 3 dimensions active" in result.summary


def test_what_is_no_posterior_or_no_prior_is_refused() -> None:
    run = Posteriors()
    with pytest.raises(ValueError, match=r"divergence\(z, prior\) takes a posterior"):
        divergence(run.tensor("z"), StandardNormal(size=3))
    for call in (divergence, divergence.before_training):  # type: ignore[attr-defined]
        with pytest.raises(ValueError, match="needs a prior with a method log_probability; found a Identity"):
            call(run.tensor("q"), torch.nn.Identity())


def test_without_a_closed_form_it_is_estimated_by_draws() -> None:
    run, prior = Posteriors(), StandardNormal(size=3)
    closed = divergence(run.tensor("q"), prior).figures["nats_per_image"]
    without = SimpleNamespace(log_probability=prior.log_probability)
    result = divergence(run.tensor("q"), without, draws=200, generator=torch.Generator().manual_seed(0))  # type: ignore[arg-type]
    assert result.figures == {"nats_per_image": pytest.approx(closed, rel=0.05)}
    assert "by 200 draws of each" in result.summary


def test_a_prior_that_wants_a_label_says_so_before_training() -> None:
    class OfClasses(StandardNormal):
        def kl_divergence(self, posterior: Any, *labels: Any) -> Any:
            raise ValueError("give the label")

    with pytest.raises(ValueError, match="give the label"):
        divergence.before_training(Posteriors().tensor("q"), OfClasses(size=3))  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("scale", "nats"),
    [(0.001, "1.0e-06 nats per image; 0 of"), (0.1, "0.01 nats"), (5.0, "25 nats")],
)
def test_few_nats_are_not_said_to_be_none(scale: float, nats: str) -> None:
    run = Posteriors()
    run.posterior = DiagonalGaussian(torch.full((50, 2), scale), torch.zeros(50, 2))
    summary = divergence(run.tensor("q"), StandardNormal(size=2)).summary
    assert summary.startswith(nats)


@pytest.mark.parametrize(
    ("output", "title", "row"),
    [("made", "Reconstructions", "reconstruction"), ("", "Reconstructions", "reconstruction"),
     ("other", "made of test images", "made")],
)  # fmt: skip
def test_what_is_not_the_output_is_not_called_a_reconstruction(
    output: str, title: str, row: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: dict[str, Any] = {}

    def image_grid(title: str, rows: Any, **options: Any) -> Picture:
        drawn.update(options, title=title)
        return Picture(title, b"")

    monkeypatch.setattr(standard, "image_grid", image_grid)
    images = torch.full((4, 1, 2, 2), 0.5)
    tensors = {"image": {"test": images}, "made": {"test": images + 0.004}}
    run = FakeRun(tensors=tensors, functions={}, fields={}, roles=Roles(output=output))
    result = reconstructions(run.tensor("image"), run.tensor("made"))
    assert (drawn["title"], drawn["row_labels"]) == (title, ["image", row])
    assert result.summary == "mean squared error 1.6e-05"


def test_in_parts_the_errors_are_as_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    images = torch.rand(2, 40, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    run = FakeRun(tensors={"image": {"test": images[0]}, "copy": {"test": images[1]}}, functions={}, fields={})
    whole = reconstructions(run.tensor("image"), run.tensor("copy"), pictures=9)
    assert whole.figures["mean_absolute_error"] == float((images[0] - images[1]).abs().mean())
    monkeypatch.setattr(rows, "BATCH", 7)
    monkeypatch.setattr(rows, "NUMBERS_AT_ONCE", 1)
    parts = reconstructions(run.tensor("image"), run.tensor("copy"), pictures=9)
    assert parts.figures == pytest.approx(whole.figures, rel=1e-6)
    assert parts.pictures == whole.pictures
