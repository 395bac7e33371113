"""The recipes of a run: its own, and others that train the same; what each has been evaluated for, and its report.

What a recipe's evaluations found on the validation images is kept apart, as of a recipe of another name: see `kept_as`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from semreg.core import UserError
from semreg.store.disk import discard, is_name, read_object, write_object, writing
from semreg.store.layout import EVALUATIONS, RECIPE, RECIPES, RECORD, REPORT, RESULTS_OF_RECIPES

_ON = "@"


def kept_as(recipe: str, judge_on: str) -> str:
    """The name by which a run keeps what it has been evaluated for by a recipe on "test" or "validation" images."""
    return recipe if judge_on == "test" else f"{recipe}{_ON}{judge_on}"


def judged_on(name: str) -> tuple[str, str]:
    """The recipe and the images, "test" or "validation", that `kept_as` made a name of."""
    recipe = name.removesuffix(f"{_ON}validation")
    return recipe, "test" if recipe == name else "validation"


def own_name(folder: Path) -> str:
    """The name of the recipe that a run was begun with. Raises UserError if the folder holds no readable record."""
    return str((read_object(folder / RECORD) or {}).get("name") or folder.name)


def recipe_path(folder: Path, recipe: str) -> Path:
    """Where a recipe of a run is kept, as it was resolved."""
    return folder / RECIPE if recipe == own_name(folder) else folder / RECIPES / f"{recipe}.json"


def report_path(folder: Path, recipe: str) -> Path:
    """Where the report of a recipe of a run is."""
    path = folder / REPORT
    return path if recipe == own_name(folder) else path.with_name(f"{path.stem}-{recipe}{path.suffix}")


def recipes_of(folder: Path) -> list[str]:
    """The names of a run's recipes, its own first."""
    return [own_name(folder), *sorted(path.stem for path in (folder / RECIPES).glob("[!.]*.json"))]


def read_recipe(folder: Path, recipe: str) -> dict[str, Any]:
    """The table of a recipe of a run; empty where it is not kept. Raises UserError if it is damaged."""
    return read_object(recipe_path(folder, recipe)) or {}


def write_recipe(folder: Path, recipe: str, table: Mapping[str, Any]) -> None:
    """Keep the table of a recipe. Raises CannotWrite."""
    path = recipe_path(folder, recipe)
    with writing(folder):
        path.parent.mkdir(exist_ok=True)
        write_object(path, table)


def write_evaluations(
    folder: Path,
    recipe: str,
    folders: Mapping[str, str],
    *,
    reported: bool,
    command: str = "",
    failures: Mapping[str, str] | None = None,
    judges: Mapping[str, str] | None = None,
) -> None:
    """Keep which folders hold the evaluations of a recipe, in its order, the hashes of the runs that judge in them, why
    those failed that did, whether the report is written, and the command that does the same again.

    Raises CannotWrite.
    """
    entry = {
        "evaluations": dict(folders),
        "failures": dict(failures or {}),
        "judges": dict(judges or {}),
        "reported": reported,
        "command": command,
    }
    with writing(folder):
        write_object(folder / RESULTS_OF_RECIPES, {**_entries(folder), recipe: entry})


def evaluations_of(folder: Path, recipe: str) -> dict[str, Path]:
    """The folders of the evaluations of a recipe that are done, in its order. Raises UserError for damaged files."""
    places = {name: folder / EVALUATIONS / place for name, place in folders_of(folder, recipe).items()}
    return {name: path for name, path in places.items() if os.path.isdir(path)}  # which never raises


def folders_of(folder: Path, recipe: str) -> dict[str, str]:
    """The names of the folders of all evaluations of a recipe, done or not. Raises UserError for damaged files."""
    return dict(_entries(folder).get(recipe, {}).get("evaluations", {}))


def failures_of(folder: Path, recipe: str) -> dict[str, str]:
    """Why evaluations of a recipe failed when last tried, by their names. Raises UserError for damaged files."""
    return {str(name): str(cause) for name, cause in _entries(folder).get(recipe, {}).get("failures", {}).items()}


def judges_in(folder: Path) -> list[tuple[str, str]]:
    """The names of the evaluations of a run's recipes that have a judge, each with the hash of the run that judges.

    Raises UserError for damaged files.
    """
    return [one for recipe in _entries(folder) for one in judges_of(folder, recipe).items()]


def judges_of(folder: Path, recipe: str) -> dict[str, str]:
    """The hashes of the runs that judge in the evaluations of a recipe, by their names.

    Raises UserError for damaged files.
    """
    found = _entries(folder).get(recipe, {}).get("judges")
    return {str(name): str(judge) for name, judge in found.items()} if isinstance(found, dict) else {}


def is_reported(folder: Path, recipe: str) -> bool:
    """Whether the report of a recipe is written, of all its evaluations."""
    return bool(_entries(folder).get(recipe, {}).get("reported"))


def command_of(folder: Path, recipe: str) -> str:
    """The command that did the evaluations of a recipe; empty where it isn't known."""
    return str(_entries(folder).get(recipe, {}).get("command") or "")


def prune(folder: Path) -> list[str]:
    """Remove the results that belong to no recipe of the run, and return their names. Raises CannotWrite."""
    kept = {place for entry in _entries(folder).values() for place in entry["evaluations"].values()}
    gone = sorted(path.name for path in (folder / EVALUATIONS).glob("[!.]*") if path.name not in kept)
    with writing(folder):
        for name in gone:
            discard(folder / EVALUATIONS / name)
    return gone


def _entries(folder: Path) -> dict[str, dict[str, Any]]:
    """What is kept of each recipe."""
    found = read_object(folder / RESULTS_OF_RECIPES) or {}
    for entry in found.values():
        whole = isinstance(entry, dict) and isinstance(entry.get("failures", {}), dict)
        names = entry.get("evaluations") if whole else None
        if not isinstance(names, dict) or not all(map(is_name, names.values())):
            message = "does not name the evaluations' folders; remove it, and the run's command writes it again"
            raise UserError(str(folder / RESULTS_OF_RECIPES), message)
    return found


def missing_evaluations(folder: Path, folders: Iterable[str]) -> list[str]:
    """Those of some folders of evaluations that are not there."""
    return [name for name in folders if not (folder / EVALUATIONS / name).is_dir()]
