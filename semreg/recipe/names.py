"""Recipes by name: finds those of semreg and plugins from any folder, and files beside them."""

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
    """Return the folder of the recipes that semreg ships: in its package, or beside it in a clone."""
    inside = _PACKAGE / "recipes"
    return inside if inside.is_dir() else _PACKAGE.with_name("recipes")


class AmbiguousNameError(LookupError):
    """A recipe's name that another file or folder also has."""


def find_recipe(said: str, *folders: Path) -> Path:
    """Return the file of the recipe that a text means.

    `vae_digits`, `mnist/atnl` and `partial/occlusion` are recipes that semreg ships. `semreg:vae_digits` is always the
    shipped one. `package:file.toml` is a recipe in a plugin's package. All else is a path in the first of `folders`
    that has it; without folders, in the working folder.

    Raises LookupError with similar names if there is no such recipe, and for a name that another file or folder also
    has.
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
    """Return a closing clause with recipes whose names are similar to a missing path, or to the user's text."""
    files = [file.name for file in path.parent.glob("*.toml")] if os.path.isdir(path.parent) else []
    names = shipped_names()
    if _NAME.fullmatch(said):
        return closest(said, files + names)
    ends = [name for name in names if f"/{path.as_posix()}".endswith(f"/{name}.toml")]
    return f"; semreg ships {max(ends, key=len)!r}, by that name" if ends else closest(path.name, files)


def spelled(recipe: str | Path) -> str:
    """Return a recipe as `find_recipe` and the command line need it: a path doesn't look like a name or an option."""
    text = str(recipe)
    is_name = _NAME.fullmatch(text) or text.partition(":")[0].isidentifier()
    return f"./{text}" if text.startswith("-") or (is_name and isinstance(recipe, Path)) else text


def from_folder(path: Path, folder: Path) -> str:
    """Return how a recipe in a folder refers to the one at a path: a shipped one's name, else a relative path."""
    name = reference(path)
    return name if name.startswith(f"{OWN}:") else os.path.relpath(path, folder)


def said_from(said: str, key: str, written_in: Path, folder: Path) -> str:
    """Return the value of `key` (extends, judge or weights) of a recipe in one folder, rewritten for another folder.

    A missing recipe is reported by the code that needs it. In weights, "RECIPE:module", only a path surely is a recipe:
    any other text may be a run. Raises AmbiguousNameError.
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
    """Return a text that names a recipe from anywhere: `semreg:NAME` if it is shipped or composed beside shipped ones,
    else its path."""
    resolved, own = path.resolve(), shipped_recipes().resolve()
    inside = resolved.suffix == ".toml" and resolved.is_relative_to(own)
    return f"{OWN}:{resolved.relative_to(own).with_suffix('').as_posix()}" if inside else str(resolved)


def referred(text: str) -> Path:
    """Return the path that a reference means, whether or not the file exists."""
    package, colon, name = text.partition(":")
    return shipped_recipes() / f"{name}.toml" if colon and package == OWN else Path(text)


def shipped_names() -> list[str]:
    """Return the names of the recipes that semreg ships, sorted."""
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
    except ValueError:  # Python raises it for `__main__`
        specification = None
    if specification is None or not specification.submodule_search_locations:
        ours = f"{package}/{inside}"
        said = f"; did you mean {ours!r}?" if ours in shipped_names() else ""  # as in `zoo:NAME`, a run
        raise LookupError(f"no package {package!r} is installed to hold {inside!r}{said}")
    path = Path(specification.submodule_search_locations[0]) / inside
    if not os.path.isfile(path):
        raise LookupError(f"there is no recipe {str(path)!r}{near(path)}")
    return path


def _missing(path: Path) -> bool:
    """Return whether the path surely doesn't exist; the reader reports why another one can't be read."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except (OSError, ValueError):
        return False
    return False


def _same(one: Path, other: Path) -> bool:
    """Return whether both are files with equal contents, as far as they can be read."""
    try:
        return filecmp.cmp(one, other, shallow=False)
    except OSError:
        return False
