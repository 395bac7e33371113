"""The path of a test mirrors that of its source: `semreg/a/b.py` is tested by `tests/a/test_b.py`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
WITHOUT = {
    "semreg/__init__.py": "hands each call on; all tests that run, open, evaluate or tabulate come through it",
    "semreg/__main__.py": "one call, by which tests/cli/test_main.py starts every command",
    "semreg/core/hookspecs.py": "signatures of events, all of which tests/core/test_plugin_manager.py calls",
    "semreg/core/interfaces.py": "Protocols, to which tests/testing/test_interfaces.py holds components",
    "semreg/core/results.py": "records without a method",
    "semreg/core/searches.py": "a Protocol and records, to which tests/testing/test_searches.py holds searches",
    "semreg/core/source.py": "a record, a Protocol and constants",
    "semreg/core/version.py": "one constant",
    "semreg/tables/from_python.py": "hands each call on, as semreg/__init__.py does",
    "semreg/store/layout.py": "names of files",
}
"""Files that have no test of their own, and why."""


def sources() -> Iterator[tuple[str, Path]]:
    """Each source file, by its path from the root, and where its test belongs."""
    for folder, tests in [(ROOT / "semreg", ROOT / "tests"), *plugins()]:
        for path in sorted(folder.rglob("*.py")):
            name = path.parent.name if path.name == "__init__.py" else path.stem
            yield str(path.relative_to(ROOT)), tests / path.relative_to(folder).with_name(f"test_{name}.py")


def plugins() -> Iterator[tuple[Path, Path]]:
    """The package of each plugin, and the folder of its tests."""
    for package in sorted(ROOT.glob("plugins/*/src/*")):
        if (package / "__init__.py").is_file():
            yield package, package.parents[1] / "tests"


def defines_something(path: Path) -> bool:
    """Whether a file has a function or class; the `__init__.py` of a package that has none hands names on at most."""
    found = ast.walk(ast.parse(path.read_text()))
    return any(isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) for node in found)


def test_every_file_has_tests_beside_it_or_a_reason_why_not() -> None:
    paths = dict(sources())
    assert len(paths) > 150, "otherwise they are looked for in the wrong place"
    untested = {
        path: str(test.relative_to(ROOT))
        for path, test in paths.items()
        if not test.is_file() and (Path(path).name != "__init__.py" or defines_something(ROOT / path))
    }
    assert not {path: test for path, test in untested.items() if path not in WITHOUT}
    assert not [path for path in WITHOUT if path not in untested], "these have tests, or are gone"
    assert all(WITHOUT.values())


def test_a_test_file_holds_tests() -> None:
    for _, test in sources():
        if test.is_file():
            names = [node.name for node in ast.walk(ast.parse(test.read_text())) if isinstance(node, ast.FunctionDef)]
            assert any(name.startswith("test_") for name in names), test
