"""docs/plugin.md and the pages of docs/plugins/: the plugin of each passes its tests, and its recipe can be trained."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from semreg import testing
from semreg.core.kinds import KINDS
from semreg.scaffold.writing import TEMPLATE_OF
from tests.docs.pages import ROOT, blocks, plugin_of, with_tables
from tests.scaffold.plugins import put_in_place, require_passed, require_tidy

PAGES = ["plugin.md", *(f"plugins/{path.name}" for path in sorted((ROOT / "docs" / "plugins").glob("*.md")))]
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


def test_the_plugins_of_all_pages_pass_their_tests(tmp_path: Path, install: Callable[..., Path]) -> None:
    plugins = [plugin_of(page, tmp_path) for page in PAGES]
    for plugin in plugins:
        put_in_place(plugin, install)
    require_tidy(plugins, tmp_path)
    *_, mix = [text for language, text in blocks("plugin.md") if language == "toml"]
    (plugins[0] / "tests" / "supcon_gm.toml").write_text(mix.replace('"recipes/', f'"{ROOT}/recipes/'))
    (plugins[0] / "tests" / "test_recipes.py").write_text(RECIPES)
    require_passed(plugins, tmp_path)


def test_each_block_of_code_is_in_its_file(tmp_path: Path) -> None:
    for page in PAGES:
        plugin = plugin_of(page, tmp_path)
        written = {path.read_text() for path in plugin.rglob("*.py")}
        assert {text for language, text in blocks(page) if language == "python"} <= written


def test_the_table_names_every_kind_with_what_there_is() -> None:
    table = (ROOT / "docs" / "plugin.md").read_text().partition("## The other kinds")[2].partition("\n## ")[0]
    rows = {line.split("|")[1].strip(): line for line in table.splitlines() if line.startswith("| ")}
    kinds = {*KINDS, "hook", "command"}
    assert rows.keys() - {"kind", "---"} == kinds
    for kind in kinds:
        assert (f"`check_{kind}`" in rows[kind]) == (f"check_{kind}" in testing.__all__)
        assert (f"--kind {kind}`" in rows[kind]) == (kind in TEMPLATE_OF)


def test_tables_take_the_place_of_their_own() -> None:
    recipe = "# title\n\n[a]   # first\nx = 1\n\n[a.b]\ny = 2\n"
    assert with_tables(recipe, "[a]\nx = 3\n\n[c]\nz = 4\n") == "# title\n\n[a]\nx = 3\n\n[a.b]\ny = 2\n\n[c]\nz = 4\n"
