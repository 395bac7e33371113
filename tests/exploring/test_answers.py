"""What a page is answered."""

from __future__ import annotations

import base64
import contextlib
import json
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from semreg.exploring.answers import Answers
from semreg.exploring.view import Explorer
from semreg.pictures import pixels


@pytest.fixture
def answers(explorer: Explorer) -> Answers:
    return Answers(explorer)


def body(**asked: Any) -> bytes:
    return json.dumps(asked).encode()


def atlas(answer: dict[str, Any]) -> Any:
    return np.asarray(Image.open(BytesIO(base64.b64decode(answer["png"]))))


def test_the_state_says_all_that_the_page_is_made_of(answers: Answers) -> None:
    state = json.loads(json.dumps(answers.state(None)))
    assert state["tests"] == 359
    assert state["size"] == [8, 8]
    assert state["codes"] == ["z", "w"]
    assert state["colours"] == ["digit"]
    panels = {panel["name"]: panel for panel in state["panels"]}
    assert panels["paths"]["images"] == 2
    assert panels["paths"]["controls"] == [
        {"kind": "slider", "name": "pictures", "low": 2, "high": 24, "value": 9, "step": 1}
    ]
    assert list(panels)[-1] == "inpainting", "to paint is the most work"


def test_pictures_come_in_one_picture_row_by_row(answers: Answers, explorer: Explorer) -> None:
    answer = answers.decode(body(panel="paths", images=["test:0", "test:1"], values={"pictures": 3}))
    drawn = atlas(answer)
    assert answer["strips"][0]["labels"] == ["0 %", "50 %", "100 %"]
    assert drawn.shape == (8 * len(answer["counts"]), 24)
    first = explorer.encode("test:0")[1]
    assert np.array_equal(drawn[:8, :8], pixels(first, (0, 1))[..., 0])


def test_a_file_is_encoded_and_shown_beside_what_is_made_of_it(answers: Answers) -> None:
    buffer = BytesIO()
    Image.new("RGB", (40, 60), "white").save(buffer, "PNG")
    found = answers.encode(buffer.getvalue())["image"]
    answer = answers.image(body(image=found))
    assert answer["counts"] == [2]
    assert (atlas(answer)[:, :8] == 255).all()


def test_test_images_come_so_many_at_a_time(answers: Answers) -> None:
    assert answers.tests(body(first=350, count=100))["counts"] == [9]
    assert answers.tests(body(first=0, count=10**6))["counts"] == [100]
    assert answers.tests(body(first=400, count=1))["counts"] == []


def test_the_map_has_a_colour_for_each_class(answers: Answers) -> None:
    found = answers.map(body(code="z", colour="digit"))
    assert len(found["points"]) == len(found["classes"]) == 359
    assert len(found["colours"]) == len(found["names"]) == 10


def test_pictures_are_saved_as_reports_draw_them(answers: Answers) -> None:
    asked = {"panel": "paths", "images": ["test:0", "test:1"], "values": {"pictures": 3}}
    with Image.open(BytesIO(answers.save(body(**asked, kind="png")))) as image:
        assert image.format == "PNG"
        assert image.width > 3 * 120
    with Image.open(BytesIO(answers.save(body(**asked, kind="gif")))) as image:
        assert image.n_frames == 3  # type: ignore[attr-defined]
    slider = {"panel": "directions", "images": ["test:0"], "kind": "gif", "along": "z: 1"}
    with Image.open(BytesIO(answers.save(body(**slider)))) as image:
        assert image.n_frames == 24  # type: ignore[attr-defined]


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda some: st.lists(some, max_size=3) | st.dictionaries(st.text(max_size=8), some, max_size=3),
    max_leaves=6,
)
KEYS = ["panel", "images", "values", "told", "image", "code", "colour", "first", "count", "kind", "along"]
ASKED = st.dictionaries(st.sampled_from(KEYS), ANYTHING, max_size=5).map(lambda asked: json.dumps(asked).encode())


def test_whatever_is_asked_is_answered_or_refused_in_words(answers: Answers) -> None:
    @settings(max_examples=60, deadline=None)
    @given(asked=ASKED | st.binary(max_size=30), name=st.sampled_from([*answers.post]))
    def refused_or_done(asked: bytes, name: str) -> None:
        with contextlib.suppress(ValueError):
            answers.post[name](asked)

    refused_or_done()
