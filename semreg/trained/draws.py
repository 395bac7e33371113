"""Random generators from a user's seed."""

from __future__ import annotations

import torch

from semreg.core import seed_of
from semreg.data.seeds import chosen_seed


def drawn_by(seed: int, purpose: str) -> torch.Generator:
    """Return a generator from a user's seed, a separate one for each purpose. Raises UserError if it is not a seed."""
    return torch.Generator().manual_seed(seed_of(chosen_seed(seed), purpose))
