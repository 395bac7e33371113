"""Metrics of disentanglement beside disentanglement_lib's on the same codes, and how long they take on one core.

`python -m benchmarks.disentanglement --peer FOLDER` prints both and writes benchmarks/disentanglement.md. The peer
requires TensorFlow 1, of which its metrics use nothing; so it is installed without, into a folder of its own:

    pip install --no-deps --target FOLDER disentanglement_lib==1.5 absl-py six

* the same: both are given the same codes, factors, images held out, classifiers and seeds. `gin`, by which
  disentanglement_lib is configured, is stood in for by what it would do: 20 bins of a histogram.
* drawn: scores by pairs of images that share a factor, which each side draws from all combinations of factors.
* times: seconds of one core, for 10,000 images, codes of 10 dimensions, and factors of 3, 6, 16, 16 and 16 classes; the
  median of rounds.
"""

from __future__ import annotations

import argparse
import functools
import importlib
import statistics
import sys
import time
import types
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import semreg_disentanglement as ours
import torch
from semreg_disentanglement.functional.common import drawn_seed, held_out, standardised
from semreg_disentanglement.functional.dci import LEAF, TREES
from sklearn.ensemble import ExtraTreesClassifier, GradientBoostingClassifier
from torch import Tensor

from benchmarks.known_codes import known_table
from benchmarks.measure import Goal, Table, goals_table, machine

PAGE = Path(__file__).with_suffix(".md")
TITLE = "# Metrics of disentanglement\n\nBy `python -m benchmarks.disentanglement --peer FOLDER`, which says how.\n"
CLASSES = (3, 6, 16, 16, 16)
IMAGES, DIMENSIONS, FEW = 10_000, 10, 300
ALIKE, DRAWN_ALIKE = 1e-6, 0.03  # four deviations of a difference of two scores on 5,000 draws
ROUNDS = 3
TIMES: dict[str, tuple[Callable[[Tensor, Tensor], Any], float]] = {
    "MIG": (ours.mig, 0.3),
    "SAP": (ours.sap, 1.0),
    "DCI, extra trees": (ours.dci, 6.0),
    "modularity and explicitness": (ours.modularity_explicitness, 6.0),
    "DCI-ES": (ours.dci_es, 30.0),
    "FactorVAE score": (ours.factor_vae_score, 2.0),
    "β-VAE score": (ours.beta_vae_score, 4.0),
    "IRS": (ours.irs, 1.0),
    "InfoMEC": (ours.infomec, 12.0),
    "UDR of five runs": (lambda codes, factors: ours.udr([codes] * 5), 2.0),
}
"""What is timed, and the most seconds."""


def codes_and_factors(images: int) -> tuple[Tensor, Tensor]:
    """Standardised codes `(images, 10)` that mix factors `(images, 5)` with noise."""
    generator = torch.Generator().manual_seed(0)
    factors = torch.stack([torch.randint(classes, (images,), generator=generator) for classes in CLASSES], 1)
    shares = factors.double() / torch.tensor(CLASSES)
    mixture = torch.randn(len(CLASSES), DIMENSIONS, dtype=torch.float64, generator=generator)
    codes = 3 * shares @ mixture + torch.randn(images, DIMENSIONS, dtype=torch.float64, generator=generator)
    codes[:, : len(CLASSES)] += 4 * shares
    return standardised(codes, held_out(images)[0]), factors


def peers(folder: Path) -> Any:
    """disentanglement_lib's modules of metrics, by name."""
    gin: Any = types.ModuleType("gin")
    gin.tf = types.ModuleType("gin.tf")
    for module in (gin, gin.tf):
        module.configurable, module.REQUIRED = lambda *names, **options: lambda function: function, None
    sys.modules |= {"gin": gin, "gin.tf": gin.tf}
    sys.path.append(str(folder))
    names = ("beta_vae", "dci", "factor_vae", "irs", "mig", "modularity_explicitness", "sap_score", "utils")
    found = {name: importlib.import_module(f"disentanglement_lib.evaluation.metrics.{name}") for name in names}
    utils: Any = found["utils"]
    utils.make_discretizer = functools.partial(
        utils.make_discretizer, num_bins=20, discretizer_fn=utils._histogram_discretize
    )
    return types.SimpleNamespace(**found)


def compared(lib: Any) -> list[tuple[str, float, float]]:
    """Each figure of ours, and disentanglement_lib's."""
    rows = []
    codes, factors = codes_and_factors(IMAGES)
    train, test = ((codes[rows].T.numpy(), factors[rows].T.numpy()) for rows in held_out(IMAGES))
    rows.append(
        ("MIG", ours.mig(codes, factors).mig, lib.mig._compute_mig(codes.T.numpy(), factors.T.numpy())["discrete_mig"])
    )
    matrix = lib.sap_score.compute_score_matrix(*train, *test, continuous_factors=False)
    rows.append(("SAP", ours.sap(codes, factors).sap, lib.sap_score.compute_avg_diff_top_two(matrix)))
    found = ours.modularity_explicitness(codes, factors)
    told = lib.utils.discrete_mutual_info(lib.utils.make_discretizer(codes.T.numpy()), factors.T.numpy())
    rows.append(("modularity", found.modularity, lib.modularity_explicitness.modularity(told)))
    areas = [
        lib.modularity_explicitness.explicitness_per_factor(train[0], a, test[0], b)[1]
        for a, b in zip(train[1], test[1], strict=True)
    ]
    rows.append(("explicitness", found.explicitness, statistics.mean(areas)))
    robust = lib.irs.scalable_disentanglement_score(factors.numpy(), codes.numpy())
    rows.append(("IRS", ours.irs(codes, factors).irs, float(robust["avg_score"])))
    rows += dci_compared(lib.dci, "extra_trees", IMAGES)
    rows += dci_compared(lib.dci, "gradient_boosting", FEW)
    return rows


def dci_compared(lib: Any, regressor: Any, images: int) -> list[tuple[str, float, float]]:
    """The figures of DCI by one regressor, which disentanglement_lib is given with our seed."""
    codes, factors = codes_and_factors(images)
    generator = torch.Generator().manual_seed(0)
    train, test = ((codes[rows].T.numpy(), factors[rows].T.numpy()) for rows in held_out(images, generator))
    seed = drawn_seed(generator)
    classifiers = {
        "extra_trees": functools.partial(
            ExtraTreesClassifier, TREES, max_features=None, min_samples_leaf=LEAF, random_state=seed
        ),
        "gradient_boosting": functools.partial(GradientBoostingClassifier, random_state=seed),
    }
    lib.ensemble = types.SimpleNamespace(GradientBoostingClassifier=classifiers[regressor])
    matrix, _, accuracy = lib.compute_importance_gbt(*train, *test)
    found = ours.dci(codes, factors, regressor=regressor)
    mine = (found.disentanglement, found.completeness, found.informativeness)
    theirs = (lib.disentanglement(matrix), lib.completeness(matrix), accuracy)
    return [
        (f"{name}, {regressor.replace('_', ' ')}, {images:,} images", one, float(other))
        for name, one, other in zip(found._fields, mine, theirs, strict=False)
    ]


class Combinations:
    """All combinations of factors, as disentanglement_lib draws from them; their codes stand for images."""

    def __init__(self, sizes: tuple[int, ...], codes: Tensor) -> None:
        self.sizes, self.codes, self.num_factors = sizes, codes.numpy(), len(sizes)

    def sample_factors(self, count: int, random: Any) -> Any:
        return np.stack([random.randint(size, size=count) for size in self.sizes], 1)

    def sample_observations_from_factors(self, factors: Any, random: Any) -> Any:
        return self.codes[np.ravel_multi_index(tuple(factors.T), self.sizes)]

    def sample_observations(self, count: int, random: Any) -> Any:
        return self.sample_observations_from_factors(self.sample_factors(count, random), random)


def drawn_compared(lib: Any) -> list[tuple[str, float, float]]:
    """The scores by pairs of ours, and disentanglement_lib's, for several numbers of pairs."""
    generator, sizes = torch.Generator().manual_seed(0), (3, 4, 5, 6)
    factors = torch.cartesian_prod(*map(torch.arange, sizes))
    mixture = torch.randn(len(sizes), 6, dtype=torch.float64, generator=generator)
    noise = torch.randn(len(factors), 6, dtype=torch.float64, generator=generator)
    codes = standardised(factors.double() / torch.tensor(sizes) @ mixture + 0.3 * noise, torch.arange(len(factors)))
    data, random, rows = Combinations(sizes, codes), np.random.RandomState(0), []
    for batch in (8, 64):
        given = (data, lambda images: images, random)
        drawn = {"batch_size": batch, "num_train": 10_000, "num_eval": 5_000}
        votes = lib.factor_vae.compute_factor_vae(*given, **drawn, num_variance_estimate=10_000)["eval_accuracy"]
        points = lib.beta_vae.compute_beta_vae_sklearn(*given, **drawn)["eval_accuracy"]
        found = ours.factor_vae_score(codes, factors, batch=batch, least_spread=0).factor_vae_score
        rows.append((f"FactorVAE score, {batch} images a vote", found, float(votes)))
        found = ours.beta_vae_score(codes, factors, batch=batch).beta_vae_score
        rows.append((f"β-VAE score, {batch} pairs a point", found, float(points)))
    return rows


def core_seconds(metric: Callable[[Tensor, Tensor], Any], codes: Tensor, factors: Tensor) -> float:
    """How long a core computes one call, whatever else the machine does."""
    begun = time.process_time()
    metric(codes, factors)
    return time.process_time() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", type=Path, help="the folder with disentanglement_lib")
    folder = parser.parse_args().peer
    torch.set_num_threads(1)
    warnings.simplefilter("ignore", ours.FactorWarning)
    told, goals, tables = "  \n".join(machine()) + "\n", [], []
    if folder:
        lib = peers(folder)
        for title, rows, most in (
            ("The same codes", compared(lib), ALIKE),
            ("The same codes, other draws", drawn_compared(lib), DRAWN_ALIKE),
        ):
            largest = max(abs(mine - theirs) for _, mine, theirs in rows)
            what = f"difference to disentanglement_lib 1.5, {title.lower()}"
            goals.append(Goal(what, f"at most {most:g}", f"{largest:.1g}", largest <= most))
            shown = [[name, f"{mine:.6f}", f"{theirs:.6f}", f"{abs(mine - theirs):.1g}"] for name, mine, theirs in rows]
            tables.append(Table(title, ["figure", "semreg", "disentanglement_lib", "difference"], shown))
        tables.append(known_table())
    codes, factors = codes_and_factors(IMAGES)
    times = []
    for name, (metric, most) in TIMES.items():
        metric(codes[:200], factors[:200])  # imports
        took = statistics.median(core_seconds(metric, codes, factors) for _ in range(ROUNDS))
        times.append([name, f"{took:.2f} s"])
        goals.append(Goal(f"{name}, one core", f"at most {most:g} s", f"{took:.2f} s", took <= most))
    size = f"{IMAGES:,} images, {DIMENSIONS} dimensions, {len(CLASSES)} factors; the median of {ROUNDS} rounds."
    tables.append(Table("Times", ["metric", "one core"], times, size))
    page = "\n".join([TITLE, told, *(table.markdown() for table in [*tables, goals_table(goals)])])
    print(page)
    if folder:
        PAGE.write_text(page)
    sys.exit(not all(goal.met for goal in goals))


if __name__ == "__main__":
    main()
