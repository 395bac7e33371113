"""The recipes of a run: its own, and others that train the same, each with its evaluations and its report.

Results of a recipe's evaluations on the validation images are stored under another recipe name: see `kept_as`.
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
    """Return the name under which a run stores a recipe's evaluations on "test" or "validation" images."""
    return recipe if judge_on == "test" else f"{recipe}{_ON}{judge_on}"


def judged_on(name: str) -> tuple[str, str]:
    """Return the recipe and the images, "test" or "validation", of a name that `kept_as` made."""
    recipe = name.removesuffix(f"{_ON}validation")
    return recipe, "test" if recipe == name else "validation"


def own_name(folder: Path) -> str:
    """Return the name of the recipe that started a run. Raises UserError if the folder holds no readable record."""
    return str((read_object(folder / RECORD) or {}).get("name") or folder.name)


def recipe_path(folder: Path, recipe: str) -> Path:
    """Return the path of a run's recipe, in its resolved form."""
    return folder / RECIPE if recipe == own_name(folder) else folder / RECIPES / f"{recipe}.json"


def report_path(folder: Path, recipe: str) -> Path:
    """Return the path of the report of a run's recipe."""
    path = folder / REPORT
    return path if recipe == own_name(folder) else path.with_name(f"{path.stem}-{recipe}{path.suffix}")


def recipes_of(folder: Path) -> list[str]:
    """Return the names of a run's recipes, its own first."""
    return [own_name(folder), *sorted(path.stem for path in (folder / RECIPES).glob("[!.]*.json"))]


def read_recipe(folder: Path, recipe: str) -> dict[str, Any]:
    """Return the table of a run's recipe; empty if it is not stored. Raises UserError if it is damaged."""
    return read_object(recipe_path(folder, recipe)) or {}


def write_recipe(folder: Path, recipe: str, table: Mapping[str, Any]) -> None:
    """Store the table of a recipe. Raises CannotWrite."""
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
    """Store the folders of a recipe's evaluations, in its order, and the hashes of their judges' runs.

    `failures` has the reasons of failed ones, `reported` states whether the report is written, and `command` repeats
    them. Raises CannotWrite.
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
    """Return the folders of a recipe's finished evaluations, in its order. Raises UserError for damaged files."""
    places = {name: folder / EVALUATIONS / place for name, place in folders_of(folder, recipe).items()}
    return {name: path for name, path in places.items() if os.path.isdir(path)}  # which never raises


def folders_of(folder: Path, recipe: str) -> dict[str, str]:
    """Return the names of the folders of all evaluations of a recipe. Raises UserError for damaged files."""
    return dict(_entries(folder).get(recipe, {}).get("evaluations", {}))


def failures_of(folder: Path, recipe: str) -> dict[str, str]:
    """Return why evaluations of a recipe failed at the last try, by their names. Raises UserError for damaged files."""
    return {str(name): str(cause) for name, cause in _entries(folder).get(recipe, {}).get("failures", {}).items()}


def judges_in(folder: Path) -> list[tuple[str, str]]:
    """Return the evaluations of a run's recipes that have a judge, each with the hash of the judge's run.

    Raises UserError for damaged files.
    """
    return [one for recipe in _entries(folder) for one in judges_of(folder, recipe).items()]


def judges_of(folder: Path, recipe: str) -> dict[str, str]:
    """Return the hashes of the judges' runs of a recipe's evaluations, by the evaluations' names.

    Raises UserError for damaged files.
    """
    found = _entries(folder).get(recipe, {}).get("judges")
    return {str(name): str(judge) for name, judge in found.items()} if isinstance(found, dict) else {}


def is_reported(folder: Path, recipe: str) -> bool:
    """Return whether the report of a recipe is written, with all its evaluations."""
    return bool(_entries(folder).get(recipe, {}).get("reported"))


def command_of(folder: Path, recipe: str) -> str:
    """Return the command that ran the evaluations of a recipe; empty if it isn't known."""
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
    """Return the entry of each recipe."""
    found = read_object(folder / RESULTS_OF_RECIPES) or {}
    for entry in found.values():
        whole = isinstance(entry, dict) and isinstance(entry.get("failures", {}), dict)
        names = entry.get("evaluations") if whole else None
        if not isinstance(names, dict) or not all(map(is_name, names.values())):
            message = "does not name the evaluations' folders; remove it, and the run's command writes it again"
            raise UserError(str(folder / RESULTS_OF_RECIPES), message)
    return found


def missing_evaluations(folder: Path, folders: Iterable[str]) -> list[str]:
    """Return the folders of evaluations that don't exist."""
    return [name for name in folders if not (folder / EVALUATIONS / name).is_dir()]
