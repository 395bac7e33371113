"""What tables consist of: texts that carry a number and a mark, and columns with units."""

from __future__ import annotations

from semreg.tables.blocks import BEST, Block, Text, counted, mark_of


def test_a_text_is_a_text_with_its_number_and_its_mark() -> None:
    text = Text("0.90 ± 0.01", 0.9, BEST)
    assert text == "0.90 ± 0.01"
    assert (text.value, mark_of(text)) == (0.9, "best")
    assert mark_of("0.90 ± 0.01") == mark_of(Text("x")) == ""


def test_a_block_knows_its_columns() -> None:
    block = Block("probe", ["", "accuracy ↑", "against"], [], units={1: "share"}, words=frozenset({2}))
    assert block.headings() == ["", "accuracy ↑ (share)", "against"]
    assert [block.right(place) for place in range(3)] == [False, True, False]
    assert not any(Block("Runs", ["", "seeds"], [], numeric=False).right(place) for place in range(2))


def test_one_is_no_plural() -> None:
    assert [counted(count, "run") for count in (0, 1, 2)] == ["0 runs", "1 run", "2 runs"]
