"""Small sound data sets of each kind below a root, ways to damage them, and what a run must say of each."""

from __future__ import annotations

import gzip
import io
import os
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from semreg.data.datasets.celeba import ATTRIBUTES

COUNT = 12
FACES = 'use = "attribute_folder"\npath = "faces"\nsize = 4'
CLASSES = f'{FACES}\nclasses = ["x"]'
ANIMALS = 'use = "image_folder"\npath = "animals"\nsize = 4'
ARCHIVE = 'use = "npz"\npath = "set.npz"\nclasses = { kind = "y" }'
MNIST = 'use = "mnist"'
CELEBA = 'use = "celeba"\nsize = 4'

AUTOENCODER = """
[model]
input = "image"
code = ["z"]
output = "reconstruction"

[modules.encoder]
use = "mlp_encoder"
outputs = 2
hidden = [4]

[modules.decoder]
use = "mlp_decoder"
hidden = [4]
channels = "@image.channels"
size = "@image.size"

[tensors]
z = "encoder(image)"
reconstruction = "decoder(z)"

[losses.rec]
use = "l2(reconstruction, image)"
"""
"""All of a recipe but data and phases; `losses.rec` trains both modules."""


def draw(path: Path, mode: str = "RGB", **options: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(len(path.name)).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    Image.fromarray(pixels).convert(mode).save(path, **options)


def table(rows: Any, header: str = "file,x") -> bytes:
    return "\n".join([header, *(",".join(map(str, row)) for row in rows), ""]).encode()


def faces(root: Path) -> None:
    for index in range(COUNT):
        draw(root / f"faces/{index}.png")
    (root / "faces/labels.csv").write_bytes(table((f"{index}.png", index % 2) for index in range(COUNT)))


def animals(root: Path) -> None:
    for index in range(COUNT):
        draw(root / f"animals/{'cat' if index % 2 else 'dog'}/{index}.png")


def archive(root: Path, **arrays: Any) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (COUNT, 6, 6), dtype=np.uint8)
    np.savez_compressed(root / "set.npz", **({"images": pixels, "y": np.arange(COUNT) % 3} | arrays))


def idx(array: Any) -> bytes:
    return bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def mnist(root: Path) -> None:
    (root / "MNIST/raw").mkdir(parents=True)
    for part in ("train", "t10k"):
        (root / f"MNIST/raw/{part}-images-idx3-ubyte").write_bytes(idx(np.zeros((COUNT, 28, 28), np.uint8)))
        (root / f"MNIST/raw/{part}-labels-idx1-ubyte").write_bytes(idx(np.arange(COUNT, dtype=np.uint8) % 10))


def celeba(root: Path) -> None:
    names = [f"{index + 1:06d}.jpg" for index in range(COUNT)]
    for name in names:
        draw(root / "celeba/img_align_celeba" / name)
    rows = [[name, *np.where(np.arange(40) % 3 == index % 3, 1, -1)] for index, name in enumerate(names)]
    lines = [str(COUNT), " ".join(ATTRIBUTES), *(" ".join(map(str, row)) for row in rows), ""]
    (root / "celeba/list_attr_celeba.txt").write_text("\n".join(lines))
    parts = "".join(f"{name} {0 if index < 8 else 2}\n" for index, name in enumerate(names))
    (root / "celeba/list_eval_partition.txt").write_text(parts)


MAKERS = {
    "attribute_folder": faces,
    "image_folder": animals,
    "npz": archive,
    "mnist": mnist,
    "celeba": celeba,
}


def make(root: Path, data: str) -> None:
    """The sound data of a `[data]` table."""
    MAKERS[data.split('"')[1]](root)


# --- ways to damage them ---

Damage = Callable[[Path], object]


def holds(path: str, content: bytes) -> Damage:
    """The file holds something else."""
    return lambda root: (root / path).write_bytes(content)


def lacks(path: str) -> Damage:
    return lambda root: (root / path).unlink()


def cut(path: str, size: int) -> Damage:
    return lambda root: os.truncate(root / path, size)


def changed(path: str, old: str, new: str) -> Damage:
    def change(root: Path) -> None:
        text = (root / path).read_text()
        assert old in text
        (root / path).write_text(text.replace(old, new, 1))

    return change


def linked(path: str, target: str) -> Damage:
    """A link in the file's place."""

    def link(root: Path) -> None:
        (root / path).unlink(missing_ok=True)
        (root / path).symlink_to(target)

    return link


def replaced(path: str, make: Callable[[Path], object]) -> Damage:
    """Something that is no file in the file's place."""

    def replace(root: Path) -> None:
        (root / path).unlink()
        make(root / path)

    return replace


def arrays(**values: Any) -> Damage:
    return lambda root: archive(root, **values)


def nothing(root: Path) -> None:
    pass


def csv_of(content: bytes | str) -> Damage:
    return holds("faces/labels.csv", content if isinstance(content, bytes) else content.encode())


def file_in_bytes(root: Path) -> None:
    os.rename(os.fsencode(root / "animals/cat/1.png"), os.fsencode(root / "animals/cat") + b"/\xff.png")
    (Path(os.fsdecode(os.fsencode(root / "animals/cat") + b"/\xff.png"))).write_bytes(b"")


def class_in_bytes(root: Path) -> None:
    os.rename(os.fsencode(root / "animals/cat"), os.fsencode(root / "animals") + b"/\xffcat")


def no_images(root: Path) -> None:
    for path in root.glob("animals/*/*"):
        path.unlink()


def turned_bytes(root: Path) -> None:
    content = bytearray((root / "set.npz").read_bytes())
    content[180:200] = bytes(255 - byte for byte in content[180:200])
    (root / "set.npz").write_bytes(content)


def member(name: str, content: bytes) -> Damage:
    """The archive holds a member that is no sound array."""

    def write(root: Path) -> None:
        with zipfile.ZipFile(root / "set.npz") as file:
            members = {info.filename: file.read(info) for info in file.infolist()}
        with zipfile.ZipFile(root / "set.npz", "w") as file:
            for key, value in (members | {name: content}).items():
                file.writestr(key, value)

    return write


def npy_head(text: str) -> bytes:
    head = text.ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode()


def claiming(shape: str) -> Damage:
    return member("images.npy", npy_head(f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}"))


def png(width: int, height: int) -> bytes:
    """A PNG of a few bytes that claims many pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(99))) + chunk(b"IEND", b"")


def tiff_16_bits() -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.full((4, 4), 40_000, dtype=np.uint16)).save(file, "TIFF")
    return file.getvalue()


# --- what is bad, and what its message must contain ---

THIRD = "faces/3.png"
LABELS = "root/faces/labels.csv"
IMAGES_IDX, LABELS_IDX = "MNIST/raw/train-images-idx3-ubyte", "MNIST/raw/train-labels-idx1-ubyte"
ATTR, PARTITION = "celeba/list_attr_celeba.txt", "celeba/list_eval_partition.txt"
BAD_IMAGE = ["--skip-bad-images", "root/faces/3.png: not a readable image"]

BAD: dict[str, tuple[str, Damage, list[str]]] = {
    # images
    "image cut short": (FACES, cut(THIRD, 90), [*BAD_IMAGE, "truncated"]),
    "image empty": (FACES, holds(THIRD, b""), [*BAD_IMAGE, "empty"]),
    "image is text": (FACES, holds(THIRD, b"hello"), [*BAD_IMAGE, "none of BMP"]),
    "image starts a program": (FACES, holds(THIRD, b"%!PS-Adobe-3.0 EPSF-3.0\n%%EndComments\n"), BAD_IMAGE),
    "image claims 50000 × 50000": (FACES, holds(THIRD, png(50_000, 50_000)), [*BAD_IMAGE, "100,000,000"]),
    "image claims 1 × 90000000": (FACES, holds(THIRD, png(1, 90_000_000)), [*BAD_IMAGE, "1 × 90000000"]),
    "image of 16 bits": (FACES, holds(THIRD, tiff_16_bits()), [*BAD_IMAGE, "8 bits"]),
    "image is a folder": (FACES, replaced(THIRD, os.mkdir), [LABELS, "line 5: '3.png'", "no such image"]),
    "image is a queue": (FACES, replaced(THIRD, os.mkfifo), [LABELS, "line 5: '3.png'", "no such image"]),
    "image is a link out": (FACES, linked(THIRD, "/etc/hostname"), ["root/faces: '3.png' is a link out of this"]),
    "image is a link nowhere": (FACES, linked(THIRD, "3.png"), ["root/faces: '3.png' is a link that leads no"]),
    "link to a folder": (FACES, linked("faces/all", "."), ["/root/faces: 'all' is a link to a folder"]),
    "class is a link": (ANIMALS, linked("animals/cow", "cat"), ["/root/animals: 'cow' is a link to a folder"]),
    "file name is no text": (ANIMALS, file_in_bytes, [r"root/animals/cat/\udcff.png: not a readable image"]),
    "class name is no text": (ANIMALS, class_in_bytes, [r"label  the name '\udcffcat' is not a text; rename it"]),
    # tables
    "table empty": (FACES, csv_of(""), [LABELS, "there are no rows"]),
    "table only a header": (FACES, csv_of("file,x\n"), [LABELS, "there are no rows"]),
    "table binary": (FACES, csv_of(bytes(range(256))), [LABELS, "line 1 holds a zero byte"]),
    "table with a zero byte": (FACES, csv_of("file,x\n0.png,1\n1.png\0,1\n"), [LABELS, "line 3 holds a zero byte"]),
    "table in Latin-1": (FACES, csv_of("file,x\n0.png,1\nü,1\n".encode("latin-1")), [LABELS, "line 3 is not in UTF-8"]),
    "table in UTF-16": (FACES, csv_of("file,x\n0.png,1\n".encode("utf-16-le")), [LABELS, "UTF-8"]),
    "table with semicolons": (FACES, csv_of("file;x\n0.png;1\n"), [LABELS, "'file;x'; columns are separated"]),
    "field too large": (FACES, csv_of(f"file,x\n0.png,{'1' * 200_000}\n"), [LABELS, "line 2", "field limit"]),
    "quote left open": (FACES, csv_of('file,x\n0.png,1\n1.png,"0\n2.png,1\n'), [LABELS, "begins on line 3"]),
    "row too short": (FACES, csv_of("file,x\n\n0.png,1\n1.png\n"), [LABELS, "line 4 has 1 columns, the header 2"]),
    "row too long": (FACES, csv_of("file,x\n0.png,1,1\n"), [LABELS, "line 2 has 3 columns, the header 2"]),
    "column without a name": (FACES, csv_of("file,,x\n0.png,1,1\n"), [LABELS, "column 2 has no name"]),
    "column named twice": (FACES, csv_of("file,x,x\n0.png,1,1\n"), [LABELS, "names 'x' twice"]),
    "no such column": (f'{FACES}\nclasses = ["y"]', nothing, [LABELS, "data.classes", "no column 'y'", "file, x"]),
    "no such split column": (f'{FACES}\nsplit_column = "part"', nothing, [LABELS, "data.split_column", "'part'"]),
    "no value known": (FACES, csv_of("file,x\n0.png,\n\n1.png,\n"), [LABELS, "x  no value is known", "`drop`"]),
    "value of another kind": (
        FACES,
        csv_of("file,x\n0.png,1\n\n1.png,NA\n"),
        [LABELS, "x  line 4: 'NA' is neither 0 nor 1", 'unknown = ["NA"]'],
    ),
    "value unknown or absent": (
        FACES, csv_of("file,x,y\n0.png,1,0\n1.png,-1,1\n"), [LABELS, "y  line 2: '0' is neither -1", 'unknown = ["-1"]']
    ),
    "class missing": (CLASSES, csv_of("file,x\n0.png,a\n\n1.png,\n"), [LABELS, "x  line 4: there is no value"]),
    "value too long to show": (FACES, csv_of(f"file,x\n0.png,{'7' * 99_999}\n"), [LABELS, "777…' is neither 0 nor 1"]),
    "unknown split": (FACES, csv_of("file,split,x\n0.png,tset,1\n"), [LABELS, "split, line 2", "'tset'"]),
    "row without an image": (FACES, lacks(THIRD), [LABELS, "line 5: '3.png'", "no such image"]),
    "image named twice": (FACES, csv_of("file,x\n0.png,1\n\n./0.png,1\n"), [LABELS, "'0.png'", "line 2 and line 4"]),
    "path out of the folder": (FACES, csv_of("file,x\n../../x.png,1\n"), [LABELS, "line 2: '../../x.png'", "no such"]),
    "path from the root": (FACES, csv_of("file,x\n/etc/x.png,1\n"), [LABELS, "line 2: '/etc/x.png'", "no such image"]),
    "table is a link out": (FACES, linked("faces/labels.csv", "/etc/hostname"), ["'labels.csv' is a link out"]),
    "table is a queue": (FACES, replaced("faces/labels.csv", os.mkfifo), ["(looked for faces/labels.csv)"]),
    "no such home": (FACES.replace("faces", "~no-such-user/faces"), nothing, ["path = '~no-such-user/faces'"]),
    "path too long": (FACES.replace('"faces', '"' + "a" * 300), nothing, ["not found under root"]),
    # folders of classes
    "no folder": (ANIMALS.replace("animals", "plants"), nothing, ["'plants' not found under root"]),
    "no images in the classes": (ANIMALS, no_images, ["root/animals: no images", "'cat', 'dog'", ".png"]),
    "field called image": (f'{ANIMALS}\nlabel = "image"', nothing, ["recipe.toml", "data  label = 'image'"]),
    # archives
    "archive cut short": (ARCHIVE, cut("set.npz", 400), ["root/set.npz: not a NumPy archive"]),
    "archive empty": (ARCHIVE, holds("set.npz", b""), ["root/set.npz: not a NumPy archive"]),
    "archive damaged": (ARCHIVE, turned_bytes, ["root/set.npz", "images  can't be read"]),
    "archive pickled": (ARCHIVE, arrays(y=np.array([{}] * COUNT)), ["root/set.npz", "y  can't be read: Object arrays"]),
    "member is no array": (ARCHIVE, member("y.npy", b"hello"), ["root/set.npz", "y  can't be read: it is not an"]),
    "head calls a function": (ARCHIVE, member("images.npy", npy_head("print(5)")), ["images  can't be read"]),
    "head claims a terabyte": (f"{ARCHIVE}\nsize = 6", claiming(f"({COUNT}, 1000000, 100000)"), ["can't be read"]),
    "head claims too much": (f"{ARCHIVE}\nsize = 6", claiming(f"({COUNT}, {10**20}, 1)"), ["images  can't be read"]),
    "images none": (ARCHIVE, arrays(images=np.zeros((0, 6, 6), np.uint8)), ["root/set.npz", "there are no images"]),
    "images without pixels": (ARCHIVE, arrays(images=np.zeros((COUNT, 0, 6), np.uint8)), ["images  shape (12, 0, 6)"]),
    "images of other axes": (ARCHIVE, arrays(images=np.zeros((COUNT, 6, 6, 2), np.uint8)), ["shape (12, 6, 6, 2)"]),
    "images as numbers": (ARCHIVE, arrays(images=np.full((COUNT, 6, 6), np.nan)), ["images  float64 values; expected"]),
    "fewer labels": (ARCHIVE, arrays(y=np.arange(5)), ["root/set.npz", "y  has 5 rows, there are 12 images"]),
    "labels none": (ARCHIVE, arrays(y=np.arange(0)), ["y  has 0 rows, there are 12 images"]),
    "labels not whole": (ARCHIVE, arrays(y=np.full(COUNT, np.nan)), ["y  found float64 (12,); expected whole"]),
    "labels are no text": (ARCHIVE, arrays(y=np.array(["\udcff"] * COUNT)), ["kind", r"'\udcff' is not a text"]),
    "attributes not 0 or 1": (
        f'{ARCHIVE}\nattributes = "a"', arrays(a=np.array([[0, 1, 0.5]] * COUNT)), ["a  found values [0.5]; expected 0"]
    ),
    "attributes none": (f'{ARCHIVE}\nattributes = "a"', arrays(a=np.zeros((COUNT, 0))), ["a  found float64 (12, 0)"]),
    "attributes of one name": (
        f'{ARCHIVE}\nattributes = "a"\nattribute_names = "n"',
        arrays(a=np.arange(2 * COUNT).reshape(-1, 2) % 2, n=np.array(["round", "round"])),
        ["attributes", "'round' occurs twice"],
    ),
    "vectors not finite": (
        f'{ARCHIVE}\nvectors = {{ v = "v" }}', arrays(v=np.array([1.0] * 7 + [1e300] * 5)), ["v  not all", "row 7"]
    ),
    "unknown splits": (ARCHIVE, arrays(split=np.arange(COUNT)), ["split  values '10', '11', '3'"]),
    "no such split array": (f'{ARCHIVE}\nsplit_array = "part"', nothing, ["there is no array 'part'"]),
    # MNIST
    "idx of another kind": (MNIST, holds(IMAGES_IDX, b"\0\0\x0d\3" + bytes(50)), [f"root/{IMAGES_IDX}: not an idx"]),
    "idx cut short": (MNIST, cut(IMAGES_IDX, 500), [f"root/{IMAGES_IDX}: ", "28 bytes, there are 484"]),
    "idx too long": (MNIST, holds(IMAGES_IDX, idx(np.zeros((3, 4), np.uint8)[None]) + b"x"), ["1 × 3 × 4 bytes"]),
    "idx claims a lot": (MNIST, holds(IMAGES_IDX, b"\0\0\x08\3" + b"\xff" * 12), [f"root/{IMAGES_IDX}: "]),
    "idx of two sizes": (MNIST, holds(IMAGES_IDX, idx(np.zeros((COUNT, 9, 9), np.uint8))), ["9 × 9 and 28 × 28"]),
    "idx of fewer labels": (MNIST, holds(LABELS_IDX, idx(np.zeros(5, np.uint8))), ["train has 12 images and 5 labels"]),
    "idx of other digits": (
        MNIST, holds(LABELS_IDX, idx(np.arange(COUNT, dtype=np.uint8) + 90)), ["idx1-ubyte holds values up to 101"]
    ),
    "idx packed badly": (
        MNIST,
        lambda root: (lacks(LABELS_IDX)(root), holds(f"{LABELS_IDX}.gz", gzip.compress(bytes(20))[:-3])(root)),
        [f"root/{LABELS_IDX}.gz"],
    ),
    "idx packed hugely": (
        MNIST,
        lambda root: (
            lacks(LABELS_IDX)(root),
            holds(f"{LABELS_IDX}.gz", gzip.compress(idx(np.zeros(COUNT, np.uint8)) + bytes(10**7), 1))(root),
        ),
        [f"root/{LABELS_IDX}.gz: its header promises 12 bytes, there are more"],
    ),
    # CelebA
    "CelebA's table empty": (CELEBA, holds(ATTR, b""), [f"root/{ATTR}: line 2 does not hold"]),
    "CelebA's table binary": (CELEBA, holds(ATTR, bytes(99)), [f"root/{ATTR}: can't be read: line 1"]),
    "CelebA's table after empty lines": (CELEBA, changed(ATTR, "000002.jpg ", "\n\n000002.jpg 7"), ["line 6"]),
    "CelebA's table is a queue": (CELEBA, replaced(ATTR, os.mkfifo), [f"(looked for {ATTR})"]),
    "CelebA's partition names one twice": (
        CELEBA, changed(PARTITION, "000002.jpg", "000001.jpg"), [f"root/{PARTITION}: line 2", "twice"]
    ),
    "CelebA's images are gone": (CELEBA, lacks("celeba/img_align_celeba/000003.jpg"), ["no file  000003.jpg"]),
    # sizes
    "size 0": (FACES.replace("size = 4", "size = 0"), nothing, ["data.size  0"]),
    "size beyond bounds": (FACES.replace("size = 4", "size = 9999"), nothing, ["data.size  9999"]),
}  # fmt: skip
