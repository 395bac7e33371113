from __future__ import annotations

from pathlib import Path

import pytest

from semreg.core import UserError
from semreg.data.label_tables import read_label_table


def table(folder: Path, text: str) -> Path:
    path = folder / "labels.csv"
    path.write_bytes(text.encode())
    return path


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_are_those_of_the_file(end: str, tmp_path: Path) -> None:
    text = end.join(["\ufefffile, x", "", "a,1", "", "", '"b', 'c",2', "d,3", ""])
    read = read_label_table(table(tmp_path, text))
    assert read.columns == {"file": ["a", f"b{end}c", "d"], "x": ["1", "2", "3"]}
    assert read.lines == [3, 6, 8]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "there are no rows"),
        ("\n\n", "there are no rows"),
        ("file,x\n", "there are no rows"),
        ("file;x\na;1\n", "the header is one column, 'file;x'; columns are separated by commas"),
        ("file\tx\na\t1\n", r"one column, 'file\\tx'"),
        ("file,,x\na,b,1\n", "column 2 has no name"),
        ("file,x, x\na,1,1\n", "names 'x' twice"),
        ("file,x\n\n\na,1,2\nb\n", r"line 4 has 3 columns, the header 2 \(2 such lines\)"),
        ('file,x\na,1\nb,"2\nc,3\n', "begins on line 3: unexpected end of data"),
        ("file,x\na,1\nb," + "2" * 200_000, "begins on line 3: field larger than field limit"),
    ],
    ids=lambda value: "" if len(value) > 1000 else None,
)
def test_what_is_no_table_is_told(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=message):
        read_label_table(table(tmp_path, text))


def test_a_data_frame_s_index_is_told(tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match="column 1 has no name in the header; a data frame's index is left out by index=F"
    ):
        read_label_table(table(tmp_path, ",file,x\n0,a.png,1\n"))
