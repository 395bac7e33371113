"""A trained run of two codes, one of which carries ordered classes; and its page's server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import semreg
from semreg.exploring.server import Server
from semreg.exploring.view import Explorer
from semreg.trained.run import Run
from tests.conftest import tiny_run

RECIPE = """
extends = "semreg:vae_digits"
without = ["evaluate"]

[model]
code = ["z", "w"]
prior = { z = "prior", w = "prior_w" }
attributes = { digit = "z" }

[modules.other]
use = "mlp_encoder"
outputs = 4
hidden = [8]

[modules.prior_w]
use = "standard_normal"
size = 4

[tensors]
w = "other(image)"
reconstruction = "decoder(concatenate(z, w))"

[phases.main]
epochs = 1

[phases.main.train]
other = { reconstruction_error = 1 }
"""


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("explored")
    (root / "digits.toml").write_text(RECIPE)
    return tiny_run(root / "digits.toml")


@pytest.fixture(scope="session")
def run(folder: Path) -> Iterator[Run]:
    """Not to be changed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEMREG_CACHE", str(folder.parents[1] / "cache"))
        opened = semreg.open_run(folder, data_root=folder.parents[1] / "data", device="cpu")
        assert opened.counts["test"] == 359, "its data are read while its cache is known"
        yield opened


@pytest.fixture
def explorer(run: Run) -> Explorer:
    return Explorer(run)


@pytest.fixture
def server(explorer: Explorer) -> Iterator[Server]:
    served = Server(explorer)
    served.start()
    yield served
    served.close()
