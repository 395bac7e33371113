"""Few shots in a world where images between neighbours are of the class between."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from semreg_atnl.evaluations.few_shot import few_shot
from torch import Tensor

from semreg.core import ClassField

pytestmark = pytest.mark.usefixtures("ways")
FAST = {"interpolator": "arc", "few": 3, "count": 30, "iterations": 5}


def restrict(world: Any, shots: dict[int, int], split: str = "train") -> None:
    """Leaves so many images of some classes."""
    labels = world.tensors["digit"][split]
    keep = torch.ones(len(labels), dtype=torch.bool)
    for value, count in shots.items():
        keep[(labels == value).nonzero().flatten()[count:]] = False
    for name in ("z", "digit", "image"):
        world.tensors[name][split] = world.tensors[name][split][keep]


@pytest.fixture
def few(ring: Any) -> Any:
    """Of every other class a single image, and that at the class's edge, so that its neighbours are nearer to most."""
    restrict(ring, {0: 1, 2: 1, 4: 1})
    angle = torch.pi / 3 * (ring.tensors["digit"]["train"] + 0.45)
    rare = ring.tensors["digit"]["train"] % 2 == 0
    ring.tensors["z"]["train"][rare] = 4 * torch.stack([angle.cos(), angle.sin()], 1)[rare]
    spread = ring.tensors["digit"]["test"] + torch.linspace(-0.4, 0.4, 120)
    ring.tensors["z"]["test"] = 4 * torch.stack([(spread * torch.pi / 3).cos(), (spread * torch.pi / 3).sin()], 1)
    for split in ("train", "test"):
        ring.tensors["image"][split] = ring.functions["reconstruction"](ring.tensors["z"][split])
    return ring


def evaluated(world: Any, seed: int = 0, **options: Any) -> Any:
    inputs = map(world.tensor, ("image", "z", "digit", "reconstruction"))
    return few_shot(*inputs, generator=torch.Generator().manual_seed(seed), **{**FAST, **options})


def test_images_between_neighbours_help_the_few_shot_classes(few: Any) -> None:
    result = evaluated(few, weights=[0.3, 0.7])
    figures = result.figures
    assert figures["knn_interpolated"] > figures["knn_without"] + 0.1
    assert figures["knn_interpolated_few"] > figures["knn_without_few"] + 0.3
    assert figures["knn_gain"] == pytest.approx(figures["knn_interpolated"] - figures["knn_without"])
    assert figures["cnn_gain"] == pytest.approx(figures["cnn_interpolated"] - figures["cnn_without"])
    assert set(result.outcomes) == {
        f"{m}_{d}" for m in ("knn", "cnn") for d in ("without", "augmented", "interpolated", "both")
    }
    for name, right in result.outcomes.items():
        assert len(right) == 120
        assert figures[name] == pytest.approx(sum(right) / 120)
    assert (
        "a (1), c (1), e (1); new images fill each up to 30. Other classes: b (20), d (20), f (20)"
        in result.tables[0].caption
    )


def test_the_net_learns_what_it_is_shown(few: Any) -> None:
    result = evaluated(few, weights=[0.3, 0.7], iterations=150)
    assert result.figures["cnn_interpolated"] > 0.8


def test_no_test_image_is_read_but_to_be_classified(few: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from semreg_atnl.evaluations import few_shot as module

    received: list[tuple[Tensor, Tensor]] = []
    shares: list[Tensor] = []

    def remembered(images: Tensor, labels: Tensor, *others: Tensor, **_: Any) -> Tensor:
        *training, test_images = others
        assert torch.equal(test_images, few.tensors["image"]["test"])
        received.append((images, labels))
        shares.extend(training[:1])
        for held_out in training[1:]:
            assert not training[0][held_out].any()
            copies = torch.cdist(images[63:].flatten(1), images[held_out].flatten(1)) < 1e-6
            assert not copies.any(), "an image was made of one that is held out"
            assert labels[held_out].bincount(minlength=6).tolist() == [0, 4] * 3
            assert len(held_out.unique()) == 12
            assert held_out.max() < 63, "made images were held out"
        return torch.zeros(len(test_images), dtype=torch.int64)

    monkeypatch.setattr(module, "_augmented", lambda images, *_: images)
    monkeypatch.setattr(module, "nearest_neighbors", remembered)
    monkeypatch.setattr(module, "convolutional", remembered)
    few.tensors["z"]["test"].fill_(torch.nan)  # codes of test images are not even read
    result = evaluated(few)
    train = few.tensors["image"]["train"]
    assert [len(images) for images, _ in received] == [63, 63, 150, 198, 150, 198, 237, 333]
    for images, labels in received:
        assert torch.equal(images[:63], train)
        assert labels.bincount().tolist() in ([1, 20] * 3, [30, 20] * 3, [30, 36] * 3, [59, 20] * 3, [59, 52] * 3)
    for chances, (_, labels) in zip(shares, received[1::2], strict=True):
        drawn = torch.zeros(6, dtype=torch.float64).index_add(0, labels, chances)
        torch.testing.assert_close(drawn, torch.ones(6, dtype=torch.float64))
        own = torch.zeros(6, dtype=torch.float64).index_add(0, labels[:63], chances[:63])
        torch.testing.assert_close(
            own, torch.full((6,), {63: 1.0, 198: 1 / 2}.get(len(labels), 1 / 3), dtype=torch.float64)
        )
    for interpolated, labels in received[4:6]:
        seen = few.functions["probability"](interpolated[63:]).argmax(1)
        assert (seen == labels[63:]).float().mean() > 0.95
    assert result.figures["knn_without"] == pytest.approx(1 / 6)


def test_fewer_comparisons_can_be_asked_for(few: Any) -> None:
    result = evaluated(few, fillings=["both"])
    assert set(result.outcomes) == {"knn_both", "cnn_both"}
    assert set(result.figures) == {"knn_both", "knn_both_few", "cnn_both", "cnn_both_few"}
    assert [row[0] for row in result.tables[0].rows] == ["both"]


def test_all_classes_may_be_few(ring: Any) -> None:
    restrict(ring, dict.fromkeys(range(6), 2))
    result = evaluated(ring)
    assert "Other classes: none" in result.tables[0].caption
    assert result.figures["knn_without"] == result.figures["knn_without_few"]


def test_the_end_classes_of_a_line_stay_as_they_are(line: Any) -> None:
    restrict(line, {0: 2, 2: 2})
    result = evaluated(line, interpolator="linear")
    assert result.figures["knn_interpolated"] > 0.9


def test_the_same_generator_gives_the_same_result_and_another_others(few: Any) -> None:
    one, same, other = (evaluated(few, seed=seed) for seed in (0, 0, 1))
    assert one == same
    assert one.outcomes != other.outcomes
    torch.manual_seed(3)
    before = torch.get_rng_state()
    evaluated(few, iterations=1)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("shots", "options", "message"),
    [
        ({}, {}, r"no class has few training images \(at most few = 3; the smallest has 20\).*data.split.shots"),
        ({1: 0}, {}, "no training image is of class b"),
        ({1: 2}, {"count": 3}, "count is 3"),
        ({1: 2}, {"weights": (0.6, 0.4)}, "do not ascend"),
        ({1: 2}, {"interpolator": "curved"}, "no interpolator is called 'curved'"),
    ],
    ids=["none few", "absent", "count", "weights", "interpolator"],
)
def test_what_cannot_be_is_told(shots: dict[int, int], options: dict[str, Any], message: str, ring: Any) -> None:
    restrict(ring, shots)
    with pytest.raises(ValueError, match=message):
        evaluated(ring, **options)


def test_classes_without_an_order_are_refused(few: Any) -> None:
    few.fields["digit"] = ClassField(tuple("abcdef"))
    with pytest.raises(ValueError, match="order 'none'"):
        evaluated(few)


def test_a_decoder_of_other_images_is_refused(few: Any) -> None:
    few.functions["reconstruction"] = lambda z: torch.zeros(len(z), 1, 6, 6)
    with pytest.raises(ValueError, match=r"'reconstruction' has images \(1, 6, 6\); those of 'image' are \(1, 8, 8\)"):
        evaluated(few)
