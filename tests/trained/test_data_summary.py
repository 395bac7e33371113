"""What is told of a recipe's data before anything is trained, and without decoding an image."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from semreg.core import UserError
from semreg.recipe.check import check_all
from semreg.recipe.load import load_recipe
from semreg.trained.data_summary import Surveyed, data_summary

Survey = Callable[..., Surveyed]


@pytest.fixture
def survey(toy: Callable[..., Path], tmp_path: Path) -> Survey:
    """`survey(*overrides, **counts)`: of a folder with so many files per class, none of which is an image inside."""

    def survey(*overrides: str, **counts: int) -> Surveyed:
        for name, count in counts.items():
            (tmp_path / "root/animals" / name).mkdir(parents=True, exist_ok=True)
            for number in range(count):
                (tmp_path / "root/animals" / name / f"{number}.png").write_bytes(b"no image is decoded")
        path = toy('extends = "base.toml"\n[data]\nuse = "image_folder"\npath = "animals"\nsize = 4\ngrey = true\n')
        return data_summary(check_all(load_recipe(path, overrides), data_root=tmp_path / "root"))

    return survey


def test_counts_and_classes(survey: Survey) -> None:
    found = survey(cat=10, dog=5)
    assert found.lines == [
        "15 images used: 12 train, 3 test (20% of each class for testing, drawn once and for all)",
        "pixels: grey, 4 × 4",
        "label: 2 classes: cat, dog; train 8, 4; test 2, 1",
    ]
    assert found.taken["counts"] == {"train": 12, "validation": 0, "test": 3}
    assert found.warnings == []


def test_the_split_that_the_recipe_asks_for(survey: Survey) -> None:
    found = survey("data.split={train=9, shots={label={dog=1}}}", cat=10, dog=5)
    assert found.lines[0].startswith("12 images used: 6 train, 6 test")
    assert found.taken["classes"]["label"]["train"][1] == 1
    assert survey('phases.main.validate={loss="rec"}').taken["counts"]["validation"] == 1


def test_what_the_split_cannot_be_is_refused_before_training(survey: Survey) -> None:
    with pytest.raises(UserError, match=r"data\.split\.shots\.label\.dog +9 of the 4 training images of class 'dog'"):
        survey("data.split.shots={label={dog=9}}", cat=10, dog=5)
    with pytest.raises(UserError, match="there is no class 'dgo'; did you mean 'dog'"):
        survey("data.split.shots={label={dgo=9}}")
    with pytest.raises(UserError, match="50 of the 12 images would be 50"):
        survey("data.split.validation=50")


def test_warnings_of_what_the_recipe_reads(survey: Survey) -> None:
    reading = 'tensors.seen="detach(label)"'
    assert survey(reading, cat=10, dog=1).warnings == [
        "label: of 1 of 2 classes there is one training image each: dog",
        "label: of 1 of 2 classes there is no test image: dog",
    ]
    assert survey().warnings == []


def test_of_other_data_sets_the_fields_alone(toy: Callable[..., Path]) -> None:
    found = data_summary(check_all(load_recipe(toy())))
    assert found.lines == [
        "pixels: grey, 4 × 4",
        "kind: 3 classes in a line: a – b – c",
        "marks: 2 attributes: round, dark",
    ]
    assert found.taken == {}
    missing = data_summary(check_all(load_recipe(toy(), ["data.missing=true"])))
    assert missing.lines == found.lines


def test_an_image_is_an_image_once_it_is_read(survey: Survey, tmp_path: Path) -> None:
    survey(cat=2)
    Image.new("L", (4, 4)).save(tmp_path / "root/animals/cat/new.png")
    assert survey().lines[0].startswith("3 images used")
