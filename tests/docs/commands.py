"""Commands of pages, held against what would carry them out: semreg's own parser, make's targets, packages, modules."""

from __future__ import annotations

import importlib.util
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import typer.main

from semreg.cli.main import app
from tests.docs.pages import ROOT

FOREIGN = {
    ".": "of the shell",
    "cd": "of the shell",
    "export": "of the shell",
    "docker": "another program, which is not installed here",
    "git": "another program, with a place that only its user knows",
    "printf": "of the shell",
    "ray": "Ray's own command, of a plugin that the two commands don't install",
    "tensorboard": "another program, of the extra `tensorboard`",
}
"""Programs whose commands are not tried, and why."""
SEMREG: Any = typer.main.get_command(app)
_LOOP = re.compile(r"^for \w+ in [^;\n]+; do (.*); done$", re.MULTILINE)


def commands(text: str) -> Iterator[list[str]]:
    """The words of each command of a block of the shell, without comments, one of a loop with its variable as it is."""
    for line in _LOOP.sub(r"\1", text.replace("\\\n", " ")).splitlines():
        words: list[str] = []
        for word in split(line):
            if word in ("&&", ";", "|"):
                if words:
                    yield words
                words = []
            elif words or not re.fullmatch(r"[A-Z_]+=.*", word):  # a variable of the environment, for this command
                words.append(word)


def split(line: str) -> list[str]:
    """The words of a line, and `&&` behind the last."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="&|;")
    lexer.whitespace_split = True
    return [*lexer, "&&"]


def mistake(words: list[str], page: str) -> str | None:
    """What is wrong with a command of a page's text, or None."""
    program, *arguments = words
    if program == "semreg":
        return mistake_of_semreg(SEMREG, arguments)
    if program in ("torchrun", "python") and "-m" in arguments:
        module, *rest = arguments[arguments.index("-m") + 1 :]
        return mistake_of_semreg(SEMREG, rest) if module == "semreg" else mistake_of_module(module, rest)
    if program == "python":
        return None if f"`{arguments[0]}`" in page else f"{arguments[0]} is no file that the page has its reader save"
    if program == "make":
        targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
        wrong = [word for word in arguments if "=" not in word and word not in targets]
        return f"make has no {wrong}" if wrong else None
    if program in ("pip", "pytest"):
        return mistake_of_packages(program, arguments, page)
    return None if program in FOREIGN else f"{program} is no program that is known"


def mistake_of_semreg(command: Any, arguments: list[str]) -> str | None:
    """What semreg's own parser says of arguments, or None; nothing is carried out."""
    try:
        context = click.Context(command, info_name="semreg", resilient_parsing=True)  # plugins' commands are loaded
        name, one, rest = command.resolve_command(context, arguments)
        if rest and hasattr(one, "commands") and rest[0] in one.commands:
            return mistake_of_semreg(one, rest)
        one.make_context(name, list(rest))
    except Exception as error:  # click's, of which typer has a copy of its own
        return f"{shlex.join(arguments)}: {getattr(error, 'message', '') or error!r}"
    return None


def mistake_of_module(module: str, arguments: list[str]) -> str | None:
    """Whether a module of the repository has no such option."""
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        return f"there is no module {module}"
    source = Path(spec.origin.replace("__init__", "__main__")).read_text()
    wrong = [word for word in arguments if word.startswith("--") and f'"{word.partition("=")[0]}"' not in source]
    return f"{module} has no {wrong}" if wrong else None


def mistake_of_packages(program: str, arguments: list[str], page: str) -> str | None:
    """Which packages or folders of a command neither the repository nor the page's own commands make."""
    made = {f"semreg-{name.replace('_', '-')}" for name in re.findall(r"semreg new-plugin (\w+)", page)}
    projects = {}
    for path in [ROOT / "pyproject.toml", *ROOT.glob("plugins/*/pyproject.toml")]:
        project = tomllib.loads(path.read_text())["project"]
        known = {*project.get("optional-dependencies", {}), ""}
        projects[project["name"]] = projects[str(path.parent.relative_to(ROOT))] = known
    options = {"-c", "--constraint", "--index-url"}
    words = [word for before, word in zip(["", *arguments], arguments, strict=False) if before not in options]
    wrong = []
    for word in words if program == "pytest" else words[1:]:
        name, _, extra = word.rstrip("]").partition("[")
        own = name in made or (name in projects and set(extra.split(",")) <= projects[name])
        if (not word.startswith("-") and not own and not re.match(r"[\w-]+(==|$)", name)) or (
            name.startswith(("semreg", "plugins/")) and not own
        ):
            wrong.append(word)
    return f"{program}: {wrong} is neither of the repository nor made by the page" if wrong else None
