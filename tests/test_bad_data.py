"""Bad data as a user meets them: `semreg run` ends with one message that names them, exit code 2, nothing written."""

from __future__ import annotations

import csv
import os
import sys
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from PIL import Image
from typer.testing import CliRunner

import semreg
from semreg.cli.main import app
from semreg.training.phase import PhaseRunner
from tests.damages import (
    ANIMALS,
    AUTOENCODER,
    BAD,
    CLASSES,
    COUNT,
    FACES,
    Damage,
    csv_of,
    draw,
    faces,
    make,
    table,
)

RECIPE = (
    """
[data]
{data}
batch_size = 2
"""
    + AUTOENCODER
    + """
[optimizer]
lr = 1e-2

[phases.first]
epochs = 1
[phases.first.train]
encoder = {{ rec = 1 }}
decoder = {{ rec = 1 }}

[phases.later]
epochs = 1
[phases.later.train]
decoder = {{ rec = 1 }}

[evaluate.reconstructions]
use = "reconstructions(image, reconstruction)"
"""
)

Command = Callable[..., Result]


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_hooks: None) -> Command:
    """`command(name, data, *arguments)`: a command on a recipe with these data, in `tmp_path`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEMREG_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(sys, "argv", ["semreg"])

    def command(name: str, data: str, *arguments: str) -> Result:
        (tmp_path / "recipe.toml").write_text(RECIPE.format(data=data))
        result = CliRunner().invoke(app, [name, "recipe.toml", "--data-root", "root", *arguments])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
        return result

    return command


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "root").mkdir()
    return tmp_path / "root"


@pytest.mark.parametrize("case", BAD)
def test_bad_data_end_with_one_message_and_leave_nothing(
    case: str, command: Command, root: Path, tmp_path: Path
) -> None:
    data, damage, fragments = BAD[case]
    make(root, data)
    damage(root)
    result = command("run", data)
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    for fragment in fragments:
        assert fragment in result.stderr
    assert "Traceback" not in result.stderr
    assert len(result.stderr) < 2000
    assert all(letter.isprintable() or letter == "\n" for letter in result.stderr)
    assert not (tmp_path / "runs").exists()
    assert not [path for path in tmp_path.glob("cache/*") if path.suffix != ".lock"]


def test_a_check_of_data_that_decide_the_fields_refuses_them(command: Command, root: Path) -> None:
    for case in ("table in Latin-1", "class missing", "archive damaged", "labels none", "images none"):
        data, damage, fragments = BAD[case]
        make(root, data)
        damage(root)
        result = command("check", data)
        assert (result.exit_code, result.stdout) == (2, "")
        for fragment in fragments:
            assert fragment in result.stderr


SPLIT = "file,split,x"


@pytest.mark.parametrize(
    ("data", "content", "message"),
    [
        (FACES, table(((f"{k}.png", "test", k % 2) for k in range(6)), SPLIT), "no image is in the train split"),
        (FACES, table([("0.png", "train", 0), ("1.png", "test", 1)], SPLIT), "1 images; expected 1 to 1"),
        (f"{FACES}\nsplit = {{ train = 12 }}", None, "12 of the 12 images would be 12; both parts need at least one"),
        (f"{FACES}\nsplit = {{ train = 0.01 }}", None, "0.01 of the 12 images would be 0"),
        (f"{FACES}\nsplit = {{ validation = 50 }}", None, "data.split.validation  50 of the 10 images would be 50"),
    ],
    ids=["only test images", "fewer than a batch", "all to train on", "none to train on", "all to validate on"],
)
def test_splits_that_leave_nothing(
    data: str, content: bytes | None, message: str, command: Command, root: Path
) -> None:
    faces(root)
    if content is not None:
        csv_of(content)(root)
    result = command("run", data)
    assert result.exit_code == 2
    assert message in result.stderr
    assert not Path("runs").exists()


def test_an_image_too_small_for_the_nets(command: Command, root: Path) -> None:
    faces(root)
    encoder = ["--set", "modules.encoder={use='conv_encoder',outputs=2,kernel=4}"]
    for name in ("run", "check"):
        result = command(name, FACES, *encoder)
        assert result.exit_code == 2
        assert "modules.encoder  4 widths halve an image of (4, 4) to nothing; use fewer" in result.stderr
    assert not Path("runs").exists()


@pytest.mark.parametrize("size", [1, 5, 9])
def test_sizes_that_do_not_halve(size: int, command: Command, root: Path) -> None:
    faces(root)
    nets = ["--set", "modules.encoder={use='conv_encoder',outputs=2,widths=[4,4]}"]
    nets += ["--set", "modules.decoder={use='conv_decoder',widths=[4,4],channels='@image.channels',size='@image.size'}"]
    result = command("run", FACES.replace("size = 4", f"size = {size}"), *nets)
    assert result.exit_code == 0, result.output


# --- what is unusual and sound ---

NAMES = [
    "صورة.png", "图像 1.png", "👩‍🔬.png", "é.png", "\u202ertl.png", "two\nlines.png", "-rf.png", " around .png",
    f"{'x' * 240}.png", 'quo"te.png', "com,ma.png", "semi;colon.png", "%00.png", "tab\t.png", "line\u2028.png",
]  # fmt: skip


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_file_names_in_any_script(form: Any, command: Command, root: Path) -> None:
    for name in NAMES:
        draw(root / "faces" / unicodedata.normalize(form, name))
    with (root / "faces/labels.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("file", "x"), *((name, index % 2) for index, name in enumerate(NAMES))])
    result = command("run", FACES)
    assert (result.exit_code, result.stderr) == (0, "")


def test_folders_in_any_script(command: Command, root: Path) -> None:
    for name in ("قط", "图像", "e\u0301", "-cat", "two\nlines", "x" * 250):
        for file in NAMES[:3]:
            draw(root / "animals" / name / file)
    assert command("run", ANIMALS).exit_code == 0


def test_images_of_any_kind(command: Command, root: Path) -> None:
    faces(root)
    exif = Image.Exif()
    exif[0x0112] = 6
    kinds: list[tuple[str, str, dict[str, Any]]] = [
        ("a.gif", "P", {"save_all": True, "append_images": [Image.new("P", (8, 8), 1)]}),
        ("b.png", "RGBA", {}),
        ("c.png", "P", {"transparency": bytes(range(256))}),
        ("d.jpg", "CMYK", {}),
        ("e.jpg", "RGB", {"exif": exif}),
        ("f.jpg", "RGB", {"exif": b"Exif\0\0MM\0*" + b"\xff" * 40}),
        ("g.tif", "1", {}),
        ("h.webp", "RGB", {}),
        ("i.ppm", "RGB", {}),
        ("j.bmp", "L", {}),
    ]
    for name, mode, options in kinds:
        draw(root / "faces" / name, mode, **options)
    rows = [*((f"{k}.png", k % 2) for k in range(COUNT)), *((name, 1) for name, *_ in kinds)]
    csv_of(table(rows))(root)
    result = command("run", FACES)
    assert (result.exit_code, result.stderr) == (0, "")


WARNED: dict[str, tuple[str, Damage, str]] = {
    "attribute of one value": (
        FACES, csv_of(table(((f"{k}.png", k % 2, 1) for k in range(COUNT)), "file,x,y")), "the same value of y"
    ),
    "one class": (
        CLASSES, csv_of(table((f"{k}.png", "a") for k in range(COUNT))), "all training images have the same value of x"
    ),
    "images the table lacks": (
        FACES, csv_of(table((f"{k}.png", k % 2) for k in range(9))), "3 images are in root/faces, but not in labels"
    ),
    "class without images": (
        ANIMALS, lambda root: (root / "animals/cow").mkdir(), "no images are in root/animals of label 'cow'"
    ),
    "image in no class": (ANIMALS, lambda root: draw(root / "animals/1.png"), "1 image in root/animals in no class"),
}  # fmt: skip


READ = {"attribute of one value": "attributes", "one class": "x"}


@pytest.mark.parametrize("case", WARNED)
def test_what_is_left_aside_is_told_and_recorded(case: str, command: Command, root: Path) -> None:
    data, damage, message = WARNED[case]
    make(root, data)
    damage(root)
    reading = ["--set", f'tensors.seen="detach({READ[case]})"'] if case in READ else []
    result = command("run", data, *reading)
    assert result.exit_code == 0, result.output
    assert result.stderr.count(message) == 1
    (run,) = Path("runs").iterdir()
    assert message in (run / "warnings.jsonl").read_text()


@pytest.mark.parametrize("case", READ)
def test_labels_that_the_recipe_does_not_read_are_no_matter(case: str, command: Command, root: Path) -> None:
    data, damage, _ = WARNED[case]
    make(root, data)
    damage(root)
    assert command("run", data).stderr == ""


# --- --skip-bad-images ---


@pytest.fixture
def two_bad(root: Path) -> Path:
    faces(root)
    (root / "faces/3.png").write_bytes(b"")
    os.truncate(root / "faces/5.png", 90)
    return root


TOLD = "warning: left out as unreadable: 2 of 12 images (root/faces/3.png: "


def test_bad_images_are_left_out_told_and_recorded(two_bad: Path, command: Command) -> None:
    refused = command("run", FACES).stderr
    assert refused.splitlines()[0].endswith("skip and count them by --skip-bad-images): 2 errors")
    assert ("3.png" in refused, "5.png" in refused) == (True, True)
    result = command("run", FACES, "--skip-bad-images")
    assert result.exit_code == 0
    assert result.stderr.startswith(TOLD)
    (run,) = Path("runs").iterdir()
    record = semreg.open_run(run, data_root="root").data
    assert (sum(record.counts.values()), len(record.skipped)) == (10, 2)
    assert '"skipped": 2' in (run / "run.json").read_text()
    evaluated = CliRunner().invoke(app, ["evaluate", str(run), "--data-root", "root"])
    assert evaluated.exit_code == 0, evaluated.output
    assert "finished; nothing to do" in command("run", FACES).stderr  # a finished run keeps what it was begun with


def test_a_run_without_bad_images_goes_on_with_the_option_only(
    two_bad: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    iterate = PhaseRunner.iterate

    def interrupted(self: PhaseRunner, iteration: int) -> None:
        if self.phase.name == "later":
            raise KeyboardInterrupt
        iterate(self, iteration)

    with monkeypatch.context() as patch:
        patch.setattr(PhaseRunner, "iterate", interrupted)
        assert command("run", FACES, "--skip-bad-images").exit_code == 130
    refused = command("run", FACES)
    assert refused.exit_code == 2
    assert "--skip-bad-images" in refused.stderr
    assert command("run", FACES, "--skip-bad-images").exit_code == 0
    (run,) = Path("runs").iterdir()
    assert (run / "warnings.jsonl").read_text().count("left out as unreadable") == 1


def test_a_run_does_not_go_on_with_mended_images(
    two_bad: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(PhaseRunner, "iterate", lambda self, iteration: (_ for _ in ()).throw(KeyboardInterrupt))
        assert command("run", FACES, "--skip-bad-images").exit_code == 130
    draw(two_bad / "faces/3.png")
    refused = command("run", FACES, "--skip-bad-images")
    assert refused.exit_code == 2
    assert "the images or labels have changed since the run started" in refused.stderr


def test_only_bad_images(command: Command, root: Path) -> None:
    faces(root)
    for index in range(COUNT):
        (root / f"faces/{index}.png").write_bytes(b"")
    result = command("run", FACES, "--skip-bad-images")
    assert result.exit_code == 2
    assert result.stderr.count("not a readable image") == COUNT
    assert not Path("runs").exists()


def test_images_that_may_not_be_read(command: Command, root: Path) -> None:
    faces(root)
    (root / "faces/3.png").chmod(0)
    if os.access(root / "faces/3.png", os.R_OK):
        pytest.skip("this user may read everything")
    assert "3.png: not a readable image: [Errno 13]" in command("run", FACES).stderr
    assert command("run", FACES, "--skip-bad-images", "--seed", "1").exit_code == 0
    (root / "faces/3.png").chmod(0o600)
    result = command("run", FACES)
    assert (result.exit_code, result.stderr) == (0, "")


def test_images_that_vanish_meanwhile_are_named(command: Command, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from semreg.data.datasets import attribute_folder

    faces(root)
    list_folder = attribute_folder.list_folder

    def then_gone(folder: Path) -> Any:
        listing = list_folder(folder)
        (root / "faces/3.png").unlink()
        return listing

    monkeypatch.setattr(attribute_folder, "list_folder", then_gone)
    result = command("run", FACES)
    assert result.exit_code == 2
    assert "root/faces/3.png: there is no such image file" in result.stderr
