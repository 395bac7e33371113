"""What the registry holds can be mixed: priors with losses and interpolators at random, trained a few steps."""

from __future__ import annotations

from pathlib import Path

import pytest

from semreg.core.registry import components
from tests import mixes
from tests.mixes import Drawn, Skipped

MOST_SKIPPED = 1 / 4
"""The share that may be refused, by the check or by the interpolator, in a sentence of theirs; three of a few."""


@pytest.mark.parametrize("count", [10, pytest.param(200, marks=pytest.mark.slow)])
def test_random_mixes_check_and_train(count: int, tmp_path: Path) -> None:
    skipped: list[tuple[Drawn, str]] = []
    for mix in mixes.drawn(count, tmp_path):
        try:
            mixes.train(mix, tmp_path)
        except Skipped as why:
            skipped.append((mix, str(why)))
        except Exception as error:
            raise AssertionError(f"{mix} fails: {error}") from error
    assert len(skipped) <= max(MOST_SKIPPED * count, 3), mixes.told(skipped)


def test_roles_wire_losses_of_several_distributions(tmp_path: Path) -> None:
    wired = mixes.wirable(tmp_path)
    brought_by = {one.distribution for one in components("loss") if one.name in wired}
    assert {"semreg", "semreg-atnl", "semreg-gmprior", "semreg-vae"} <= brought_by
