"""The kinds of components: the one table that the registry, the recipe language and the command line read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

INTERFACE = 2
"""The version of what components and semreg expect of each other. A distribution that is written for another, by an
entry point of that name in group `semreg.interface`, is refused when it is used."""

Place = Literal[
    "module", "call", "data", "sampler", "evaluation", "comparison", "optimizer", "schedule", "executor", "search",
    "tracker", "panel",
]  # fmt: skip


@dataclass(frozen=True)
class Kind:
    """One kind of component: third parties bring one by an entry point in `group`, and a recipe names it at `place`.

    Places: `module` under `[modules]`; `call` in the expressions of `[tensors]` and `[losses]`; `executor` in `--on` of
    grids, `search` in `--search` of sweeps, `tracker` in `--to` of `semreg track` and `panel` nowhere; the others in
    the table or key of their own name. Components of one place share their names.
    """

    name: str
    group: str
    description: str
    place: Place


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("encoder", "semreg.encoders", "network from an input to a code", "module"),
        Kind("decoder", "semreg.decoders", "network from a code to an output", "module"),
        Kind("prior", "semreg.priors", "distribution of codes, fixed or learned", "module"),
        Kind("critic", "semreg.critics", "network that scores how real an input is", "module"),
        Kind("classifier", "semreg.classifiers", "network or head from an input or a code to labels", "module"),
        Kind("criterion", "semreg.criteria", "loss with parameters or state of its own", "module"),
        Kind("operation", "semreg.operations", "function from tensors to tensors", "call"),
        Kind("loss", "semreg.losses", "function from tensors to a scalar to be minimised", "call"),
        Kind("interpolator", "semreg.interpolators", "path between two codes", "call"),
        Kind("dataset", "semreg.datasets", "images with their labels", "data"),
        Kind("sampler", "semreg.samplers", "rule that draws the indices of a batch", "sampler"),
        Kind("evaluation", "semreg.evaluations", "figures, tables and pictures of a trained run", "evaluation"),
        Kind("comparison", "semreg.comparisons", "figures, tables and pictures of several runs together", "comparison"),
        Kind("optimizer", "semreg.optimizers", "rule that steps parameters along gradients", "optimizer"),
        Kind("schedule", "semreg.schedules", "schedule of a learning rate over a phase", "schedule"),
        Kind("executor", "semreg.executors", "where trials of a grid run, if not `here`, in this process", "executor"),
        Kind("search", "semreg.searches", "what chooses the values of a sweep by the figures of others", "search"),
        Kind("tracker", "semreg.trackers", "function that brings a store of experiments up to date", "tracker"),
        Kind("panel", "semreg.panels", "controls that build codes, in `semreg explore`", "panel"),
    )
}


def at_place(place: Place) -> tuple[str, ...]:
    """The names of the kinds that a recipe names at `place`."""
    return tuple(kind.name for kind in KINDS.values() if kind.place == place)
