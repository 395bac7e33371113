"""`semreg cache` lists the decoded data sets that semreg keeps; `semreg cache clear` removes some."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from semreg.cli.commands import command_group
from semreg.cli.completion import cache_names
from semreg.cli.options import AsJson, Out
from semreg.cli.output import columns, echo, echo_json, require_printed
from semreg.core import Problem, UserError
from semreg.store.messages import say
from semreg.store.names import named
from semreg.store.numbers import size
from semreg.store.record import RunRecord, known_runs

if TYPE_CHECKING:
    from semreg.data.cache_collection import KeptCache

cache = command_group()

Names = Annotated[
    list[str],
    typer.Argument(
        metavar="[NAME]",
        help="Names of caches, or quoted globs of names.",
        show_default=False,
        autocompletion=cache_names,
    ),
]


@cache.callback()
def list_caches(context: typer.Context, out: Out = Path("runs"), as_json: AsJson = False) -> None:
    """List the cached data sets; `clear` removes caches."""
    if context.invoked_subcommand is not None:
        return
    from semreg.data.cache_collection import cache_folder, kept_caches

    folder = cache_folder()
    kept, users = kept_caches(folder), _users(out)
    if as_json:
        listed = [one.as_dictionary() | {"runs": users.get(one.folder.name, [])} for one in kept]
        echo_json({"folder": str(folder), "caches": listed})
    elif not kept:
        echo(f"no data set is cached in {folder}")
    else:
        rows = [_row(one, len(users.get(one.folder.name, []))) for one in kept]
        titles = ("cache", "images", "each", "size", "last used", "runs", "")
        echo("\n".join(columns([titles, *rows])))
        free = ""
        with contextlib.suppress(OSError):
            free = f"; {size(shutil.disk_usage(folder).free)} are free"
        echo(f"{size(sum(one.size for one in kept))} in {folder}{free}")
    require_printed()


@cache.command("clear")
def clear_caches(
    names: Names = [],  # noqa: B006  typer reads the default and never changes it
    unused: Annotated[
        bool, typer.Option("--unused", help="Remove caches that no run in --out uses, and half-built ones.")
    ] = False,
    everything: Annotated[bool, typer.Option("--all", help="Remove all caches.")] = False,
    out: Out = Path("runs"),
) -> None:
    """Remove caches of data sets that no process uses.

    A run that needs a removed cache builds it again.
    """
    from semreg.data.cache_collection import CacheIsBusy, cache_folder, clear, kept_caches, tidy_caches

    if bool(names) + unused + everything != 1:
        raise UserError("semreg cache clear", "give names, --unused or --all")
    folder = cache_folder()
    kept = kept_caches(folder)
    problems: list[Problem] = []
    if kept:
        tidy_caches(folder)
    chosen = named(names, {one.folder.name: one for one in kept}, f"cache in {folder}", problems) if names else kept
    problems += [
        Problem(one.folder.name, "a process uses it; wait for it, or stop it") for one in chosen if one.busy and names
    ]
    if problems:
        raise UserError("nothing is cleared", problems)
    users = _users(out) if unused else {}
    chosen = [one for one in chosen if one.half or one.folder.name not in users]
    for one in chosen:
        try:
            clear(one)
            echo(f"cleared {one.folder.name} ({size(one.size)})")
        except CacheIsBusy:
            say(f"{one.folder.name} stays: a process uses it")
    if not chosen:
        echo("there is no cache to clear" if not kept else f"every cache belongs to a run in {out}")


def _users(out: Path) -> dict[str, list[str]]:
    """Return the names of the runs in a folder, grouped by the cache that each was trained on."""
    found: dict[str, list[str]] = {}
    for run in known_runs(out):
        name = _cache_of(run)
        if name:
            found.setdefault(name, []).append(run.folder.name)
    return found


def _cache_of(run: RunRecord) -> str:
    data = run.record.get("data")
    name = data.get("cache") if isinstance(data, dict) else None
    return name if isinstance(name, str) else ""


def _row(one: KeptCache, runs: int) -> tuple[str, ...]:
    each = " × ".join(map(str, one.shape))
    state = ["in use"] if one.busy else ["half built"] if one.half else []
    if one.decoded is not None:
        state.append(f"{one.decoded:,} kept, the others decoded when read" if one.decoded else "decoded when read")
    count = "" if one.images is None else f"{one.images:,}"
    return (
        one.folder.name,
        count,
        each,
        size(one.size),
        f"{one.used.astimezone():%Y-%m-%d %H:%M}",
        str(runs),
        "; ".join(state),
    )
