"""Recipes that a plugin ships: checked, and run for an epoch."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from semreg.recipe.check import check_all
from semreg.recipe.load import load_recipe
from semreg.running.choices import Choices
from semreg.running.start import run_recipe
from semreg.testing.checks import require
from semreg.training.trial import check_by_dry_run


def check_recipe(
    recipe: str | Path, *, overrides: Sequence[str] = ("phases.main.epochs=1",), data_root: str | Path = "data"
) -> None:
    """A recipe: `semreg check` finds nothing to warn of, and a short run ends with its evaluations and report.

    The run is made in a temporary folder, on the CPU.

    Args:
        recipe: its file, or its name.
        overrides: what makes the run short, as `--set` takes it.
        data_root: where its data are.

    Raises:
        AssertionError: for a warning, or a run that leaves no report.
        UserError: for mistakes in the recipe.
    """
    plan = check_all(load_recipe(recipe, overrides), data_root=data_root)
    warnings = plan.warnings + check_by_dry_run(plan)
    require(not warnings, f"{recipe}: {'; '.join(warnings)}")
    with tempfile.TemporaryDirectory() as folder:
        run = run_recipe(
            load_recipe(recipe, overrides), Choices(device="cpu", data_root=Path(data_root), out=Path(folder))
        )
        require((run.folder / "report.html").exists(), f"{recipe}: the run left no report")
