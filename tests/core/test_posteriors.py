"""Posteriors: who needs one says so."""

from __future__ import annotations

import pytest
import torch

from semreg.core import DiagonalGaussian, require_posterior


def test_who_asks_for_a_posterior_is_told_with_what_was_found() -> None:
    class Learned:
        mean = log_variance = torch.zeros(2)

    require_posterior(DiagonalGaussian(torch.zeros(2), torch.zeros(2)), "sample(posterior)")
    require_posterior(Learned(), "sample(posterior)")
    half = DiagonalGaussian(torch.zeros(2), None)  # type: ignore[arg-type]
    for found, told in ((torch.zeros(3, 4), r"Tensor of shape \(3, 4\)"), (half, "DiagonalGaussian"), (3, "int")):
        with pytest.raises(ValueError, match=rf"^sample\(posterior\) takes a posterior .* found a {told}$"):
            require_posterior(found, "sample(posterior)")
