"""Checks of a built site: broken links, and requests to other hosts."""

from __future__ import annotations

from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

_LOADED = {
    "audio": "src", "iframe": "src", "img": "src", "link": "href", "script": "src", "source": "src", "video": "src",
}  # fmt: skip
"""Tags whose targets a browser loads by itself, with the attribute; it follows other links on a click."""
_RELATIONS = {"canonical", "next", "prev", "alternate"}
"""Links in a page's head that a browser does not load."""


class Page(HTMLParser):
    """A page's anchors, its links, and the files that it loads."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Note a tag's anchor, its link, and the file that it loads."""
        values = {name: value or "" for name, value in attributes}
        self.names.update(values[name] for name in ("id", "name") if name in values)
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        key = _LOADED.get(tag)
        if key in values and values.get("rel") not in _RELATIONS:
            self.loaded.append(values[key])


@cache
def read(path: Path) -> Page:
    """Read a page of the site, once."""
    return Page(path.read_text())


def problems(site: Path) -> list[str]:
    """Return a line for each broken link and each request to another host."""
    read.cache_clear()
    found = []
    for path in sorted(site.rglob("*.html")):
        page, name = read(path), path.relative_to(site)
        found += [f"{name}: asks another host for {one}" for one in page.loaded if urlsplit(one).netloc]
        for link in [*page.links, *page.loaded]:
            if path.name != "404.html" and not leads_somewhere(link, path, site):
                found.append(f"{name}: {link} leads nowhere")
    return found


def leads_somewhere(link: str, page: Path, site: Path) -> bool:
    """Return whether a link leads to a file of the site and an anchor in it, or to another host."""
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return parts.scheme in ("https", "http", "mailto", "data", "javascript")
    to = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    if to.is_dir():
        to /= "index.html"
    if not to.is_file() or not to.is_relative_to(site.resolve()):
        return False
    name = unquote(parts.fragment)
    return not name or to.suffix != ".html" or name in read(to).names
