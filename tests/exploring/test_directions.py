"""Principal directions of codes."""

from __future__ import annotations

import pytest
import torch

from semreg.exploring.directions import directions_of
from semreg.trained.run import Run
from semreg.trained.run import TensorHandle as Handle


def test_they_are_orthogonal_and_of_falling_variance(run: Run) -> None:
    found = directions_of(run, "z", 6)
    assert torch.allclose(found.directions @ found.directions.T, torch.eye(6), atol=1e-5)
    assert (found.deviations.diff() <= 0).all()
    assert torch.allclose(found.codes.mean(0), torch.zeros(6), atol=1e-4)
    assert torch.allclose(found.codes.var(0), torch.ones(6), atol=1e-3)
    largest = found.directions.gather(1, found.directions.abs().argmax(1, keepdim=True))
    assert (largest > 0).all()


def test_all_directions_of_a_code_give_it_back(run: Run) -> None:
    found, codes = directions_of(run, "w", 99), run.tensor("w").read("test")[:5]
    assert found.directions.shape == (4, 4)
    again = found.mean + (found.place(codes) * found.deviations) @ found.directions
    assert torch.allclose(again, codes, atol=1e-4)


def test_codes_that_are_equal_have_none(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Handle, "read", lambda *_, **__: torch.full((9, 3), 0.1))
    with pytest.raises(ValueError, match="the codes 'z' of all test images are equal"):
        directions_of(run, "z", 2)
