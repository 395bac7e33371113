"""`semreg recipes`, `cp` and `diff`, and the recipes that `show` prints."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from semreg.cli.options import AsJson, Out, Overrides, RecipeName
from semreg.cli.output import columns, echo, echo_json
from semreg.core import UserError
from semreg.store.names import folder_of

if TYPE_CHECKING:
    from semreg.recipe.bounds import TomlTable

NARROWEST = 40
"""Least number of characters of a sentence, also on a narrow terminal."""


def recipes(
    pattern: Annotated[
        str | None, typer.Argument(metavar="[GLOB]", help="Names to list, such as 'mnist/*' or '*'.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the recipes that semreg ships."""
    from semreg.recipe.listing import rough_duration, summaries
    from semreg.recipe.names import shipped_names

    found = summaries(pattern)
    if as_json:
        echo_json([vars(one) for one in found])
        return
    lines = [(one.name, one.sentence, one.data, one.paper, rough_duration(one.minutes)) for one in found]
    others = [max(map(len, column)) for column in zip(*lines, strict=True)]
    room = max(NARROWEST, shutil.get_terminal_size().columns - sum(others) + others[1] - 2 * len(others))
    cut = [(name, _cut(sentence, room), *rest) for name, sentence, *rest in lines]
    echo("\n".join(columns([("recipe", "what it is", "data", "paper", "training"), *cut])))
    folders = sorted({name.partition("/")[0] for name in shipped_names() if "/" in name} - {"partial"})
    if pattern is None:
        echo(f"more in {', '.join(folders)}: semreg recipes '{folders[0]}/*'")


def cp(
    recipe: RecipeName,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="File to write, or a folder for it.", show_default=False)
    ],
) -> None:
    """Copy a recipe to a file of your own.

    The copy keeps the comments. Its paths to the recipes that it extends fit its new place.
    """
    from semreg.recipe.copying import copied_text
    from semreg.recipe.load import load_recipe
    from semreg.recipe.names import AmbiguousNameError, spelled
    from semreg.store.disk import write_files, writing

    source = load_recipe(recipe).path
    target = file / source.name if file.is_dir() else file.with_suffix(file.suffix or ".toml")
    if target.suffix != ".toml":
        raise UserError(str(file), f"a recipe's file ends in .toml, such as {file.with_suffix('.toml')}")
    if not target.parent.is_dir():
        raise UserError(str(target), f"there is no folder {str(target.parent)!r}")
    if os.path.lexists(target):
        raise UserError(str(target), "exists already; choose another name")
    try:
        text = copied_text(source, target.parent)
    except AmbiguousNameError as error:
        raise UserError(str(source), str(error)) from None
    with writing(target.parent, "no recipe is written"):
        write_files(target.parent, {target.name: text.encode()})
    echo(f"{target}: semreg run {spelled(target)}")


def diff(
    one: Annotated[str, typer.Argument(metavar="A", help="Recipe or run.", show_default=False)],
    other: Annotated[str, typer.Argument(metavar="B", help="Recipe or run.", show_default=False)],
    out: Out = Path("runs"),
    as_json: AsJson = False,
) -> None:
    """Show where two recipes or runs differ."""
    from semreg.recipe.comparing import differences

    found = list(differences(*_tables(one, other, out)))
    if as_json:
        echo_json([difference._asdict() for difference in found])
        return
    echo(f"{one} → {other}: {len(found)} difference{'' if len(found) == 1 else 's'}")
    width = max((len(difference.key) for difference in found), default=0)
    for key, before, after in found:
        echo(f"  {key:<{width}}  {_short(before)} → {_short(after)}")


def print_recipe(recipe: str, overrides: Overrides, *, fallback: bool, as_json: bool) -> None:
    """Print a recipe merged with all recipes that it extends. Raises UserError if it has errors."""
    from semreg.recipe.load import load_recipe
    from semreg.recipe.toml_text import toml_text

    table = load_recipe(recipe, overrides).resolve(fallback=fallback)
    if as_json:
        echo_json(table)
    else:
        echo(toml_text(table), nl=False)


def _tables(one: str, other: str, out: Path) -> tuple[TomlTable, TomlTable]:
    """Return both resolved recipes; if one is from a run on fallback data, both are resolved for fallback data."""
    from semreg.recipe.load import load_recipe
    from semreg.store.recipes import own_name, read_recipe
    from semreg.store.record import read_record

    folders = [_run(said, out) for said in (one, other)]
    fallback = any(read_record(folder).record.get("fallback") for folder in folders if folder is not None)

    def table(said: str, folder: Path | None) -> TomlTable:
        if folder is not None:
            return read_recipe(folder, own_name(folder))
        recipe = load_recipe(said)
        return recipe.resolve(fallback=fallback and recipe.has_fallback)

    return table(one, folders[0]), table(other, folders[1])


def _run(said: str, out: Path) -> Path | None:
    """Return the folder of a run, or None if no run has this name."""
    from semreg.store.layout import RECORD

    folder = folder_of(Path(said), out)
    return folder if os.path.isfile(folder / RECORD) else None


def _short(value: Any) -> str:
    if value is None:
        return "—"
    text = value["use"] if isinstance(value, Mapping) and set(value) == {"use"} else value
    text = json.dumps(text, ensure_ascii=False)
    return text if len(text) <= 72 else text[:71] + "…"


def _cut(text: str, room: int) -> str:
    return text if len(text) <= room else text[: room - 1].rstrip() + "…"
