"""Paths over training codes: the shortest on the graph of their nearest neighbours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
import torch
from annotated_types import Ge
from torch import Tensor

from semreg.components.interpolators import place_on_path


class NeighborGraph:
    """The shortest path over training codes from one code to another, each step between nearest neighbours.

    min Σ ‖x_{i+1} − x_i‖ over the paths of a graph whose nodes are training codes and whose edges lead from each to its
    `neighbors` nearest, as Isomap measures distances on the surface of the codes. Separate parts of the graph are
    joined by the shortest possible edges (those of its minimum spanning tree). An end is joined to its own nearest
    nodes, and directly to the other end if that is no farther than these. Between nodes the path is straight, and its
    speed is constant over its whole length.

    A run stores the nodes, which are codes of training images. It is fitted without their classes.

    Args:
        neighbors: how many nearest neighbours a node has.
        nodes: how many training codes at most, evenly spaced among all.

    Source: Tenenbaum et al., *A Global Geometric Framework for Nonlinear Dimensionality Reduction* (2000), Table 1.
    """

    follows_classes = False

    def __init__(self, *, neighbors: Annotated[int, Ge(1)] = 10, nodes: Annotated[int, Ge(2)] = 1000) -> None:
        if not 1 <= neighbors < nodes:
            raise ValueError(f"neighbor_graph: {nodes} nodes can't have {neighbors} neighbours each; fewer can")
        self.neighbors = neighbors
        self.most = nodes
        self.nodes: Tensor | None = None
        self._edges: Any = None

    def fit(self, codes: Tensor, labels: Tensor, order: str) -> NeighborGraph:
        """Choose nodes from training codes `(rows, code)`; their classes and the classes' order are not used.

        Raises ValueError for other shapes, codes that are not finite, and if there are not more different codes than
        neighbours.
        """
        if codes.ndim != 2 or not codes.is_floating_point():
            raise ValueError(f"neighbor_graph is fitted on codes (rows, code) of real numbers, not {_said(codes)}")
        if not codes.isfinite().all():
            raise ValueError("neighbor_graph: some of the codes are not finite, and have no neighbours")
        count = min(self.most, len(codes))
        chosen = torch.linspace(0, max(len(codes) - 1, 0), count, dtype=torch.float64).round().long()
        nodes = torch.unique(codes.detach().cpu()[chosen], dim=0)
        if len(nodes) <= self.neighbors:
            found = f"{len(nodes)} different codes for {self.neighbors} neighbours"
            raise ValueError(f"neighbor_graph: there are {found}; use more codes or fewer neighbours")
        self.nodes, self._edges = nodes, None
        return self

    def state(self) -> dict[str, Tensor]:
        """Return the nodes, `(nodes, code)` in the codes' dtype. Raises ValueError if it was not fitted."""
        return {"nodes": self._fitted()}

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Load the result of `state`, instead of a `fit`."""
        self.nodes, self._edges = state["nodes"], None

    def _fitted(self) -> Tensor:
        if self.nodes is None:
            raise ValueError("neighbor_graph is not fitted; call fit on training codes first")
        return self.nodes

    def __call__(self, a: Tensor, b: Tensor, weight: Tensor | float) -> Tensor:
        """Return the point at `weight` of the path's length from `a` to `b`, codes `(batch, code)`.

        Weights are as in `linear`. Gradients reach both codes, with the nodes of the path fixed.
        """
        dtype = torch.promote_types(a.dtype, b.dtype)
        ends = torch.stack([a, b], dim=1).double()
        points = self._points(ends)
        arcs = torch.linalg.vector_norm(points[:, 1:] - points[:, :-1], dim=-1)
        weight = torch.as_tensor(weight, dtype=torch.float64, device=a.device)
        row, arc, share = place_on_path(arcs, weight)
        return torch.lerp(points[row, arc], points[row, arc + 1], share[..., None]).to(dtype)

    def _points(self, ends: Tensor) -> Tensor:
        """Return `(batch, points, code)`: each row's `a`, the nodes between, and `b` at least twice, up to one
        length."""
        nodes = self._fitted().double()
        if ends.shape[2] != nodes.shape[1]:
            raise ValueError(
                f"neighbor_graph was fitted on codes of {nodes.shape[1]} numbers; these have {ends.shape[2]}"
            )
        route, straight = self._routes(ends.detach().cpu(), nodes)
        between = torch.where(straight.to(ends.device)[:, None, None], ends[:, 1:], nodes.to(ends.device)[route])
        return torch.cat([ends[:, :1], between, ends[:, 1:], ends[:, 1:]], dim=1)

    def _routes(self, ends: Tensor, nodes: Tensor) -> tuple[Tensor, Tensor]:
        """Return the nodes on each row's path, int64 `(batch, passed)`, the first one again before it, and which rows
        are straight, bool `(batch,)`."""
        if not len(ends):
            return torch.zeros(0, 1, dtype=torch.int64), torch.zeros(0, dtype=torch.bool)
        from scipy.sparse import csgraph

        (away_a, near_a), (away_b, near_b) = (
            torch.cdist(end.contiguous(), nodes, compute_mode="donot_use_mm_for_euclid_dist").topk(
                self.neighbors, largest=False
            )
            for end in ends.unbind(1)
        )
        starts, place = torch.unique(near_a, return_inverse=True)
        far, before = csgraph.dijkstra(self._graph(nodes), indices=starts.numpy(), return_predecessors=True)
        over = torch.from_numpy(far)[place[:, :, None], near_b[:, None, :]]
        best = (away_a[:, :, None] + over + away_b[:, None, :]).flatten(1).argmin(1)
        rows = torch.arange(len(ends))
        first, last = best // self.neighbors, best % self.neighbors
        source, current = place[rows, first].numpy(), near_b[rows, last].numpy()
        start = starts.numpy()[source]
        route = [current]
        while (current != start).any():
            current = np.where(current == start, start, before[source, current])
            route.append(current)
        passed = torch.from_numpy(np.stack(route[::-1], axis=1).astype(np.int64))
        apart = torch.linalg.vector_norm(ends[:, 1] - ends[:, 0], dim=1)
        return passed, apart <= torch.maximum(away_a[:, -1], away_b[:, -1])

    def _graph(self, nodes: Tensor) -> Any:
        """Return the distances along the edges, a sparse matrix, symmetric."""
        if self._edges is None:
            from scipy.sparse import csgraph, csr_array

            apart = torch.cdist(nodes, nodes, compute_mode="donot_use_mm_for_euclid_dist")
            tree = csgraph.minimum_spanning_tree(apart.numpy())
            near, column = apart.fill_diagonal_(torch.inf).topk(self.neighbors, largest=False)
            row = torch.arange(len(nodes)).repeat_interleave(self.neighbors)
            edges = csr_array((near.flatten().numpy(), (row.numpy(), column.flatten().numpy())), shape=apart.shape)
            self._edges = edges.maximum(edges.T).maximum(csr_array(tree)).maximum(csr_array(tree).T).tocsr()
        return self._edges


def _said(codes: Tensor) -> str:
    return f"{str(codes.dtype).removeprefix('torch.')} {tuple(codes.shape)}"
