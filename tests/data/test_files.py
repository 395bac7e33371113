from __future__ import annotations

import os
import subprocess
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from semreg.core import DataMissing, UserError
from semreg.data.files import (
    FileNames,
    folders_in,
    holds_images,
    in_words,
    list_folder,
    list_images,
    listing_digest,
    missing,
    quoted,
    read_text,
    shortened,
    stamp,
    under,
)


def test_images_at_any_depth_in_any_script(draw: Any, tmp_path: Path) -> None:
    for name in ["b.PNG", "a.jpg", "sub/лицо.png", "sub/deeper/顔 1.jpeg", ".hidden.png"]:
        draw(tmp_path / name)
    (tmp_path / "labels.csv").write_text("")
    assert list(list_images(tmp_path)) == ["a.jpg", "b.PNG", "sub/deeper/顔 1.jpeg", "sub/лицо.png"]


@pytest.mark.skipif(os.name == "nt", reason="file names are text there")
def test_a_name_that_is_no_text(draw: Any, tmp_path: Path) -> None:
    draw(tmp_path / "a.png")
    os.rename(tmp_path / "a.png", os.fsencode(tmp_path) + b"/\xff.png")
    listing = list_images(tmp_path)
    assert len(listing) == 1
    assert len(listing_digest(listing.items())) == 64


def test_links_out_of_the_folder_are_refused(draw: Any, tmp_path: Path) -> None:
    draw(tmp_path / "outside.png")
    inside = draw(tmp_path / "data" / "real.png")
    (tmp_path / "data" / "again.png").symlink_to(inside)
    assert list(list_images(tmp_path / "data")) == ["again.png", "real.png"]
    (tmp_path / "data" / "link.png").symlink_to(tmp_path / "outside.png")
    with pytest.raises(UserError, match=r"'link\.png' is a link out of this folder"):
        list_images(tmp_path / "data")


def test_links_to_folders_are_refused(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "loop").symlink_to(tmp_path / "data")
    with pytest.raises(UserError, match="'loop' is a link to a folder"):
        list_images(tmp_path / "data")


def loop(folder: Path) -> None:
    (folder / "a.png").symlink_to("b.png")
    (folder / "b.png").symlink_to("a.png")


def dangling(folder: Path) -> None:
    (folder / "a.png").symlink_to("b.png")


@pytest.mark.parametrize("link", [loop, dangling])
def test_links_that_lead_nowhere_are_refused(link: Any, tmp_path: Path) -> None:
    link(tmp_path)
    with pytest.raises(UserError, match=r"'[ab]\.png' is a link that leads nowhere"):
        list_images(tmp_path)


def test_folders_nested_deeper_than_pythons_calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for _ in range(1200):
        os.mkdir("d")
        os.chdir("d")
    Path("a.png").write_bytes(b"")
    monkeypatch.undo()
    assert list(list_images(tmp_path)) == ["d/" * 1200 + "a.png"]
    subprocess.run(["rm", "-r", str(tmp_path / "d")], check=True)  # pytest's own removal is recursive


def test_a_folder_that_vanishes_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"gone: can't be listed: No such file"):
        list_images(tmp_path / "gone")


def test_only_regular_files_are_images(tmp_path: Path) -> None:
    (tmp_path / "folder.png").mkdir()
    os.mkfifo(tmp_path / "queue.png")
    assert list_images(tmp_path) == {}


@pytest.mark.parametrize(
    ("content", "expected"),
    [(b"a\r\nb", "a\r\nb"), ("\ufeffü\n".encode(), "ü\n"), (b"", "")],
)
def test_text(content: bytes, expected: str, tmp_path: Path) -> None:
    (tmp_path / "t").write_bytes(content)
    assert read_text(tmp_path / "t") == expected


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a\nü\n".encode("latin-1"), r"line 2 is not in UTF-8 \(byte 0xfc\)"),
        (b"a\n" * 100_000 + b"\xff", "line 100001 is not in UTF-8"),
        ("ab".encode("utf-16-le"), "line 1 holds a zero byte"),
        (b"a\nb\n\0", "line 3 holds a zero byte"),
    ],
    ids=["latin-1", "far", "utf-16", "zero"],
)
def test_what_is_no_text_is_told_by_its_line(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "t").write_bytes(content)
    with pytest.raises(UserError, match=message):
        read_text(tmp_path / "t")


def test_files_that_are_gone_are_told(tmp_path: Path) -> None:
    for read in (read_text, stamp):
        with pytest.raises(UserError, match=r"t: can't be read: No such file"):
            read(tmp_path / "t")


def test_what_a_message_shows_is_short_and_printable() -> None:
    assert quoted("\x1b[31m\udcff") == r"'\x1b[31m\udcff'"
    assert len(quoted("x" * 100_000)) < 110
    assert shortened("fäces/顔 1.png") == "fäces/顔 1.png"
    assert shortened("a\n\x1b\u202e\udcff.png") == r"a\n\x1b\u202e\udcff.png"
    assert len(shortened("x/" * 100_000)) < 210


def test_the_root_itself_may_be_a_link(draw: Any, tmp_path: Path) -> None:
    draw(tmp_path / "disk" / "a.png")
    (tmp_path / "data").symlink_to(tmp_path / "disk")
    assert list(list_images(tmp_path / "data")) == ["a.png"]


def test_the_digest_follows_names_sizes_and_times(draw: Any, tmp_path: Path) -> None:
    path = draw(tmp_path / "a.png")
    digests = {listing_digest(list_images(tmp_path).items())}
    os.utime(path, ns=(0, 10))
    digests.add(listing_digest(list_images(tmp_path).items()))
    path.rename(tmp_path / "b.png")
    digests.add(listing_digest(list_images(tmp_path).items()))
    assert len(digests) == 3


def test_names_written_in_other_ways() -> None:
    decomposed = unicodedata.normalize("NFD", "é/ü.png")
    names = FileNames([decomposed, "a/b.png"])
    assert names.find("é/ü.png") == decomposed
    assert names.find("./a/b.png") == names.find("a\\b.png") == "a/b.png"
    assert names.find(" a/b.png ") == "a/b.png"
    assert FileNames([" b.png", "b.png"]).find(" b.png") == " b.png"
    assert names.find("../a/b.png") is None
    assert names.find("b.png") is None


def test_what_is_missing_stands_in_the_first_line() -> None:
    error = missing("CelebA", Path("data"), ["celeba/img_align_celeba"], "Download it.")
    assert isinstance(error, DataMissing)
    assert str(error).splitlines() == [
        "CelebA not found under data (looked for celeba/img_align_celeba).",
        "Download it.",
    ]


def test_paths_below_the_root(tmp_path: Path) -> None:
    assert under(tmp_path, "faces") == tmp_path / "faces"
    assert under(tmp_path, "/faces") == Path("/faces")
    assert under(tmp_path, "~/faces") == Path.home() / "faces"
    with pytest.raises(UserError, match="no such home folder"):
        under(tmp_path, "~nobody-of-that-name/faces")


def test_what_other_programs_leave_is_passed_over_and_counted(draw: Any, tmp_path: Path) -> None:
    for name in ["cat/1.png", "@eaDir/1.png", "cat/@eaDir/1.jpg/THUMB.jpg", "__MACOSX/cat/._1.png", ".git/1.png"]:
        draw(tmp_path / name)
    for name in [".DS_Store", "cat/._1.png", "cat/Thumbs.db", "cat/IMG.TXT", "notes"]:
        (tmp_path / name).write_bytes(b"\0")
    (tmp_path / "empty/inner").mkdir(parents=True)
    (tmp_path / "broken.txt").symlink_to("gone.txt")
    images, others = list_folder(tmp_path)
    assert list(images) == ["cat/1.png"]
    assert others == {
        ".db": 1, ".git/": 1, ".txt": 2, "@eaDir/": 2, "__MACOSX/": 1, "empty folders": 1, "hidden files": 2,
        "other files": 1,
    }  # fmt: skip
    assert in_words(others) == (
        "2 .txt, 2 @eaDir/, 2 hidden files, 1 .db, 1 .git/, 1 __MACOSX/, 1 empty folder, 1 other file"
    )
    assert in_words(others, 2) == "2 .txt, 2 @eaDir/, 7 others"
    assert sorted(folders_in(tmp_path)) == ["cat", "empty"]
    assert (holds_images(tmp_path / "cat"), holds_images(tmp_path / "empty")) == (True, False)
    alone, beside = list_folder(tmp_path, deep=False)
    assert alone == {}
    assert beside[".txt"] == 1


def test_the_names_of_others_are_printable(tmp_path: Path) -> None:
    (tmp_path / "a.\x1b[31m").write_bytes(b"")
    assert in_words(list_folder(tmp_path).others) == r"1 .\x1b[31m"


def test_near_names_of_files() -> None:
    names = FileNames(["images/000001.jpg", "images/B.PNG", "x/twin.png", "y/twin.png", "top.png"])
    assert names.near("000001.jpg") == names.near("old/000001.jpg") == names.near("000001") == "images/000001.jpg"
    assert names.near("b.png") == "images/B.PNG"
    assert names.near("twin.png") is None, "there are two"
    assert names.near("none.png") is None
    assert names.find("000001.jpg", "images/") == "images/000001.jpg"
    assert names.find("top.png", "images/") == "top.png"
