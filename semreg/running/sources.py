"""Digests of source code, independent of comments and documentation."""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.util
import inspect
import sys
import sysconfig
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import metadata
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np
import torch

import semreg.core
from semreg.core.registry import THIS_PROCESS, installed_entry_points
from semreg.recipe.plan import Loaded
from semreg.trained.versions import LIBRARIES

ROOMS = ("core", "components", "data", "recipe", "training")
"""The parts of semreg that decide a run's results during training."""
_ROOT = Path(semreg.core.__file__).resolve().parents[1]
_STANDARD_LIBRARY = Path(sysconfig.get_paths()["stdlib"]).resolve()
_UNTOLD = frozenset({"ctx", "kind", "type_comment"})
_LAZY, _OF_LAZY = "lazy_names", frozenset({"lazy_names", "TYPE_CHECKING"})
_CONSTANTS = (int, float, complex, str, bytes, bool, type(None))


def component_digest(component: Loaded, within: str | None = None) -> str:
    """Return a digest of a component's source: its module and all modules of its distribution that this imports.

    `within` limits these to one package, such as "semreg.evaluation". For a component registered in a process it covers
    the component's source, the objects that this refers to in its module, and the modules beside it. It is empty for a
    library's component.
    """
    module = component.target.partition(":")[0]
    if module.partition(".")[0] in LIBRARIES:
        return ""
    if component.distribution == THIS_PROCESS:
        return _digest(_of_object(component.value))
    if within is None:
        points = [point for point in installed_entry_points(also_off=True) if point.origin == component.origin]
        tops = {point.value.partition(":")[0].partition(".")[0] for point in points} | _packages(component.distribution)
        return modules_digest([module], lambda name: name.partition(".")[0] in tops)
    return modules_digest([module], lambda name: f"{name}.".startswith(f"{within}."))


def _packages(distribution: str) -> set[str]:
    """Return the packages and modules of a distribution, as far as it lists them."""
    try:
        found = metadata.distribution(distribution)
        files = [path for path in found.files or [] if path.suffix == ".py"]
        return {path.parts[0].removesuffix(".py") for path in files} | {
            *(found.read_text("top_level.txt") or "").split()
        }
    except Exception:  # metadata may be gone, or broken in any way
        return set()


def rooms_digest() -> str:
    """Return a digest of the parts of semreg that decide a run's results during training."""
    files = {}
    for room in ROOMS:
        for path in (_ROOT / room).rglob("*.py"):
            parts = path.relative_to(_ROOT.parent).with_suffix("").parts
            files[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return _digest_of(files)


def modules_digest(names: Iterable[str], belongs: Callable[[str], bool]) -> str:
    """Return a digest of modules and of all modules that they import, directly or not, if `belongs` accepts their
    names.
    """
    return _digest_of(_closure(names, belongs))


def _digest_of(files: Mapping[str, Path]) -> str:
    return _digest(f"{name} {_canonical(name, path)}" for name, path in sorted(files.items()))


def _digest(parts: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:16]


# --- modules ---


def _closure(names: Iterable[str], belongs: Callable[[str], bool]) -> dict[str, Path]:
    """Return the files of modules, of those that they import, and of their packages."""
    found: dict[str, Path] = {}
    seen: set[str] = set()
    pending = list(names)
    while pending:
        name = pending.pop()
        if name in seen or not belongs(name):
            continue
        seen.add(name)
        path = _file(name)
        if path is None:
            pending += _handed_on(name)
            continue
        found[name] = path
        pending += [name.rpartition(".")[0]] if "." in name else []
        pending += _imports(name, path)
    return found


def _file(name: str) -> Path | None:
    """Find the source file of a module without importing it; None if it has none."""
    top, *inner = name.split(".")
    try:
        specification = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return None
    if specification is None:
        return None
    if not inner:
        path = Path(specification.origin or "")
        return path if path.suffix == ".py" and path.is_file() else None
    for folder in specification.submodule_search_locations or ():
        base = Path(folder, *inner)
        for path in (base / "__init__.py", base.with_name(f"{base.name}.py")):
            if path.is_file():
                return path
    return None


_trees: dict[str, tuple[Any, ast.Module | None]] = {}
"""By the names of modules, their source at import and its syntax tree."""


def _tree(name: str, path: Path) -> ast.Module | None:
    """Return the syntax tree of a module as imported, even if the file has changed since; None for broken files."""
    imported = getattr(sys.modules.get(name), "__spec__", None)
    known = _trees.get(name)
    if known is not None and imported is not None and known[0] is imported:
        return known[1]
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        tree = None
    _trees[name] = (imported, tree)
    return tree


def _canonical(name: str, path: Path) -> str:
    tree = _tree(name, path)
    return repr(path.read_bytes()) if tree is None else _text(_split(tree)[0])


def _imports(name: str, path: Path) -> Iterator[str]:
    """Yield the names of modules that a module may import, including submodules."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(_split(_tree(name, path) or ast.Module([], []))[0]):
        if isinstance(node, ast.Import):
            yield from (one for alias in node.names for one in (alias.name, f"{alias.name}.*"))
        elif isinstance(node, ast.ImportFrom):
            base = _imported_from(node, package)
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def _imported_from(node: ast.ImportFrom, package: str) -> str:
    """Return the module that an import in a package names, perhaps relative to the package."""
    parts = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
    return ".".join([*parts, *([node.module] if node.module else [])])


def _split(tree: ast.Module) -> tuple[ast.Module, list[ast.stmt]]:
    """Split a module into its code without re-exports by `semreg.core.lazy_names`, and these re-exports.

    A module that imports such a name depends on the name's own module, and not on the other re-exports.
    """
    lazy = [statement for statement in tree.body if _is_lazy(statement)]
    if not any(isinstance(node, ast.Name) and node.id == _LAZY for part in lazy for node in ast.walk(part)):
        return tree, []
    return ast.Module([statement for statement in tree.body if statement not in lazy], []), lazy


def _is_lazy(node: ast.stmt) -> bool:
    if isinstance(node, ast.ImportFrom):
        return _OF_LAZY.issuperset(alias.name for alias in node.names)
    if isinstance(node, ast.Assign):
        return [getattr(target, "id", "") for target in node.targets] == ["__all__"]
    return isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING"


def _handed_on(name: str) -> Iterator[str]:
    """Yield the module that defines a name `package.name` re-exported by the package; for `package.*` all of them."""
    package, _, wanted = name.rpartition(".")
    path = _file(package) if package else None
    tree = None if path is None else _tree(package, path)
    lazy = ast.Module([] if tree is None else _split(tree)[1], [])
    for node in ast.walk(lazy):
        if isinstance(node, ast.ImportFrom):
            names = {alias.asname or alias.name for alias in node.names}
            if names.isdisjoint(_OF_LAZY) and not names.isdisjoint({wanted} if wanted != "*" else names):
                yield _imported_from(node, package)


def _text(node: Any) -> str:
    """Return a syntax tree as text, equal in all versions of Python, without parts that don't affect behaviour."""
    if isinstance(node, ast.AST):
        fields = ((name, value) for name, value in ast.iter_fields(node) if name not in _UNTOLD)
        told = [f"{name}={_text(value)}" for name, value in fields if value is not None and value != []]
        return f"{type(node).__name__}({','.join(told)})"
    if isinstance(node, list):
        return f"[{','.join(_text(one) for one in node if not _is_documentation(one))}]"
    return f"{type(node).__name__}:{node!r}"


def _is_documentation(node: Any) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


# --- what is registered in a process ---


def _of_object(value: Any) -> list[str]:
    """Return the source of a function, a class or an object, as far as it can be known, in a fixed order."""
    texts: list[str] = []
    seen: set[int] = set()
    pending: list[tuple[str, Any]] = [("", value)]
    while pending:
        name, one = pending.pop(0)
        if isinstance(one, _CONSTANTS):
            texts.append(f"{name}={one!r}")
        elif id(one) in seen:
            continue
        elif isinstance(one, ModuleType):
            seen.add(id(one))
            texts.append(_beside(one.__name__))
        elif isinstance(one, functools.partial):
            pending += [("function", one.func), *((str(k), v) for k, v in enumerate(one.args)), *one.keywords.items()]
        elif isinstance(one, tuple):
            pending += [(f"{name}.{k}", part) for k, part in enumerate(one)]
        elif isinstance(one, (torch.Tensor, np.ndarray)):
            seen.add(id(one))
            array = np.ascontiguousarray(one.detach().cpu() if isinstance(one, torch.Tensor) else one)
            texts.append(f"{name}={array.dtype} {array.shape} {hashlib.sha256(array.tobytes()).hexdigest()}")
        elif isinstance(one, (type, FunctionType)):
            seen.add(id(one))
            texts.append(_source(one))
            pending += _references(one)
        elif _is_own(type(one)):  # an object that is called: its class and its state
            seen.add(id(one))
            pending += [("type", type(one)), *sorted(getattr(one, "__dict__", {}).items())]
    return texts


def _source(value: Any) -> str:
    try:
        return _text(ast.parse(textwrap.dedent(inspect.getsource(value))))
    except (OSError, TypeError, SyntaxError):  # typed at a prompt, or made by `exec`
        code = getattr(value, "__code__", None)
        return f"{value.__qualname__} {_code(code) if code else sorted(vars(value))}"


def _code(code: CodeType) -> str:
    inner = [_code(one) if isinstance(one, CodeType) else repr(one) for one in code.co_consts]
    return f"{code.co_code.hex()} {code.co_names} {inner}"


def _references(value: Any) -> list[tuple[str, Any]]:
    """Return what the functions of a value read besides arguments: constants, modules, and the user's functions.

    Values that may change while they run, such as a list, are not part of it.
    """
    functions = [value] if isinstance(value, FunctionType) else [*_functions_of(value)]
    bases = () if isinstance(value, FunctionType) else value.__bases__
    found: dict[str, Any] = {base.__qualname__: base for base in bases}
    for function in functions:
        if not isinstance(function, FunctionType):
            continue
        names = set(_names(function.__code__))
        found |= {name: one for name, one in function.__globals__.items() if name in names}
        cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
        found |= {name: cell.cell_contents for name, cell in cells if not _is_empty(cell)}
        found |= {f"{name}=": one for name, one in (function.__kwdefaults__ or {}).items()}
        found |= {f"{k}=": one for k, one in enumerate(function.__defaults__ or ())}
    return sorted((name, one) for name, one in found.items() if _is_told(one))


def _is_empty(cell: Any) -> bool:
    try:
        _ = cell.cell_contents
    except ValueError:
        return True
    return False


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for one in code.co_consts:
        if isinstance(one, CodeType):
            yield from _names(one)


def _functions_of(kind: type) -> Iterator[Any]:
    """Yield the functions of a class, including those of static methods, class methods and properties."""
    for one in vars(kind).values():
        yield getattr(one, "__func__", one)
        yield from (getattr(one, part, None) for part in ("fget", "fset", "fdel"))


def _is_told(value: Any) -> bool:
    if isinstance(value, ModuleType):
        return _is_own_file(getattr(value, "__file__", None))
    kind = value if isinstance(value, (type, FunctionType)) else type(value)
    told = (*_CONSTANTS, tuple, functools.partial, torch.Tensor, np.ndarray)
    return isinstance(value, told) or _is_own(kind)


def _is_own(kind: Any) -> bool:
    """Return whether a function or class is the user's: from a prompt, a notebook, or a file outside all packages."""
    module = sys.modules.get(kind.__module__ or "")
    return module is None or kind.__module__ == "__main__" or _is_own_file(getattr(module, "__file__", None))


def _is_own_file(file: str | None) -> bool:
    if file is None:
        return False
    path = Path(file).resolve()
    packaged = {"site-packages", "dist-packages"} & set(path.parts)
    return not packaged and not any(path.is_relative_to(folder) for folder in (_STANDARD_LIBRARY, _ROOT))


def _beside(name: str) -> str:
    """Return the source of a user's module, with the user's modules that it imports."""

    def belongs(other: str) -> bool:
        path = _file(other)
        return path is not None and _is_own_file(str(path))

    return modules_digest([name], belongs)
