"""The pages of the documentation, and their blocks of code."""

from __future__ import annotations

import re
from pathlib import Path

from semreg.scaffold.writing import write_plugin

ROOT = Path(__file__).parent.parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
PLUGINS = ["plugin.md", *(f"plugins/{path.name}" for path in sorted((ROOT / "docs" / "plugins").glob("*.md")))]
"""Those that make a plugin each."""
RECIPES = """from pathlib import Path

import pytest
from semreg.recipe.check import check, check_all
from semreg.recipe.load import load_recipe
from semreg.training.trial import check_by_dry_run

HERE = Path(__file__).parent


@pytest.mark.parametrize("recipe", sorted(HERE.parents[1].glob("*/src/*/*.toml")), ids=lambda path: path.stem)
def test_a_recipe_can_be_trained(recipe):
    plan = check_all(load_recipe(recipe), data_root="data")
    assert plan.warnings + check_by_dry_run(plan) == []


def test_it_is_mixed_with_the_prior():
    plan = check(load_recipe(HERE / "supcon_gm.toml"), fallback=True)
    assert plan.matrix()["main"]["joint"]["encoder_s"] == {"rec": 10, "lkd": 1, "supcon": 0.1}
"""
"""A test of what pages say of recipes, beside those of the first page's plugin."""


def blocks(page: str) -> list[tuple[str, str]]:
    """The language and the text of each block of a page in docs/, in order."""
    return re.findall(r"^```(\w*)\n(.*?)^```$", (ROOT / "docs" / page).read_text(), re.MULTILINE | re.DOTALL)


def plugins_of_pages(folder: Path) -> list[Path]:
    """The plugins of all pages, beside each other, with a test of their recipes."""
    first, *others = [plugin_of(page, folder) for page in PLUGINS]
    *_, mix = [text for language, text in blocks("plugin.md") if language == "toml"]
    (first / "tests" / "supcon_gm.toml").write_text(mix.replace('"recipes/', f'"{ROOT}/recipes/'))
    (first / "tests" / "test_recipes.py").write_text(RECIPES)
    return [first, *others]


def plugin_of(page: str, folder: Path) -> Path:
    """The plugin that a page in docs/ makes: what its `semreg new-plugin` writes, changed by its blocks.

    A block after a paragraph that names a file of the plugin is all of it, or of a recipe the tables that differ.
    """
    text = (ROOT / "docs" / page).read_text()
    [(name, kind)] = re.findall(r"^semreg new-plugin (\w+) --kind (\w+)$", text, re.MULTILINE)
    plugin = write_plugin(name, kind, folder)
    block = r"`(semreg-[\w-]+/[\w/.]+)`(?:(?!\n\n).)*\n\n```(\w+)\n(.*?)^```$"
    for file, language, content in re.findall(block, text, re.MULTILINE | re.DOTALL):
        path = folder / file
        path.write_text(content if language == "python" else with_tables(path.read_text(), content))
    return plugin


def with_tables(recipe: str, tables: str) -> str:
    """A recipe's text with these tables, each in the place of its own one of that name."""
    for table in re.split(r"^(?=\[)", tables, flags=re.MULTILINE)[1:]:
        own = re.search(rf"^{re.escape(table.partition(']')[0])}\].*\n(?:.+\n)*", recipe, re.MULTILINE)
        recipe = recipe.replace(own[0], table.strip() + "\n") if own else f"{recipe}\n{table}"
    return recipe
