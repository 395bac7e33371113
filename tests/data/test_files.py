from __future__ import annotations

import os
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from semreg.data.files import Names, list_images, listing_digest, missing, under
from semreg.errors import DataMissing, UserError


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
    names = Names([decomposed, "a/b.png"])
    assert names.find("é/ü.png") == decomposed
    assert names.find("./a/b.png") == names.find("a\\b.png") == "a/b.png"
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
