"""Documentation as it stands in source files: nothing of it is imported."""

from __future__ import annotations

import ast
from functools import lru_cache
from importlib.machinery import PathFinder
from importlib.util import find_spec
from pathlib import Path

FOLLOWED = 3
"""Through so many modules that import it from another a name is followed."""


def documentation_at(target: str) -> str:
    """The documentation of a function or class `module:name`, from its source alone; empty if it has none.

    A name that the module imports from another one is looked for there, if only under `TYPE_CHECKING`.
    """
    module, _, name = target.partition(":")
    for _ in range(FOLLOWED):
        statements = _statements(module)
        found = [node for node in statements if _named(node) == name]
        if found:
            return ast.get_docstring(found[-1]) or ""  # type: ignore[arg-type]  # which `_named` sees to
        imports = {
            alias.asname or alias.name: (_absolute(module, node), alias.name)
            for node in statements
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        }
        if name not in imports:
            break
        module, name = imports[name]
    return ""


def _named(node: ast.stmt) -> str | None:
    return node.name if isinstance(node, ast.FunctionDef | ast.ClassDef) else None


def _absolute(module: str, node: ast.ImportFrom) -> str:
    """The module that `from … import` names, in one that may be a package."""
    if not node.level:
        return node.module or ""
    up = node.level - _is_package(module)
    package = module.split(".")[: len(module.split(".")) - up]
    return ".".join([*package, *([node.module] if node.module else [])])


def _is_package(module: str) -> bool:
    return _file(module).name == "__init__.py"


@lru_cache(maxsize=1000)
def _statements(module: str) -> list[ast.stmt]:
    """What a module says on its top level and under conditions there; nothing if it can't be read."""
    try:
        body = ast.parse(_file(module).read_bytes()).body
    except (OSError, SyntaxError, ValueError):
        return []
    return [inner for node in body for inner in (node.body if isinstance(node, ast.If) else [node])]


@lru_cache(maxsize=1000)
def _file(module: str) -> Path:
    """The source file of a module, which none is imported for; no file's path if there is none."""
    top, *inner = module.split(".")
    try:
        found = find_spec(top)  # of a module that is in no other, nothing is imported for it
        for depth in range(len(inner)):
            locations = found.submodule_search_locations if found else None
            found = PathFinder.find_spec(".".join([top, *inner[: depth + 1]]), locations)
    except (ImportError, ValueError):
        return Path()
    return Path(str(found and found.origin))
