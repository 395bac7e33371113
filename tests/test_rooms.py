"""The rooms of semreg: each imports only those above it, and docs/architecture.md shows them as they are."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "semreg"
PAGE = ROOT / "docs" / "architecture.md"
ROOMS = re.findall(r"^(\w+)/ +\S", PAGE.read_text(), re.MULTILINE)
"""As the page lists them, from the ground up."""
PUBLIC = {
    "core", "core.hookspecs", "components", "pictures", "trained", "data.files", "data.images", "data.splits",
    "cli.options", "cli.helpers", "testing",
}  # fmt: skip
"""What plugins may import; of components all modules. docs/plugin.md names them."""
MOST_LINES_OF_CORE, MOST_MODULES_OF_PLUGINS, LONGEST_FILE = 2_000, 16, 400
HEAVY = ("torch", "numpy", "pydantic", "matplotlib")


def imports(path: Path) -> Iterator[str]:
    """The modules of semreg that a file imports, at its head or in its functions; names of a package by the package."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.partition(".")[0] == "semreg":
            below = [f"{node.module}.{alias.name}" for alias in node.names]
            files = [name for name in below if (ROOT / name.replace(".", "/")).with_suffix(".py").is_file()]
            yield from (files or [node.module]) if node.module != "semreg" else below
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.partition(".")[0] == "semreg")


def sources(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.py"))


def test_the_page_lists_the_rooms_that_there_are() -> None:
    there = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").is_file()}
    assert set(ROOMS) == there
    assert len(ROOMS) == len(there)


def test_what_the_page_names_is_there() -> None:
    named = re.findall(r"`(\w+/\w+\.py):(\w+)`", PAGE.read_text())
    assert len(named) >= 20
    missing = []
    for file, name in named:
        tree = ast.parse((PACKAGE / file).read_text())
        defined = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
        missing += [f"{file}:{name}"] if name not in defined else []
    assert not missing


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_those_above_it(room: str) -> None:
    allowed = set(ROOMS[: ROOMS.index(room) + 1])
    upwards = {
        f"{path.relative_to(PACKAGE)} imports {name}"
        for path in sources(PACKAGE / room)
        for name in imports(path)
        if name.split(".")[1] not in allowed
    }
    assert not upwards


def test_the_core_is_small_and_light() -> None:
    files = sources(PACKAGE / "core")
    assert sum(len(path.read_text().splitlines()) for path in files) <= MOST_LINES_OF_CORE
    for path in files:
        for node in ast.parse(path.read_text()).body:  # at the head of the file, and not for the type checker alone
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not [name for name in names if name.partition(".")[0] in HEAVY], path


def test_plugins_import_what_is_public() -> None:
    found: dict[str, set[str]] = {}
    for path in ROOT.glob("plugins/*/src/**/*.py"):
        for name in imports(path):
            found.setdefault(name.removeprefix("semreg."), set()).add(str(path.relative_to(ROOT)))
    private = {
        name: files for name, files in found.items() if name not in PUBLIC and not name.startswith("components.")
    }
    assert not private
    assert len(found) <= MOST_MODULES_OF_PLUGINS, sorted(found)
    page = (ROOT / "docs" / "plugin.md").read_text()
    assert not [name for name in PUBLIC if f"`semreg.{name}`" not in page]


@pytest.mark.parametrize("folder", ["semreg", "plugins", "tests", "benchmarks"])
def test_no_file_holds_too_much(folder: str) -> None:
    lengths = {path: len(path.read_text().splitlines()) for path in sources(ROOT / folder) if ".venv" not in path.parts}
    assert not {str(path): length for path, length in lengths.items() if length > LONGEST_FILE}
