"""semreg: give an autoencoder's latent space a meaning, by recipes over a registry of components.

    recipe = semreg.load_recipe("vae_digits")
    run = semreg.run(recipe)
    codes = run.encode(images)
"""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar

from semreg import components
from semreg.core.version import __version__
from semreg.tables.from_python import choices_of, compare, mix, sweep, table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from semreg.cli.listing import Components, Description
    from semreg.core import Result
    from semreg.exploring.server import Server
    from semreg.exporting.writing import Exported
    from semreg.recipe.load import Recipe
    from semreg.trained.run import Run

Registered = TypeVar("Registered")

__all__ = [
    "__version__", "compare", "components", "evaluate", "explore", "export", "load_recipe", "mix", "open_export",
    "open_run", "register", "run", "show", "sweep", "table", "track",
]  # fmt: skip

# Everything is imported when called: `semreg list` must answer without PyTorch. What a user chooses beside a recipe
# stands here once more, for completion; `semreg.running.choices` says what it means, and a test compares the two.


def load_recipe(
    recipe: str | Path | Mapping[str, Any], overrides: Sequence[str] = (), *, name: str | None = None
) -> Recipe:
    """Read a recipe with all it extends.

    Args:
        recipe: a name such as "vae_digits", a path, TOML (a text with a line break), or a dict.
        overrides: texts such as "seed=3".
        name: what a recipe that comes from no file is called, and so the folder of its run; "recipe" by default.

    Raises UserError.
    """
    from semreg.recipe.from_python import recipe_of

    return recipe_of(recipe, overrides, name=name)


def run(
    recipe: str | Path | Mapping[str, Any] | Recipe,
    *,
    overrides: Sequence[str] = (),
    hooks: Sequence[Any] = (),
    seed: int | None = None,
    device: str = "auto",
    precision: str = "fp32",
    data_root: str | Path | None = None,
    out: str | Path = "runs",
    fallback: bool = True,
    skip_bad_images: bool = False,
    continue_from: str | Path | None = None,
    judge_on: str = "test",
    tensorboard: bool = False,
    channels_last: bool = True,
    tf32: bool = True,
    compile: bool = False,
    capture: str = "auto",
    deterministic: bool = False,
    threads: int | None = None,
    allow_other_processes: bool = False,
) -> Run:
    """Train, evaluate and report a recipe, or go on where an earlier call stopped, and return the trained run.

    Args:
        recipe: as for `load_recipe`, or a loaded recipe.
        overrides: as for `load_recipe`, where `recipe` is not loaded.
        hooks: modules, objects or classes that observe the run, as `semreg.core.hookspecs` says.
        seed: the recipe's own by default.
        device: where to compute: "auto", "cpu" or "cuda", perhaps with a number: "cuda:1".
        precision: of the networks: "fp32", "bf16", or "fp16" on a GPU alone.
        data_root: where the data sets are; by default SEMREG_DATA, or `data`.
        out: the folder of all runs.
        fallback: whether the recipe's fallback is used where its data are missing.
        skip_bad_images: whether images that can't be read are left out, and counted.
        continue_from: the run to go on from, which had fewer epochs.
        judge_on: "test", or "validation" to judge on the validation images, and no figure is of test images.
        tensorboard: whether the curves are also written for TensorBoard, into the run's folder.
        channels_last: whether images lie in memory pixel by pixel, in which convolutions are faster.
        tf32: whether convolutions on a GPU may multiply in TF32, by ten bits of each number; matrix products don't.
        compile: whether steps are compiled by torch.compile, which pays in long trainings.
        capture: "auto" where steps may become CUDA graphs, with the same bits, or "off".
        deterministic: whether a GPU gives the same bits each time, or the operation is named that can't.
        threads: how many compute on the CPU; as many as PyTorch has by default.
        allow_other_processes: whether to go on with another number of processes than the run was begun with.

    Raises UserError for mistakes in the recipe, the choices, the hooks or the data.
    """
    from semreg.running.garbage import uncollected

    with uncollected():
        from semreg.recipe.from_python import recipe_of
        from semreg.running.reproducing import call_of
        from semreg.running.start import run_recipe

    loaded = recipe_of(recipe, overrides)
    choices = choices_of(
        seed=seed, device=device, precision=precision, data_root=data_root, out=out, fallback=fallback,
        skip_bad_images=skip_bad_images, continue_from=continue_from, judge_on=judge_on, tensorboard=tensorboard,
        channels_last=channels_last, tf32=tf32, compile=compile, capture=capture, deterministic=deterministic,
        threads=threads, allow_other_processes=allow_other_processes,
    )  # fmt: skip
    return run_recipe(loaded, choices, call_of(loaded, choices), hooks=hooks)


def open_run(
    folder: str | Path, *, data_root: str | Path | None = None, device: str = "auto", judge_on: str = "test"
) -> Run:
    """Open a trained run, by its folder or `zoo:NAME`: `encode`, `decode`, `sample`, `interpolate`, `tensor`, `module`.

    Its data are read, and need to be under `data_root` (by default SEMREG_DATA, or `data`), only where something asks
    for them; components that only train need not be installed. `judge_on` is as for `run`: it says whose results are
    shown, and which images are its test images. Raises UserError if it is none.
    """
    from semreg.running.garbage import uncollected

    with uncollected():
        from semreg.trained.opening import open_run

    return open_run(folder, data_root=data_root, device=device, judge_on=choices_of(judge_on=judge_on).judge_on)


def export(
    run: Run | str | Path,
    *,
    out: str | Path,
    onnx: bool = False,
    half: bool = False,
    modules: Sequence[str] = (),
    images: str | Path | None = None,
    license: str = "unknown",
    push: str | None = None,
    data_root: str | Path | None = None,
) -> Exported:
    """Export a trained run into a new folder that needs no semreg; what was found on the way.

    Args:
        run: a run, its folder, or `zoo:NAME`.
        out: the folder to make.
        onnx: whether ONNX files are written as well; needs `semreg[onnx]`.
        half: whether matrices and kernels are kept in half precision.
        modules: modules of the recipe that are exported beside encoder and decoder, as `modules/NAME.pt2`.
        images: a folder of images to compare on, where the run's data are not here.
        license: of the model, as the Hugging Face Hub calls it.
        push: `owner/name`, by which it is uploaded to the Hub as well; needs `huggingface_hub`.
        data_root: as for `open_run`.

    Raises UserError for a folder that is there, for a run whose `[model]` says no codes, and where something
    differs from the run; nothing is written then.
    """
    from pathlib import Path

    from semreg.exporting.writing import export_run

    folder = Path(run) if isinstance(run, (str, Path)) else run.folder
    return export_run(
        folder, Path(out), onnx=onnx, half=half, modules=modules, images=images, license=license, push=push,
        data_root=data_root,
    )  # fmt: skip


def open_export(folder: str | Path, *, device: str = "auto") -> Run:
    """Open an exported run, by its folder or as `zoo:NAME`, as `open_run` opens a run; its data are nowhere needed.

    It has the modules that its recipe's `[model]` needs. Raises UserError if it is none.
    """
    from semreg.trained.opening import open_export

    return open_export(folder, device=device)


def evaluate(
    folder: str | Path,
    only: Sequence[str] | None = None,
    *,
    recipe: str | Path | None = None,
    overrides: Sequence[str] = (),
    prune: bool = False,
    data_root: str | Path | None = None,
    device: str = "auto",
    judge_on: str = "test",
) -> dict[str, Result]:
    """Do the evaluations of a trained run, or those named in `only`, again and write its report anew.

    With `recipe`, which trains the same, or `overrides` of the run's own, those of its evaluations that the run does
    not have yet; `prune` removes results of evaluations that no recipe of the run has any longer. `data_root`, `device`
    and `judge_on` are as for `run`. Raises UserError.
    """
    from semreg.running.evaluate import evaluate

    options: dict[str, Any] = {"recipe": recipe, "overrides": overrides, "prune": prune}
    return evaluate(folder, only, **options, data_root=data_root, device=device, judge_on=judge_on)


def explore(
    run: str | Path | Run,
    *,
    port: int = 0,
    open_page: bool = True,
    data_root: str | Path | None = None,
    device: str = "auto",
) -> Server:
    """Serve a page of sliders, paths, samples and maps of a trained run, to this machine alone, in the background.

    `run` is its folder, or an open run; `port` is any free one by default; a browser opens the page unless `open_page`
    is false. `data_root` and `device` are as for `run`. Returns the server, whose `address` is the page's, until its
    `close()`. Raises UserError for a run that has nothing to move, with the lines that its recipe lacks, and for a port
    that is taken.
    """
    from semreg.exploring.start import serve
    from semreg.trained.run import Run

    opened = run if isinstance(run, Run) else open_run(run, data_root=data_root, device=device)
    return serve(opened, data_root, port=port, open_page=open_page)


def track(folder: str | Path, to: str) -> str:
    """Bring a run, by its folder, into an experiment tracker, as far as it is not there; where it is now to be seen.

    `to` is a component of kind "tracker", such as a plugin brings or `register` registers. Raises UserError for what is
    no run, for a tracker that there isn't, and for a store that doesn't answer.
    """
    from pathlib import Path

    from semreg.running.tracking import bring

    return next(bring([Path(folder)], to))[1]


def register(kind: str, name: str) -> Callable[[Registered], Registered]:
    """A decorator that makes a function or class a component of this process, by the name that recipes call it.

        @semreg.register("loss", "charbonnier")
        def charbonnier(prediction, target, *, epsilon: float = 1e-3):
            return ((prediction - target).square() + epsilon**2).sqrt().mean()

    The same notebook, or module, may register a name again. Raises UserError for an unknown kind, with the closest, and
    for a name that is taken.
    """
    from semreg.core import UserError, registry

    def registered(value: Registered) -> Registered:
        try:
            registry.register(kind, name, value)
        except (LookupError, ValueError) as error:
            raise UserError("", str(error)) from None
        return value

    return registered


class _Components(ModuleType):
    """The package of the standard components, which is called for a list of all that there are."""

    def __call__(self, kind: str | None = None) -> Components:
        """All components that are installed or registered, or those of one kind, as a list shown as a table.

        Nothing of theirs is imported. Raises UserError if there is no such kind.
        """
        from semreg.cli.listing import components

        return components(kind)


components.__class__ = _Components


def show(name: str) -> Description:
    """What is called so: signature, documentation, paper and origin, as `semreg show` prints them.

    Raises UserError, with the closest names, if there is none, and if one can't be imported.
    """
    from semreg.cli.listing import description

    return description(name)
