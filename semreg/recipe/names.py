"""Recipes by name: those that semreg and plugins ship, found from any folder, and files beside them."""

from __future__ import annotations

import filecmp
import importlib.util
import os
import re
from pathlib import Path

from semreg.core import closest

OWN = "semreg"
_PACKAGE = Path(__file__).parents[1]
_NAME = re.compile(r"\w[\w.+-]*(/\w[\w.+-]*)*(?<!\.toml)")


def shipped_recipes() -> Path:
    """The folder of the recipes that semreg ships: in its package, or, in a clone, beside it."""
    inside = _PACKAGE / "recipes"
    return inside if inside.is_dir() else _PACKAGE.with_name("recipes")


class AmbiguousNameError(LookupError):
    """A recipe's name that another file or folder has, too."""


def find_recipe(said: str, *folders: Path) -> Path:
    """The file of a recipe that a text means.

    `vae_digits`, `mnist/atnl` and `partial/occlusion` are recipes that semreg ships, and so is `semreg:vae_digits`,
    whatever else is called so. `package:file.toml` is a recipe in a plugin's package. All else is a path, from the
    first of `folders` that has it; from the working folder, if none is given.

    Raises LookupError if there is no such recipe, with what is close, and for a name that another file or folder has.
    """
    package, colon, inside = said.partition(":")
    if colon and package.isidentifier():
        return _in_package(package, inside)
    folders = folders or (Path(),)
    own = shipped_recipes() / f"{said}.toml"
    if _NAME.fullmatch(said) and os.path.isfile(own):
        for here in (folder / name for folder in folders for name in (said, f"{said}.toml")):
            if os.path.exists(here) and not _same(here, own):
                what = f"the folder {str(here)!r}" if os.path.isdir(here) else f"the file {str(here)!r}"
                message = f"{said!r} is a recipe of semreg, and {what} is here; write {OWN}:{said} for the one"
                raise AmbiguousNameError(f"{message}, ./{said}{here.name.removeprefix(Path(said).name)} for the other")
        return own
    places = [folder / said for folder in folders]
    for place in places:
        if not _missing(place):
            return place
    raise LookupError(f"there is no recipe {' or '.join(repr(str(place)) for place in places)}{near(places[-1], said)}")


def near(path: Path, said: str = "") -> str:
    """A closing clause that names what was perhaps meant by a path at which there is no recipe, or by what was said."""
    files = [file.name for file in path.parent.glob("*.toml")] if os.path.isdir(path.parent) else []
    names = shipped_names()
    if _NAME.fullmatch(said):
        return closest(said, files + names)
    ends = [name for name in names if f"/{path.as_posix()}".endswith(f"/{name}.toml")]
    return f"; semreg ships {max(ends, key=len)!r}, by that name" if ends else closest(path.name, files)


def spelled(recipe: str | Path) -> str:
    """A recipe as `find_recipe` and the command line take it: a path is no name then, and neither is an option."""
    text = str(recipe)
    is_name = _NAME.fullmatch(text) or text.partition(":")[0].isidentifier()
    return f"./{text}" if text.startswith("-") or (is_name and isinstance(recipe, Path)) else text


def from_folder(path: Path, folder: Path) -> str:
    """How a recipe in a folder names the one at a path: a shipped one by its name, any other by its relative path."""
    name = reference(path)
    return name if name.startswith(f"{OWN}:") else os.path.relpath(path, folder)


def said_from(said: str, key: str, written_in: Path, folder: Path) -> str:
    """What stands under `key` (extends, judge or weights) of a recipe in one folder, as one in another writes it.

    A recipe that isn't there is told of where it is needed. Of weights, "RECIPE:module", paths alone are of recipes
    for sure: any other may be a run. Raises AmbiguousNameError.
    """
    recipe, colon, module = said.rpartition(":") if key == "weights" else (said, "", "")
    if key == "weights" and not recipe.endswith(".toml"):
        return said
    try:
        place = find_recipe(recipe, written_in)
    except AmbiguousNameError:
        raise
    except LookupError:
        place = written_in / recipe
    return f"{from_folder(place, folder)}{colon}{module}"


def reference(path: Path) -> str:
    """What names a recipe from anywhere: `semreg:NAME` if it is shipped, or composed beside such; else its path."""
    resolved, own = path.resolve(), shipped_recipes().resolve()
    inside = resolved.suffix == ".toml" and resolved.is_relative_to(own)
    return f"{OWN}:{resolved.relative_to(own).with_suffix('').as_posix()}" if inside else str(resolved)


def referred(text: str) -> Path:
    """The path that a reference means, whether or not a file is there."""
    package, colon, name = text.partition(":")
    return shipped_recipes() / f"{name}.toml" if colon and package == OWN else Path(text)


def shipped_names() -> list[str]:
    """The names of the recipes that semreg ships, sorted."""
    folder = shipped_recipes()
    return sorted(path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob("*.toml"))


def _in_package(package: str, inside: str) -> Path:
    if package == OWN:
        path = referred(f"{OWN}:{inside.removesuffix('.toml')}")
        if not os.path.isfile(path):
            raise LookupError(f"semreg ships no recipe {inside!r}{closest(inside, shipped_names())}")
        return path
    try:
        specification = importlib.util.find_spec(package)
    except ValueError:  # what Python says of `__main__`
        specification = None
    if specification is None or not specification.submodule_search_locations:
        ours = f"{package}/{inside}"
        said = f"; did you mean {ours!r}?" if ours in shipped_names() else ""  # as of `zoo:NAME`, which is a run
        raise LookupError(f"no package {package!r} is installed to hold {inside!r}{said}")
    path = Path(specification.submodule_search_locations[0]) / inside
    if not os.path.isfile(path):
        raise LookupError(f"there is no recipe {str(path)!r}{near(path)}")
    return path


def _missing(path: Path) -> bool:
    """Whether surely nothing is there; of what can't be looked at the reader says why."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except (OSError, ValueError):
        return False
    return False


def _same(one: Path, other: Path) -> bool:
    """Whether both are files that say the same, as far as they can be read."""
    try:
        return filecmp.cmp(one, other, shallow=False)
    except OSError:
        return False
