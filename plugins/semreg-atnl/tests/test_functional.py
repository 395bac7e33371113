"""Properties of the loss, against the definition in float64."""

from __future__ import annotations

import contextlib
import math
from typing import Any

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from semreg_atnl import triplets
from semreg_atnl.functional import angles, angular_triplet_neighbor_loss, class_directions, normalize
from semreg_atnl.neighbors import neighbor_matrix
from torch import Tensor

from semreg.core.shapes import as_on_a_device

seeds = st.integers(0, 2**31 - 1)
margins = st.floats(0.01, 3.1)
CLASSES = 6


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def normal(seed: int, *shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(*shape, generator=generator(seed), dtype=torch.float64).to(dtype)


@st.composite
def neighborhoods(draw: st.DrawFn) -> Any:
    """Any neighbourhood of six classes that leaves negatives."""
    kind = draw(st.sampled_from(["ring", "line", "none", "pairs", "matrix"]))
    if kind == "pairs":
        index = st.integers(0, CLASSES - 1)
        return draw(st.lists(st.tuples(index, index), max_size=5))
    if kind == "matrix":
        upper = torch.tensor(draw(st.lists(st.booleans(), min_size=36, max_size=36))).view(6, 6).triu()
        upper[0, 1:] = False
        return upper | upper.T
    return kind


@st.composite
def batches(draw: st.DrawFn) -> tuple[Tensor, Tensor, float]:
    """Codes in float64, any labels, and how far apart the codes are: 1 is anywhere, small is close."""
    count, size = draw(st.integers(0, 14)), draw(st.integers(2, 5))
    spread = draw(st.sampled_from([1.0, 1e-1, 1e-3]))
    labels = torch.tensor(draw(st.lists(st.integers(0, CLASSES - 1), min_size=count, max_size=count)), dtype=torch.long)
    seed = draw(seeds)
    lengths = normal(seed + 2, count, 1).abs() + 0.1
    return (normal(seed + 1, 1, size) + spread * normal(seed, count, size)) * lengths, labels, spread


def reference(codes: Tensor, labels: Tensor, margin: float, neighbors: Any, choice: str, reduction: str) -> Tensor:
    """The definition, triplet by triplet, on angles with autograd's own derivative."""
    directions = codes.double() / codes.double().norm(dim=1, keepdim=True)
    first, second = directions[:, None], directions[None]
    # A safe root, since self-pairs have no distance; they are in no triplet.
    apart = (first - second).square().sum(-1)
    chord = torch.where(apart > 0, apart, 1.0).sqrt()
    theta = 2 * torch.atan2(torch.where(apart > 0, chord, 0.0), (first + second).square().sum(-1).sqrt())
    return reference_on_angles(theta, labels, margin, neighbors, choice, reduction)


def reference_on_angles(
    theta: Tensor, labels: Tensor, margin: float, neighbors: Any, choice: str, reduction: str
) -> Tensor:
    everything = torch.arange(CLASSES)
    related = neighbor_matrix(neighbors, everything, num_classes=CLASSES)[labels][:, labels]
    count = len(labels)
    terms = []
    for anchor in range(count):
        positives = [p for p in range(count) if related[anchor, p] and p != anchor]
        negatives = [n for n in range(count) if not related[anchor, n]]
        if not positives or not negatives:
            continue
        if choice == "hard":
            pairs = [(max(positives, key=lambda p: theta[anchor, p]), min(negatives, key=lambda n: theta[anchor, n]))]
        elif choice == "semihard":
            farther = {p: [n for n in negatives if theta[anchor, n] > theta[anchor, p]] for p in positives}
            pairs = [(p, min(farther[p], key=lambda n: theta[anchor, n])) for p in positives if farther[p]]
        else:
            pairs = [(p, n) for p in positives for n in negatives]
        terms += [theta[anchor, p] + margin - theta[anchor, n] for p, n in pairs]
    active = [term for term in terms if term > 0]
    total = sum(active, start=(theta * 0).sum())
    return total / max(len(active), 1) if reduction == "active" else total


def loss_and_gradient(codes: Tensor, labels: Tensor, **options: Any) -> tuple[Tensor, Tensor]:
    leaf = codes.detach().clone().requires_grad_()
    loss = angular_triplet_neighbor_loss(leaf, labels, **options)
    loss.backward()
    return loss.detach(), leaf.grad


class TestLoss:
    @given(batches(), neighborhoods(), margins, st.sampled_from(["all", "semihard", "hard"]), st.booleans())
    @settings(max_examples=150, deadline=None)
    def test_equals_the_loop_over_triplets(
        self, batch: tuple[Tensor, Tensor, float], neighbors: Any, margin: float, choice: str, mean: bool
    ) -> None:
        codes, labels, _ = batch
        reduction = "active" if mean else "sum"
        leaf = codes.clone().requires_grad_()
        expected = reference(leaf, labels, margin, neighbors, choice, reduction)
        expected.backward()
        for place in (contextlib.nullcontext, as_on_a_device):
            with place():
                loss, gradient = loss_and_gradient(
                    codes, labels, margin=margin, neighbors=neighbors, triplets=choice, num_classes=CLASSES,
                    reduction=reduction,
                )  # fmt: skip
            torch.testing.assert_close(loss, expected.detach(), rtol=1e-9, atol=1e-9)
            least = 1e-8 * max(1.0, float(leaf.grad.abs().sum()))
            torch.testing.assert_close(gradient, leaf.grad, rtol=1e-6, atol=least)

    @given(seeds, st.sampled_from(["ring", [(0, 70), (3, 2)]]))
    @settings(deadline=None, max_examples=20)
    def test_many_classes_and_few_codes(self, seed: int, neighbors: Any) -> None:
        codes, labels = normal(seed, 12, 4), torch.randint(80, (12,), generator=generator(seed))
        related = neighbor_matrix(neighbors, torch.arange(100), num_classes=100)
        options = {"margin": 1.0, "num_classes": 100}
        found = loss_and_gradient(codes, labels, neighbors=neighbors, **options)
        for one, other in zip(found, loss_and_gradient(codes, labels, neighbors=related, **options), strict=True):
            assert torch.equal(one, other)

    @given(seeds, margins)
    def test_float32_follows_float64(self, seed: int, margin: float) -> None:
        codes, labels = normal(seed, 40, 8, dtype=torch.float32), torch.arange(40) % 6
        options = {"margin": margin, "neighbors": "ring", "num_classes": 6, "reduction": "sum"}
        loss, gradient = loss_and_gradient(codes, labels, **options)
        wide, wide_gradient = loss_and_gradient(codes.double(), labels, **options)
        assert loss.dtype == gradient.dtype == torch.float32
        # A triplet at the kink may count in one precision and not in the other: at most a few in ten thousand.
        torch.testing.assert_close(loss.double(), wide, rtol=1e-5, atol=1e-5)
        assert (gradient - wide_gradient).abs().sum() <= 1e-3 * wide_gradient.abs().sum() + 1e-3

    @pytest.mark.parametrize("choice", ["all", "semihard", "hard"])
    def test_blocks_of_anchors_change_nothing(self, choice: str, monkeypatch: pytest.MonkeyPatch) -> None:
        codes, labels = normal(0, 50, 4), torch.arange(50) % 5
        options = {"margin": 1.2, "neighbors": "ring", "num_classes": 5, "triplets": choice}
        whole = loss_and_gradient(codes, labels, **options)
        monkeypatch.setattr(triplets, "CPU_BLOCK", 0)
        monkeypatch.setattr(triplets, "LEAST_ROWS", 7)
        for found, expected in zip(loss_and_gradient(codes, labels, **options), whole, strict=True):
            torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-14)

    def test_pytorchs_sort_counts_what_numpys_does(self, monkeypatch: pytest.MonkeyPatch) -> None:
        codes, labels = normal(0, 50, 4), torch.arange(50) % 5
        whole = loss_and_gradient(codes, labels, margin=1.2, neighbors="line")
        monkeypatch.setattr(triplets, "_sorted", lambda rows: rows.sort(1).values)  # as on a GPU
        for found, expected in zip(loss_and_gradient(codes, labels, margin=1.2, neighbors="line"), whole, strict=True):
            torch.testing.assert_close(found, expected, rtol=0, atol=0)

    @given(batches(), neighborhoods(), margins, st.sampled_from(["all", "semihard", "hard"]), seeds)
    @settings(max_examples=60, deadline=None)
    def test_the_sum_ignores_rotation_scaling_and_order(
        self, batch: tuple[Tensor, Tensor, float], neighbors: Any, margin: float, choice: str, seed: int
    ) -> None:
        codes, labels, _ = batch
        options = {
            "margin": margin, "neighbors": neighbors, "triplets": choice, "num_classes": CLASSES, "reduction": "sum",
        }  # fmt: skip
        loss = angular_triplet_neighbor_loss(codes, labels, **options)
        turn = torch.linalg.qr(normal(seed, codes.shape[1], codes.shape[1])).Q
        scale = torch.exp(3 * normal(seed, len(codes), 1))
        order = torch.randperm(len(codes), generator=generator(seed))
        # Semi-hard triplets change where an order of angles does, which rounding may do for angles this close.
        close = {"rtol": 1e-7, "atol": 1e-7}
        for moved, named in ((codes @ turn, labels), (codes * scale, labels), (codes[order], labels[order])):
            torch.testing.assert_close(angular_triplet_neighbor_loss(moved, named, **options), loss, **close)

    @given(batches(), neighborhoods(), margins, margins)
    @settings(deadline=None)
    def test_the_sum_over_all_grows_with_the_margin(
        self, batch: tuple[Tensor, Tensor, float], neighbors: Any, one: float, other: float
    ) -> None:
        codes, labels, _ = batch
        low, high = (
            angular_triplet_neighbor_loss(
                codes, labels, margin=margin, neighbors=neighbors, num_classes=CLASSES, reduction="sum"
            )
            for margin in sorted((one, other))
        )
        assert low <= high + 1e-9

    @given(st.integers(4, 12), st.integers(1, 4), st.integers(2, 6), st.floats(0.05, 0.98), seeds)
    @settings(deadline=None)
    def test_zero_where_every_inequality_holds(
        self, classes: int, each: int, size: int, share: float, seed: int
    ) -> None:
        """Evenly spaced classes on a great circle satisfy Eq. 3 on a ring up to a margin of 2π/C."""
        labels = torch.arange(classes * each) % classes
        turn = 2 * math.pi * labels.double() / classes
        plane = torch.linalg.qr(normal(seed, size, 2)).Q
        codes = torch.stack([turn.cos(), turn.sin()], 1) @ plane.T
        options = {"neighbors": "ring", "num_classes": classes}
        for choice in ("all", "semihard", "hard"):
            held, gradient = loss_and_gradient(
                codes, labels, margin=share * 2 * math.pi / classes, triplets=choice, **options
            )
            assert held == 0
            assert (gradient == 0).all()
        beyond = 2 * math.pi / classes * 1.02
        assert angular_triplet_neighbor_loss(codes, labels, margin=beyond, **options) > 0

    @given(st.lists(st.integers(0, 5), max_size=7), st.sampled_from(["all", "semihard", "hard"]))
    @settings(deadline=None)
    def test_without_a_valid_triplet_a_connected_zero(self, labels: list[int], choice: str) -> None:
        assume(max(labels.count(label) for label in range(6)) <= 1)  # no positives, as no class has two
        codes = normal(0, len(labels), 3)
        loss, gradient = loss_and_gradient(
            codes, torch.tensor(labels, dtype=torch.long), margin=1.0, neighbors="none", triplets=choice
        )
        assert loss == 0
        assert (gradient == 0).all()
        assert gradient.shape == codes.shape

    def test_one_class_alone_is_a_connected_zero(self) -> None:
        loss, gradient = loss_and_gradient(
            normal(0, 5, 3), torch.full((5,), 3), margin=1.0, neighbors="ring", num_classes=10
        )
        assert loss == 0
        assert (gradient == 0).all()

    @given(seeds, st.sampled_from(["all", "semihard", "hard"]), st.sampled_from(["active", "sum"]))
    @settings(max_examples=20, deadline=None)
    def test_gradcheck(self, seed: int, choice: str, reduction: str) -> None:
        codes, labels = normal(seed, 8, 3).requires_grad_(), torch.arange(8) % 4

        def loss(codes: Tensor, margin: float = 1.0) -> Tensor:
            return angular_triplet_neighbor_loss(
                codes, labels, margin=margin, neighbors="ring", num_classes=4, triplets=choice, reduction=reduction
            )

        # Away from kinks: no triplet becomes active, nor another one chosen, within reach of the finite differences.
        theta = angles(codes.detach(), codes.detach())
        values = torch.cat([theta.flatten(), theta.flatten() + 1.0]).sort().values
        gaps = (values[None] - values[:, None]).abs()
        assume(gaps[(gaps > 1e-12)].min() > 1e-5)
        assert torch.autograd.gradcheck(loss, (codes,), eps=1e-7, atol=1e-5)

    def test_a_second_derivative_is_refused(self) -> None:
        codes = normal(0, 8, 3).requires_grad_()
        loss = angular_triplet_neighbor_loss(codes, torch.arange(8) % 4, margin=1.0, neighbors="line")
        (gradient,) = torch.autograd.grad(loss**2, codes, create_graph=True)
        with pytest.raises(RuntimeError, match="once_differentiable"):
            gradient.sum().backward()

    @given(seeds)
    @settings(max_examples=10, deadline=None)
    def test_collapsed_codes_have_a_finite_gradient(self, seed: int) -> None:
        codes = normal(seed, 1, 5, dtype=torch.float32).expand(20, 5).clone()
        codes[::3] += 1e-6 * normal(seed + 1, 7, 5, dtype=torch.float32)
        loss, gradient = loss_and_gradient(codes, torch.arange(20) % 5, margin=0.5, neighbors="line")
        assert loss == pytest.approx(0.5, abs=1e-4)
        assert gradient.isfinite().all()
        same, still = loss_and_gradient(codes[1:2].expand(20, 5), torch.arange(20) % 5, margin=0.5, neighbors="line")
        assert same == 0.5
        assert (still == 0).all()

    @pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
    def test_precisions(self, dtype: torch.dtype) -> None:
        codes, labels = normal(0, 32, 16), torch.arange(32) % 8
        options = {"margin": 1.2, "neighbors": "ring", "num_classes": 8}
        exact, exact_gradient = loss_and_gradient(codes.to(dtype).double(), labels, **options)
        loss, gradient = loss_and_gradient(codes.to(dtype), labels, **options)
        assert loss.dtype == torch.promote_types(dtype, torch.float32)
        assert gradient.dtype == dtype
        torch.testing.assert_close(loss.double(), exact, rtol=1e-5, atol=1e-5)
        epsilon = torch.finfo(dtype).eps
        torch.testing.assert_close(gradient.double(), exact_gradient, rtol=2 * epsilon, atol=1e-5)

    def test_under_autocast_it_is_the_same_loss(self) -> None:
        layer = torch.nn.Linear(16, 16)
        images, labels = normal(0, 32, 16, dtype=torch.float32), torch.arange(32) % 8
        options = {"margin": 1.2, "neighbors": "ring", "num_classes": 8}
        with torch.autocast("cpu", torch.bfloat16):
            codes = layer(images)
            loss = angular_triplet_neighbor_loss(codes, labels, **options)
        assert codes.dtype == torch.bfloat16
        loss.backward()
        outside, _ = loss_and_gradient(codes.detach(), labels, **options)
        assert loss == outside
        assert layer.weight.grad.abs().sum() > 0

    def test_without_gradients_none_is_computed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        wanted = []
        original = triplets.accumulate_triplets

        def spy(*arguments: Any, with_gradient: bool) -> Any:
            wanted.append(with_gradient)
            return original(*arguments, with_gradient=with_gradient)

        monkeypatch.setattr("semreg_atnl.functional.accumulate_triplets", spy)
        codes, labels = normal(0, 8, 3).requires_grad_(), torch.arange(8) % 4
        with torch.no_grad():
            still = angular_triplet_neighbor_loss(codes, labels, margin=1.0, neighbors="line")
        loss = angular_triplet_neighbor_loss(codes, labels, margin=1.0, neighbors="line")
        assert wanted == [False, True]
        assert still == loss
        assert not still.requires_grad


class TestBadInput:
    def call(self, codes: Tensor | None = None, labels: Tensor | None = None, **options: Any) -> Tensor:
        codes = normal(0, 6, 3) if codes is None else codes
        labels = torch.arange(6) % 3 if labels is None else labels
        return angular_triplet_neighbor_loss(
            codes, labels, **({"margin": 1.0, "neighbors": "none", "num_classes": 10} | options)
        )

    @pytest.mark.parametrize("margin", [0.0, -0.1, math.pi, 4.0, math.nan])
    def test_margins(self, margin: float) -> None:
        with pytest.raises(ValueError, match="between 0 and π"):
            self.call(margin=margin)

    def test_a_margin_too_small_for_float32_still_counts(self) -> None:
        codes = normal(0, 1, 3, dtype=torch.float32).expand(6, 3)
        options = {"margin": 5e-324, "neighbors": "line"}
        assert angular_triplet_neighbor_loss(codes, torch.arange(6) % 3, **options) > 0

    @pytest.mark.parametrize("row", [0, 4])
    @pytest.mark.parametrize(("value", "said"), [(0.0, "zero"), (math.nan, "NaN"), (math.inf, "infinite")])
    def test_codes_without_a_direction_are_named(self, value: float, said: str, row: int) -> None:
        codes = normal(0, 6, 3)
        codes[row] = value
        for function in (self.call, normalize, lambda codes: angles(codes, codes)):
            with pytest.raises(ValueError, match=rf"1 of 6 codes are {said} \(row {row}\)"):
                function(codes)

    @pytest.mark.parametrize(("label", "said"), [(10, "0 to 9; found labels from 0 to 10"), (-1, "labels from -1 to")])
    def test_labels_outside_the_classes(self, label: int, said: str) -> None:
        with pytest.raises(ValueError, match=said):
            self.call(labels=torch.tensor([0, 1, label, 2, 0, 1]))

    def test_labels_of_the_wrong_type_or_number(self) -> None:
        with pytest.raises(ValueError, match="labels are classes, int64, found float32"):
            self.call(labels=torch.zeros(6))
        with pytest.raises(ValueError, match=r"found \(6, 3\), \(5,\): one class for each code"):
            self.call(labels=torch.arange(5))

    def test_choices(self) -> None:
        with pytest.raises(ValueError, match="did you mean 'semihard'"):
            self.call(triplets="semi-hard")
        with pytest.raises(ValueError, match="'active' or 'sum', found 'mean'"):
            self.call(reduction="mean")

    def test_codes_that_are_no_codes(self) -> None:
        with pytest.raises(ValueError, match="real numbers"):
            self.call(torch.ones(6, 3, dtype=torch.long))
        with pytest.raises(ValueError, match="real numbers"):
            self.call(torch.ones(6, 0))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("choice", ["all", "semihard", "hard"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_on_a_gpu_it_is_the_same(choice: str, dtype: torch.dtype) -> None:
    codes, labels = normal(0, 300, 16, dtype=dtype), torch.arange(300) % 10
    codes[7] = codes[17]
    options = {"margin": 1.2, "neighbors": "ring", "num_classes": 10, "triplets": choice}
    expected = loss_and_gradient(codes, labels, **options)
    for found, wanted in zip(loss_and_gradient(codes.cuda(), labels.cuda(), **options), expected, strict=True):
        torch.testing.assert_close(found.cpu(), wanted, rtol=1e-3, atol=1e-5)


@given(st.lists(st.integers(0, 3), max_size=10), st.integers(0, 2**31))
def test_class_directions_are_those_of_a_loop(labels: list[int], seed: int) -> None:
    classes = torch.tensor(labels, dtype=torch.long)
    codes = torch.randn(len(labels), 3, generator=generator(seed), dtype=torch.float64)
    found = class_directions(codes, classes)
    for row, label in enumerate(labels):
        total = sum(code / code.norm() for code in codes[classes == label])
        torch.testing.assert_close(found[row], codes[row].norm() * total / total.norm())
    torch.testing.assert_close(class_directions(found, classes), found)  # they have their own directions
    torch.testing.assert_close(class_directions(codes.flip(0), classes.flip(0)), found.flip(0))


def test_the_gradient_of_class_directions_is_right() -> None:
    codes = torch.randn(5, 3, generator=generator(1), dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: class_directions(x, torch.tensor([0, 1, 0, 1, 2])), codes)


@pytest.mark.parametrize(
    ("codes", "labels", "said"),
    [
        (torch.ones(3, 2), torch.zeros(2, dtype=torch.long), "one class for each code"),
        (torch.zeros(3, 2), torch.zeros(3, dtype=torch.long), "a code of that kind has no direction"),
        (torch.tensor([[1.0, 0], [-1, 0]]), torch.zeros(2, dtype=torch.long), "a code of that kind has no direction"),
    ],
)
def test_class_directions_need_directions_and_a_class_for_each_code(codes: Tensor, labels: Tensor, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        class_directions(codes, labels)
