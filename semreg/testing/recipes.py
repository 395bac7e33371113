"""The check of a recipe that a plugin ships, with a run of an epoch."""

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
    """Check a recipe: `semreg check` finds nothing to warn about, and a short run ends with its evaluations and report.

    The run uses a temporary folder and the CPU.

    Args:
        recipe: its file, or its name.
        overrides: settings that make the run short, as `--set` takes them.
        data_root: the folder of its data.

    Raises:
        AssertionError: for a warning, or a run that leaves no report.
        UserError: for errors in the recipe.
    """
    plan = check_all(load_recipe(recipe, overrides), data_root=data_root)
    warnings = plan.warnings + check_by_dry_run(plan)
    require(not warnings, f"{recipe}: {'; '.join(warnings)}")
    with tempfile.TemporaryDirectory() as folder:
        run = run_recipe(
            load_recipe(recipe, overrides), Choices(device="cpu", data_root=Path(data_root), out=Path(folder))
        )
        require((run.folder / "report.html").exists(), f"{recipe}: the run left no report")
