"""An export that differs from its run is refused, however slightly, and images are read as the run reads them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from semreg.core import UserError
from semreg.exporting import comparing
from semreg.exporting.comparing import as_rgb, difference, expected_of, reading_of, real_images, values_for
from semreg.exporting.modules import decoder_of, encoder_of
from semreg.exporting.preprocessing import Preprocessing
from semreg.trained.run import Run
from tests.trained.conftest import Elsewhere, Train


def test_a_part_that_differs_is_refused(run: Run) -> None:
    images = real_images(run, None)
    for part in (encoder_of(run), decoder_of(run)):
        values = values_for(run, part, images)
        assert difference(run, part, part.module, values) == 0

        def moved(*given: Tensor, by: float, part: object = part) -> tuple[Tensor, ...]:
            first, *rest = part.module(*given)  # type: ignore[attr-defined]
            return (first + by, *rest)

        assert 0 < difference(run, part, lambda *given: moved(*given, by=3e-6), values) < 1e-5
        with pytest.raises(UserError, match=f"exported {part.name}'s output differs from the run's by up to 0.001"):
            difference(run, part, lambda *given: moved(*given, by=1e-3), values)
        for wrong in (lambda *given: moved(*given, by=np.nan), lambda *given: [moved(*given, by=0)[0][None]]):
            with pytest.raises(UserError, match="nothing is written"):
                difference(run, part, wrong, values)


def test_one_row_alone_is_compared_too(run: Run) -> None:
    part = decoder_of(run)
    values = values_for(run, part, real_images(run, None))

    def normalised(codes: Tensor) -> list[Tensor]:
        return expected_of(run, part, [codes if len(codes) > 1 else codes + 1])

    with pytest.raises(UserError, match="on 1 real images"):
        difference(run, part, normalised, values)


def test_images_of_other_sizes_are_read_as_by_the_run(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    images = real_images(run, None)
    assert images is not None
    reading = reading_of(run, images)
    assert reading.levels <= 1
    assert reading.share == 0
    assert reading.codes < 0.1
    assert str(reading).startswith(f"{reading.levels} grey level")

    def otherwise(run: Run, field: object) -> Preprocessing:
        return Preprocessing(field, run.value_range, "box")  # type: ignore[arg-type]

    monkeypatch.setattr(comparing, "reading_for", otherwise)
    with pytest.raises(UserError, match="reads images differently from the run, by up to"):
        reading_of(run, images)


def test_images_are_as_bright_as_the_data_say(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    images, read = real_images(run, None), []
    assert images is not None
    as_they_are = comparing.expected_images
    monkeypatch.setattr(comparing, "as_read", lambda run: {"white": 15.0, "background": None, "filter": "bilinear"})
    monkeypatch.setattr(comparing, "expected_images", lambda run, x: read.append(x) or as_they_are(run, x))
    monkeypatch.setattr(comparing, "reading_for", lambda run, field: Preprocessing(field, run.value_range, "bilinear"))
    reading_of(run, images)
    assert set(range(16)) == set(np.concatenate([one.ravel() for one in read]).tolist()), "and many between"


@pytest.mark.parametrize("value_range", [(0, 1), (-1, 1), (0, 255)])
def test_every_grey_level_comes_back(value_range: tuple[float, float]) -> None:
    low, high = value_range
    levels = torch.arange(256, dtype=torch.float32)
    grey = (levels * ((high - low) / 255) + low).view(1, 1, 16, 16)
    assert torch.equal(as_rgb(grey, value_range), levels.view(1, 16, 16, 1).expand(-1, -1, -1, 3).to(torch.uint8))
    colours = grey.expand(-1, 3, -1, -1) * torch.tensor([1.0, 1.0, 1.0])[:, None, None]
    assert torch.equal(as_rgb(colours, value_range), as_rgb(grey, value_range))


def test_images_of_a_folder_where_the_data_are_elsewhere(
    train: Train, register: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import semreg

    register("dataset", "elsewhere", Elsewhere)  # type: ignore[operator]
    recipe = (tmp_path / "base.toml").read_text().replace('use = "toy"', 'use = "elsewhere"')
    run = train(recipe)
    monkeypatch.setattr(Elsewhere, "gone", True)
    again = semreg.open_run(run.folder, device="cpu")
    with pytest.raises(UserError, match=r"Elsewhere not found.*[^.]; or give images of its kind .*: --images"):
        real_images(again, None)
    (tmp_path / "mine").mkdir()
    Image.new("RGB", (9, 7), (200, 0, 0)).save(tmp_path / "mine" / "a.png")
    images = real_images(again, tmp_path / "mine")
    assert images is not None
    assert images.shape == (1, 1, 4, 4)
