"""Shell completion of names of runs, recipes, components and caches.

The functions read only folders and metadata, and never import PyTorch. Each returns a list of possible words. If the
list is empty, the shell offers files.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from semreg.core.kinds import KINDS
from semreg.running.choices import RUNS
from semreg.store.names import zoo_names

MOST = 1_000
"""Most words that a completion offers."""


def run_names(ctx: Any, incomplete: str) -> list[str]:
    """Return the names of the runs in the folder of `--out` or `--runs`; paths of runs if the word has a slash."""
    from semreg.store.record import run_folders

    if os.sep in incomplete:
        return _paths(incomplete, lambda path: bool(run_folders(path.parent)) or path.is_dir())
    given = ctx.params if ctx is not None else {}
    folder = Path(given.get("runs") or given.get("out") or RUNS)
    names = (path.name for path in run_folders(folder if folder.is_dir() else RUNS))
    return _begun(names, incomplete)


def trained_names(ctx: Any, incomplete: str) -> list[str]:
    """Return the same as `run_names`, and the runs that semreg ships."""
    return [*run_names(ctx, incomplete), *_begun(zoo_names(), incomplete)]


def recipe_names(incomplete: str) -> list[str]:
    """Return the names of shipped recipes, and the recipe files and folders whose path starts with the word."""
    from semreg.recipe.names import shipped_names

    here = _paths(incomplete, lambda path: path.is_dir() or path.suffix == ".toml")
    return [*_begun(shipped_names(), incomplete), *here]


def cache_names(incomplete: str) -> list[str]:
    """Return the names of the caches of data sets."""
    from semreg.data.cache_collection import cache_folder, kept_caches

    return _begun((one.folder.name for one in kept_caches(cache_folder())), incomplete)


def kind_names(incomplete: str) -> list[str]:
    """Return the kinds of components."""
    return _begun(KINDS, incomplete)


def search_names(incomplete: str) -> list[str]:
    """Return the names of the installed searches."""
    from semreg.core.registry import components

    return _begun((one.name for one in components("search")), incomplete)


def tracker_names(incomplete: str) -> list[str]:
    """Return the names of the installed trackers."""
    from semreg.core.registry import components

    return _begun((one.name for one in components("tracker")), incomplete)


def shown_names(incomplete: str) -> list[str]:
    """Return the names that `semreg show` accepts: installed components, and recipes."""
    from semreg.core.registry import components

    return [*_begun((one.name for one in components()), incomplete), *recipe_names(incomplete)]


def _begun(names: Iterable[str], incomplete: str) -> list[str]:
    return sorted({name for name in names if name.startswith(incomplete)})[:MOST]


def _paths(incomplete: str, fits: Any) -> list[str]:
    """Return the paths that start with the word and fit; folders end in a slash."""
    found = sorted(glob.glob(f"{glob.escape(incomplete)}*"))[:MOST]
    return [f"{name}{os.sep}" if os.path.isdir(name) else name for name in found if fits(Path(name))]
