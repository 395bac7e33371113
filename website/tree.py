"""Copies of the repository's pages for the site, in the same folders: relative links mean the same in both.

A link to a source file or a folder leads to a page that shows it, since a browser would save the file and reject the
folder. The copies have no marks of figures (benchmarks/pages.py).
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
FOLDERS = ("docs", "benchmarks", "plugins/*")
CODE = re.compile(r"^```.*?^```$|`[^`\n]*`", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_COMMENT = re.compile(r"<!--.*?-->\n*", re.DOTALL)
_LANGUAGES = {".py": "python", ".toml": "toml", ".sh": "sh", ".yaml": "yaml"}
"""The languages of files that become pages; other files are copied unchanged."""


def pages() -> list[Path]:
    """Return the paths of all pages, relative to the repository's root."""
    found = [*ROOT.glob("*.md"), *(page for folder in FOLDERS for page in ROOT.glob(f"{folder}/**/*.md"))]
    return sorted(page.relative_to(ROOT) for page in found if not {"tests", "src"} & set(page.parts))


def copy_pages(to: Path) -> None:
    """Copy all pages, and the pictures and files that they link to."""
    listed: set[Path] = set()
    for page in pages():
        text = (ROOT / page).read_text()
        for target in set(targets(text)):
            path = resolved(page, target)
            if path.suffix != ".md" and path not in listed:
                listed.add(path)
                copy_linked(path, to)
        write(to / place(page), rewritten(text, page))


def copy_linked(path: Path, to: Path) -> None:
    """Copy a linked file: a picture unchanged, a source file or a folder as a page that shows it."""
    source = ROOT / path
    if source.is_dir():
        if not (source / "README.md").is_file():
            write(to / place(path), f"# {path}\n\n" + "".join(listing(source)))
    elif language := _LANGUAGES.get(path.suffix):
        write(to / place(path), f"# {path.name}\n\n`{path}`\n\n````{language}\n{source.read_text()}````\n")
    elif source.is_file():
        (to / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, to / path)


def listing(folder: Path) -> Iterator[str]:
    """Yield a line for each page of a folder, with its title."""
    for page in sorted(folder.glob("*.md")):
        title = re.search(r"^#+ +(.+)$", page.read_text(), re.MULTILINE)
        yield f"* [{title[1] if title else page.stem}]({page.name})\n"


def write(path: Path, text: str) -> None:
    """Write a page, and make its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def targets(text: str) -> Iterator[str]:
    """Yield the relative targets of a page's links and pictures, without anchors."""
    for target in LINK.findall(CODE.sub("", text)):
        path = target.partition("#")[0]
        if path and "://" not in path and not path.startswith("mailto:"):
            yield path


def resolved(page: Path, target: str) -> Path:
    """Return the target of a page's link, relative to the root."""
    return Path(os.path.normpath(page.parent / target))


def place(path: Path) -> Path:
    """Return the path on the site of a page, a source file, a folder or a picture."""
    if (ROOT / path).is_dir():
        return path / "index.md"
    if path.name == "README.md":
        return path.with_name("index.md")
    shown = path.with_name(f"{path.name.lstrip('.')}.md")  # zensical leaves hidden files out
    return shown if path.suffix in _LANGUAGES else path


def rewritten(text: str, page: Path) -> str:
    """Return a page's text for the site: with links to the site's pages, without comments."""

    def with_place(link: re.Match[str]) -> str:
        path, mark, heading = link[1].partition("#")
        if not path or "://" in path or path.startswith("mailto:"):
            return link[0]
        target = os.path.relpath(place(resolved(page, path)), place(page).parent)
        return f"{link[0][: link.start(1) - link.start()]}{target}{mark}{heading})"

    found, last = [], 0
    for code in [*CODE.finditer(text), None]:
        prose = text[last : code.start() if code else len(text)]
        found += [LINK.sub(with_place, prose), code[0] if code else ""]
        last = code.end() if code else last
    return _COMMENT.sub("", "".join(found))
