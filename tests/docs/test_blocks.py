"""Every block of code in README.md and docs/ is run or checked by a test: this file says by which, and checks the rest.

Commands are held against the parser of what they call, recipes against the language; code in Python and what a page
shows of files is run by tests of its own page, which RUN_BY names.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from semreg.core import UserError
from semreg.core.kinds import KINDS
from semreg.recipe.check import check
from semreg.recipe.load import load_recipe
from tests.docs.commands import FOREIGN, commands, mistake
from tests.docs.pages import PAGES, PLUGINS, ROOT

SHELL = ("sh", "bash", "console")
BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
DATA = "tests/docs/test_data.py", "root"
RUN_BY = {
    ("docs/use.md", "python"): ("tests/docs/test_use.py", "test_all_code_of_the_page_runs"),
    ("docs/data.md", "csv"): DATA,
    ("docs/data.md", "text"): DATA,
    ("docs/data.md", "python"): ("tests/docs/test_data.py", "leaves"),
    ("docs/data.md", "toml"): ("tests/docs/test_data.py", "read"),
    ("docs/disentanglement.md", "python"): (
        "tests/docs/test_disentanglement.py", "test_the_functions_say_what_they_should_of_codes_that_are_good",
    ),
    ("docs/executors.md", "python"): ("tests/docs/test_executors.py", "test_it_passes_the_test_of_the_page"),
    ("docs/explanation/exact_resume.md", "python"): ("tests/docs/test_tutorials.py", "test_its_code_runs"),
    ("docs/explore.md", "python"): ("tests/docs/test_explore.py", "test_its_panel_conforms"),
    ("docs/export.md", "python"): ("tests/docs/test_export.py", "test_its_code_runs"),
    ("docs/init.md", "text"): ("tests/docs/test_init.py", "test_its_commands"),
    ("docs/own_loop.md", "python"): ("tests/docs/test_own_loop.py", "test_all_code_of_the_page_runs"),
    ("docs/python.md", "python"): ("tests/docs/test_python.py", "test_all_code_of_the_page_runs"),
    ("docs/runs.md", "python"): ("tests/docs/test_runs.py", "test_the_hook_of_the_page_hears_every_epoch"),
    ("docs/trackers.md", "python"): ("tests/docs/test_trackers.py", "test_it_conforms"),
    ("docs/tutorials/own_loop.md", "python"): ("tests/docs/test_tutorials.py", "test_its_code_runs"),
    ("docs/tutorials/own_loss.md", "python"): ("tests/docs/test_tutorials.py", "test_its_code_runs"),
    **{
        (f"docs/{page}", language): ("tests/docs/test_plugin.py", "test_each_block_of_code_is_in_its_file")
        for page in PLUGINS
        for language in ("python", "toml")
    },
}  # fmt: skip
"""By page and language: the file and the test or fixture that runs all such blocks."""
BASES = (
    'extends = "semreg:vae_digits"\n',
    'extends = "semreg:gm_mnist"\n',
    'extends = "semreg:gm_mnist"\nwithout = ["model", "evaluate"]\n',
)
"""What a page's tables are laid over, where they are no whole recipe; one has to take them."""


def blocks() -> Iterator[tuple[str, str, str]]:
    """The page, language and text of every block."""
    for page in PAGES:
        for _, language, text in BLOCK.findall(page.read_text()):
            yield str(page.relative_to(ROOT)), language, text


def shell(language: str, text: str) -> str | None:
    """The commands of a block, those behind `$` where it shows what they print, or None if it has none."""
    lines = [line[2:] for line in text.splitlines() if line.startswith("$ ")]
    if lines and language in ("console", ""):
        return "\n".join(lines)
    return text if language in SHELL else None


def checked_here(language: str, text: str) -> bool:
    return shell(language, text) is not None or language in ("toml", "")


def test_no_block_is_untested() -> None:
    found = {(page, language) for page, language, text in blocks() if not checked_here(language, text)}
    assert found - RUN_BY.keys() == set(), "write a test that runs them, and name it in RUN_BY"
    assert {page for page, _ in RUN_BY} <= {page for page, _, _ in blocks()}


@pytest.mark.parametrize(("file", "name"), sorted(set(RUN_BY.values())), ids=lambda part: part)
def test_what_runs_them_is_there(file: str, name: str) -> None:
    text = (ROOT / file).read_text()
    assert f"def {name}(" in text
    assert re.search(r"import .*\bblocks\b", text), "it reads the page's blocks"


def test_every_command_is_one() -> None:
    texts = {str(page.relative_to(ROOT)): page.read_text() for page in PAGES}
    told = [
        (page, mistake(words, texts[page]))
        for page, language, text in blocks()
        for words in commands(shell(language, text) or "")
    ]
    assert len(told) > 100
    assert [one for one in told if one[1]] == []


OPTIONAL = ("arcface",)
"""Components of a plugin that not everyone installs: its own tests check the blocks that name one."""


@pytest.mark.parametrize("page", sorted({page for page, language, _ in blocks() if language == "toml"}))
def test_every_recipe_is_one(page: str, tmp_path: Path) -> None:
    for text in recipes_of(page):
        if not any(name in text for name in OPTIONAL):
            assert not (found := mistake_of_toml(text, tmp_path)), found


def recipes_of(page: str) -> list[str]:
    """The blocks of a page that are recipes, or tables of one, and that no other test runs."""
    return [
        text for one, language, text in blocks() if (one, language) == (page, "toml") and (one, "toml") not in RUN_BY
    ]


def mistake_of_toml(text: str, folder: Path) -> str:
    """What is wrong with a recipe, tables of one, or entry points of a package; empty if nothing."""
    tables = tomllib.loads(text)
    if "project" in tables:
        groups = {*(kind.group for kind in KINDS.values()), "semreg.hooks", "semreg.commands"}
        wrong = [group for group in tables["project"]["entry-points"] if group not in groups]
        return f"no groups: {wrong}" if wrong else ""
    whole = "extends" in tables or {"data", "modules"} <= tables.keys()
    errors = []
    for base in ("",) if whole else BASES:
        path = folder / "recipe.toml"
        path.write_text(base + text)
        try:
            check(load_recipe(path), fallback=True)
            return ""
        except UserError as error:
            errors.append(error.text())
    return "\n".join(errors)


def test_what_is_listed_is_there() -> None:
    """Blocks without a language list folders: of the repository, or of semreg/."""
    for page, language, text in blocks():
        if language == "" and shell(language, text) is None:
            for name in re.findall(r"^([\w*/.-]+/)", text, re.MULTILINE):
                assert [*ROOT.glob(name), *(ROOT / "semreg").glob(name)], f"{page}: {name}"


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("semreg run vae_digits --sed 3", "--sed"),
        ("semreg rum vae_digits", "rum"),
        ("semreg sample", "Missing"),
        ("semreg sample RUN --cout 3", "--cout"),
        ("make doks", "doks"),
        ("pip install semreg-nothing", "semreg-nothing"),
        ('pip install -e "plugins/semreg-mlflow[nothing]"', "nothing"),
        ("python -m benchmarks.nothing", "benchmarks.nothing"),
        ("python -m benchmarks.pages --chek", "--chek"),
        ("python other.py", "other.py"),
        ("torchrun --nproc-per-node 2 -m semreg run", "Missing"),
        ("unknown", "unknown"),
    ],
)
def test_a_wrong_command_is_found(line: str, told: str) -> None:
    [words] = commands(line)
    assert told in (mistake(words, "") or "")


def test_commands_are_told_from_what_is_around_them() -> None:
    lines = [
        "for d in 0 1; do semreg sample RUN --class $d; done",
        "A=b make run \\",
        "  X=y  # and",
        "semreg list && make test",
    ]
    assert [*commands("\n".join(lines))] == [
        ["semreg", "sample", "RUN", "--class", "$d"], ["make", "run", "X=y"], ["semreg", "list"], ["make", "test"],
    ]  # fmt: skip
    assert shell("console", "$ semreg list\nkind name\n") == "semreg list"
    assert shell("text", "$ semreg list\n") is None
    assert all(FOREIGN.values())


def test_a_wrong_recipe_is_found(tmp_path: Path) -> None:
    assert "kll" in mistake_of_toml("[phases.main.train]\nencoder = { kll = 1 }\n", tmp_path)
    assert "semreg.loss" in mistake_of_toml('[project.entry-points."semreg.loss"]\na = "b:c"\n', tmp_path)
