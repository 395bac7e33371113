"""docs/disentanglement.md: its code runs, its recipe can be trained, and its table has every metric."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from semreg.core.registry import components
from semreg.recipe.check import check
from semreg.recipe.load import load_recipe
from tests.docs.pages import ROOT, blocks

PAGE = "disentanglement.md"


def test_the_functions_say_what_they_should_of_codes_that_are_good(capsys: pytest.CaptureFixture[str]) -> None:
    [code] = [text for language, text in blocks(PAGE) if language == "python"]
    names: dict[str, object] = {}
    exec(compile(code, f"docs/{PAGE}", "exec"), names)
    gap, disentanglement, levels = capsys.readouterr().out.splitlines()
    assert gap.endswith("tensor([0, 1, 2])")
    assert float(gap.split()[0]) > 0.4
    assert float(disentanglement) > 0.5
    chance, low, high = map(float, levels.split())
    assert chance < low < high


def test_the_evaluations_are_what_a_recipe_can_say(tmp_path: Path) -> None:
    tables = "\n".join(text for language, text in blocks(PAGE) if language == "toml")
    recipe = tmp_path / "metrics.toml"
    recipe.write_text(f'extends = "semreg:vae_digits"\n{tables}')
    plan = check(load_recipe(recipe))
    assert {"mig", "dci"} <= set(plan.evaluations)
    assert set(plan.comparisons) == {"udr"}


def test_the_table_has_every_evaluation_and_comparison_of_the_plugin() -> None:
    shown = re.findall(r"^\| `(\w+)`", (ROOT / "docs" / PAGE).read_text(), re.MULTILINE)
    measuring = [*components("evaluation"), *components("comparison")]
    assert set(shown) == {one.name for one in measuring if one.distribution == "semreg-disentanglement"}
