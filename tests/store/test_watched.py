"""The list of the pictures that a run kept, whatever it holds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semreg.store.watched import Watched, read_watched, watched_in

LINE = {"phase": "main", "epoch": 5, "picture": "main-5.png", "tensors": ["image", "x_f"]}
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: st.lists(inner, max_size=3)
)


def test_what_a_run_listed_is_read_and_what_says_nothing_passed_over(tmp_path: Path) -> None:
    assert read_watched(tmp_path) == []
    lines = [LINE, {"phase": "main"}, LINE | {"epoch": "x"}, LINE | {"epoch": 10, "picture": "main-10.png"}]
    (tmp_path / "watch.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"phase": "ma')
    assert read_watched(tmp_path) == [
        Watched("main", 5, "main-5.png", ("image", "x_f")),
        Watched("main", 10, "main-10.png", ("image", "x_f")),
    ]


@pytest.mark.parametrize("picture", ["../run.json", "/etc/passwd", "..", "", "a\0.png", "a/b.png"])
def test_no_picture_is_elsewhere(picture: str) -> None:
    assert list(watched_in([LINE | {"picture": picture}])) == []


@given(st.dictionaries(st.sampled_from([*LINE]), json_values))
def test_lines_of_anyone_raise_nothing(line: dict[str, object]) -> None:
    for found in watched_in([line]):
        assert isinstance(found.epoch, int)
        assert all(isinstance(name, str) for name in found.tensors)
