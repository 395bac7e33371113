"""Sliders of attributes."""

from __future__ import annotations

from pathlib import Path

import torch
from hypothesis import given
from hypothesis import strategies as st
from semreg_olr.panels import rows, strengths, with_strengths

import semreg
from semreg.testing import check_panel
from semreg.trained import Seen


def drawn(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(2, 4, 6, generator=generator), torch.randn(4, 6, generator=generator)


@given(seed=st.integers(0, 2**31), wanted=st.lists(st.floats(0, 2), min_size=4, max_size=4))
def test_rows_reach_as_far_along_the_mean_as_is_wanted(seed: int, wanted: list[float]) -> None:
    codes, means = drawn(seed)
    codes = codes + 3 * means  # all attributes are there
    own, asked = strengths(codes, means), torch.tensor([wanted, wanted])
    assert torch.allclose(strengths(with_strengths(codes, means, own, asked), means), asked, atol=1e-3)


@given(seed=st.integers(0, 2**31))
def test_what_is_not_moved_stays_and_none_is_zero(seed: int) -> None:
    codes, means = drawn(seed)
    own = strengths(codes, means)
    assert torch.equal(with_strengths(codes, means, own, own), codes)
    wanted = own.clone()
    wanted[:, 1] = 0
    made = with_strengths(codes, means, own, wanted)
    assert torch.equal(made[:, [0, 2, 3]], codes[:, [0, 2, 3]])
    there = own[:, 1] > 0
    assert (made[there, 1] == 0).all()
    assert torch.equal(made[~there, 1], codes[~there, 1])


def test_it_conforms(trained_run: Path) -> None:
    check_panel(rows, semreg.open_run(trained_run, data_root=trained_run.parents[1] / "data", device="cpu"))


def test_it_needs_no_data_and_begins_at_the_image(trained_run: Path, tmp_path: Path) -> None:
    run = semreg.open_run(trained_run, data_root=tmp_path, device="cpu")
    panel = rows(run)
    assert panel is not None
    assert panel.start is not None
    image = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    seen = [Seen(image, {"embedding": run.tensor("embedding").given(image=image)})]
    [still] = panel.strips(seen, panel.start(seen))
    assert torch.equal(still.codes["embedding"], seen[0].codes["embedding"])
    [bald] = panel.strips(seen, {**panel.start(seen), "Bald": 0.0})
    assert not bald.codes["embedding"][:, 0].any()
