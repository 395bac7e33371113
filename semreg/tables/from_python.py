"""The functions of `semreg` that make tables; their signatures list the user's choices besides the recipes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from semreg.recipe.load import Recipe
    from semreg.running.choices import Choices
    from semreg.tables.making import MadeTable
    from semreg.trained.run import Run

# As in `semreg/__init__.py`, which has these functions: everything is imported when called.


def table(
    recipes: Sequence[str | Path | Mapping[str, Any] | Recipe],
    *,
    seeds: int | str | Sequence[int] | None = None,
    overrides: Sequence[str] = (),
    figures: Sequence[str] = (),
    against: str | None = None,
    only_finished: bool = False,
    name: str | None = None,
    command: str = "",
    plots: Sequence[str] = (),
    figures_of: Sequence[str] = (),
    rank: Sequence[str] = (),
    on: str = "here",
    gpus: float | None = None,
    device: str = "auto",
    precision: str = "fp32",
    data_root: str | Path | None = None,
    out: str | Path = "runs",
    fallback: bool = True,
    skip_bad_images: bool = False,
    judge_on: str = "test",
    channels_last: bool = True,
    tf32: bool = True,
    compile: bool = False,
    capture: str = "auto",
    deterministic: bool = False,
    threads: int | None = None,
) -> MadeTable:
    """Run recipes by seeds, except finished runs, and write one table of their figures, mean ± standard deviation.

    Args:
        recipes: as for `run`, each a row of the table.
        seeds: 3 (or "3") for 0, 1 and 2; several, as [0, 5] or "0,5"; each recipe's own by default.
        overrides: as for `load_recipe`, for recipes that are not loaded.
        figures: patterns of `EVALUATION.FIGURE`, such as "probe.*", that select the figures shown.
        against: the name of the recipe that paired tests compare all others with; the best by default.
        only_finished: train nothing, and show the finished runs.
        name: of the table; by default the recipes' folder.
        command: the command that the table names as its source.
        plots: pairs of figures, such as "probe.accuracy:knn.accuracy", to plot against each other, x before y.
        figures_of: evaluations whose pictures are written over the rows into the table's folder, as PNG and PDF.
        rank: figures, such as "probe.accuracy", to rank the rows by; several count by the mean of their ranks.
        on: where runs are made: "here", in this process one after another; "local:2", two at once, each in a separate
            process; or by another installed executor.
        gpus: the share of a GPU for each run, unless the runs are made here.

    All other arguments are as for `run`. The table shows a failed run as failed, and the others are still made. Raises
    UserError for errors in the recipes and choices, before anything is trained.
    """
    from semreg.recipe.from_python import is_file, recipe_of
    from semreg.recipe.load import Recipe
    from semreg.tables.growing import Wanted
    from semreg.tables.making import make_table
    from semreg.tables.plots import plots_of

    choices = choices_of(
        device=device, precision=precision, data_root=data_root, out=out, fallback=fallback,
        skip_bad_images=skip_bad_images, judge_on=judge_on, channels_last=channels_last, tf32=tf32, compile=compile,
        capture=capture, deterministic=deterministic, threads=threads,
    )  # fmt: skip
    rows = [one if is_file(one) or isinstance(one, Recipe) else recipe_of(one, overrides) for one in recipes]
    wanted = Wanted(
        tuple(figures), against, only_finished, name, command, plots_of(plots), rank=tuple(rank),
        figures_of=tuple(figures_of), on=on, gpus=gpus,
    )  # fmt: skip
    return make_table(rows, overrides, seeds, wanted, choices)


def compare(
    runs: Sequence[str | Path | Run],
    *,
    figures: Sequence[str] = (),
    against: str | None = None,
    name: str | None = None,
    command: str = "",
    plots: Sequence[str] = (),
    figures_of: Sequence[str] = (),
    judge_on: str = "test",
    out: str | Path = "runs",
) -> MadeTable:
    """Write one table of existing runs from their folders: nothing is trained or computed again.

    Args:
        runs: folders of runs, runs, or names and globs of runs in `out`. Runs of one recipe with different seeds form a
            row.
        judge_on: the images whose results are shown, "test" or "validation".
        out: the folder of runs that receives the table.

    All other arguments are as for `table`. The table names unfinished runs. Raises UserError for a path that is not a
    run, and for figures, plots and names that no run has.
    """
    from pathlib import Path

    from semreg.tables.comparing import compare_runs
    from semreg.tables.growing import Wanted
    from semreg.tables.plots import plots_of

    folders = [one if isinstance(one, (str, Path)) else one.folder for one in runs]
    wanted = Wanted(
        tuple(figures), against, name=name, command=command, plots=plots_of(plots), figures_of=tuple(figures_of)
    )
    return compare_runs(folders, wanted, choices_of(out=out, judge_on=judge_on))


def sweep(
    recipe: str | Path | Mapping[str, Any] | Recipe,
    vary: Mapping[str, Any] | Sequence[str],
    *,
    metric: str,
    minimize: bool | None = None,
    search: str | None = None,
    trials: int | None = None,
    seeds: int | str | Sequence[int] | None = None,
    overrides: Sequence[str] = (),
    figures: Sequence[str] = (),
    only_finished: bool = False,
    name: str | None = None,
    command: str = "",
    plots: Sequence[str] = (),
    figures_of: Sequence[str] = (),
    on: str = "here",
    gpus: float | None = None,
    device: str = "auto",
    precision: str = "fp32",
    data_root: str | Path | None = None,
    out: str | Path = "runs",
    fallback: bool = True,
    skip_bad_images: bool = False,
    judge_on: str = "validation",
    channels_last: bool = True,
    tf32: bool = True,
    compile: bool = False,
    capture: str = "auto",
    deterministic: bool = False,
    threads: int | None = None,
) -> MadeTable:
    """Train a recipe with every combination of values of some of its keys, by seeds, and rank them by one figure.

    Args:
        recipe: as for `run`.
        vary: for each key its values, or a range: {"optimizer.lr": "1e-4..1e-2:log", "losses.kl.weight": [0.1, 1.0]}.
            A range has 5 points, or the number after another colon; integer ends give integers. Or texts, as
            `semreg sweep --vary` takes them.
        metric: the figure, as "probe.accuracy".
        minimize: whether a lower figure is better; only if its evaluation doesn't state this.
        search: the search that chooses the values instead of all combinations, as "optuna:sampler=tpe", if it is
            installed; ranges then have no points.
        trials: how many combinations a search tries.
        seeds: as for `table`, and so are `overrides`, `figures`, `only_finished`, `name`, `command`, `plots`,
            `figures_of`, `on` and `gpus`.
        judge_on: "validation", so that test images remain for the chosen row, or "test".

    All other arguments are as for `run`. The table's `best` is its best row. Raises UserError for errors before
    anything is trained.
    """
    from semreg.recipe.from_python import recipe_of
    from semreg.tables.growing import Wanted
    from semreg.tables.plots import plots_of
    from semreg.tables.sweeping.sweep import make_sweep

    choices = choices_of(
        device=device, precision=precision, data_root=data_root, out=out, fallback=fallback,
        skip_bad_images=skip_bad_images, judge_on=judge_on, channels_last=channels_last, tf32=tf32, compile=compile,
        capture=capture, deterministic=deterministic, threads=threads,
    )  # fmt: skip
    wanted = Wanted(
        tuple(figures), None, only_finished, name, command, plots_of(plots), figures_of=tuple(figures_of),
        on=on, gpus=gpus,
    )  # fmt: skip
    higher = None if minimize is None else not minimize
    return make_sweep(
        recipe_of(recipe, overrides), vary, seeds, metric, higher, wanted, choices, search=search, trials=trials
    )


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
    figures_of: Sequence[str] = (),
    table: bool = True,
    on: str = "here",
    gpus: float | None = None,
    device: str = "auto",
    precision: str = "fp32",
    data_root: str | Path | None = None,
    out: str | Path = "runs",
    fallback: bool = True,
    skip_bad_images: bool = False,
    judge_on: str = "test",
    channels_last: bool = True,
    tf32: bool = True,
    compile: bool = False,
    capture: str = "auto",
    deterministic: bool = False,
    threads: int | None = None,
) -> MadeTable:
    """Train a recipe with up to three additions, singly and in pairs, for a short while, and rank the results.

    Args:
        recipe: a name or a path.
        additions: such as "losses.atnl", "losses.atnl=30" (a weight), "losses.predictability(z_u, digit)" (its inputs)
            or "partial/occlusion" (a recipe to extend as well, by its name, or by its file from here or the recipe's
            folder).
        epochs: of every phase.
        share: of the training images.
        label: the field of classes, if the recipe's `[model]` has several attributes.
        seeds: as for `table`, and so are `figures`, `only_finished`, `name`, `command`, `plots`, `figures_of`,
            `on` and `gpus`.
        overrides: as for `load_recipe`; those of an added loss apply wherever it is added.
        table: whether to write the table, with a recipe for each mix, or only to make the runs.

    All other arguments are as for `run`. Mixes are ranked by a linear probe on the code, leakage of the class into the
    other codes, semantic order and the error of reconstructions, as far as the recipe can have them. Raises UserError
    for errors before anything is trained.
    """
    from semreg.tables.growing import Wanted
    from semreg.tables.mixing.mix import Budget, make_mix
    from semreg.tables.plots import plots_of

    choices = choices_of(
        device=device, precision=precision, data_root=data_root, out=out, fallback=fallback,
        skip_bad_images=skip_bad_images, judge_on=judge_on, channels_last=channels_last, tf32=tf32, compile=compile,
        capture=capture, deterministic=deterministic, threads=threads,
    )  # fmt: skip
    wanted = Wanted(
        tuple(figures), None, only_finished, name, command, plots_of(plots),
        figures_of=tuple(figures_of), written=table, on=on, gpus=gpus,
    )  # fmt: skip
    budget = Budget(epochs, share)
    return make_mix(recipe, additions, overrides, seeds, budget, label, wanted, choices)


def choices_of(**given: Any) -> Choices:
    """Return the choices given as keyword arguments. Raises UserError."""
    from semreg.running.choices import Choices

    return Choices(**given)
