"""Of a built site, links that lead nowhere and requests to other hosts are found."""

from __future__ import annotations

from pathlib import Path

from website.links import problems


def test_each_problem_is_told(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.png").touch()
    (tmp_path / "docs" / "b.html").write_text('<h1 id="here">b</h1><a href="../index.html#top">up</a>')
    (tmp_path / "index.html").write_text(
        '<h1 id="top">a</h1><img src="docs/a.png"><img src="https://example.org/x.png"><img src="docs/c.png">'
        '<a href="docs/b.html#here">b</a><a href="docs/b.html#there">b</a><a href="https://example.org">c</a>'
        '<a href="../outside.html">d</a><link rel="canonical" href="https://example.org/">'
        '<script src="//cdn/x.js"></script>'
    )
    assert problems(tmp_path) == [
        "index.html: asks another host for https://example.org/x.png",
        "index.html: asks another host for //cdn/x.js",
        "index.html: docs/b.html#there leads nowhere",
        "index.html: ../outside.html leads nowhere",
        "index.html: docs/c.png leads nowhere",
        "index.html: //cdn/x.js leads nowhere",
    ]
