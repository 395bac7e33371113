"""semreg: give an autoencoder's latent space a meaning, by recipes over a registry of components.

recipe = semreg.load_recipe("vae_digits")
run = semreg.run(recipe)
codes = run.encode(images)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from semreg.core.version import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from semreg.core import Result
    from semreg.recipe.load import Recipe
    from semreg.tables.making import MadeTable
    from semreg.trained.run import Run

__all__ = ["__version__", "evaluate", "load_recipe", "mix", "open_run", "run", "table"]

# Everything is imported when called: `semreg list` must answer without PyTorch.


def load_recipe(path: str | Path, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe with all it extends, by its path or, a text, by its name; `overrides` are texts such as "seed=3".

    Raises UserError.
    """
    from semreg.recipe.load import load_recipe

    return load_recipe(path, overrides)


def run(
    recipe: str | Path | Recipe, *, overrides: Sequence[str] = (), hooks: Sequence[Any] = (), **choices: Any
) -> Run:
    """Train, evaluate and report a recipe, or go on where an earlier call stopped, and return the trained run.

    Args:
        recipe: a name such as "vae_digits", a path, or a loaded recipe.
        overrides: as for `load_recipe`, where `recipe` is not loaded.
        hooks: modules, objects or classes that observe the run, as `semreg.core.hookspecs` says.
        choices: the fields of `semreg.running.choices.Choices`: `seed`, `device`, `precision`, `data_root`, `out`, …

    Raises UserError for mistakes in the recipe, the choices, the hooks or the data.
    """
    from semreg.recipe.load import Recipe
    from semreg.running.choices import Choices
    from semreg.running.reproducing import call_of
    from semreg.running.start import run_recipe

    loaded = recipe if isinstance(recipe, Recipe) else load_recipe(recipe, overrides)
    call = call_of(loaded.said or str(loaded.path), loaded.written, choices)
    return run_recipe(loaded, Choices(**choices), call, hooks=hooks)


def open_run(folder: str | Path, *, data_root: str | Path | None = None, device: str = "auto") -> Run:
    """Open a trained run's folder: `encode`, `decode`, `sample`, `interpolate`, `tensor(name)`, `module(name)`.

    Its data are read, and need to be under `data_root` (by default SEMREG_DATA, or `data`), only where something asks
    for them; components that only train need not be installed. Raises UserError if it is none.
    """
    from semreg.trained.opening import open_run

    return open_run(folder, data_root=data_root, device=device)


def evaluate(folder: str | Path, only: Sequence[str] | None = None, **options: Any) -> dict[str, Result]:
    """Do the evaluations of a trained run, or those named in `only`, again and write its report anew.

    With `recipe`, which trains the same, or `overrides` of the run's own, those of its evaluations that the run does
    not have yet; `prune` removes results of evaluations that no recipe of the run has any longer. Also takes
    `data_root` and `device`.
    """
    from semreg.running.evaluate import evaluate

    return evaluate(folder, only, **options)


def table(
    recipes: Sequence[str | Path | Recipe],
    *,
    seeds: int | str | Sequence[int] | None = None,
    overrides: Sequence[str] = (),
    figures: Sequence[str] = (),
    against: str | None = None,
    only_finished: bool = False,
    name: str | None = None,
    command: str = "",
    plots: Sequence[str] = (),
    **choices: Any,
) -> MadeTable:
    """Run recipes by seeds, but for what is finished, and write one table of their figures, mean ± standard deviation.

    Args:
        recipes: names, paths or loaded recipes, each a row of the table.
        seeds: 3 (or "3") for 0, 1 and 2; several, as [0, 5] or "0,5"; each recipe's own by default.
        overrides: as for `load_recipe`, for recipes that are not loaded.
        figures: patterns of `EVALUATION.FIGURE`, such as "probe.*", that say which figures are shown.
        against: the name of the recipe that paired tests compare all others with; the best by default.
        only_finished: train nothing, and show what is finished.
        name: of the table; by default the recipes' folder.
        command: what the table says that it was made by.
        plots: pairs of figures, such as "probe.accuracy:knn.accuracy", that are drawn against each other, x before y.
        choices: as for `run`, without `seed`.

    A run that fails is shown as failed, and the others are still made. Raises UserError for mistakes in the recipes
    and choices, before anything is trained.
    """
    from semreg.running.choices import Choices
    from semreg.tables.making import Wanted, make_table
    from semreg.tables.plots import plots_of

    wanted = Wanted(tuple(figures), against, only_finished, name, command, plots_of(plots))
    return make_table(recipes, overrides, seeds, wanted, Choices(**choices))


def mix(
    recipe: str | Path,
    additions: Sequence[str],
    *,
    epochs: int = 1,
    share: float = 0.1,
    label: str | None = None,
    seeds: int | str | Sequence[int] | None = None,
    overrides: Sequence[str] = (),
    figures: Sequence[str] = (),
    only_finished: bool = False,
    name: str | None = None,
    command: str = "",
    plots: Sequence[str] = (),
    table: bool = True,
    **choices: Any,
) -> MadeTable:
    """Train a recipe and what up to three additions make of it, alone and in pairs, for a short while, and rank them.

    Args:
        recipe: a name or a path.
        additions: such as "losses.atnl", "losses.atnl=30" (a weight), "losses.predictability(z_u, digit)" (its inputs)
            or "partial/occlusion" (a recipe, by its name or its file from here or the recipe's folder, that is extended
            as well).
        epochs: of every phase.
        share: of the training images.
        label: the field of classes, where the recipe's `[model]` has several attributes.
        seeds: as for `table`, and so are `figures`, `only_finished`, `name`, `command` and `plots`.
        overrides: as for `load_recipe`; those of a loss that is added go where it is.
        table: whether the table is written, with a recipe for each mix, or the runs are only made.
        choices: as for `run`, without `seed`.

    Mixes are ranked by a linear probe on the code, what the other codes leak of the class, semantic order and the error
    of reconstructions, as far as the recipe can have them. Raises UserError for mistakes before anything is trained.
    """
    from semreg.running.choices import Choices
    from semreg.tables.making import Wanted
    from semreg.tables.mixing.mix import Budget, make_mix
    from semreg.tables.plots import plots_of

    wanted = Wanted(tuple(figures), None, only_finished, name, command, plots_of(plots), written=table)
    budget = Budget(epochs, share)
    return make_mix(recipe, additions, overrides, seeds, budget, label, wanted, Choices(**choices))
