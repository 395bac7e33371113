"""Evaluations and judges run on the card that their run has, as far as that shows without one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.projects import ROOT


@pytest.mark.slow
@pytest.mark.parametrize(
    ("recipe", "without"),
    [
        ("vae_digits", ""),
        ("gm_mnist", ""),
        ("atnl_mnist", ""),
        ("olr_celeba", "without=['evaluate.linear']"),  # which trains there
        ("uniform_yaleb", ""),
        ("gm_toy", ""),
    ],
)
def test_evaluations_on_a_card_give_the_figures_of_the_cpu(recipe: str, without: str, tmp_path: Path) -> None:
    command = [sys.executable, "tests/pretended_card.py", recipe, str(tmp_path), *filter(None, [without])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.splitlines()[-1].endswith("evaluations")
