"""Clusters inside clusters, made to be there or not to be there."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from semreg_uniform.evaluations.clusters import hopkins

from semreg.data.specification import ClassField
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
    return hopkins(*inputs, generator=torch.Generator().manual_seed(0), **{"repeats": 30, **options})


def test_a_light_that_leaves_no_trace_gives_what_a_normal_distribution_gives() -> None:
    result = evaluated(made(0), paper=0.575)
    for name in ("per_label", "whole"):
        assert abs(result.figures[f"{name}_excess"]) < 0.05
    assert result.figures["chance"] == 0.25
    assert result.figures["probe_linear"] < 0.35
    assert result.figures["probe_mlp"] < 0.35
    assert result.paper == {"per_label": 0.575}
    assert "(paper 0.57)" in result.summary or "(paper 0.58)" in result.summary
    assert [row[0] for row in result.tables[0].rows] == ["one", "two"]


@pytest.mark.parametrize("embedding", ["none", "pca", "tsne"])
def test_clusters_of_lights_inside_a_cluster_are_seen_and_read(embedding: str) -> None:
    result = evaluated(made(10), embedding=embedding)
    assert result.figures["per_label_excess"] > 0.1
    assert result.figures["whole_excess"] > 0.1
    assert result.figures["probe_linear"] > 0.95
    assert result.figures["probe_mlp"] > 0.95


def test_the_exponent_is_the_statistics_own_and_one_generator_gives_one_result() -> None:
    world = made(1)
    assert evaluated(world) == evaluated(world)
    assert evaluated(world, exponent=3.0).figures["whole"] != evaluated(world).figures["whole"]


def test_small_clusters_are_left_out() -> None:
    world = made(1)
    world.tensors["kind"]["test"][::2] = 1
    assert [row[0] for row in evaluated(world).tables[0].rows] == ["two"]
    world.tensors["light"]["test"].fill_(0)
    with pytest.raises(ValueError, match="no class of kind has 10 test images of each of two classes of light"):
        evaluated(world)
    world.fields["light"] = world.fields.pop("kind")
    with pytest.raises(ValueError, match="'kind' is no field of classes"):
        evaluated(world)


def test_a_cluster_that_cannot_be_probed_has_no_figure_of_it() -> None:
    world = made(1)
    world.tensors["light"]["train"].fill_(0)
    result = evaluated(world)
    assert result.tables[1].rows == [("one", None, None, None), ("two", None, None, None)]
    assert all(math.isnan(result.figures[name]) for name in ("probe_linear", "probe_mlp", "chance"))
    assert "probed" not in result.summary
