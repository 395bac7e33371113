"""Which codes are decoded for the pictures of Figures 4 and 5."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from semreg_gmprior.evaluations.traversal import traversal
from semreg_gmprior.prior import GaussianMixture

from semreg.components.priors import StandardNormal
from semreg.core import Result

IMAGES = 5


def walked(world: Any, **options: Any) -> Result:
    inputs = [world.tensor("z_s"), world.modules["prior_s"], world.tensor("z_u"), world.modules["prior_u"]]
    options = {"images": IMAGES, "generator": torch.Generator().manual_seed(0)} | options
    return traversal(*inputs, world.tensor("x_f"), world.tensor("digit"), **options)


@pytest.mark.filterwarnings("ignore:gaussian_mixture")
def test_the_codes_of_the_three_pictures(world: Any) -> None:
    result = walked(world, dimensions=2)
    assert len(result.pictures) == 3
    shown = [codes for codes in world.given if len(codes[0]) == IMAGES]
    within, across, single = shown[:3], shown[3:6], shown[6:]
    prior = world.modules["prior_s"]
    deviations = (0.5 * prior.floored_log_variances()).exp().detach()
    standard = [(z_s - prior.means[c]) / deviations[c] for c, (z_s, _) in enumerate(within)]
    for z, (_, z_u) in zip(standard, within, strict=True):
        assert torch.allclose(z, standard[0], atol=1e-3)
        assert torch.allclose(z.diff(dim=0), (z[1] - z[0]).expand(IMAGES - 1, -1), atol=1e-3)
        assert (z_u == within[0][1][0]).all()
    assert (standard[0][0] != standard[0][-1]).all()
    for c, (z_s, z_u) in enumerate(across):
        assert (z_s == z_s[0]).all()
        assert torch.allclose(
            (z_s[0] - prior.means[c]) / deviations[c], (across[0][0][0] - prior.means[0]) / deviations[0], atol=1e-3
        )
        assert torch.equal(z_u, across[0][1])
        assert torch.allclose(z_u.diff(dim=0), (z_u[1] - z_u[0]).expand(IMAGES - 1, -1), atol=1e-5)
    assert len(single) == 6  # two dimensions, three classes
    for index, (z_s, z_u) in enumerate(single):
        moving, fixed = index // 3, [dimension for dimension in range(3) if dimension != index // 3]
        assert z_u[:, moving].tolist() == [-3, -1.5, 0, 1.5, 3]
        assert (z_u[:, fixed] == z_u[0, fixed]).all()
        assert (z_s == z_s[0]).all()


@pytest.mark.filterwarnings("ignore:gaussian_mixture")
def test_dimensions_are_ranked_by_what_they_change(world: Any) -> None:
    rows = walked(world).tables[0].rows
    assert [row[0] for row in rows] == [0, 1, 2]
    # a quarter of the pixels moves by 6 / 16, or by half of it
    assert [row[1] for row in rows] == pytest.approx([(6 / 16) ** 2 / 4, (3 / 16) ** 2 / 4, 0])


@pytest.mark.filterwarnings("ignore:gaussian_mixture")
def test_classes_and_dimensions_may_be_chosen(world: Any) -> None:
    walked(world, classes=["c"], dimensions=[2])
    shown = [codes for codes in world.given if len(codes[0]) == IMAGES]
    assert len(shown) == 3
    assert shown[2][1][:, 2].tolist() == [-3, -1.5, 0, 1.5, 3]
    assert all((z_s[:, 0] - 2).abs().max() < 0.1 for z_s, _ in shown)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"classes": ["d"]}, "classes: there is no class 'd'"),
        ({"dimensions": [3]}, r"dimensions: z_u has 0 to 2; found \[3\]"),
        ({"dimensions": []}, r"dimensions: z_u has 0 to 2; found \[\]"),
    ],
)
@pytest.mark.filterwarnings("ignore:gaussian_mixture")
def test_what_there_is_not_is_refused(options: dict[str, Any], message: str, world: Any) -> None:
    with pytest.raises(ValueError, match=message):
        walked(world, **options)


@pytest.mark.parametrize(
    ("name", "prior", "message"),
    [
        ("prior_s", StandardNormal(size=2), "prior of 'z_s' must be a module gaussian_mixture.*a StandardNormal"),
        ("prior_s", GaussianMixture(classes=2, size=2), "each of 3 classes; found 2 classes"),
        ("prior_u", "z_u", "prior of 'z_u' must be a module to draw from; found 'z_u'"),
    ],
)
def test_other_priors_are_refused(name: str, prior: Any, message: str, world: Any) -> None:
    world.modules[name] = prior
    with pytest.raises(ValueError, match=message):
        walked(world)


@pytest.mark.filterwarnings("ignore:gaussian_mixture")
@pytest.mark.parametrize("rows", [1, 3])
def test_classes_that_are_not_shown_are_said(rows: int, world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("semreg_gmprior.evaluations.traversal.MOST_ROWS", rows)
    monkeypatch.setattr("semreg_gmprior.evaluations.traversal.UNDER", 2)
    within, across, single = walked(world).pictures
    for picture in (within, across):
        assert ("The first 1 of 3 classes." in picture.caption) is (rows == 1)
    assert ("Under 2 of these classes." in single.caption) is (rows == 3)
    assert "classes" not in walked(world, classes=["b"]).pictures[0].caption
