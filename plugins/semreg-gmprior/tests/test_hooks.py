"""The course of a mixture's variances: what is kept of a run, and what its report shows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from semreg_gmprior.hooks import LOG, Mixtures
from semreg_gmprior.prior import GaussianMixture

from semreg.core import ClassField, Roles
from semreg.core.hookspecs import Progress
from semreg.testing import FakeObservedRun, FakeRun, check_hook

RECIPE = {"model": {"prior": {"z_s": "prior_s", "z_u": "prior_u"}, "attributes": {"digit": "z_s"}}}


@pytest.fixture
def trained() -> FakeRun:
    """Codes that deviate by 0, 2 and nobody knows what within their classes."""
    codes = torch.tensor([[5.0, 5], [5, 5], [1, 1], [3, 1], [5, 1], [7, 7]])
    labels = torch.tensor([0, 0, 1, 1, 1, 2])
    prior = GaussianMixture(classes=3, size=2)
    with torch.no_grad():
        prior.log_variances.copy_(torch.tensor([[1.0, 7], [2, 2], [3, 6]]).log())
    return FakeRun(
        tensors={"z_s": {"test": codes}, "digit": {"test": labels}},
        functions={},
        fields={"digit": ClassField(tuple("abc"))},
        modules={"prior_s": prior, "prior_u": torch.nn.Identity()},
        roles=Roles(code=("z_s",), attributes={"digit": "z_s"}),
    )


def epoch(number: int, *, iterations: int = 2) -> list[Progress]:
    return [
        Progress("main", number, 3, iterations * (number - 1) + step + 1, 3 * iterations) for step in range(iterations)
    ]


def kept(run: FakeObservedRun) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run.folder / LOG).read_text().splitlines()]


def test_it_conforms(trained: FakeRun) -> None:
    check_hook(Mixtures, trained)


def test_each_epoch_leaves_the_variances_of_both_by_class(trained: FakeRun, tmp_path: Path) -> None:
    run, hook = FakeObservedRun(tmp_path, trained, recipe=RECIPE), Mixtures()
    for progress in [*epoch(1), *epoch(2)]:
        hook.iteration_done(run, progress)
    first, second = kept(run)
    assert (first["epoch"], second["epoch"]) == (1, 2)
    assert (first["phase"], first["code"]) == ("main", "z_s")
    assert first["mixture"] == pytest.approx([4.0, 2.0, 4.5])
    assert first["codes"] == [0, 2, None]  # means over the code: 0 and 0, 4 and 0, and one code alone


def test_the_report_shows_the_course_and_a_resumed_run_counts_once(trained: FakeRun, tmp_path: Path) -> None:
    run, hook = FakeObservedRun(tmp_path, trained, recipe=RECIPE), Mixtures()
    for progress in [*epoch(1), *epoch(2), *epoch(2)]:
        hook.iteration_done(run, progress)
    (run.folder / LOG).open("a").write('{"half a li')
    [section] = Mixtures().report_sections(run)
    assert section.title == "The mixture of z_s"
    assert "z_s deviates by 1 within classes, and draws from its mixture by 1.87" in section.text
    assert [picture.title for picture in section.pictures] == ["Deviations of z_s within classes"]


@pytest.mark.parametrize(
    "recipe", [{}, {"model": {"prior": {"z_s": "prior_s"}}}, {"model": {"prior": {"z_u": "prior_u"}}}]
)
def test_runs_without_a_mixture_of_classes_keep_nothing(
    recipe: dict[str, Any], trained: FakeRun, tmp_path: Path
) -> None:
    run, hook = FakeObservedRun(tmp_path, trained, recipe=recipe), Mixtures()
    for progress in epoch(1):
        hook.iteration_done(run, progress)
    assert not (tmp_path / LOG).exists()
    assert hook.report_sections(run) == []
