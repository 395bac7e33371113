"""What a user's seed draws from."""

from __future__ import annotations

import pytest
import torch

from semreg.core import UserError
from semreg.trained.draws import drawn_by


def test_draws_follow_the_seed_and_the_purpose() -> None:
    drawn = [torch.rand(4, generator=drawn_by(*key)) for key in ((1, "a"), (1, "a"), (1, "b"), (2, "a"))]
    assert torch.equal(drawn[0], drawn[1])
    assert not any(torch.equal(drawn[0], other) for other in drawn[2:])
    with pytest.raises(UserError, match="a seed is a whole number from 0 to 2147483648"):
        drawn_by(-1, "a")
