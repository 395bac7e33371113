"""What is said of codebooks, and which are refused."""

from __future__ import annotations

import pytest
import torch
from semreg_vae.evaluation import codebook_usage
from semreg_vae.quantizers import VectorQuantizer

from semreg.testing import FakeRun
from tests.conforming import normal


def test_a_codebook_that_is_larger_than_the_data_has_unused_vectors_and_what_is_no_quantiser_is_refused() -> None:
    made = VectorQuantizer(size=30, input_shapes=[(3,)]).eval()
    splits = {split: made(normal(20, 3)) for split in ("train", "validation", "test")}
    images = {split: torch.zeros(20, 1) for split in splits}
    run = FakeRun(tensors={"image": images, "q": splits}, functions={}, fields={}, modules={"book": made})  # type: ignore[arg-type]
    found = codebook_usage(run.tensor("q"), made)
    assert 0 < found.figures["used"] <= 20 / 30
    with pytest.raises(ValueError, match="takes a quantiser; found a Linear"):
        codebook_usage(run.tensor("q"), torch.nn.Linear(2, 2))
