"""A stored result is read back as it was, and is complete or absent."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semreg.core import Picture, Result, Scatter, Table, UserError, Walk
from semreg.store import results as store

numbers = st.floats(allow_nan=False, allow_infinity=False)
cells = st.one_of(st.none(), st.text(), st.integers(), numbers)
tables = st.builds(
    Table,
    title=st.text(),
    columns=st.lists(st.text()),
    rows=st.lists(st.lists(cells)),
    caption=st.text(),
    digits=st.integers(0, 6),
)
places = st.integers(0, 9999)
walks = st.builds(
    Walk,
    rows=st.lists(st.text(), max_size=2),
    boxes=st.lists(st.lists(st.tuples(places, places, places, places), max_size=3), max_size=2),
    labels=st.lists(st.lists(st.text(), max_size=3), max_size=2),
    stops=st.lists(st.text(), max_size=3),
)
pictures = st.builds(
    Picture,
    title=st.text(),
    png=st.binary().map(lambda more: store.PNG + more),
    caption=st.text(),
    walk=st.none() | walks,
)
points = st.tuples(st.lists(numbers, min_size=3, max_size=3), st.integers(0, 1))
scatters = st.builds(
    lambda title, cloud, names, caption: Scatter(title, [p for p, _ in cloud], [c for _, c in cloud], names, caption),
    st.text(),
    st.lists(points, max_size=3),
    st.lists(st.text(), min_size=2, max_size=2),
    st.text(),
)
WALK = Walk(["row"], [[(0, 0, 2, 2), (2, 0, 2, 2)]], [["a", "b"]], ["c", "d"])
results = st.builds(
    Result,
    figures=st.dictionaries(st.text(), numbers),
    paper=st.dictionaries(st.text(), numbers),
    tables=st.lists(tables, max_size=2),
    pictures=st.lists(pictures, max_size=3),
    summary=st.text(),
    scatters=st.lists(scatters, max_size=2),
    outcomes=st.dictionaries(st.text(), st.lists(st.booleans())),
)


@given(first=results, second=results)
def test_what_is_written_is_read_and_replaces_what_was_there(
    tmp_path_factory: pytest.TempPathFactory, first: Result, second: Result
) -> None:
    folder = tmp_path_factory.mktemp("run") / "evaluations" / "linear"
    for result in (first, second):
        store.write_result(folder, result)
        assert store.read_result(folder) == result
    assert [path.name for path in folder.parent.iterdir()] == ["linear"]


def test_one_picture_is_read_and_no_other(tmp_path: Path) -> None:
    pictures = [Picture(title, store.PNG + title.encode(), "said", WALK) for title in ("first", "second", "first")]
    scatter = Scatter("Space", [[0.0, 0.0, 0.0]], [0], ["cats"])
    store.write_result(tmp_path / "r", Result({"a": 1.0}, pictures=pictures, scatters=[scatter]))
    assert store.read_picture(tmp_path / "r", "first") == pictures[0], "the first of that title"
    (tmp_path / "r" / "00.png").unlink()
    assert store.read_picture(tmp_path / "r", "second") == pictures[1]
    with pytest.raises(UserError, match=r"no picture is called 'secnd'; did you mean 'second'"):
        store.read_picture(tmp_path / "r", "secnd")
    with pytest.raises(UserError, match="holds no readable result"):
        store.read_picture(tmp_path / "r", "first")
    result = store.read_result(tmp_path / "r", pictured=False)
    assert result == Result({"a": 1.0}, pictures=[Picture(one.title, b"", one.caption) for one in pictures])


def test_scalars_of_arrays_and_numbers_that_are_not_finite(tmp_path: Path) -> None:
    rows = [(np.float32(0.5), float("nan"), np.int64(3))]
    result = Result(figures={"a": np.float32(0.25), "b": math.inf}, tables=[Table("t", ("x", "y", "z"), rows)])  # type: ignore[dict-item]
    store.write_result(tmp_path / "e", result)
    text = (tmp_path / "e" / "result.json").read_text()
    read = store.read_result(tmp_path / "e")
    assert json.loads(text)["figures"] == {"a": 0.25, "b": None}
    assert read.figures["a"] == 0.25
    assert math.isnan(read.figures["b"])
    assert read.tables[0].rows == [[0.5, None, 3]]


def test_a_result_of_before_scatters_and_outcomes_is_read(tmp_path: Path) -> None:
    store.write_result(tmp_path / "e", Result(figures={"a": 1.0}))
    path = tmp_path / "e" / "result.json"
    record = json.loads(path.read_text())
    path.write_text(json.dumps({key: record[key] for key in record.keys() - {"scatters", "outcomes"}}))
    assert store.read_result(tmp_path / "e") == Result(figures={"a": 1.0})


def test_a_picture_of_before_walks_is_read(tmp_path: Path) -> None:
    picture = Picture("p", store.PNG, "c")
    store.write_result(tmp_path / "e", Result(pictures=[picture]))
    path = tmp_path / "e" / "result.json"
    record = json.loads(path.read_text())
    del record["pictures"][0]["walk"]
    path.write_text(json.dumps(record))
    assert store.read_result(tmp_path / "e").pictures == [picture]


@pytest.mark.parametrize("walk", [3, Walk(["a"], [[(0, 0, -1, 4)]]), Walk(["a"], [[(0, 0, 1)]])])  # type: ignore[list-item]
def test_a_walk_that_is_none_is_not_stored(tmp_path: Path, walk: Walk) -> None:
    with pytest.raises(ValueError, match="its result can't be stored"):
        store.write_result(tmp_path / "e", Result(pictures=[Picture("p", store.PNG, walk=walk)]))


def test_a_failure_while_writing_leaves_the_old_result_and_no_rubbish(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.write_result(tmp_path / "e", Result(summary="old"))
    with pytest.raises(ValueError, match="holds an object of object"):
        store.write_result(tmp_path / "e", Result(figures={"a": object()}))  # type: ignore[dict-item]
    assert store.read_result(tmp_path / "e").summary == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["e"]


@pytest.mark.parametrize("content", [None, "{", "[]", '{"figures": {}}'])
def test_a_missing_or_damaged_result_is_refused_by_name(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "result.json").write_text(content)
    with pytest.raises(UserError, match="holds no readable result"):
        store.read_result(tmp_path)
