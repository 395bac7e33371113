"""Options of the library's constructors as recipes have them, and what is refused in one message."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
import torch

from semreg.core import as_module

pytest.importorskip("pytorch_metric_learning", reason="optional: `make test-optional` installs it")
from pytorch_metric_learning import distances, losses, miners, reducers
from semreg_metric_learning.names import ENTRIES
from semreg_metric_learning.parts import BASES, REFUSED, classes, made, part
from semreg_metric_learning.signatures import SIZES, options_of

CODES = torch.randn(8, 4, generator=torch.Generator().manual_seed(0))
LABELS = torch.tensor([0, 0, 1, 1, 2, 2, 0, 1])
NEEDED: dict[str, Any] = {
    "Tn": 1.0, "centers_per_class": 2, "loss": "contrastive", "margin": 0.4, "num_classes": 3, "reducers": {},
    "weights": [1.0, 2.0, 3.0], **dict.fromkeys(SIZES, 4),
}  # fmt: skip
EVERY = [(category, name) for category in (*BASES, "loss") for name in classes(category)]


@pytest.mark.parametrize(("category", "name"), EVERY)
def test_each_class_takes_each_of_its_options_by_name(category: str, name: str) -> None:
    kind = classes(category)[name]
    if kind.__name__ in REFUSED:
        with pytest.raises(ValueError, match=f"{name}.*: it (takes|gives|calls)"):
            part(category, name)
        return
    options = options_of(kind)
    needed = {key: NEEDED[key] for key, one in options.items() if one.default is inspect.Parameter.empty}
    if kind.__name__ == "ThresholdReducer":
        needed = {"low": 0.0}
    for key, option in options.items():
        given = {} if option.default is inspect.Parameter.empty else {key: option.default}
        made(kind, needed | {one: value for one, value in given.items() if value is not None})
    part(category, {"use": name, **needed})


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


def test_a_criterion_gives_what_the_librarys_gives_from_one_seed() -> None:
    torch.manual_seed(0)
    ours = as_module("arcface", num_classes=3, embedding_size=4)
    torch.manual_seed(0)
    theirs = losses.ArcFaceLoss(num_classes=3, embedding_size=4)
    assert torch.equal(ours(CODES, LABELS), theirs(CODES, LABELS))
    assert [name for name, _ in ours.named_parameters()] == ["loss.W"]


def test_a_memory_holds_earlier_batches_and_is_part_of_the_state() -> None:
    def fresh() -> Any:
        return as_module("cross_batch_memory", embedding_size=4, memory_size=20, loss="contrastive")

    first, again = fresh(), fresh()
    values = [float(first(CODES + k, LABELS)) for k in range(4)]
    for k in range(2):
        again(CODES + k, LABELS)
    resumed = fresh()
    resumed.load_state_dict(again.state_dict())
    assert [float(resumed(CODES + k, LABELS)) for k in (2, 3)] == values[2:]
    assert values[1] != float(fresh()(CODES + 1, LABELS))
    with pytest.raises(ValueError, match="memory_size is 20, less than the 24 codes of a batch"):
        first(CODES.repeat(3, 1), LABELS.repeat(3))


def test_a_histogram_goes_on_over_steps() -> None:
    criterion: Any = as_module("dynamic_soft_margin")
    before = criterion.loss.hist_.clone()
    for k in range(2):
        codes = (CODES + k).requires_grad_()
        criterion(codes, LABELS).backward()
        assert codes.grad is not None
    assert not torch.equal(criterion.loss.hist_, before)
    assert not criterion.loss.hist_.requires_grad


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("contrastive", {"distance": "cosin"}, "no distance is called 'cosin'; there is: cosine, dot_product, lp, snr"),
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


def test_classes_beyond_the_last_are_refused() -> None:
    criterion = as_module("proxy_nca", num_classes=2, embedding_size=4)
    with pytest.raises(ValueError, match="there are 2 classes, 0 to 1; found labels from 0 to 2"):
        criterion(CODES, LABELS)


def test_names_are_those_of_recipes() -> None:
    assert all(name.isidentifier() and name.islower() for name in ENTRIES)
