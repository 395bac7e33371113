"""docs/plugin.md and the pages of docs/plugins/: nothing of theirs is left untested, and no kind is forgotten.

tests/scaffold/test_writing.py has the plugins of all pages pass their tests.
"""

from __future__ import annotations

from pathlib import Path

from semreg import testing
from semreg.core.kinds import KINDS
from semreg.scaffold.writing import TEMPLATE_OF
from tests.docs.pages import PLUGINS, ROOT, blocks, plugin_of, with_tables


def test_each_block_of_code_is_in_its_file(tmp_path: Path) -> None:
    for page in PLUGINS:
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
