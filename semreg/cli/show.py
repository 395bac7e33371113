"""`semreg show`: a component, or a recipe."""

from __future__ import annotations

from typing import Annotated

import typer

from semreg.cli.completion import shown_names
from semreg.cli.listing import shown
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
            help="A component's name, or a recipe's name or file.",
            show_default=False,
            autocompletion=shown_names,
        ),
    ],
    overrides: Overrides = [],  # noqa: B006
    fallback: Annotated[bool, typer.Option("--fallback", help="A recipe as it runs without its data set.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show a component, or a recipe.

    Of a component signature, documentation, paper and plugin; of a recipe all that it comes to with what it extends.
    """
    from semreg.cli.describe import describe
    from semreg.recipe.names import find_recipe, shipped_names

    known = components()
    found = [component for component in known if component.name == name]
    if found and as_json:
        echo_json([describe(component) for component in found])
        return
    if found:
        echo(shown(name))
        return
    try:
        find_recipe(name)
    except LookupError as error:
        if "/" in name or name.endswith(".toml") or "is here" in str(error):
            raise UserError("", str(error)) from None
        likely = closest(name, [*(component.name for component in known), *shipped_names()])
        raise UserError("", f"no component and no recipe is called {name!r}{likely}") from None
    print_recipe(name, overrides, fallback=fallback, as_json=as_json)
