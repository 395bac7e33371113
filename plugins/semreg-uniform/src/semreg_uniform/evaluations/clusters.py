"""Clusters of another attribute inside the clusters of one attribute's codes (Table III)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Annotated, Literal, NamedTuple

import torch
from annotated_types import Ge, Gt
from torch import Tensor

from semreg.components.functional import gaussian_draws
from semreg.core import Handle, Result, Role, Table
from semreg.trained import (
    ITERATIONS,
    PENALTY,
    better,
    class_field,
    linear_predictions,
    mlp_predictions,
    read_codes,
    rows_by_class,
    vary,
)
from semreg_uniform.functional import SAMPLED_SHARE, hopkins_statistic

LEAST = 10
"""The least points of a sample, and the least images of a label in a cluster, on average, for a probe."""
HIDDEN, EPOCHS = (256, 256), 100
"""The defaults of the evaluation `leakage` for the probing network."""

SPACES = {"none": "the codes", "pca": "the first two principal components", "tsne": "a two-dimensional t-SNE"}


class Found(NamedTuple):
    """Results of one cluster: Hopkins statistics, their excess over a normal distribution's, and accuracies of fresh
    probes."""

    images: int
    """How many images of the split it has: the cluster's weight in the means over clusters."""
    per_label: float
    spread: float
    """Standard deviation over labels."""
    per_label_excess: float
    whole: float
    whole_excess: float
    probe_linear: float | None
    probe_mlp: float | None
    chance: float | None


@better(lower=["per_label*", "whole*", "probe_*"], units={"probe_*": "share", "chance": "share"})
def hopkins(
    code: Annotated[Handle, Role.CODE],
    cluster: Annotated[Handle, Role.LABEL],
    label: Handle,
    *,
    split: Literal["train", "validation", "test"] = "test",
    embedding: Literal["none", "pca", "tsne"] = "none",
    points: Annotated[int, Ge(LEAST)] = LEAST,
    exponent: Annotated[float, Gt(0)] = 1.0,
    repeats: Annotated[int, Gt(0)] = 50,
    generator: torch.Generator | None = None,
) -> Result:
    """Compute the Hopkins statistic inside each cluster of codes, and probe it for a second attribute (Table III).

    `hopkins(z_expression, expression, illumination)`. The paper's value is a "mean per illumination label" of each
    expression's cluster, without the space, the exponent or the region. Here it is, for each label, the statistic of
    its points with locations drawn in the box of the *whole* cluster, so that labels that occupy parts of the cluster
    give high values; mean and standard deviation over labels. The result also has the statistic of the whole cluster.
    Without any structure, the statistic grows with the number of points. So each is of `points` points, drawn `repeats`
    times, and of a sample of a tenth of them, at least 10. It depends on dimensions, too. So the result also has the
    statistic of points from a normal distribution with the cluster's mean and covariance, as many of each label; only
    the difference is meaningful.

    Fresh probes, linear and MLP, as in the evaluation `leakage`, are trained to read the label from the training codes
    of each cluster and tested on its test codes; chance is the most frequent label's share.

    Figures, means over clusters, weighted by their images: `per_label` (the paper's form), `per_label_excess` over the
    normal distribution's, `whole`, `whole_excess`, `probe_linear`, `probe_mlp`, `chance` (NaN if there are too few
    images to probe).

    Args:
        code: `(batch, ...)`, flattened.
        cluster: the field of classes that the code is of.
        label: the field of classes that should not show in it.
        split: whose codes the statistics are of.
        embedding: "pca" uses the first two principal components of the split's codes, "tsne" an embedding in two
            dimensions; the probes read the codes themselves.
        points: how many points of a label, and of the whole cluster, each statistic is of.
        exponent: of the distances.
        repeats: how many draws each statistic is averaged over.
        generator: source of all draws.

    Labels with fewer than `points` images in a cluster are left out, and clusters with fewer than two such labels.
    Raises ValueError if that leaves none.
    """
    clusters, labels = class_field(cluster), class_field(label)
    generator = generator or torch.Generator().manual_seed(0)
    embedded = _embedded(read_codes(code, split, flat=True).double(), embedding, generator)
    of_cluster = rows_by_class(cluster.read(split), len(clusters.names))
    second = label.read(split)
    seed = int(torch.randint(2**31, (), generator=generator))
    found: dict[str, Found] = {}
    for value, name in enumerate(clusters.names):
        rows = of_cluster[value]
        groups = [group for group in rows_by_class(second[rows], len(labels.names)) if len(group) >= points]
        if len(groups) < 2:
            continue
        own = embedded[rows]
        per_label, whole = _statistics([own] * repeats, groups, points, exponent, generator)
        alike = (_normal_like(own, generator) for _ in range(repeats))
        normal, whole_normal = _statistics(alike, groups, points, exponent, generator)
        found[name] = Found(
            len(rows),
            float(per_label.mean()),
            float(per_label.std(correction=0)),
            float(per_label.mean() - normal.mean()),
            whole,
            whole - whole_normal,
            *_probes(code, cluster, label, value, seed),
        )
    if not found:
        raise ValueError(
            f"no class of {cluster.name} has {points} {split} images of each of two classes of {label.name}; "
            "no statistic can be had"
        )
    space = f"{SPACES[embedding]} of {code.name}, {split} images, {points} points at a time, exponent {exponent:g}"
    return _result(found, cluster.name, label.name, space)


def _embedded(codes: Tensor, embedding: str, generator: torch.Generator) -> Tensor:
    if embedding == "none":
        return codes
    if not vary(codes):
        raise ValueError(f"all {len(codes)} codes are equal, so {SPACES[embedding]} can't be had")
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    seed = int(torch.randint(2**31, (), generator=generator))
    method = PCA(2) if embedding == "pca" else TSNE(2, random_state=seed)
    return torch.from_numpy(method.fit_transform(codes.numpy())).double()


def _statistics(
    draws: Iterable[Tensor], groups: Sequence[Tensor], count: int, exponent: float, generator: torch.Generator
) -> tuple[Tensor, float]:
    """Return the Hopkins statistic of `count` points of each group in the box of all, `(groups,)`, and of as many of
    all.

    Both are means over draws.
    """
    found = []
    sample = max(LEAST, round(SAMPLED_SHARE * count))
    for points in draws:
        box = (points.amin(0), points.amax(0))
        those = [*groups, torch.arange(len(points))]
        chosen = [points[rows[torch.randperm(len(rows), generator=generator)[:count]]] for rows in those]
        statistics = [
            hopkins_statistic(drawn, sample=sample, exponent=exponent, box=box, generator=generator) for drawn in chosen
        ]
        found.append(torch.stack(statistics))
    *of_groups, of_all = torch.stack(found).mean(0)
    return torch.stack(of_groups), float(of_all)


def _normal_like(points: Tensor, generator: torch.Generator) -> Tensor:
    """Return as many points from a normal distribution with their mean and covariance, which may be singular."""
    covariance = torch.cov(points.mT).reshape(2 * points.shape[1:])
    return gaussian_draws(points.mean(0), covariance, len(points), generator=generator)


def _probes(
    code: Handle, cluster: Handle, label: Handle, value: int, seed: int
) -> tuple[float | None, float | None, float | None]:
    """Return the accuracies of two fresh probes of the label inside a cluster, and chance; None if images
    are too few."""
    inside = {split: cluster.read(split) == value for split in ("train", "test")}
    train, test = (read_codes(code, split, flat=True)[rows] for split, rows in inside.items())
    known, truth = (label.read(split)[rows] for split, rows in inside.items())
    counts = known.bincount()
    present = int((counts > 0).sum())
    if present < 2 or (counts == 1).any() or len(known) < LEAST * present or not len(truth):
        return None, None, None
    [linear] = linear_predictions(train, known, test, penalty=PENALTY, iterations=ITERATIONS)
    mlp = mlp_predictions(train, known, test, HIDDEN, EPOCHS, seed)
    chance = float(truth.bincount().max()) / len(truth)
    return float((linear == truth).float().mean()), float((mlp == truth).float().mean()), chance


def _result(found: dict[str, Found], cluster: str, label: str, space: str) -> Result:
    """Return figures, tables and summary of clusters by name; `space` is the space of the statistics."""
    figures = {
        name: _mean([(one.images, getattr(one, name)) for one in found.values()])
        for name in Found._fields
        if name not in ("images", "spread")
    }
    statistics = Table(
        f"Hopkins statistic of {label} inside each cluster of {cluster}",
        (cluster, "images", "per label", "± over labels", "minus normal's", "whole cluster", "minus normal's"),
        [(name, *one[:6]) for name, one in found.items()],
        caption=f"In {space}. Per label: the points of one {label} in the box of the whole cluster, the mean over "
        "labels.",
    )
    probes = Table(
        f"{label.capitalize()} read by fresh probes inside each cluster of {cluster}",
        (cluster, "linear", "MLP", "chance"),
        [(name, *one[6:]) for name, one in found.items()],
        caption="Trained on the training codes of the cluster, tested on its test codes.",
    )
    summary = f"Hopkins statistic per {label} {figures['per_label']:.2f}, {figures['per_label_excess']:+.2f} over a "
    summary += "normal distribution"
    if not math.isnan(figures["chance"]):
        summary += f"; an MLP probe reads {label} in {figures['probe_mlp']:.1%} (chance {figures['chance']:.1%})"
    return Result(figures, {}, [statistics, probes], summary=summary)


def _mean(values: Sequence[tuple[int, float | None]]) -> float:
    """Return the mean of the known values, by their weights; NaN without any."""
    there = [(weight, value) for weight, value in values if value is not None]
    whole = sum(weight for weight, _ in there)
    return sum(weight * value for weight, value in there) / whole if whole else math.nan
