"""The kinds of components, in one table that the registry, the recipe language and the command line read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

INTERFACE = 2
"""The version of the interface between components and semreg. semreg rejects components, at their use, if their
distribution's entry point of group `semreg.interface` names a different version."""

Place = Literal[
    "module", "call", "data", "sampler", "evaluation", "comparison", "optimizer", "schedule", "executor", "search",
    "tracker", "panel",
]  # fmt: skip


@dataclass(frozen=True)
class Kind:
    """A kind of component. Plugins supply components by entry points in `group`; a recipe names them at `place`.

    Places: `module` under `[modules]`; `call` in the expressions of `[tensors]` and `[losses]`; `executor` in `--on` of
    grids, `search` in `--search` of sweeps, `tracker` in `--to` of `semreg track`, and `panel` nowhere; the others in
    the table or key with the kind's name. Two components of one place can't have the same name.
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
        Kind("criterion", "semreg.criteria", "loss with its own parameters or state", "module"),
        Kind("operation", "semreg.operations", "function from tensors to tensors", "call"),
        Kind("loss", "semreg.losses", "function from tensors to a scalar to be minimised", "call"),
        Kind("interpolator", "semreg.interpolators", "path between two codes", "call"),
        Kind("dataset", "semreg.datasets", "images with their labels", "data"),
        Kind("sampler", "semreg.samplers", "rule that draws the indices of a batch", "sampler"),
        Kind("evaluation", "semreg.evaluations", "figures, tables and pictures of a trained run", "evaluation"),
        Kind("comparison", "semreg.comparisons", "figures, tables and pictures of several runs together", "comparison"),
        Kind("optimizer", "semreg.optimizers", "rule that steps parameters along gradients", "optimizer"),
        Kind("schedule", "semreg.schedules", "schedule of a learning rate over a phase", "schedule"),
        Kind("executor", "semreg.executors", "place where a grid's runs train, unless that is `here`", "executor"),
        Kind("search", "semreg.searches", "rule that chooses the values of a sweep from earlier figures", "search"),
        Kind("tracker", "semreg.trackers", "function that brings a store of experiments up to date", "tracker"),
        Kind("panel", "semreg.panels", "controls that build codes, in `semreg explore`", "panel"),
    )
}


def at_place(place: Place) -> tuple[str, ...]:
    """Return the names of the kinds that a recipe names at `place`."""
    return tuple(kind.name for kind in KINDS.values() if kind.place == place)
