"""The generated pages of the reference: the Python API, the commands, the events of a run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import click
import griffe
import typer.main

from website.tree import ROOT, write

PACKAGES = ("semreg", "semreg.core", "semreg.trained", "semreg.testing", "semreg.pictures")
"""The packages of semreg with public names; a plugin's public names are in its `__all__`."""
HOOKS = "semreg.core.hookspecs"
CALLED = {"semreg.components": "semreg._Components.__call__"}
"""Callable modules, with the method behind the call."""
WIDTH = 88


def write_reference(folder: Path) -> None:
    """Write all pages."""
    sources = sorted(str(path) for path in ROOT.glob("plugins/*/src"))
    loader = griffe.GriffeLoader(search_paths=[str(ROOT), *sources])
    plugins = sorted(path.parent.name for path in ROOT.glob("plugins/*/src/*/__init__.py"))
    for name in ("semreg", *plugins):
        loader.load(name)
    loader.resolve_aliases()
    for name in (*PACKAGES, *plugins):
        package = loader.modules_collection[name]
        if found := public(package):
            write(folder / "python" / f"{name}.md", "".join(package_page(package, found)))
    write(folder / "hooks.md", "".join(hooks_page(loader.modules_collection[HOOKS])))
    write(folder / "commands.md", "".join(commands_page()))


def public(package: Any) -> dict[str, Any]:
    """Return the names in a package's `__all__`, or in its modules' if it has none.

    griffe has no entry for constants that one line assigns, `A, B = 1, 2`, and so the page has none.
    """
    modules = [package] if package.exports is not None else package.modules.values()
    found = {}
    for module in modules:
        for name in map(str, module.exports or ()):
            with suppress(KeyError, griffe.AliasResolutionError):
                one = module[name]
                found[name] = one.final_target if one.is_alias else one
    return {name: one for name, one in found.items() if name != "__version__"}


def package_page(package: Any, names: dict[str, Any]) -> Iterator[str]:
    """Yield the page of a package's public names, with signatures and docstrings."""
    yield f"# {package.path}\n\n{text_of(package)}\n"
    for name, one in sorted(names.items(), key=lambda item: item[0].lower()):
        yield from entry(one, name, "##")


def entry(found: Any, name: str, heading: str) -> Iterator[str]:
    """Yield a function or class under a heading, with its signature and docstring; a class with its members."""
    yield f"{heading} `{name}`\n\n"
    if found.path in CALLED:
        found = found.modules_collection[CALLED[found.path]]
    if found.kind is griffe.Kind.ATTRIBUTE:
        value = f" = {found.value}" if found.value is not None and len(str(found.value)) < WIDTH else ""
        yield f"```python\n{name}{annotated(found)}{value}\n```\n\n{text_of(found)}\n"
        return
    if found.kind is griffe.Kind.FUNCTION:
        signature = re.sub(r"\(self(, )?", "(", found.signature(name=name), count=1)
        yield f"```python\n{wrapped(signature)}\n```\n\n{text_of(found)}\n"
        return
    yield f"```python\n{class_signature(found, name)}\n```\n\n{text_of(found)}\n"
    members = {key: one for key, one in found.all_members.items() if one.docstring and not key.startswith("_")}
    if attributes := {key: one for key, one in members.items() if one.kind is griffe.Kind.ATTRIBUTE}:
        yield "".join(f"* `{key}{annotated(one)}`: {one_line(one)}\n" for key, one in attributes.items()) + "\n"
    for key, one in members.items():
        if one.kind is griffe.Kind.FUNCTION:
            yield from entry(one, f"{name}.{key}", heading + "#")


def class_signature(found: Any, name: str) -> str:
    """Return the signature of a class's constructor, and its bases."""
    maker = found.all_members.get("__init__")
    if maker is None or maker.kind is not griffe.Kind.FUNCTION:
        bases = ", ".join(str(base) for base in found.bases)
        return f"class {name}({bases})" if bases else f"class {name}"
    text = re.sub(r"\(self(, )?", "(", maker.signature(name=f"class {name}"), count=1)
    return wrapped(text.removesuffix(" -> None"))


def annotated(found: Any) -> str:
    """Return an attribute's type, as in its source."""
    return f": {found.annotation}" if found.annotation is not None else ""


def wrapped(signature: str) -> str:
    """Return a signature, with a line for each parameter if one line is too long."""
    if len(signature) <= WIDTH:
        return signature
    start, depth = signature.index("("), 0
    parameters = [""]
    for end, character in enumerate(signature[start:], start):
        depth += (character in "([{") - (character in ")]}")
        if depth == 0:
            break
        if character == "," and depth == 1:
            parameters.append("")
        elif end > start:
            parameters[-1] += character
    return signature[: start + 1] + "".join(f"\n    {one.strip()}," for one in parameters) + "\n" + signature[end:]


def text_of(found: Any) -> str:
    """Convert a docstring to Markdown: sections such as `Args:` become lists."""
    text = found.docstring.value if found.docstring else ""
    return (
        re.sub(r"^(Args|Raises|Returns|Yields):\n((?: {4,}.*\n?|\n(?= ))+)", as_list, text, flags=re.MULTILINE) + "\n"
    )


def as_list(section: re.Match[str]) -> str:
    """Convert a section of a docstring, with lines `name: description`, to a list."""
    lines = re.sub(r"\n {5,}", " ", section[2]).split("\n")
    items = [re.sub(r"^ {4}([\w*., ]+?)(?: \(.*?\))?: ", r"* `\1`: ", line) for line in lines]
    title = {"Args": "Arguments"}.get(section[1], section[1])
    return f"**{title}**\n\n" + "\n".join(line.strip() for line in items) + "\n"


def one_line(found: Any) -> str:
    """Return a docstring in one line."""
    return " ".join(text_of(found).split())


def hooks_page(module: Any) -> Iterator[str]:
    """Yield the page of the events for hooks, in the order of their file, with their arguments."""
    yield f"# Hooks: the events of a run\n\n{text_of(module)}\n"
    for kind, title in ((griffe.Kind.FUNCTION, "Events"), (griffe.Kind.CLASS, "Their arguments and results")):
        yield f"## {title}\n\n"
        for name, one in module.members.items():
            if not one.is_alias and one.kind is kind:
                yield from entry(one, name, "###")


def commands_page() -> Iterator[str]:
    """Yield the page of all commands, from their `--help`."""
    semreg: Any = typer.main.get_command(import_module("semreg.cli.main").app)
    yield "# Commands\n\nThe `--help` of each command, of semreg and of its plugins.\n\n"
    # Like a shell's request for completions: it loads the plugins' commands.
    yield from command_entries(semreg, click.Context(semreg, info_name="semreg", resilient_parsing=True), "##")


def command_entries(command: Any, context: click.Context, heading: str) -> Iterator[str]:
    """Yield a command under a heading, with its arguments and options; a group with all its commands."""
    yield f"{heading} {context.command_path}\n\n{command.help or ''}\n\n"
    yield f"```text\n{' '.join([context.command_path, *command.collect_usage_pieces(context)])}\n```\n\n"
    records = [one.get_help_record(context) for one in command.get_params(context) if one.name != "help"]
    rows = [(cell(names), cell(text)) for names, text in filter(None, records)]
    if rows:
        yield "| | |\n| --- | --- |\n" + "".join(f"| `{names}` | {text} |\n" for names, text in rows) + "\n"
    if hasattr(command, "list_commands"):
        for name in sorted(command.list_commands(context)):
            _, one, _ = command.resolve_command(context, [name])
            if not one.hidden:
                inner = click.Context(one, info_name=name, parent=context)
                yield from command_entries(one, inner, "##" if context.parent is None else heading + "#")


def cell(text: str) -> str:
    """Convert a text to a cell of a table."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;" if "`" in text else "<")
