"""`semreg embed`."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np

from semreg.trained import embed
from semreg.trained.images import images_in, load_images
from tests.trained.conftest import Train
from tests.trained.test_embedding import SPATIAL

Said = Callable[..., str]


def test_an_archive_and_a_table(train: Train, pictures: Path, said: Said, tmp_path: Path) -> None:
    run = train(SPATIAL)
    codes = embed(run, load_images(run, [pictures / name for name in images_in(pictures)]))
    out = tmp_path / "new" / "codes.npz"
    text = said("embed", run.folder, pictures, "--out", out)
    assert text.endswith(f"codes: {out}\n")
    assert "view: 1 × 4 × 4 values for each of 3 images\n" in text
    archive = np.load(out, allow_pickle=False)
    assert archive["files"].tolist() == ["2.jpg", "10.png", "a.gif"]
    assert all(np.allclose(archive[name], code, atol=1e-6) for name, code in codes.items())
    table = tmp_path / "codes.CSV"
    assert "view: 1 × 4 × 4 values for each of 3 images, flattened to 16 columns\n" in said(
        "embed", run.folder, pictures, "--out", table
    )
    head, *rows = csv.reader(table.read_text().splitlines())
    assert head[:4] == ["file", "z.0", "z.1", "view.0"]
    assert [row[0] for row in rows] == ["2.jpg", "10.png", "a.gif"]
    assert np.allclose(np.array([row[1:3] for row in rows], float), codes["z"], atol=1e-6)


def test_mistakes(train: Train, pictures: Path, refused: Said, tmp_path: Path) -> None:
    run, out = train(), tmp_path / "a.npz"
    assert "a.txt ends neither in .npz nor in .csv" in refused("embed", run.folder, pictures, "--out", "a.txt")
    assert "ends neither" in refused("embed", run.folder, pictures, "--out", tmp_path)
    assert "--out" in refused("embed", run.folder, pictures)
    assert "there is no such folder" in refused("embed", run.folder, tmp_path / "gone", "--out", out)
    silent = train('without = ["model.code"]\n')
    assert 'names no code; add `code = ["z"]`' in refused("embed", silent.folder, pictures, "--out", out)
    for name in ("b.png", "c.png"):
        (pictures / name).write_bytes(b"")
    text = refused("embed", run.folder, pictures, "--out", out)
    assert "b.png" in text
    assert "c.png" in text
    assert not out.exists()


def test_what_is_no_image_is_passed_over_and_counted(train: Train, pictures: Path, said: Said, tmp_path: Path) -> None:
    before = set(images_in(pictures))
    for name in ("notes.txt", "more.txt", ".DS_Store", "@eaDir/2.jpg", "x.bin"):
        (pictures / name).parent.mkdir(exist_ok=True)
        (pictures / name).write_bytes(b"no image")
    text = said("embed", train().folder, pictures, "--out", tmp_path / "codes.npz")
    assert "not used: 2 .txt, 1 .bin, 1 @eaDir/, 1 hidden file\n" in text.replace("3 .txt", "2 .txt")
    assert set(np.load(tmp_path / "codes.npz")["files"].tolist()) == before
