"""Clusters inside clusters, made to be there or not to be there."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from semreg_uniform.evaluations.clusters import hopkins
from semreg_uniform.functional import hopkins_statistic

from semreg.components.functional import gaussian_draws
from semreg.core import ClassField
from semreg.testing import FakeRun

LIGHTS, KINDS = 4, 2


def made(apart: float, rows: int = 320, dimensions: int = 3) -> FakeRun:
    """Two far clusters of normal points; inside, those of each light lie `apart` deviations from each other's."""
    generator = torch.Generator().manual_seed(0)
    places = apart * torch.randn(LIGHTS, dimensions, generator=generator)
    kind, light, codes = {}, {}, {}
    for split in ("train", "test"):
        kind[split], light[split] = torch.arange(rows) % KINDS, torch.arange(rows) // KINDS % LIGHTS
        noise = torch.randn(rows, dimensions, generator=generator)
        codes[split] = (100 * kind[split][:, None] + places[light[split]] + noise)[:, :, None, None]
    return FakeRun(
        tensors={"z": codes, "kind": kind, "light": light},
        functions={},
        fields={"kind": ClassField(("one", "two")), "light": ClassField(tuple("abcd"))},
    )


def evaluated(world: FakeRun, **options: Any) -> Any:
    inputs = map(world.tensor, ("z", "kind", "light"))
    return hopkins(*inputs, generator=torch.Generator().manual_seed(0), **{"points": 40, "repeats": 30, **options})


def test_a_light_that_leaves_no_trace_gives_what_a_normal_distribution_gives() -> None:
    result = evaluated(made(0))
    for name in ("per_label", "whole"):
        assert abs(result.figures[f"{name}_excess"]) < 0.05
    assert result.figures["chance"] == 0.25
    assert result.figures["probe_linear"] < 0.35
    assert result.figures["probe_mlp"] < 0.35
    assert [row[0] for row in result.tables[0].rows] == ["one", "two"]


@pytest.mark.parametrize("split", ["train", "test"])
def test_statistics_are_means_over_equal_draws_in_the_box_of_the_cluster(split: str) -> None:
    world = made(2)
    light = world.tensors["light"][split]
    light[(light == 3) & (torch.arange(len(light)) > 16)] = 2  # the last is left out, with two images in a cluster
    other = world.tensors["kind"]["test" if split == "train" else "train"]
    other.copy_(1 - other)
    [row, _] = evaluated(world, split=split, exponent=2.0, repeats=3, points=30).tables[0].rows
    inside = world.tensors["kind"][split] == 0
    points, light = world.tensors["z"][split][inside].flatten(1).double(), light[inside]
    generator = torch.Generator().manual_seed(0)
    torch.randint(2**31, (), generator=generator)  # the probes' seed

    def means(normal: bool) -> torch.Tensor:
        of_draws = []
        for _ in range(3):
            those = points
            if normal:
                centred = points - points.mean(0)
                covariance = centred.mT @ centred / (len(points) - 1)
                those = gaussian_draws(points.mean(0), covariance, len(points), generator=generator)
            box = (those.amin(0), those.amax(0))
            groups = [*((light == value).nonzero().flatten() for value in range(3)), torch.arange(len(those))]
            chosen = [those[g[torch.randperm(len(g), generator=generator)[:30]]] for g in groups]
            statistics = [hopkins_statistic(g, sample=10, exponent=2.0, box=box, generator=generator) for g in chosen]
            of_draws.append(statistics)
        return torch.tensor(of_draws).mean(0)

    real, normal = means(normal=False), means(normal=True)
    per_label, spread, whole = float(real[:3].mean()), float(real[:3].std(correction=0)), float(real[3])
    expected = [len(points), per_label, spread, per_label - float(normal[:3].mean()), whole, whole - float(normal[3])]
    assert row[0] == "one"
    assert list(row[1:]) == pytest.approx(expected, abs=1e-6)


def test_what_is_no_line_apart_only_the_mlp_reads_and_chance_is_the_most_frequent_test_label() -> None:
    world = made(0, dimensions=1)
    for split in ("train", "test"):
        outer = torch.arange(320) % 8 < (4 if split == "train" else 6)
        place = torch.where(outer, 10.0 * (torch.arange(320) % 4 < 2) - 5, 0.0)
        world.tensors["z"][split] = (place + 0.001 * world.tensors["z"][split].flatten())[:, None]
        world.tensors["light"][split] = outer.long()
    figures = evaluated(world).figures
    assert figures["chance"] == 0.75
    assert figures["probe_mlp"] > 0.95
    assert figures["probe_linear"] < 0.8


@pytest.mark.parametrize("embedding", ["none", "pca", "tsne"])
def test_clusters_of_lights_inside_a_cluster_are_seen_and_read(embedding: str) -> None:
    result = evaluated(made(10), embedding=embedding)
    assert result.figures["per_label_excess"] > 0.1
    assert result.figures["whole_excess"] > 0.1
    assert result.figures["probe_linear"] > 0.95
    assert result.figures["probe_mlp"] > 0.95


def test_principal_components_are_those_of_all_codes_of_the_split() -> None:
    world, by_hand = made(10), made(10)
    codes = by_hand.tensors["z"]
    for split, values in codes.items():
        codes[split] = values.flatten(1) - codes["test"].flatten(1).mean(0)
    _, _, axes = torch.linalg.svd(codes["test"], full_matrices=False)
    by_hand.tensors["z"] = {split: values @ axes[:2].T for split, values in codes.items()}
    found, expected = evaluated(world, embedding="pca"), evaluated(by_hand)
    for name in ("per_label", "whole"):
        assert found.figures[name] == pytest.approx(expected.figures[name], abs=0.02)  # other draws


def test_the_exponent_is_the_statistics_own_and_one_generator_gives_one_result() -> None:
    world = made(1)
    assert evaluated(world) == evaluated(world)
    assert evaluated(world, exponent=3.0).figures["whole"] != evaluated(world).figures["whole"]


def test_small_clusters_are_left_out() -> None:
    world = made(1)
    world.tensors["kind"]["test"][::2] = 1
    assert [row[0] for row in evaluated(world).tables[0].rows] == ["two"]
    world.tensors["light"]["test"].fill_(0)
    with pytest.raises(ValueError, match="no class of kind has 40 test images of each of two classes of light"):
        evaluated(world)
    for field in ("light", "kind"):
        world.fields.pop(field)
        with pytest.raises(ValueError, match=f"'{field}' is not a field of classes"):
            evaluated(world)


@pytest.mark.parametrize("lack", ["one light", "one image of a light", "fewer than ten images a light"])
def test_a_cluster_that_cannot_be_probed_has_no_figure_of_it(lack: str) -> None:
    world = made(1)
    light = world.tensors["light"]["train"]
    if lack == "one light":
        light.fill_(0)
    elif lack == "one image of a light":
        light[2:][light[2:] == 0] = 1
    else:
        for splits in world.tensors.values():
            splits["train"] = splits["train"][:64]
    result = evaluated(world)
    assert result.tables[1].rows == [("one", None, None, None), ("two", None, None, None)]
    assert all(math.isnan(result.figures[name]) for name in ("probe_linear", "probe_mlp", "chance"))
    assert "probed" not in result.summary


def test_clusters_weigh_as_many_images_as_they_have() -> None:
    world = made(1)
    world.tensors["kind"]["test"] = (torch.arange(320) % 4 == 0).long()
    result = evaluated(world, points=10)
    for table, column, figure in ((0, 2, "per_label"), (0, 5, "whole"), (1, 1, "probe_linear"), (1, 3, "chance")):
        one, other = (row[column] for row in result.tables[table].rows)
        assert result.figures[figure] == pytest.approx(0.75 * one + 0.25 * other)
    assert [row[1] for row in result.tables[0].rows] == [240, 80]


@pytest.mark.parametrize("points", [10, 40, 150])
def test_without_structure_the_number_of_points_makes_no_excess(points: int) -> None:
    figures = evaluated(made(0, rows=1280), points=points).figures
    assert abs(figures["per_label_excess"]) < 0.03
    assert abs(figures["whole_excess"]) < 0.03
