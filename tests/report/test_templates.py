"""Templates escape what they are given, refuse what they lack and hold pictures in themselves."""

from __future__ import annotations

import base64
from pathlib import Path

import jinja2
import pytest
import torch

from semreg.core import Picture
from semreg.pictures import image_grid
from semreg.report.templates import templates
from tests.report.test_page import Page


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", "a & b", "\"'"])
def test_all_that_is_filled_in_is_escaped(text: str) -> None:
    page = Page(templates().from_string("<p title='{{ text }}'>{{ text }}</p>").render(text=text))
    assert page.tags == [("p", {"title": text})]
    assert page.words() == text


def test_a_name_that_is_not_given_is_an_error() -> None:
    with pytest.raises(jinja2.UndefinedError, match="'title' is undefined"):
        templates().from_string("{{ title }}").render(titel="x")


def test_a_room_has_its_own_templates_first_and_those_of_reports(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("ours")
    environment = templates(tmp_path)
    assert environment.get_template("page.html").render() == "ours"
    of_reports = set(templates().list_templates(extensions=["html"]))
    assert of_reports
    assert set(environment.list_templates(extensions=["html"])) == of_reports | {"page.html"}


def test_a_picture_lies_in_the_page_at_half_its_pixels() -> None:
    picture = image_grid("grid", [torch.zeros(2, 1, 16, 16)])
    show = templates().from_string("{{ picture | uri }} {{ picture | page_width }}")
    uri, width = show.render(picture=picture).split()
    assert base64.b64decode(uri.removeprefix("data:image/png;base64,")) == picture.png
    assert int(width) == (2 * 128 + 6) // 2
    for content in (b"", b"GIF89a" + bytes(40), picture.png[:20]):
        assert show.render(picture=Picture("odd", content)).split()[1] == "600"
