"""A trained run, to be exported."""

from __future__ import annotations

from pathlib import Path

import pytest

import semreg
from semreg.trained.run import Run
from tests.cli.conftest import refused, said
from tests.conftest import tiny_run
from tests.trained.conftest import train

__all__ = ["refused", "said", "train"]

RECIPE = """
extends = "vae_digits"
without = ["evaluate.reconstructions"]
description = "Digits | and `more`\\n# than that"
[modules.encoder]
outputs = 4
hidden = [8]
[modules.decoder]
hidden = [8]
[modules.prior]
size = 2
[modules.reader]
use = "mlp_encoder"
outputs = "@digit.classes"
hidden = []
[losses.read]
use = "cross_entropy(reader(z), digit)"
[phases.main]
epochs = 1
[phases.main.train]
reader = { read = 1 }
[evaluate.samples]
use = "linear_probe(z, digit)"
paper = { data = "digits", accuracy = 0.5 }
"""


@pytest.fixture(scope="session")
def trained_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small run on digits, with a module `reader` that no role needs. Not to be changed."""
    root = tmp_path_factory.mktemp("export")
    (root / "digits.toml").write_text(RECIPE)
    return tiny_run(root / "digits.toml")


@pytest.fixture
def run(trained_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """That run, opened; its modules may be changed."""
    monkeypatch.setenv("SEMREG_CACHE", str(trained_folder.parents[1] / "cache"))
    return semreg.open_run(trained_folder, device="cpu")
