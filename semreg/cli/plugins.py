"""`semreg plugins`: the installed plugins, and whether they can be used."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from semreg.cli.options import AsJson
from semreg.cli.output import echo, echo_json
from semreg.cli.packages import installed_plugins, not_installed
from semreg.core import closest
from semreg.store.messages import say


def plugins(
    load: Annotated[
        bool, typer.Option("--load", help="Import every component, and name those that can't be imported.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List the installed plugins, and whether they can be used."""
    found = installed_plugins(load=load)
    for name in not_installed():
        near = closest(name, (plugin.distribution for plugin in found))
        say(f"warning: SEMREG_PLUGINS names {name!r}, which is not installed{near}")
    if as_json:
        echo_json([asdict(p) | {"state": p.state} for p in found])
        return
    if not found:
        echo("no plugins are installed")
    for plugin in found:
        echo(f"{' '.join(filter(None, [plugin.distribution, plugin.version]))} · {plugin.state}")
        width = max((len(kind) for kind in plugin.brings), default=0)
        for kind, names in plugin.brings.items():
            echo(f"  {kind:<{width}}  {', '.join(name or repr(name) for name in names)}")
