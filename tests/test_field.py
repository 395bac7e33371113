"""Inputs of the kinds that people report trouble with: taken for what is meant, or refused by the line to write."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import Result
from PIL import Image, ImageDraw
from typer.testing import CliRunner

from semreg.cli.main import app
from semreg.data.datasets.celeba import ATTRIBUTES
from tests.damages import AUTOENCODER

RECIPE = (
    """
[data]
{data}
batch_size = 4
"""
    + AUTOENCODER
    + """
[phases.main]
epochs = 1
train = {{ encoder = {{ rec = 1 }}, decoder = {{ rec = 1 }} }}

[evaluate.reconstructions]
use = "reconstructions(image, reconstruction)"
"""
)
HEAD = """
[modules.head]
use = "mlp_encoder"
outputs = "@attributes.count"
hidden = []

[losses.labels]
use = "binary_cross_entropy(head(z), attributes{known})"

[phases.main.train]
head = {{ labels = 1 }}
encoder = {{ rec = 1 }}
decoder = {{ rec = 1 }}
"""
SIZE = 8
RANDOM = np.random.default_rng(0)
GREY = RANDOM.integers(0, 256, (24, SIZE, SIZE), dtype=np.uint8)


class Bench:
    """A root of data, and commands on a recipe that reads some of them."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.root = folder, folder / "root"
        self.root.mkdir()

    def picture(self, path: str, pixels: Any = None, **options: Any) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(GREY[0] if pixels is None else pixels)
        image.save(self.root / path, **options)

    def table(self, folder: str, header: str, rows: Iterable[str], *, inside: str = "") -> None:
        rows = list(rows)
        for number, row in enumerate(rows):
            self.picture(f"{folder}/{inside}{row.split(',')[0]}", GREY[number % 24])
        (self.root / folder / "labels.csv").write_text("\n".join([header, *rows, ""]))

    def command(self, name: str, data: str, *arguments: str, head: str = "") -> Result:
        recipe = RECIPE.format(data=data)
        if head:
            recipe = recipe.replace("train = { encoder = { rec = 1 }, decoder = { rec = 1 } }", "") + head
        (self.folder / "recipe.toml").write_text(recipe)
        result = CliRunner().invoke(app, [name, "recipe.toml", "--data-root", "root", *arguments])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
        assert "Traceback" not in result.output
        return result

    def taken(self, data: str, *arguments: str, head: str = "") -> tuple[dict[str, Any], str]:
        """What a run recorded of its data, and what it said."""
        result = self.command("run", data, *arguments, head=head)
        assert result.exit_code == 0, result.output
        *_, folder = sorted(Path("runs").iterdir(), key=lambda path: path.stat().st_mtime_ns)
        assert (folder / "report.html").is_file()
        data_of: dict[str, Any] = json.loads((folder / "run.json").read_text())["data"]
        return data_of, result.stderr

    def refused(self, data: str, *arguments: str, command: str = "check", head: str = "") -> str:
        """The one message that a mistake gets."""
        result = self.command(command, data, *arguments, head=head)
        assert (result.exit_code, result.stdout) == (2, ""), result.output
        assert len(result.stderr) < 2000
        return result.stderr


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEMREG_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(sys, "argv", ["semreg"])
    return Bench(tmp_path)


FOLDER = f'use = "image_folder"\nsize = {SIZE}\n'
TABLE = f'use = "attribute_folder"\nsize = {SIZE}\n'


def test_orders_that_text_does_not_have(bench: Bench) -> None:
    degrees = ["none", "mild", "moderate", "severe"]
    bench.table("ordered", "file,pose,severity", (f"{k:02}.png,pose_{k % 12},{degrees[k % 4]}" for k in range(24)))
    data = f'{TABLE}path = "ordered"\nclasses = ["pose", "severity"]\n'
    said = bench.refused(data + 'orders = { pose = "ring", severity = "line" }')
    assert '`orders = { severity = ["mild", "moderate", "none", "severe"] }`' in said
    data += f'orders = {{ pose = "ring", severity = {json.dumps(degrees)} }}'
    shown = bench.command("check", data).stdout
    assert "pose: 12 classes in a ring: pose_0 – pose_1 – pose_2 – " in shown
    assert "pose_11 – pose_0; train " in shown
    assert "severity: 4 classes in a line: none – mild – moderate – severe; train " in shown
    fields = bench.taken(data)[0]["fields"]
    assert fields["pose"]["names"] == [f"pose_{k}" for k in range(12)]
    assert (fields["severity"]["names"], fields["severity"]["order"]) == (degrees, "line")


def test_transparent_images(bench: Bench) -> None:
    for name, below in {"opaque": (255,) * 4, "red_below": (255, 0, 0, 0), "black_below": (0, 0, 0, 0)}.items():
        image = Image.new("RGBA", (SIZE, SIZE), below)  # type: ignore[arg-type]
        ImageDraw.Draw(image).ellipse((1, 1, 6, 6), fill=(255, 0, 0, 255))
        for number in range(3):
            bench.picture(f"discs/{name}/{number}.png", image)
    record, said = bench.taken(f'{FOLDER}path = "discs"')
    assert record["taken"]["pixels"] == {"least": 0, "largest": 255, "background": "white", "transparent": 9}
    assert "lies on white" in said
    from semreg import open_run

    images = open_run(next(Path("runs").iterdir()), data_root="root").data.arrays["image"]
    assert (images == images[0]).all(), "the three are one image"
    assert "lies on black" in bench.taken(f'{FOLDER}path = "discs"\nbackground = "black"')[1]


def test_photographs_in_a_format_that_may_not_be_read(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    for name in ("cat", "dog"):
        for number in range(6):
            bench.picture(f"telephone/{name}/{number}.JPG", format="JPEG")
            (bench.root / f"telephone/{name}/{number}.HEIC").write_bytes(b"\0\0\0\x24ftypheic" + bytes(64))
    record, said = bench.taken(f'{FOLDER}path = "telephone"\ngrey = true')
    assert "12 .heic files are images, and not used: to read them install pillow-heif" in said
    assert record["taken"]["others"] == {".heic": 12}
    assert "pillow-heif" in bench.command("check", f'{FOLDER}path = "telephone"').stderr


def test_what_other_programs_leave(bench: Bench) -> None:
    for name in ("cat", "dog"):
        for number in range(6):
            bench.picture(f"pets/{name}/{number}.png")
            bench.picture(f"pets/dog/@eaDir/{number}.png/THUMB.jpg")
    for name in ("__MACOSX/cat/._1.png", ".ipynb_checkpoints/1.png", "cat/Thumbs.db", ".DS_Store"):
        (bench.root / "pets" / name).parent.mkdir(parents=True, exist_ok=True)
        (bench.root / "pets" / name).write_bytes(b"\0")
    (bench.root / "pets/empty").mkdir()
    record, _ = bench.taken(f'{FOLDER}path = "pets"')
    assert record["fields"]["label"]["names"] == ["cat", "dog"]
    assert sum(record["counts"].values()) == 12
    assert record["taken"]["others"] == {
        ".db": 1, ".ipynb_checkpoints/": 1, "@eaDir/": 1, "__MACOSX/": 1, "empty folders": 1, "hidden files": 1
    }  # fmt: skip


def test_masks_and_the_columns_of_factors(bench: Bench) -> None:
    factors = np.stack([np.arange(24) % n for n in (1, 3, 4)], 1)
    np.savez(bench.root / "factors.npz", imgs=(GREY > 128).astype(np.uint8), latents_classes=factors)
    data = 'use = "npz"\npath = "factors.npz"\n'
    assert '`images = "imgs"` under [data]' in bench.refused(data)
    data += 'images = "imgs"\n'
    assert "`white = 1` under [data]" in bench.refused(data, command="run")
    data += "white = 1\n"
    said = bench.refused(data + 'classes = { shape = "latents_classes" }')
    assert 'write a column of it, 0 to 2, such as "latents_classes[:, 0]"' in said
    record, _ = bench.taken(data + 'classes = { shape = "latents_classes[:, 1]", scale = "latents_classes[:, 2]" }')
    assert record["fields"]["shape"]["names"] == ["0", "1", "2"]
    assert record["taken"]["pixels"] == {"least": 0, "largest": 255}


@pytest.mark.parametrize(("images", "labels"), [("{}_images", "{}_labels"), ("x_{}", "y_{}")])
def test_arrays_for_each_split(images: str, labels: str, bench: Bench) -> None:
    parts = {"train": slice(0, 16), "val": slice(16, 20), "test": slice(20, 24)}
    arrays = {images.format(part): GREY[rows] for part, rows in parts.items()}
    kinds = np.arange(24)[:, None] % 3
    np.savez(bench.root / "set.npz", **arrays, **{labels.format(part): kinds[rows] for part, rows in parts.items()})
    data = 'use = "npz"\npath = "set.npz"\n'
    line = f'images = "{images.format("*")}"', f'classes = {{ label = "{labels.format("*")}" }}'
    said = bench.refused(data)
    assert all(f"`{part}`" in said for part in line)
    record, _ = bench.taken(data + "\n".join(line))
    assert record["counts"] == {"train": 16, "validation": 4, "test": 4}
    assert record["fields"]["label"]["names"] == ["0", "1", "2"]


def test_words_for_truth(bench: Bench) -> None:
    rows = (f"{k:02}.png,{k % 2 == 0},{float(k % 3 == 0)},{'yes' if k % 4 else 'no'}" for k in range(24))
    bench.table("words", "file,smiling,hat,glasses", rows)
    record, said = bench.taken(f'{TABLE}path = "words"', head=HEAD.format(known=""))
    assert "smiling 12 of 24, hat 8 of 24, glasses 18 of 24" in said
    assert record["fields"]["attributes"]["names"] == ["smiling", "hat", "glasses"]


def test_blanks_and_uncertain_values(bench: Bench) -> None:
    rows = (f"{k:02}.png,{['1.0', '0.0', '-1.0', ''][k % 4]},{['1.0', '0.0', ''][k % 3]}" for k in range(24))
    bench.table("medical", "file,edema,effusion", rows)
    data = f'{TABLE}path = "medical"\n'
    said = bench.refused(data, head=HEAD.format(known=""))
    assert "losses.labels  some values of 'attributes' are not known" in said
    assert 'write `use = "binary_cross_entropy(head(z), attributes, attributes_known)"`' in said
    record, told = bench.taken(data, head=HEAD.format(known=", attributes_known"))
    assert "edema 6 of 12, effusion 8 of 16 that are known, of 24 images" in told
    assert record["fields"]["attributes_known"]["names"] == ["edema", "effusion"]


def test_a_split_column_in_capitals(bench: Bench) -> None:
    rows = (f"{k:02}.png,{'Train' if k < 18 else 'TEST'},{k % 2}" for k in range(24))
    bench.table("capitals", "file,Split,smiling", rows)
    for data in (f'{TABLE}path = "capitals"', f'{TABLE}path = "capitals"\nattributes = ["smiling"]'):
        record, _ = bench.taken(data)
        assert record["counts"] == {"train": 18, "validation": 0, "test": 6}
        assert record["taken"]["split"] == "the column 'Split' of labels.csv"


def test_the_faces_as_a_mirror_has_them(bench: Bench) -> None:
    names = [f"{number + 1:06}.jpg" for number in range(12)]
    for name in names:
        bench.picture(f"celeba/img_align_celeba/img_align_celeba/{name}", Image.new("RGB", (178, 218), (90, 9, 200)))
    rows = [",".join([name, *map(str, RANDOM.choice([-1, 1], 40))]) for name in names]
    table = "\n".join([",".join(["image_id", *ATTRIBUTES]), *rows, ""])
    (bench.root / "celeba/list_attr_celeba.csv").write_text(table)
    parts = [f"{name},{0 if number < 8 else 2}" for number, name in enumerate(names)]
    (bench.root / "celeba/list_eval_partition.csv").write_text("\n".join(["image_id,partition", *parts, ""]))
    record, _ = bench.taken(f'use = "celeba"\nsize = {SIZE}')
    assert record["counts"] == {"train": 8, "validation": 0, "test": 4}


def test_file_names_without_their_folder(bench: Bench) -> None:
    bench.table("people", "file,smiling", (f"{k:06}.jpg,{k % 2}" for k in range(24)), inside="images/")
    said = bench.refused(f'{TABLE}path = "people"\ngrey = true')
    assert "line 2: '000000.jpg'" in said
    assert "did you mean 'images/000000.jpg'?" in said
    assert 'write `folder = "images"` under [data]' in said
    assert bench.taken(f'{TABLE}path = "people"\nfolder = "images"')[0]["counts"]["train"] == 19


def test_few_images_of_a_class(bench: Bench) -> None:
    for person in range(8):
        for number in range(1 + person % 2):
            bench.picture(f"few/person_{person:03}/{number}.png", GREY[person + number])
    record, said = bench.taken(f'{FOLDER}path = "few"', "--set", 'tensors.seen="detach(label)"')
    assert record["counts"] == {"train": 8, "validation": 0, "test": 4}
    assert "label: of 8 of 8 classes there is one training image each" in said


@pytest.mark.parametrize(
    ("kind", "split", "expected"),
    [
        (["common"] * 17 + ["rare"] + ["common"] * 5 + ["rare"], 18, "one training image each: rare"),
        ([str(k % 4) for k in range(16)] + [str(k % 2) for k in range(8)], 16, "no test image: 2, 3"),
        ([str(k % 2) for k in range(16)] + [str(k % 4) for k in range(8)], 16, "no training image: 2, 3"),
    ],
)
def test_classes_that_a_split_lacks(kind: list[str], split: int, expected: str, bench: Bench) -> None:
    split_of = np.where(np.arange(24) < split, "train", "test")
    np.savez(bench.root / "rare.npz", images=GREY, kind=np.array(kind), split=split_of)
    data = 'use = "npz"\npath = "rare.npz"\nclasses = { kind = "kind" }'
    reading = ["--set", 'tensors.seen="detach(kind)"']
    assert expected in bench.command("check", data, *reading).stderr
    assert expected in bench.taken(data, *reading)[1]


def test_images_that_are_all_alike(bench: Bench) -> None:
    for number in range(12):
        bench.picture(f"alike/{'ab'[number % 2]}/{number}.png", np.full((SIZE, SIZE), 90, np.uint8))
    assert "all pixels of all images are 90" in bench.taken(f'{FOLDER}path = "alike"')[1]


def test_sixteen_bits(bench: Bench) -> None:
    for number in range(12):
        bench.picture(f"deep/a/{number}.png", GREY[number].astype(np.uint16) * 257)
    said = bench.refused(f'{FOLDER}path = "deep"', command="run")
    assert said.count("`white = 65535` under [data]") == 1
    assert len(said.splitlines()) == 1
    record, _ = bench.taken(f'{FOLDER}path = "deep"\nwhite = 65535')
    assert record["taken"]["pixels"]["white"] == 65535


@pytest.mark.parametrize("name", ["2024", "2024-05-01", "true", "1_0", "1e3", "inf"])
def test_folders_whose_name_is_something_else_in_toml(name: str, bench: Bench) -> None:
    for number in range(12):
        bench.picture(f"{name}/{'ab'[number % 2]}/{number}.png", GREY[number])
    data = f'{FOLDER}path = "other"'
    said = bench.refused(data, "--set", f"data.path={name}")
    assert f"""--set 'data.path="{name}"'""" in said
    assert sum(bench.taken(data, "--set", f'data.path="{name}"')[0]["counts"].values()) == 12


def test_embedding_a_folder_of_all_sorts(bench: Bench) -> None:
    for number in range(12):
        bench.picture(f"pets/all/{number}.png", GREY[number])
    bench.taken(f'{FOLDER}path = "pets"')
    (bench.root / "pets/all/Thumbs.db").write_bytes(b"\0")
    [run] = Path("runs").iterdir()
    arguments = ["embed", str(run), "root/pets", "--out", "codes.npz", "--data-root", "root"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert "not used: 1 .db" in result.stderr
    assert len(np.load("codes.npz")["files"]) == 12
