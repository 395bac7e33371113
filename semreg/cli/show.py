"""`semreg show`: a component, or a recipe."""

from __future__ import annotations

from typing import Annotated

import typer

from semreg.cli.completion import shown_names
from semreg.cli.listing import components_called, description
from semreg.cli.options import AsJson, Overrides
from semreg.cli.output import echo, echo_json
from semreg.cli.recipes import print_recipe
from semreg.core import UserError, closest
from semreg.core.registry import components


def show(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="Name of a component, or name or file of a recipe.",
            show_default=False,
            autocompletion=shown_names,
        ),
    ],
    overrides: Overrides = [],  # noqa: B006
    fallback: Annotated[
        bool, typer.Option("--fallback", help="Show the recipe as it runs on its fallback data.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show a component, or a recipe.

    For a component the command prints signature, documentation, paper and plugin. For a recipe it prints the whole
    recipe, merged with all recipes that it extends.
    """
    from semreg.cli.describe import describe
    from semreg.recipe.names import AmbiguousNameError, find_recipe, shipped_names

    known = [component.name for component in components()]
    if name in known:
        if as_json:
            echo_json([describe(component) for component in components_called(name)])
        else:
            echo(description(name))
        return
    try:
        find_recipe(name)
    except AmbiguousNameError as error:
        raise UserError("", str(error)) from None
    except LookupError as error:
        likely = closest(name, [*known, *shipped_names()])
        is_path = "/" in name or name.endswith(".toml")
        raise UserError(
            "", str(error) if is_path else f"no component and no recipe is called {name!r}{likely}"
        ) from None
    print_recipe(name, overrides, fallback=fallback, as_json=as_json)
