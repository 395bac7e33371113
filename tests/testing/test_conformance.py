"""The core's components pass the conformance kit."""

from __future__ import annotations

import pytest
import torch

from semreg.components.priors import StandardNormal
from semreg.core import DiagonalGaussian
from tests.conforming import LABELS, TEXTBOOK, Example, conform, example, names, normal, uniform

POSTERIOR = DiagonalGaussian(normal(6, 4), normal(6, 4, seed=1))
SHIFT = torch.tensor([1, 2, 3, 4, 5, 0])
NORMAL = StandardNormal(size=4)

LOSSES = {
    "adversarial_critic": example(normal(6, 1), normal(6, 1, seed=1)),
    "adversarial_generator": example(normal(6, 1)),
    "binary_cross_entropy": example(normal(6, 4), uniform(6, 4), exempt=TEXTBOOK),
    "cross_entropy": example(normal(6, 4), LABELS, label_smoothing=0.1, exempt=TEXTBOOK),
    "kl_divergence": example(POSTERIOR, NORMAL, exempt=TEXTBOOK),
    "kl_estimate": example(normal(6, 4, seed=2), POSTERIOR, NORMAL),
    "l1": example(normal(6, 4), normal(6, 4, seed=1), exempt=TEXTBOOK),
    "l2": example(normal(6, 4), normal(6, 4, seed=1), reduction="sum", exempt=TEXTBOOK),
    "predictability": example(normal(6, 4), LABELS, classes=3),
    "uniform_cross_entropy": example(normal(6, 4)),
}
OPERATIONS = {
    "augment": example(uniform(6, 1, 8, 8), exempt=TEXTBOOK),
    "average": example(normal(6, 4), normal(6, 4, seed=1), weights=[1.0, 2.0], exempt=TEXTBOOK),
    "concatenate": example(normal(6, 4), normal(6, 2, seed=1), exempt=TEXTBOOK),
    "detach": example(normal(6, 4), exempt=TEXTBOOK),
    "diagonal_gaussian": example(normal(6, 8), exempt=TEXTBOOK),
    "draw": example(NORMAL, LABELS, exempt=TEXTBOOK),
    "draw_like": example(NORMAL, normal(6, 4), exempt=TEXTBOOK),
    "multiply": example(normal(6, 4), normal(6, 4, seed=1), exempt=TEXTBOOK),
    "one_hot": example(LABELS, classes=3, exempt=TEXTBOOK),
    # it is about the places of rows
    "other_of_pair": example(normal(6, 4), exempt=TEXTBOOK | {"order"}),
    "permutation": example(normal(6, 4), exempt=TEXTBOOK),
    "pooled": example(normal(6, 2, 4, 6), cells=2, exempt=TEXTBOOK),
    "posterior_mean": example(POSTERIOR, exempt=TEXTBOOK),
    "sample": example(POSTERIOR),
    "sigmoid": example(normal(6, 4), exempt=TEXTBOOK),
    "softmax": example(normal(6, 4), exempt=TEXTBOOK),
    # its second input says which rows of the first
    "take": example(normal(6, 4), SHIFT, exempt=TEXTBOOK | {"order", "degenerate"}),
}
NETWORKS = {
    "conv_encoder": example(uniform(4, 1, 16, 16), outputs=3, widths=[4, 8], exempt=TEXTBOOK),
    "mlp_encoder": example(uniform(4, 1, 4, 4), outputs=3, hidden=[8], exempt=TEXTBOOK),
    "timm_encoder": example(uniform(2, 1, 32, 32), model="mobilenetv3_small_050", outputs=3, exempt=TEXTBOOK),
    "conv_decoder": example(normal(4, 3), channels=1, size=16, widths=[8, 4], exempt=TEXTBOOK),
    "mlp_decoder": example(normal(4, 3), channels=1, size=4, hidden=[8], exempt=TEXTBOOK),
}
OTHERS = {
    "standard_normal": example(size=3, exempt=TEXTBOOK),
    # a recipe doesn't write the prior: `[model]` says it
    "base_space": example(normal(6, 4), normal(6, 4, seed=1), prior=NORMAL, exempt={"signature"}),
    "linear": example(normal(6, 4), normal(6, 4, seed=1)),
    "neighbor_graph": Example((normal(6, 4), normal(6, 4, seed=1)), {"neighbors": 2}, more={"labels": LABELS}),
    "variance_preserving": example(normal(6, 4), normal(6, 4, seed=1)),
    "digits": example(size=10),
    "class_balanced": Example((torch.arange(24) % 3,), {"power": 0.5}, more={"batch_size": 6}),
    "pairs_that_share": Example((torch.arange(24) % 3,), more={"batch_size": 6}),
    "shuffled": Example(more={"batch_size": 6}),
    "shuffled_shards": Example(more={"batch_size": 6}),
    "constant": example(),
    "cosine": example(warmup=0.5, floor=0.1),
    "cyclical": example(cycles=3, rising=0.4),
    "linear_decay": example(start=2),
    "warmup": example(warmup=2.0),
    "step": example(every=2, gamma=0.5),
}
LIBRARY_SCHEDULES = {
    "constant_lr": example(factor=0.5),
    "cosine_annealing_lr": example(eta_min=0.1),
    "cosine_annealing_warm_restarts": example(T_0=3),
    "cyclic_lr": example(base_lr=0.1, max_lr=1.0, step_size_up=3),
    "exponential_lr": example(gamma=0.9),
    "linear_lr": example(),
    "multi_step_lr": example(milestones=[2, 5]),
    "one_cycle_lr": example(pct_start=0.2),
    "polynomial_lr": example(power=2.0),
    "step_lr": example(step_size=3),
    "timm_cosine": example(warmup_t=2),
    "timm_multistep": example(decay_t=[2, 5], decay_rate=0.1),
    "timm_poly": example(),
    "timm_step": example(decay_t=3.0, decay_rate=0.5),
    "timm_tanh": example(),
    "timm_wsd": example(decay_t=1),
}
EXAMPLES = LOSSES | OPERATIONS | NETWORKS | OTHERS | LIBRARY_SCHEDULES


@pytest.mark.parametrize("name", EXAMPLES)
def test_it_conforms(name: str) -> None:
    conform(name, "semreg", EXAMPLES[name])


def test_none_is_forgotten() -> None:
    assert set(EXAMPLES) == names("semreg", without=("evaluation", "dataset", "executor", "panel")) | {"digits"}
