"""docs/tutorials/ and docs/explanation/: their files are saved, and what code and commands print is what they show."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import ROOT
from tests.docs.pages import blocks as blocks_of

PATHS = [*ROOT.glob("docs/tutorials/*.md"), *ROOT.glob("docs/explanation/*.md")]
PAGES = sorted(str(path.relative_to(ROOT / "docs")) for path in PATHS)
SHORT = {
    "mine.toml": ["--set", "phases.main.epochs=1"],
    "vae_digits": ["--set", "phases.main.epochs=2"],
}
"""What makes a long training a short one: of a table's recipes it is too little to compare figures."""
ELSEWHERE = ("--on ray", "--on slurm", "recipes/mnist/", "pip install", "pytest ", "semreg new-plugin", "make ")
"""Of commands that need a cluster or hours, or change the environment; tests/docs/test_blocks.py has them parsed."""
NUMBER = re.compile(r"\d+(?:\.\d+)?")


def saved(page: str) -> dict[str, str]:
    """The files that a page has its reader save, by the names that it gives them, and what they hold."""
    text = (ROOT / "docs" / page).read_text()
    block = r"[^`]`([\w.]+\.(?:py|toml))`[^`]*:\n\n```(?:python|toml)\n(.*?)^```$"
    return dict(re.findall(block, text, re.MULTILINE | re.DOTALL))


def fits(shown: str, printed: str) -> bool:
    """Whether a line is what was printed: `…` is anything, and a number is near enough that the text holds."""
    parts = re.split(rf"(…|{NUMBER.pattern})", shown)
    pattern = [".*" if part == "…" else "(.+?)" if NUMBER.fullmatch(part) else re.escape(part) for part in parts]
    found = re.fullmatch("".join(pattern), printed)
    if found is None:
        return False
    pairs = zip(NUMBER.findall(shown.replace("…", " ")), found.groups(), strict=True)
    return all(NUMBER.fullmatch(other) and abs(float(own) - float(other)) <= 0.2 * float(own) for own, other in pairs)


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_its_code_runs(page: str, tmp_path: Path) -> None:
    for name, text in saved(page).items():
        (tmp_path / name).write_text(text)
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "OMP_NUM_THREADS": "1"}

    def run(command: list[str]) -> str:
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    for language, text in blocks_of(page):
        if language == "python" and text not in saved(page).values():
            run([sys.executable, "-c", text])
        for command, shown in commands_of(language, text):
            if not any(part in command for part in ELSEWHERE):
                printed = run(["bash", "-c", shortened(command)]).splitlines()
                lines = [line for line in shown if line.strip("…")]
                assert [line for line in lines if not any(fits(line, other) for other in printed)] == [], printed


def commands_of(language: str, text: str) -> list[tuple[str, list[str]]]:
    """The commands of a block, each with the lines that it is shown to print."""
    if language == "sh":
        return [(line, []) for line in text.splitlines()]
    parts = re.split(r"^\$ ", text, flags=re.MULTILINE)[1:] if language == "console" else []
    return [(part.splitlines()[0], part.splitlines()[1:]) for part in parts]


def shortened(command: str) -> str:
    """A command whose training, if it has one, takes seconds."""
    words = command.split()
    for name, options in SHORT.items():
        if words[:1] != ["for"] and {"run", "table", "sweep"} & {*words} and name in words:
            return f"{command} {' '.join(options)}"
    return command


def test_what_is_shown_is_compared() -> None:
    assert fits("angle of 43°, …", "angle of 45°, and so on")
    assert not fits("angle of 43°", "angle of 90°")
    assert not fits("angle of 43°", "angles of 43°")
    assert commands_of("console", "$ a b\nc\n$ d\n") == [("a b", ["c"]), ("d", [])]
    assert shortened("semreg run mine.toml") == "semreg run mine.toml --set phases.main.epochs=1"


def test_the_files_to_save_are_found() -> None:
    assert {name for page in PAGES for name in saved(page)} == {"loop.py", "robust.py", "sharp.toml", "smooth.toml"}
