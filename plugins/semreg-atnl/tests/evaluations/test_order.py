"""Strips whose labels are known: in order, with detours, with gaps, the wrong way round."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from semreg_atnl.evaluations.order import semantic_order
from torch import Tensor

from semreg.components.priors import StandardNormal
from semreg.core import ClassField, Roles, registry
from semreg.trained import classes

pytestmark = pytest.mark.usefixtures("ways")


def evaluated(world: Any, *interpolators: Any, judge: Any = None, seed: int = 0, **options: Any) -> Any:
    inputs = map(world.tensor, ("z", "digit", "reconstruction", "image"))
    options = {"pairs": 40, **options}
    generator = torch.Generator().manual_seed(seed)
    return semantic_order(
        *inputs, judge=judge or world, interpolators=list(interpolators), generator=generator, **options
    )


def measured(result: Any, name: str, measure: str) -> list[float]:
    """By distance."""
    column = 2 + ["in_order", "strictly", "between"].index(measure)
    return [row[column] for row in result.tables[0].rows if row[0] == name]


def test_strips_along_the_ring_are_strictly_in_order_at_every_distance(ring: Any) -> None:
    result = evaluated(ring, "arc", "fitted")
    for name in ("arc", "fitted"):
        for measure in ("in_order", "strictly", "between"):
            assert measured(result, name, measure) == [1, 1, 1]
            assert result.figures[f"{name}_{measure}"] == 1
    assert result.figures["arc_strictly_3"] == 1
    assert result.figures["judge_on_images"] == result.figures["judge_on_reconstructions"] == 1
    assert [row[1] for row in result.tables[0].rows] == [1, 2, 3, 1, 2, 3]
    assert "arc 100.0% (100.0%), fitted 100.0% (100.0%)" in result.summary


def test_strips_along_a_line_are_in_order_up_and_down(line: Any) -> None:
    result = evaluated(line, "linear")
    assert measured(result, "linear", "strictly") == [1, 1, 1, 1]


def test_strips_of_several_codes_are_those_of_all_side_by_side(ring: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(classes, "CHUNK", 100)  # several parts
    whole = evaluated(ring, "linear", "fitted")
    for k, name in enumerate(("first", "second")):
        ring.tensors[name] = {split: codes[:, k : k + 1] for split, codes in ring.tensors["z"].items()}
    draw = ring.functions["reconstruction"]
    ring.functions["reconstruction"] = lambda second, first: draw(torch.cat([first, second], 1))
    inputs = map(ring.tensor, ("first", "digit", "reconstruction", "image", "second"))
    generator = torch.Generator().manual_seed(0)
    ways = ["linear", "fitted"]
    parts = semantic_order(*inputs, judge=ring, interpolators=ways, generator=generator, pairs=40)
    assert parts.figures == whole.figures


def test_a_jump_passes_nothing_but_its_ends(ring: Any) -> None:
    result = evaluated(ring, "jump")
    assert measured(result, "jump", "in_order") == [1, 0, 0]
    assert measured(result, "jump", "strictly") == [1, 0, 0]
    assert measured(result, "jump", "between") == [1, 0, 0]
    assert result.figures["jump_in_order"] == pytest.approx(1 / 3)


def test_a_detour_is_in_order_and_not_strictly(ring: Any) -> None:
    result = evaluated(ring, "stumble")
    assert measured(result, "stumble", "in_order") == [1, 1, 1]
    assert measured(result, "stumble", "strictly") == [0, 0, 0]


def test_across_the_ring_only_the_ascending_way_counts_for_what_is_fitted(ring: Any) -> None:
    descending = evaluated(ring, {"use": "fitted", "ascending": False})
    assert measured(descending, "fitted", "in_order") == [1, 1, 0]
    assert measured(descending, "fitted", "strictly") == [1, 1, 0]


def test_the_longer_way_round_does_not_count(ring: Any, register: Any) -> None:
    shorter = registry.load(registry.find("arc", ["interpolator"]))

    def longer(a: Tensor, b: Tensor, weight: Tensor) -> Tensor:
        """By the opposite of the end, which is behind the start unless the end itself is opposite."""
        first, second = shorter(a, -b, weight.clamp(max=0.5) * 2), shorter(-b, b, weight.clamp(min=0.5) * 2 - 1)
        return torch.where(weight < 0.5, first, second)

    register("interpolator", "longer", longer)
    assert measured(evaluated(ring, "longer", images=30), "longer", "strictly") == [0, 0, 1]


def test_ends_that_are_not_recognised_cost_the_order_and_not_the_classes_between(
    ring: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(classes, "CHUNK", 40 * 14)  # all strips at once
    see = ring.functions["probability"]

    def blind_at_the_end(image: Tensor) -> Tensor:
        seen = see(image)
        if len(image) == 40 * 14:  # strips, not the test images
            seen.view(40, 14, 6)[:, -3:] = seen.view(40, 14, 6)[:, :1].clone()
        return seen

    ring.functions["probability"] = blind_at_the_end
    result = evaluated(ring, "arc")
    assert measured(result, "arc", "between") == [1, 1, 1]
    assert measured(result, "arc", "in_order")[2] == 0  # over longer ways the last images alone show the end
    assert measured(result, "arc", "strictly") == [0, 0, 0]


def test_codes_labelled_by_another_class_are_not_in_order(ring: Any) -> None:
    """The path is that of the data's labels, not of what the judge sees at the ends."""
    ring.tensors["digit"]["test"] = (ring.tensors["digit"]["test"] + 1) % 6
    result = evaluated(ring, "arc")
    assert measured(result, "arc", "in_order") == [0, 0, 0]
    assert result.figures["judge_on_images"] == 0


def test_what_is_fitted_gets_training_codes_and_no_others(ring: Any, register: Any) -> None:
    received: list[Any] = []

    class Curious:
        def fit(self, codes: Tensor, labels: Tensor, order: str) -> None:
            received.append((codes, labels, order))

        def __call__(self, a: Tensor, b: Tensor, weight: Tensor) -> Tensor:
            return torch.lerp(a, b, weight)

    register("interpolator", "curious", Curious)
    evaluated(ring, "curious")
    ((codes, labels, order),) = received
    assert torch.equal(codes, ring.tensors["z"]["train"])
    assert torch.equal(labels, ring.tensors["digit"]["train"])
    assert order == "ring"


def test_every_interpolator_gets_the_same_pairs_of_every_class(ring: Any, register: Any) -> None:
    received: dict[str, list[Tensor]] = {"one": [], "two": []}
    for name, kept in received.items():

        def walk(a: Tensor, b: Tensor, weight: Tensor, kept: list[Tensor] = kept) -> Tensor:
            kept.append(torch.cat([a, b]))
            return torch.lerp(a, b, weight)

        register("interpolator", name, walk)
    evaluated(ring, "one", "two", pairs=300)
    assert all(torch.equal(*pairs) for pairs in zip(*received.values(), strict=True))
    assert len(received["one"]) == 3
    starts = received["one"][0][: 300 * 14 : 14]
    assert len(starts.unique(dim=0)) > 90  # of 120 test images
    opposite = received["one"][2].view(2, 300, 14, 2)[:, :, 0]
    assert ((opposite[0] + opposite[1]).norm(dim=1) < 3).all()


def test_the_same_generator_gives_the_same_result_and_another_others(ring: Any) -> None:
    noise = torch.rand(10**4, generator=torch.Generator().manual_seed(1)) < 0.8
    ring.functions["probability"] = lambda image: torch.eye(6)[
        torch.where(noise[(image.sum((1, 2, 3)) * 1e4).long() % 10**4], 0, 1)
    ]
    first, second, other = (evaluated(ring, "arc", seed=seed) for seed in (0, 0, 1))
    assert first == second
    assert first.figures != other.figures


def test_a_class_without_test_images_is_left_out(ring: Any) -> None:
    keep = ring.tensors["digit"]["test"] < 2
    for name in ("z", "digit", "image"):
        ring.tensors[name]["test"] = ring.tensors[name]["test"][keep]
    result = evaluated(ring, "arc")
    assert [row[1] for row in result.tables[0].rows] == [1]
    assert "arc_in_order_2" not in result.figures


def test_what_has_no_order_or_one_class_is_refused(ring: Any) -> None:
    ring.tensors["digit"]["test"].zero_()
    with pytest.raises(ValueError, match="the test images are of one class"):
        evaluated(ring, "arc")
    ring.fields["digit"] = ClassField(("a",), "ring")
    with pytest.raises(ValueError, match="there is one class, 'a'"):
        evaluated(ring, "arc")
    ring.fields["digit"] = ClassField(tuple("abcdef"))
    with pytest.raises(ValueError, match="these classes have no order"):
        evaluated(ring, "arc")
    with pytest.raises(ValueError, match="'image' is not a field of classes"):
        semantic_order(*map(ring.tensor, ("z", "image", "reconstruction", "image")), judge=ring)


def test_strips_too_short_for_their_path_are_refused(ring: Any) -> None:
    with pytest.raises(ValueError, match="strips of 3 images cannot show 4 classes"):
        evaluated(ring, "arc", images=3)
    assert evaluated(ring, "arc", images=4).figures["arc_strictly_1"] == 1


def test_a_judge_of_other_classes_is_refused(ring: Any, line: Any) -> None:
    with pytest.raises(ValueError, match=r"must be \(rows, 6 classes\), found \(.*, 5\)"):
        evaluated(ring, "arc", judge=line)


def test_paths_that_keep_to_the_codes_pass_the_classes_between_without_knowing_them(ring: Any) -> None:
    """A graph of 30 neighbours reaches the next class, of 20 codes; either way round counts for both."""
    ring.modules["prior"] = StandardNormal(size=2)
    ring.roles = Roles(code=("z",), prior={"z": "prior"})
    ways: list[Any] = [{"use": "neighbor_graph", "neighbors": 30}, "whitened", "base_space", "linear"]
    result = evaluated(ring, *ways)
    for name in ("neighbor_graph", "whitened"):
        assert measured(result, name, "strictly") == [1, 1, 1]
    assert measured(result, "base_space", "strictly") == measured(result, "linear", "strictly")


def test_every_interpolator_of_the_registry_walks(ring: Any) -> None:
    ring.modules["prior"] = StandardNormal(size=2)
    ring.roles = Roles(code=("z",), prior={"z": "prior"})
    names = [one.name for one in registry.components("interpolator") if one.distribution != registry.THIS_PROCESS]
    result = evaluated(ring, *names)
    assert all(f"{name}_in_order" in result.figures for name in names)
    assert len(names) >= 7
