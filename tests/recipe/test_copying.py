"""A recipe's text in another folder means the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from semreg.recipe.copying import copied_text
from semreg.recipe.load import load_recipe
from semreg.recipe.names import shipped_names, shipped_recipes


@pytest.mark.parametrize("name", [name for name in shipped_names() if not name.startswith("partial/")][::3])
def test_a_copy_of_a_shipped_recipe_resolves_to_the_same(name: str, tmp_path: Path) -> None:
    source, copy = shipped_recipes() / f"{name}.toml", tmp_path / "mine.toml"
    copy.write_text(copied_text(source, tmp_path))
    assert "../" not in copy.read_text()
    mine, theirs = (load_recipe(path) for path in (copy, source))
    for fallback in {False, theirs.has_fallback}:
        one, other = (recipe.resolve(fallback=fallback) for recipe in (mine, theirs))
        for table in (one, other):
            for evaluation in table.get("evaluate", {}).values():
                judge = evaluation.get("judge", "")
                evaluation["judge"] = Path(judge.removeprefix("semreg:")).name.removesuffix(".toml")
        assert one == other
    comments = [line for line in source.read_text().splitlines() if line.startswith("#")]
    assert [line for line in copy.read_text().splitlines() if line.startswith("#")] == comments


def test_own_recipes_are_named_by_paths_from_there(tmp_path: Path) -> None:
    (tmp_path / "base.toml").write_text("seed = 3\n")
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    text = """# "../base.toml" is extended
extends = ['../base.toml', "vae_digits", "gone.toml"]
paper = "../base.toml"
[evaluate.samples]
judge = "../base.toml"
[modules.encoder]
weights = "../base.toml:encoder"
[modules.decoder]
weights = "runs/base-1:decoder"
"""
    (tmp_path / "a" / "mine.toml").write_text(text)
    (tmp_path / "b" / "c").mkdir()
    copied = copied_text(tmp_path / "a" / "mine.toml", tmp_path / "b" / "c")
    assert 'extends = ["../../base.toml", "semreg:vae_digits", "../../a/gone.toml"]' in copied
    assert 'judge = "../../base.toml"' in copied
    assert 'paper = "../base.toml"' in copied, "which names no recipe"
    assert 'weights = "../../base.toml:encoder"' in copied
    assert 'weights = "runs/base-1:decoder"' in copied
