"""What a user's seed draws from."""

from __future__ import annotations

import torch

from semreg.core import seed_of
from semreg.data.seeds import chosen_seed


def drawn_by(seed: int, purpose: str) -> torch.Generator:
    """A generator that a user seeds, of its own for each purpose. Raises UserError for what is no seed."""
    return torch.Generator().manual_seed(seed_of(chosen_seed(seed), purpose))
