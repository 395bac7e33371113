"""Codes of image files, and the files that hold them."""

from __future__ import annotations

import csv
from io import BytesIO, StringIO
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from semreg.core import UserError
from semreg.trained import embed
from semreg.trained.embedding import as_csv, as_npz, embed_files
from semreg.trained.images import write_image
from tests.trained.conftest import Train

SPATIAL = '[tensors]\nview = "detach(image)"\n[model]\ncode = ["z", "view"]\n'


def test_the_codes_of_the_model_by_name(train: Train, tmp_path: Path) -> None:
    run = train(SPATIAL)
    images = run.tensor("image").read("train")
    codes = embed(run, images)
    assert list(codes) == ["z", "view"]
    assert torch.equal(codes["z"], run.tensor("z").given(image=images))
    assert torch.equal(codes["view"], images)
    paths = [tmp_path / f"{row}.png" for row in range(300)]
    for row, path in enumerate(paths):
        write_image(path, images[row % len(images)], run)
    found = embed_files(run, paths)  # more than are encoded at once
    repeated = torch.arange(300) % len(images)
    assert all(torch.allclose(found[name], codes[name][repeated], atol=1e-6) for name in codes)


def test_all_files_that_cannot_be_read_are_named(train: Train, tmp_path: Path) -> None:
    run = train()
    Image.new("L", (4, 4)).save(tmp_path / "good.png")
    paths = ["gone.png", *[tmp_path / "good.png"] * 400, "lost.png"]
    with pytest.raises(UserError) as refused:
        embed_files(run, paths)
    assert [problem.where for problem in refused.value.problems] == ["gone.png", "lost.png"]
    posterior = train('[model]\ncode = ["posterior"]\n')
    with pytest.raises(ValueError, match="'posterior' is a DiagonalGaussian"):
        embed(posterior, torch.rand(2, 1, 4, 4))


def test_a_code_that_needs_a_label_is_told(train: Train) -> None:
    run = train('[tensors]\nz = "average(posterior_mean(posterior), point2)"\npoint2 = "plain(point)"\n'
                '[modules.plain]\nuse = "mlp_encoder"\nhidden = []\noutputs = 2\n')  # fmt: skip
    with pytest.raises(ValueError, match=r"'z' cannot be computed from only \['image'\]; also give \['point'\]"):
        embed(run, torch.rand(2, 1, 4, 4))


def test_files_hold_the_same_numbers() -> None:
    files = ["a, b.png", 'c"d.png', "é/10.png"]
    codes = {"z": torch.randn(3, 2), "view": 1e-20 * torch.randn(3, 1, 2, 2)}
    archive = np.load(BytesIO(as_npz(files, codes)), allow_pickle=False)
    assert archive["files"].tolist() == files
    assert all(np.array_equal(archive[name], code.numpy()) for name, code in codes.items())
    head, *rows = csv.reader(StringIO(as_csv(files, codes).decode()))
    assert head == ["file", "z.0", "z.1", "view.0", "view.1", "view.2", "view.3"]
    assert [row[0] for row in rows] == files
    flat = torch.cat([code.flatten(1) for code in codes.values()], 1).numpy()
    assert np.array_equal(np.array([row[1:] for row in rows], np.float32), flat), "no digit is lost"
    with pytest.raises(ValueError, match="a code is called 'files'"):
        as_npz(files, {"files": codes["z"]})
