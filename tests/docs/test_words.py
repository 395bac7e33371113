"""English: nothing that people read has the habits that docs/words.toml lists; debts only become fewer."""

from __future__ import annotations

import ast
import functools
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.pages import PAGES, ROOT

WORDS = tomllib.loads((ROOT / "docs" / "words.toml").read_text())["words"]
PATTERNS = {re.compile(word["pattern"], re.IGNORECASE): word["write"] for word in WORDS}
READ = [*PAGES, ROOT / "DEVELOPERS.md", *sorted((ROOT / "plugins").glob("*/README.md")), ROOT / "benchmarks/README.md"]
AREAS = [
    path
    for path in [*sorted((ROOT / "semreg").iterdir()), *sorted((ROOT / "plugins").glob("*/src")), ROOT / "website"]
    if path.suffix == ".py" or next(path.rglob("*.py"), None)
]
DEBTS = tomllib.loads((ROOT / "tests/docs/words_debts.toml").read_text())
"""How many habits a page or an area of the code still has: who rewrites one lowers its number."""


def name(path: Path) -> str:
    return str(path.relative_to(ROOT)).removesuffix("/src")


def without_code(text: str) -> str:
    return re.sub(r"`[^`\n]*`", "`x`", text)


def prose(page: str) -> Iterator[tuple[int, str]]:
    """The paragraphs, items and cells of a page with the number of their first line, without headings and code."""
    page = re.sub(r"^```.*?^```$|<!--.*?-->", lambda code: "\n" * code[0].count("\n"), page, flags=re.M | re.S)
    page = re.sub(r"\]\([^)\s]+\)", "]", without_code(page))
    line = 1
    for part in re.split(r"(\n[ \t]*\n|\n(?=\s*(?:[-*#|]|\d+\.)\s)|\|)", page):
        if not part.startswith("#"):
            yield line, " ".join(re.sub(r"^\s*(?:[-*]|\d+\.)\s", "", part).replace("**", "").split())
        line += part.count("\n")


def strings(source: str) -> Iterator[tuple[int, str]]:
    """The messages and public docstrings of a source, with the numbers of their lines."""
    tree = ast.parse(source)
    for node in public(tree):
        yield getattr(node, "lineno", 1), without_code(" ".join((ast.get_docstring(node) or "").split()))
    skipped = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for one in ast.walk(tree):
        if isinstance(one, ast.JoinedStr):
            skipped.update(map(id, one.values))
            parts = [str(part.value) if isinstance(part, ast.Constant) else "x" for part in one.values]
        elif isinstance(one, ast.Constant) and isinstance(one.value, str):
            parts = [one.value]
        else:
            continue
        text = without_code(" ".join("".join(parts).split()))
        if id(one) not in skipped and text.count(" ") >= 2:
            yield one.lineno, text


def public(node: ast.AST) -> Iterator[ast.Module | ast.ClassDef | ast.FunctionDef]:
    """The module, and what it and its classes define by names without an underscore in front."""
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and not getattr(node, "name", "x").startswith("_"):
        yield node
        for inner in [] if isinstance(node, ast.FunctionDef) else node.body:
            yield from public(inner)


def habits(texts: Iterator[tuple[int, str]]) -> list[str]:
    """What is found in numbered texts, and what to write in its place."""
    return [
        f"{line}: …{text[max(0, found.start() - 30) : found.end() + 10]}… → {write}"
        for line, text in texts
        for pattern, write in PATTERNS.items()
        for found in pattern.finditer(text)
    ]


@functools.cache
def found_in(path: Path) -> list[str]:
    if path.suffix == ".md":
        return habits(prose(path.read_text()))
    sources = sorted(path.rglob("*.py")) if path.is_dir() else [path]
    return [f"{source.name}:{habit}" for source in sources for habit in habits(strings(source.read_text()))]


@pytest.mark.parametrize("path", [*READ, *AREAS], ids=name)
def test_habits_become_fewer(path: Path) -> None:
    found = found_in(path)
    assert len(found) <= DEBTS.get(name(path), 0), "\n".join(["see docs/words.toml", *found])


def test_debts_are_of_what_is_there() -> None:
    assert DEBTS.keys() <= {name(path) for path in [*READ, *AREAS]}


def test_the_list_is_short() -> None:
    assert len(WORDS) <= 40


@pytest.mark.parametrize("word", WORDS, ids=lambda word: word["bad"])
def test_each_word_finds_its_example(word: dict[str, str]) -> None:
    assert word.keys() == {"pattern", "write", "why", "bad", "good"}
    assert re.search(word["pattern"], word["bad"], re.IGNORECASE)
    assert habits(iter([(1, word["good"])])) == []


def test_code_and_headings_are_left_out() -> None:
    page = "# What stands.\n\nA `stand`, [a](stand.md).\n\n```\nstand\n```\n\n| a | anew |\n\n- **Where a is,** b\n"
    assert [habit.partition(":")[0] for habit in habits(prose(page + "  stands"))] == ["9", "11", "11"]
    source = '"""Anew."""\ndef _f(x):\n    """Anew."""\n    raise ValueError(f"{x} stands\\nin `anew` y", "anew")\n'
    assert [habit.partition(":")[0] for habit in habits(strings(source))] == ["1", "4"]
