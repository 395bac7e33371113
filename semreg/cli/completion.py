"""What the shell completes: names of runs, recipes and kinds, read from folders and metadata alone, never with PyTorch.

An answer is a list of what could stand there, and an empty one where nothing is known: a shell then offers files.
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
"""Nobody reads on."""


def run_names(ctx: Any, incomplete: str) -> list[str]:
    """The runs of the folder that `--out` or `--runs` says: their names, or where a path is begun their paths."""
    from semreg.store.record import run_folders

    if os.sep in incomplete:
        return _paths(incomplete, lambda path: bool(run_folders(path.parent)) or path.is_dir())
    given = ctx.params if ctx is not None else {}
    folder = Path(given.get("runs") or given.get("out") or RUNS)
    names = (path.name for path in run_folders(folder if folder.is_dir() else RUNS))
    return _begun(names, incomplete)


def trained_names(ctx: Any, incomplete: str) -> list[str]:
    """Those, and the runs that semreg ships."""
    return [*run_names(ctx, incomplete), *_begun(zoo_names(), incomplete)]


def recipe_names(incomplete: str) -> list[str]:
    """The recipes that semreg ships, and the recipe files and folders here that a path begins to say."""
    from semreg.recipe.names import shipped_names

    here = _paths(incomplete, lambda path: path.is_dir() or path.suffix == ".toml")
    return [*_begun(shipped_names(), incomplete), *here]


def cache_names(incomplete: str) -> list[str]:
    """The caches of data sets."""
    from semreg.data.cache_collection import cache_folder, kept_caches

    return _begun((one.folder.name for one in kept_caches(cache_folder())), incomplete)


def kind_names(incomplete: str) -> list[str]:
    """The kinds of components."""
    return _begun(KINDS, incomplete)


def search_names(incomplete: str) -> list[str]:
    """The installed searches."""
    from semreg.core.registry import components

    return _begun((one.name for one in components("search")), incomplete)


def tracker_names(incomplete: str) -> list[str]:
    """The installed trackers."""
    from semreg.core.registry import components

    return _begun((one.name for one in components("tracker")), incomplete)


def shown_names(incomplete: str) -> list[str]:
    """What `semreg show` shows: the installed components, and recipes."""
    from semreg.core.registry import components

    return [*_begun((one.name for one in components()), incomplete), *recipe_names(incomplete)]


def _begun(names: Iterable[str], incomplete: str) -> list[str]:
    return sorted({name for name in names if name.startswith(incomplete)})[:MOST]


def _paths(incomplete: str, fits: Any) -> list[str]:
    """The paths that begin so and fit, a folder's with a slash behind it."""
    found = sorted(glob.glob(f"{glob.escape(incomplete)}*"))[:MOST]
    return [f"{name}{os.sep}" if os.path.isdir(name) else name for name in found if fits(Path(name))]
