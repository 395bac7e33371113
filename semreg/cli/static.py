"""Docstrings read from source files without an import."""

from __future__ import annotations

import ast
from functools import lru_cache
from importlib.machinery import PathFinder
from importlib.util import find_spec
from pathlib import Path

FOLLOWED = 3
"""Most modules to search for a name that one imports from the next."""


def documentation_at(target: str) -> str:
    """Return the docstring of a function or class `module:name`, read from source without an import; "" if it has none.

    If the module imports the name from another one, also under `TYPE_CHECKING`, the function reads that module.
    """
    module, _, name = target.partition(":")
    for _ in range(FOLLOWED):
        statements = _statements(module)
        found = [node for node in statements if _named(node) == name]
        if found:
            return ast.get_docstring(found[-1]) or ""  # type: ignore[arg-type]  # `_named` ensures it
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
    """Return the full name of the module that a `from … import` in `module` imports from."""
    if not node.level:
        return node.module or ""
    up = node.level - _is_package(module)
    package = module.split(".")[: len(module.split(".")) - up]
    return ".".join([*package, *([node.module] if node.module else [])])


def _is_package(module: str) -> bool:
    return _file(module).name == "__init__.py"


@lru_cache(maxsize=1000)
def _statements(module: str) -> list[ast.stmt]:
    """Return the statements of a module's top level and those under `if` there; none if its file can't be read."""
    try:
        body = ast.parse(_file(module).read_bytes()).body
    except (OSError, SyntaxError, ValueError):
        return []
    return [inner for node in body for inner in (node.body if isinstance(node, ast.If) else [node])]


@lru_cache(maxsize=1000)
def _file(module: str) -> Path:
    """Return the source file of a module without importing anything; an empty path if it has none."""
    top, *inner = module.split(".")
    try:
        found = find_spec(top)  # imports nothing, as a top-level name has no parent
        for depth in range(len(inner)):
            locations = found.submodule_search_locations if found else None
            found = PathFinder.find_spec(".".join([top, *inner[: depth + 1]]), locations)
    except (ImportError, ValueError):
        return Path()
    return Path(str(found and found.origin))
