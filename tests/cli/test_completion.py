"""What a shell is told, asked as a shell asks; the answer comes without PyTorch."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from semreg.cli.completion import cache_names, recipe_names, run_names, search_names, trained_names
from tests.data.test_cache_collection import make_cache
from tests.store.conftest import make_run

ASKED = """
import os, sys
from semreg.cli.main import main
try:
    main()
finally:
    print(sorted({"torch", "numpy", "matplotlib"} & set(sys.modules)), file=sys.stderr)
"""


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("vae-1", "vae-2", "gm-1"):
        make_run(Path("runs"), name)
    make_run(Path("others"), "ae-1")
    Path("recipes").mkdir()
    for name in ("vae.toml", "gm.toml", "notes.txt"):
        (Path("recipes") / name).touch()


def completed(words: str, shell: str = "bash") -> list[str]:
    """What is offered for the last word of a line, which ends where the cursor is."""
    position = str(len(words.split()) - (not words.endswith(" ")))
    asked = {"COMP_WORDS": words, "COMP_CWORD": position, "_TYPER_COMPLETE_ARGS": words}
    paths = os.pathsep.join(sys.path)
    environment = os.environ | asked | {"_SEMREG_COMPLETE": f"complete_{shell}", "PYTHONPATH": paths}
    result = subprocess.run(
        [sys.executable, "-c", ASKED], capture_output=True, text=True, env=environment, timeout=60, check=False
    )
    assert result.stderr == "[]\n"
    return [line for line in result.stdout.splitlines() if line]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("semreg ru", ["run", "runs"]),
        ("semreg list da", ["dataset"]),
        ("semreg show linear_pr", ["linear_probe"]),
        ("semreg report v", ["vae-1", "vae-2"]),
        ("semreg runs rm gm-1 vae-", ["vae-1", "vae-2"]),
        ("semreg evaluate --out others ", ["ae-1"]),
        ("semreg interpolate g", ["gm-1"]),
        ("semreg sample zo", ["zoo:atnl_gm_digits", "zoo:olr_faces"]),
        ("semreg evaluate zo", []),  # which only a run of one's own is
        ("semreg run recipes/", ["recipes/gm.toml", "recipes/vae.toml"]),
        ("semreg runs --state fi", ["finished"]),
    ],
)
def test_what_could_stand_next(words: str, expected: list[str]) -> None:
    assert completed(words) == expected


def test_a_command_of_a_plugin_that_is_broken_is_no_answer(install: Callable[..., Path]) -> None:
    install("semreg-broken", {"semreg.commands": {"broken": "no_such_module:command"}})
    assert completed("semreg broken ") == []
    assert completed("semreg brok") == ["broken"]


def test_the_script_for_the_shell() -> None:
    command = [sys.executable, "-m", "semreg", "--show-completion", "bash"]
    told = {**os.environ, "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}  # there may be no shell above the tests
    assert "complete_bash" in subprocess.run(command, capture_output=True, text=True, check=True, env=told).stdout


def test_installed_searches(register: Callable[[str, str, Any], None]) -> None:
    register("search", "turns", object)
    assert search_names("tu") == ["turns"]


def test_paths_and_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert recipe_names("r") == ["recipes/", "runs/"]
    assert recipe_names("recipes/v") == ["recipes/vae.toml"]
    assert run_names(None, "runs/v") == ["runs/vae-1/", "runs/vae-2/"]
    assert run_names(None, "x") == []
    assert trained_names(None, "") == ["gm-1", "vae-1", "vae-2", "zoo:atnl_gm_digits", "zoo:olr_faces"]
    assert trained_names(None, "runs/v") == ["runs/vae-1/", "runs/vae-2/"]
    monkeypatch.setenv("SEMREG_CACHE", str(tmp_path / "cache"))
    make_cache(tmp_path / "cache" / f"digits-{'0' * 16}")
    assert cache_names("d") == [f"digits-{'0' * 16}"]
