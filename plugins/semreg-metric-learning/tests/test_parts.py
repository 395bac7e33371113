"""Distances, reducers, miners and inner losses by name, and what is refused in one message."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from semreg.core import as_module
from tests.conforming import normal

pytest.importorskip("semreg_metric_learning.parts", reason="optional: `make test-optional` installs it")
from pytorch_metric_learning import distances, losses, miners, reducers

CODES = normal(8, 4)
LABELS = torch.tensor([0, 0, 1, 1, 2, 2, 0, 1])


def test_the_librarys_own_objects_give_the_same_value() -> None:
    ours = as_module(
        "contrastive", distance={"use": "lp", "p": 1, "normalize_embeddings": False}, neg_margin=3.0,
        reducer={"use": "threshold", "low": 0.1}, miner={"use": "pair_margin", "pos_margin": 0.1, "neg_margin": 2.0},
    )  # fmt: skip
    theirs = losses.ContrastiveLoss(
        distance=distances.LpDistance(p=1, normalize_embeddings=False), neg_margin=3.0,
        reducer=reducers.ThresholdReducer(low=0.1),
    )  # fmt: skip
    mined = miners.PairMarginMiner(pos_margin=0.1, neg_margin=2.0)(CODES, LABELS)
    assert torch.equal(ours(CODES, LABELS), theirs(CODES, LABELS, mined))


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        (
            "contrastive",
            {"distance": "cosin"},
            "no distance is called 'cosin'; expected one of: cosine, dot_product, lp, snr",
        ),
        ("contrastive", {"distance": {"use": "lp", "q": 1}}, "distance 'lp': q: LpDistance has no option 'q'"),
        ("contrastive", {"distance": {"use": "lp", "p": "two"}}, "distance 'lp': p: 'two': .* number"),
        ("contrastive", {"distance": {"p": 1}}, "no distance is called None"),
        ("contrastive", {"reducer": "do_nothing"}, "reducer 'do_nothing': it gives no scalar"),
        ("contrastive", {"miner": "embeddings_already_packaged_as_triplets"}, "it takes each three rows"),
        ("instance", {"miner": "batch_hard"}, "InstanceLoss has no option 'miner'"),
        ("circle", {"distance": "lp"}, "CircleLoss requires the distance metric to be CosineSimilarity"),
        ("contrastive", {"pos_margn": 1.0}, "has no option 'pos_margn'; did you mean 'pos_margin'"),
        ("arcface", {}, "needs the option 'num_classes'"),
        ("arcface", {"num_classes": 3}, "arcface needs the option 'embedding_size' where no recipe tells it"),
        ("arcface", {"num_classes": 3, "input_shapes": [[4], []], "embedding_size": 5}, "and the codes have 4 numbers"),
        ("arcface", {"num_classes": 3, "input_shapes": [[1, 8, 8], []]}, "takes codes .* found 4 axes"),
        ("smooth_ap", {}, "it takes batches of as many classes as codes of each class"),
        ("self_supervised", {"loss": "arcface"}, "loss 'arcface': .*needs the option.* 'num_classes'"),
        ("self_supervised", {"loss": "n_pairs"}, "SelfSupervisedLoss not supported for NPairsLoss"),
    ],
)
def test_what_does_not_fit_is_one_message(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        as_module(name, **options)
