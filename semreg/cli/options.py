"""Arguments and options that several commands take; the options of a run come from `semreg.running.choices`."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any

import typer

from semreg.cli.completion import recipe_names, run_names, trained_names
from semreg.data.seeds import chosen_seed
from semreg.running.choices import Choices

_CHOICES = {field.name: field for field in fields(Choices)}


def _option(name: str) -> Any:
    """Return the command-line option of a choice."""
    told = dict(_CHOICES[name].metadata)
    told.pop("shown", None)
    said = told.pop("flag", None) or told.pop("option", None) or f"--{name.replace('_', '-')}"
    return typer.Option(said, **told)


RecipeName = Annotated[
    str,
    typer.Argument(
        metavar="RECIPE",
        help="Name of a shipped recipe, or a recipe file (.toml).",
        show_default=False,
        autocompletion=recipe_names,
    ),
]
RunFolder = Annotated[
    Path,
    typer.Argument(
        metavar="RUN", help="Folder or name of a run, or zoo:NAME.", show_default=False, autocompletion=trained_names
    ),
]
OwnRun = Annotated[
    Path,
    typer.Argument(metavar="RUN", help="Folder or name of a run.", show_default=False, autocompletion=run_names),
]
Overrides = Annotated[
    list[str], typer.Option("--set", metavar="KEY=VALUE", help="Change a key of the recipe; repeatable.")
]
DataRoot = Annotated[Path, _option("data_root")]
Out = Annotated[Path, _option("out")]
Device = Annotated[str, _option("device")]
JudgeOn = Annotated[str, _option("judge_on")]
Runs = Annotated[Path, typer.Option("--runs", help=_CHOICES["out"].metadata["help"])]
Seed = Annotated[int, typer.Option("--seed", metavar="N", parser=chosen_seed, help="Seed of all random draws.")]
Scale = Annotated[int, typer.Option("--scale", metavar="N", min=1, help="Draw each pixel as N × N pixels.")]
ScaleOfAll = Annotated[
    int | None,
    typer.Option(
        "--scale", metavar="N", min=1, help="Draw each pixel as N × N pixels; by default single images keep their size."
    ),
]
Image = Annotated[Path, typer.Argument(metavar="IMG", help="Image file of any size.", show_default=False)]
PictureFile = Annotated[Path, typer.Option("--out", metavar="FILE.png", help="Picture to write.")]
Only = Annotated[bool, typer.Option("--only", help="Write only the result, without the images beside it.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def takes_choices(*left_out: str, **defaults: Any) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return a decorator that replaces a command's last parameter `choices: Choices` by an option for each choice.

    Choices in `left_out` get no option, and keep their defaults. `defaults` overrides the defaults of others.
    """
    taken = [field for name, field in _CHOICES.items() if name not in left_out]

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(command)
        def with_choices(**given: Any) -> None:
            chosen = {field.name: given.pop(field.name) for field in taken}
            for field in taken:
                if "flag" in field.metadata:  # a flag such as --no-… means the opposite
                    chosen[field.name] = not chosen[field.name]
            command(**given, choices=Choices(**chosen))

        own = inspect.signature(command, eval_str=True)
        types = inspect.get_annotations(Choices, eval_str=True, locals={"torch": None})
        parameters = [parameter for parameter in own.parameters.values() if parameter.name != "choices"]
        for field in taken:
            default = defaults.get(field.name, field.metadata.get("shown", field.default))
            default = not default if "flag" in field.metadata else default
            kind, annotation = inspect.Parameter.KEYWORD_ONLY, Annotated[types[field.name], _option(field.name)]
            parameters.append(inspect.Parameter(field.name, kind, default=default, annotation=annotation))
        with_choices.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]
        with_choices.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return with_choices

    return decorate
