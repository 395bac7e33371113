"""semreg: give an autoencoder's latent space a meaning, by recipes and a registry of components.

    recipe = semreg.load_recipe("vae_digits")
    run = semreg.run(recipe)
    codes = run.encode(images)

docs/python.md has all functions.
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

# Imports are inside the functions: `semreg list` must answer without PyTorch. The options besides a recipe are repeated
# here, for completion; `semreg.running.choices` defines them, and a test compares the two.


def load_recipe(
    recipe: str | Path | Mapping[str, Any], overrides: Sequence[str] = (), *, name: str | None = None
) -> Recipe:
    """Read a recipe and all that it extends.

    Args:
        recipe: a name such as "vae_digits", a path, TOML (a text with a line break), or a dict.
        overrides: texts such as "seed=3".
        name: the name of a recipe without a file, and of its run's folder; "recipe" by default.

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
    """Train, evaluate and report a recipe, or resume an earlier call that stopped, and return the trained run.

    Args:
        recipe: as for `load_recipe`, or a loaded recipe.
        overrides: as for `load_recipe`, if `recipe` is not loaded.
        hooks: modules, objects or classes that observe the run (`semreg.core.hookspecs`).
        seed: the recipe's own by default.
        device: where to compute: "auto", "cpu" or "cuda", perhaps with a number: "cuda:1".
        precision: of the networks: "fp32", "bf16", or "fp16" (only on a GPU).
        data_root: the folder of the data sets; by default SEMREG_DATA, or `data`.
        out: the folder of all runs.
        fallback: whether to use the recipe's fallback if its data are missing.
        skip_bad_images: whether to leave out and count images that can't be read.
        continue_from: the run to resume from, which had fewer epochs.
        judge_on: "test", or "validation" to judge on the validation images; then no figure is of test images.
        tensorboard: whether to write the curves also for TensorBoard, into the run's folder.
        channels_last: whether to store images pixel by pixel, with which convolutions are faster.
        tf32: whether convolutions on a GPU may multiply in TF32, with ten bits of each number; matrix products don't.
        compile: whether to compile steps by torch.compile, which saves time in long trainings.
        capture: "auto" to run steps as CUDA graphs if possible, with the same bits, or "off".
        deterministic: whether a GPU must give the same bits each time; semreg names an operation that can't.
        threads: how many compute on the CPU; PyTorch's default otherwise.
        allow_other_processes: whether to resume with another number of processes than the run was started with.

    Raises UserError for errors in the recipe, the options, the hooks or the data.
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

    Its data are read on first use, from `data_root` (by default SEMREG_DATA, or `data`). Components that only training
    needs may be missing. `judge_on` is as for `run`: it selects the results to show, and which images are its test
    images. Raises UserError if the folder is not a run.
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
    """Export a trained run into a new folder that needs no semreg, and return what the export reports.

    Args:
        run: a run, its folder, or `zoo:NAME`.
        out: the folder to make.
        onnx: whether to write ONNX files as well; needs `semreg[onnx]`.
        half: whether to store matrices and kernels in half precision.
        modules: modules of the recipe to export besides encoder and decoder, as `modules/NAME.pt2`.
        images: a folder of images for the comparison, if the run's data are missing.
        license: of the model, as the Hugging Face Hub calls it.
        push: `owner/name`, to upload it to the Hub as well; needs `huggingface_hub`.
        data_root: as for `open_run`.

    Raises UserError if the folder exists, if the run's `[model]` lacks codes, and if an output differs from the run's;
    then it writes nothing.
    """
    from pathlib import Path

    from semreg.exporting.writing import export_run

    folder = Path(run) if isinstance(run, (str, Path)) else run.folder
    return export_run(
        folder, Path(out), onnx=onnx, half=half, modules=modules, images=images, license=license, push=push,
        data_root=data_root,
    )  # fmt: skip


def open_export(folder: str | Path, *, device: str = "auto") -> Run:
    """Open an exported run, by its folder or as `zoo:NAME`, like a run with `open_run`; it never needs the data.

    It has the modules that its recipe's `[model]` needs. Raises UserError if the folder is not an export.
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
    """Run the evaluations of a trained run again, or those in `only`, and rewrite its report.

    With `recipe`, which trains the same, or `overrides` of the run's own, run its evaluations that the run lacks;
    `prune` removes results of evaluations that none of the run's recipes has any longer. `data_root`, `device` and
    `judge_on` are as for `run`. Raises UserError.
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
    """Serve a page with sliders, paths, samples and maps of a trained run, only to this machine, in the background.

    `run` is its folder, or an open run; `port` is any free one by default; a browser opens the page unless `open_page`
    is false. `data_root` and `device` are as for `run`. Returns the server: its `address` is the page's, and it runs
    until `close()`. Raises UserError, with the missing lines of the recipe, for a run without anything to move, and for
    a used port.
    """
    from semreg.exploring.start import serve
    from semreg.trained.run import Run

    opened = run if isinstance(run, Run) else open_run(run, data_root=data_root, device=device)
    return serve(opened, data_root, port=port, open_page=open_page)


def track(folder: str | Path, to: str) -> str:
    """Copy a run, by its folder, to an experiment tracker, as far as it is missing there; return its address.

    `to` is a component of kind "tracker", from a plugin or from `register`. Raises UserError if the folder is not a
    run, if there is no such tracker, and if its store doesn't answer.
    """
    from pathlib import Path

    from semreg.running.tracking import bring

    return next(bring([Path(folder)], to))[1]


def register(kind: str, name: str) -> Callable[[Registered], Registered]:
    """Decorate a function or class to make it a component of this process, with a name for recipes.

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
    """The package of the standard components; a call lists all components."""

    def __call__(self, kind: str | None = None) -> Components:
        """Return all installed or registered components, or those of one kind, as a list that displays as a table.

        It doesn't import them. Raises UserError if there is no such kind.
        """
        from semreg.cli.listing import components

        return components(kind)


components.__class__ = _Components


def show(name: str) -> Description:
    """Return the signature, documentation, paper and origin of a component, as `semreg show` prints them.

    Raises UserError, with the closest names, if there is none, and if it can't be imported.
    """
    from semreg.cli.listing import description

    return description(name)
