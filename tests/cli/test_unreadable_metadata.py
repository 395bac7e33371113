"""Commands in an environment with metadata that can't be read, which PyTorch and others end at."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest

from semreg.cli.unreadable_metadata import pass_over_unreadable

REPOSITORY = Path(__file__).parents[2]
UNDECODABLE = b"[console_scripts]\nn\xe4me = module:function\n"
NO_PAIR = b"[console_scripts]\na line that says nothing\n"


@pytest.mark.parametrize("content", [UNDECODABLE, NO_PAIR])
def test_entry_points_that_cannot_be_read_are_none(
    content: bytes, install: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    read = metadata.Distribution.entry_points
    monkeypatch.setattr(metadata.Distribution, "entry_points", read)  # as it was, after this test
    pass_over_unreadable()
    assert metadata.Distribution.entry_points is read
    folder = install("semreg-toy", {"semreg.losses": {"toy": "toy:loss"}})
    information = install("stranger", {}) / "stranger-1.2.dist-info"
    (information / "entry_points.txt").write_bytes(content)
    if content is UNDECODABLE:
        with pytest.raises(UnicodeDecodeError):
            metadata.entry_points(group="semreg.losses")
        pass_over_unreadable()
        assert "toy" in metadata.entry_points(group="semreg.losses").names
        assert [point.name for point in metadata.PathDistribution(information).entry_points] == []
    others = [p for d in metadata.distributions(path=[str(folder)]) for p in d.entry_points]
    assert [point.name for point in others] == ["toy"]


@pytest.mark.slow
def test_a_command_works_beside_them_and_names_them(install: Callable[..., Path]) -> None:
    information = install("stranger", {}) / "stranger-1.2.dist-info"
    (information / "entry_points.txt").write_bytes(UNDECODABLE)
    paths = [str(information.parent), *filter(None, os.environ["PYTHONPATH"].split(":")), *map(str, sys.path)]

    def semreg(*arguments: str) -> str:
        command = [sys.executable, "-m", "semreg", *arguments]
        environment = {**os.environ, "PYTHONPATH": ":".join(dict.fromkeys(paths))}
        done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=REPOSITORY, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "evaluations: reconstructions, samples" in semreg("check", "recipes/vae_digits.toml")
    assert f"{information} · passed over: its entry points cannot be read ('utf-8' codec" in semreg("plugins")
