"""benchmarks/full.sh makes its tables in order, goes on after what can't be made, and ends when it is asked to stop."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from benchmarks.measure import ROOT

SCRIPT = ROOT / "benchmarks" / "full.sh"
SEMREG = """#!/bin/bash
echo "$@" >> "$CALLS"
[[ "$*" == *"$FAILING"* ]] && exit "$CODE"
[[ "$*" =~ --name\\ ([a-z0-9_]+).*--out\\ ([^ ]+) ]] && mkdir -p "${BASH_REMATCH[2]}/tables/${BASH_REMATCH[1]}-0a1b2c"
"""
KEEP = '#!/bin/bash\necho "keep $4" >> "$CALLS"\n[ -d "$3" ]\n'


def calls(folder: Path, failing: str, code: int) -> tuple[int, list[str], str]:
    """The exit code, the commands and the errors of the script, whose table `failing` ends with an exit code."""
    for name, text in (("semreg", SEMREG), ("python", KEEP)):
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    told = {"CALLS": str(folder / "calls"), "FAILING": failing, "CODE": str(code)}
    told["PATH"] = f"{folder}:{os.environ['PATH']}"
    command = ["bash", str(SCRIPT), "ROOT", str(folder / "out"), "--device", "cuda"]
    done = subprocess.run(command, env=told, capture_output=True, text=True, check=False)
    return done.returncode, (folder / "calls").read_text().splitlines(), done.stderr


def test_every_table_is_made_and_kept_but_the_one_that_fails(tmp_path: Path) -> None:
    code, done, errors = calls(tmp_path, "--name full_olr", 2)
    names = re.findall(r"^table (\w+)", SCRIPT.read_text(), re.MULTILINE)
    made = [re.findall(r"--name full_(\w+) ", line)[0] for line in done if line.startswith("table")]
    assert made == names == list(dict.fromkeys(names))
    assert len([line for line in done if line.startswith("keep")]) == len(names) - 1
    assert all(line.endswith("--device cuda") for line in done if line.startswith("table"))
    assert (code, errors) == (1, "not made: full_olr\n")


@pytest.mark.parametrize("code", [130, 143])
def test_it_ends_where_it_is_asked_to_stop(tmp_path: Path, code: int) -> None:
    ended, done, _ = calls(tmp_path, "--name full_gm ", code)
    assert (ended, len(done)) == (code, 3)


def test_its_recipes_are_there() -> None:
    text = SCRIPT.read_text()
    paths = re.findall(r"recipes/[\w/*]+\.toml", text)
    for folder, names in re.findall(r"(recipes/[\w/]+)/\{([\w,]+)\}\.toml", text):
        paths += [f"{folder}/{name}.toml" for name in names.split(",")]
    assert len(paths) > 20
    assert [path for path in paths if not any(ROOT.glob(path))] == []
