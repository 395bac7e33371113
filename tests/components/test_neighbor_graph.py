"""Shortest paths over training codes."""

from __future__ import annotations

import heapq
import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from semreg.components.neighbor_graph import NeighborGraph

LABELS = torch.zeros(0)


def fitted(codes: Tensor, **options: Any) -> NeighborGraph:
    return NeighborGraph(**options).fit(codes, LABELS, "none")


def by_hand(nodes: Tensor, a: Tensor, b: Tensor, neighbors: int) -> float:
    """The length of the shortest way, by Prim's and Dijkstra's algorithms on lists."""
    apart = torch.cdist(nodes, nodes, compute_mode="donot_use_mm_for_euclid_dist").tolist()
    count = len(nodes)
    edges: set[tuple[int, int]] = set()
    for i in range(count):
        nearest = sorted((j for j in range(count) if j != i), key=lambda j: apart[i][j])[:neighbors]
        edges |= {(i, j) for j in nearest} | {(j, i) for j in nearest}
    inside = {0}
    while len(inside) < count:
        i, j = min(((i, j) for i in inside for j in range(count) if j not in inside), key=lambda e: apart[e[0]][e[1]])
        edges |= {(i, j), (j, i)}
        inside.add(j)
    near = [sorted((math.dist(end.tolist(), node), j) for j, node in enumerate(nodes.tolist())) for end in (a, b)]
    first, last = ({j: d for d, j in row[:neighbors]} for row in near)
    straight = math.dist(a.tolist(), b.tolist())
    if straight <= max(*first.values(), *last.values()):
        return straight
    queue = [(d, j) for j, d in first.items()]
    heapq.heapify(queue)
    done: dict[int, float] = {}
    while queue:
        d, i = heapq.heappop(queue)
        if i not in done:
            done[i] = d
            for one, j in edges:
                if one == i:
                    heapq.heappush(queue, (d + apart[i][j], j))
    return min(done[j] + d for j, d in last.items())


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**31), count=st.integers(4, 12), neighbors=st.integers(1, 3))
def test_its_length_is_that_of_the_shortest_way(seed: int, count: int, neighbors: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    nodes = torch.randn(count, 2, generator=generator, dtype=torch.float64)
    a, b = 2 * torch.randn(2, 3, 2, generator=generator, dtype=torch.float64)
    path = fitted(nodes, neighbors=neighbors)
    points = path._points(torch.stack([a, b], dim=1))
    found = torch.linalg.vector_norm(points[:, 1:] - points[:, :-1], dim=-1).sum(1)
    for row in range(3):
        assert float(found[row]) == pytest.approx(by_hand(torch.unique(nodes, dim=0), a[row], b[row], neighbors))


def arc(angles: Tensor) -> Tensor:
    return torch.stack([angles.cos(), angles.sin()], dim=-1)


def test_it_follows_the_curve_on_which_codes_lie_at_constant_speed() -> None:
    """Three quarters of a circle: the straight line would cross its middle."""
    path = fitted(arc(torch.linspace(0, 1.5 * math.pi, 300, dtype=torch.float64)), neighbors=4)
    a, b = arc(torch.tensor([[0.1], [1.4 * math.pi]], dtype=torch.float64))
    found = path(a, b, torch.linspace(0, 1, 50, dtype=torch.float64).view(50, 1, 1)).squeeze(1)
    assert torch.linalg.vector_norm(found, dim=1).min() > 0.99
    steps = torch.linalg.vector_norm(found[1:] - found[:-1], dim=1)
    torch.testing.assert_close(steps, steps.mean().expand_as(steps), rtol=1e-2, atol=0)
    assert torch.equal(found[0], a[0])
    assert torch.equal(found[-1], b[0])


def test_parts_without_an_edge_between_are_joined() -> None:
    far = torch.tensor([[0.0, 0.0], [100.0, 0.0], [0.0, 100.0]]).repeat_interleave(5, 0)
    nodes = far + torch.rand(15, 2, generator=torch.Generator().manual_seed(0))
    found = fitted(nodes, neighbors=2)(nodes[:1], nodes[-1:], torch.linspace(0, 1, 9).view(9, 1, 1))
    assert found.isfinite().all()


def test_gradients_reach_both_ends() -> None:
    generator = torch.Generator().manual_seed(0)
    path = fitted(torch.randn(30, 3, generator=generator, dtype=torch.float64), neighbors=3)
    a, b = (torch.randn(2, 3, generator=generator, dtype=torch.float64, requires_grad=True) for _ in range(2))
    assert torch.autograd.gradcheck(lambda a, b: path(a, b, 0.37), (a, b))


def test_nodes_are_bounded_and_the_state_is_all_that_it_learnt() -> None:
    codes = torch.randn(500, 3, generator=torch.Generator().manual_seed(0))
    path, other = fitted(codes, nodes=40), NeighborGraph(nodes=40)
    other.load_state(path.state())
    assert path.state()["nodes"].shape == (40, 3)
    assert torch.equal(other(codes[:4], codes[4:8], 0.3), path(codes[:4], codes[4:8], 0.3))


@pytest.mark.parametrize(
    ("codes", "options", "said"),
    [
        (torch.randn(5, 2), {}, "there are 5 different codes for 10 neighbours"),
        (torch.ones(50, 2), {}, "there are 1 different codes"),
        (torch.zeros(0, 2), {}, "there are 0 different codes"),
        (torch.full((50, 2), math.nan), {}, "not finite"),
        (torch.randn(5), {}, r"real numbers, not float32 \(5,\)"),
        (torch.randn(5, 2), {"neighbors": 4, "nodes": 4}, "4 nodes can't have 4 neighbours each"),
    ],
)
def test_bad_input(codes: Tensor, options: dict[str, int], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        fitted(codes, **options)


def test_it_is_fitted_before_it_is_called_on_codes_of_one_size() -> None:
    with pytest.raises(ValueError, match="is not fitted"):
        NeighborGraph()(torch.ones(1, 2), torch.ones(1, 2), 0.5)
    with pytest.raises(ValueError, match="fitted on codes of 2 numbers; these have 3"):
        fitted(torch.randn(9, 2), neighbors=2)(torch.ones(1, 3), torch.ones(1, 3), 0.5)
