"""Ways to spoil small data sets: their files, tables, archives and images, drawn by a seed."""

from __future__ import annotations

import contextlib
import csv
import io
import os
import pickle
import random
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.damages import COUNT, idx, npy_head, png

Random = random.Random
NAMES = [
    "a b.png", "ü.png", "u\u0308.png", "a\nb.png", "-x.png", "\udcff.png", ".hidden.png", "a" * 250, "x,y.png", "~.png",
    "'\".png", "\u202e.png", "*.png", "$HOME.png", "0.PNG", "0.png.txt", "0", "0.jpeg", "\\.png", "%s.png", "CON.png",
    "0.heic", "\x1b[2J.png", "[bold].png", "{0}.png", " .png", "0.svg", "train", "test", "labels.csv", "@eaDir",
]  # fmt: skip
CELLS = [
    "", " ", "nan", "NaN", "inf", "-1", "0", "1", "2", "1e400", "True", "yes", "NULL", "0.5", "ü", "\udcff", "=1+1",
    "1,5", "x" * 5000, "\x00", "\x1b[2J", "../../etc/passwd", "/etc/passwd", "0.png", "'", '"', "\n", "\r",
    "1\u202f000", "１",
    "[1, 2]", "train", "9" * 400,
]  # fmt: skip
COMMON = ["PNG", "JPEG", "BMP", "GIF", "PPM", "WEBP"]
MODES = {
    "CMYK": ["JPEG", "TIFF"], "P": ["PNG", "GIF", "BMP"], "I;16": ["PNG", "TIFF"], "RGBA": ["PNG", "WEBP", "TIFF"],
    "LA": ["PNG"], "1": ["PNG", "BMP", "TIFF"], "F": ["TIFF"], "I": ["TIFF"], "YCbCr": ["JPEG", "TIFF"],
    "LAB": ["TIFF"], "L": COMMON, "RGB": COMMON,
}  # fmt: skip
SHAPES = [(8, 8), (1, 1), (1, 3000), (3000, 1), (2, 2), (300, 200), (7, 9)]
DTYPES = [
    "f2",
    "f4",
    "f8",
    "c8",
    "?",
    "i1",
    "u2",
    "i4",
    "i8",
    "u8",
    ">u2",
    ">f8",
    "S3",
    "U3",
    "M8[D]",
    "m8[s]",
    "V4",
    "O",
]


class Bomb:
    """Makes a file when it is unpickled."""

    def __init__(self, sentinel: str) -> None:
        self.sentinel = sentinel

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str, str]]:
        return open, (self.sentinel, "w")


class Spoiler:
    """Spoils what lies below a root. What unpickles something of it makes `sentinel`."""

    def __init__(self, root: Path, chance: Random, sentinel: Path) -> None:
        self.root, self.chance, self.sentinel = root, chance, sentinel

    def spoil(self) -> None:
        """One to three times, in ways that fit what there is."""
        kinds = [self.file, self.name, self.tree, self.content]
        if list(self.root.glob("**/labels.csv")):
            kinds += [self.table, self.table, self.text]
        if list(self.root.glob("**/*.txt")):
            kinds += [self.text, self.text]
        if self.images():
            kinds += [self.image, self.image, self.image, self.odd_image]
        if (self.root / "set.npz").exists():
            kinds = [self.file, self.content, self.name, *[self.array] * 6, self.member, self.member]
        if list(self.root.glob("MNIST/raw/*")):
            kinds += [self.numbers, self.numbers]
        for _ in range(self.chance.choice([1, 1, 1, 2, 3])):
            way = self.chance.choice(kinds)
            with contextlib.suppress(Exception):  # what is spoilt already can't be spoilt in every way
                way()

    def files(self) -> list[Path]:
        return sorted(path for path in self.root.rglob("*") if path.is_file() and not path.is_symlink())

    def images(self) -> list[Path]:
        return [path for path in self.files() if path.suffix in (".png", ".jpg")]

    def drawn(self, paths: list[Path]) -> Path | None:
        return self.chance.choice(paths) if paths else None

    def count(self, paths: list[Path]) -> list[Path]:
        """One of the files, some, or all."""
        return self.chance.sample(paths, min(len(paths), self.chance.choice([1, 1, 1, 3, len(paths)])))

    # --- files, whatever they hold ---

    def file(self) -> None:
        """Something else in a file's place."""
        path = self.drawn(self.files())
        if path is None:
            return
        path.unlink()
        outside = self.root.parent / "outside"
        ways: list[Callable[[], object]] = [
            lambda: None, path.mkdir, lambda: os.mkfifo(path), lambda: path.symlink_to(path.name), path.touch,
            lambda: path.symlink_to("/etc/passwd"), lambda: path.symlink_to("nowhere"),
            lambda: path.symlink_to("/dev/zero"), lambda: path.symlink_to("."), lambda: path.symlink_to(outside),
            lambda: (path.touch(), path.chmod(0)),
        ]  # fmt: skip
        self.chance.choice(ways)()

    def name(self) -> None:
        """Another name."""
        for path in self.count([*self.files(), *(p for p in self.root.rglob("*") if p.is_dir())]):
            other = path.with_name(self.chance.choice(NAMES))
            if path.exists() and not other.exists():
                path.rename(other)

    def tree(self) -> None:
        """More folders, files and links."""
        folder = self.chance.choice(
            [p for p in [self.root, *self.root.rglob("*")] if p.is_dir() and not p.is_symlink()]
        )
        deep = folder / "/".join(["d"] * 60)
        ways: list[Callable[[], object]] = [
            lambda: deep.mkdir(parents=True, exist_ok=True), lambda: (folder / "loop").symlink_to("."),
            lambda: (folder / "up").symlink_to(".."), lambda: os.mkfifo(folder / "pipe.png"), lambda: folder.chmod(0),
            lambda: [(folder / f"{n}.png").write_bytes(png(4, 4)) for n in range(300)], (folder / "train").mkdir,
            (folder / "test").mkdir, (folder / "x.png").mkdir, (folder / "a.heic").touch, (folder / "labels.csv").touch,
            (folder / self.chance.choice(NAMES)).mkdir,
        ]  # fmt: skip
        with contextlib.suppress(FileExistsError):
            self.chance.choice(ways)()

    def content(self) -> None:
        """Other bytes."""
        path = self.drawn(self.files())
        if path is None:
            return
        old, chance = path.read_bytes(), self.chance
        at = chance.randrange(len(old) + 1)
        junk = chance.randbytes(chance.choice([1, 4, 100, 5000]))
        ways = [
            lambda: old[:at], lambda: old[:at] + junk + old[at:], lambda: old[:at] + junk + old[at + len(junk) :],
            lambda: junk, lambda: bytes(len(old)), lambda: old + old, lambda: old[::-1], lambda: b"%PDF-1.4\n" + junk,
            lambda: b"GIF89a" + junk, lambda: b"<html></html>", lambda: b"PK\x03\x04" + junk, lambda: b"\x1f\x8b" + old,
            lambda: pickle.dumps(Bomb(str(self.sentinel))), lambda: b"version https://git-lfs.github.com/spec/v1\n",
            lambda: bytes(byte ^ (chance.random() < 0.02) * 255 for byte in old), lambda: zlib.compress(old),
        ]  # fmt: skip
        path.write_bytes(chance.choice(ways)())

    # --- tables and lists ---

    def table(self) -> None:
        """Columns, rows and cells of a table."""
        path = self.drawn(list(self.root.glob("**/labels.csv")))
        if path is None or not path.is_file():
            return
        chance = self.chance
        rows = list(csv.reader(io.StringIO(path.read_bytes().decode("utf-8", "replace").replace("\0", ""))))
        if not rows or not rows[0]:
            return
        rows = self._rows(rows, chance.randrange(len(rows[0])))
        text = io.StringIO()
        delimiter = chance.choice([","] * 6 + [";", "\t", "|"])
        csv.writer(text, delimiter=delimiter, lineterminator=chance.choice(["\n", "\n", "\r\n", "\r"])).writerows(rows)
        encoding = chance.choice(["utf-8"] * 6 + ["utf-16", "latin-1", "utf-8-sig", "utf-32", "utf-7", "cp1252"])
        path.write_bytes(text.getvalue().encode(encoding, "surrogateescape" if encoding == "utf-8" else "replace"))

    def _rows(self, rows: list[list[str]], column: int) -> list[list[str]]:
        """A table's rows, header included, with something changed, at a column where it is one."""
        chance = self.chance
        names = [*CELLS, "file", "split", "image", "Split", " x", "attributes", "label"]
        most = chance.choice([1, 2, len(rows)])
        cells = [(row, chance.choice(CELLS)) for row in chance.sample(rows, min(len(rows), most)) if row]
        ways: list[Callable[[], Any]] = [
            lambda: [[*rows[0][:column], chance.choice(names), *rows[0][column + 1 :]], *rows[1:]],
            lambda: [row[:column] + row[column : column + 1] * 2 + row[column + 1 :] for row in rows],
            lambda: [row[:column] + row[column + 1 :] for row in rows], lambda: [row[::-1] for row in rows],
            lambda: [[*row, chance.choice(CELLS)] for row in rows], lambda: rows[: chance.randrange(len(rows) + 1)],
            lambda: rows[:1] + chance.sample(rows[1:], len(rows) - 1) + rows[1:3], lambda: rows[1:],
            lambda: [[f"c{k}" for k in range(5000)], *([*row, *["1"] * (5000 - len(row))] for row in rows[1:])],
            *[lambda: [row.__setitem__(column % len(row), cell) for row, cell in cells] and rows] * 4,
        ]  # fmt: skip
        changed: list[list[str]] = chance.choice(ways)()
        return changed

    def text(self) -> None:
        """Lines and words of a list."""
        path = self.drawn([*self.root.glob("**/*.txt"), *self.root.glob("**/labels.csv")])
        if path is None or not path.is_file():
            return
        chance, lines = self.chance, path.read_bytes().split(b"\n")
        a, b = chance.randrange(len(lines)), chance.randrange(len(lines))
        words = lines[a].split(b" ")
        match chance.randrange(7):
            case 0:
                lines[a], lines[b] = lines[b], lines[a]
            case 1:
                del lines[a]
            case 2:
                lines.insert(b, lines[a])
            case 3:
                words[chance.randrange(len(words))] = chance.choice(CELLS).encode("utf-8", "surrogateescape")
                lines[a] = b" ".join(words)
            case 4:
                lines[a] = b" ".join(words[:-1])
            case 5:
                lines = lines[: a + 1] + [b""] * 1000 + lines[a + 1 :]
            case _:
                lines = [line.replace(b" ", b"  ") for line in lines]
        path.write_bytes(b"\n".join(lines))

    # --- images ---

    def image(self) -> None:
        """Other pixels, in another mode and format."""
        mode = self.chance.choice(list(MODES))
        kind, shape = self.chance.choice(MODES[mode]), self.chance.choice(SHAPES)
        for path in self.count(self.images()):
            wide = mode in ("I;16", "I", "F")
            pixels = np.random.default_rng(len(path.name)).integers(0, 40_000 if wide else 256, shape)
            picture = Image.fromarray(
                pixels.astype(np.uint16 if mode == "I;16" else np.int32 if mode == "I" else np.uint8)
            )
            picture = picture if picture.mode == mode else self._converted(picture, mode)
            options: dict[str, Any] = {}
            if kind in ("JPEG", "WEBP", "PNG"):
                exif = Image.Exif()
                exif[0x0112] = self.chance.choice([1, 2, 3, 4, 5, 6, 7, 8, 0, 99])
                options["exif"] = exif
            if mode in ("P", "L", "RGB") and kind == "PNG":
                options["transparency"] = {"P": 3, "L": 9, "RGB": (1, 2, 3)}[mode]
            picture.save(path, kind, **options)

    def _converted(self, picture: Image.Image, mode: str) -> Image.Image:
        if mode == "LAB":
            return Image.new("LAB", picture.size)
        return picture.convert(mode) if mode == "F" else picture.convert("RGB").convert(mode)

    def odd_image(self) -> None:
        """What only looks like an image, or is more than one."""
        chance, many = self.chance, [Image.new("RGB", (8, 8), (30 * n, 0, 9)) for n in range(4)]

        def moving(kind: str) -> bytes:
            file = io.BytesIO()
            many[0].save(file, kind, save_all=True, append_images=many[1:])
            return file.getvalue()

        ways: list[Callable[[], bytes]] = [
            lambda: png(50_000, 50_000), lambda: png(0, 0), lambda: png(4, 4), lambda: png(1, 90_000_000),
            lambda: png(9_990, 9_990), lambda: moving("GIF"), lambda: moving("WEBP"), lambda: moving("TIFF"),
            lambda: moving("PNG"), lambda: b"P5 8 8 65535\n" + bytes(128), lambda: b"P6 99999 99999 255\n" + bytes(9),
            lambda: b"P2 2 2 255\n1 2 3 x", lambda: b"P1 2 2\n1 0 1", lambda: b"P5 0 0 255\n", lambda: b"P7\n",
            lambda: b"BM" + bytes(200), lambda: b"<svg xmlns='http://w3.org/2000/svg'/>", lambda: b"8BPS" + bytes(99),
            lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", lambda: b"II*\0" + chance.randbytes(300),
            lambda: b"\xff\xd8\xff\xe0" + chance.randbytes(300), lambda: b"RIFF\x99\0\0\0WEBPVP8 " + bytes(99),
        ]  # fmt: skip
        content = chance.choice(ways)()
        for path in self.count(self.images()):
            path.write_bytes(content)

    # --- archives ---

    def array(self) -> None:
        """Another array in the archive."""
        path, chance = self.root / "set.npz", self.chance
        if not path.is_file():
            return
        try:
            with np.load(path) as file:
                arrays: dict[str, Any] = {name: file[name] for name in file.files if name.isidentifier()}
        except Exception:  # it is spoilt enough
            return
        name = chance.choice([*arrays] * 3 + ["split", "images", "extra", "a/b", "", "../x", "y_train"])
        old = np.asarray(arrays.get(name, arrays.get("images", np.arange(COUNT))))
        ways: list[Callable[[], Any]] = [
            lambda: self._cast(old, chance.choice(DTYPES)), lambda: old[:1] if old.ndim else old,
            lambda: old[..., None], lambda: old.reshape(-1), lambda: np.asfortranarray(old), lambda: np.array(3),
            lambda: np.stack([old] * chance.choice([1, 2, 3, 4, 5]), chance.choice([1, -1]) if old.ndim > 1 else 1),
            lambda: np.full(old.shape, np.nan), lambda: np.array([Bomb(str(self.sentinel))] * COUNT, dtype=object),
            lambda: np.zeros((COUNT, 0), np.uint8), lambda: np.array(CELLS[:COUNT]), lambda: np.arange(COUNT) - 10**18,
            lambda: np.zeros((COUNT, 1, 40_000), np.uint8), lambda: old[::-1], lambda: np.repeat(old, 2, 0),
            lambda: np.array([b"a", b"\xff"] * (COUNT // 2)), lambda: np.zeros(COUNT, [("a", "i4"), ("b", "f4")]),
            lambda: np.arange(COUNT) % 2**31, lambda: np.zeros((COUNT, 6, 6), np.uint8),
        ]  # fmt: skip
        arrays[name] = chance.choice(ways)()
        if chance.random() < 0.2:
            del arrays[chance.choice(list(arrays))]
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
            for key, value in arrays.items():
                content = io.BytesIO()
                np.save(content, value, allow_pickle=True)
                file.writestr(f"{key}.npy", content.getvalue())

    def _cast(self, array: Any, dtype: str) -> Any:
        try:
            return array.astype(dtype)
        except (TypeError, ValueError):
            return np.zeros(array.shape, dtype)

    def member(self) -> None:
        """The archive's own form."""
        path, chance = self.root / "set.npz", self.chance
        if not path.is_file() or not zipfile.is_zipfile(path):
            return
        with zipfile.ZipFile(path) as file:
            members = {info.filename: file.read(info) for info in file.infolist() if not info.is_dir()}
        name = chance.choice([*members] * 3 + ["x.npy", "y", "note.txt", "images.npy/", "../../x.npy"])
        shape = chance.choice(
            ["(12, 6, 6)", "(12,)", "(0,)", "()", "(10**9, 10**9)", f"({10**18},)", "(-1, 6)", "12", "x"]
        )
        kind = chance.choice(["|u1", "<i8", "|O", "<U1000000", "<f9", "x", "[('a', '<i4')]", "<M8[s]"])
        ways = [
            lambda: npy_head(f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}") + bytes(12 * 36),
            lambda: npy_head("{" * 60), lambda: npy_head("__import__('os').system('true')"),
            lambda: b"\x93NUMPY\x09\x00", lambda: pickle.dumps(Bomb(str(self.sentinel))), lambda: b"",
            lambda: bytes(200 * 2**20), lambda: b"hello",
        ]  # fmt: skip
        members[name] = chance.choice(ways)()
        method = chance.choice([zipfile.ZIP_DEFLATED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
        with zipfile.ZipFile(path, "w", method) as file:
            for key, value in members.items():
                file.writestr(key, value)

    def numbers(self) -> None:
        """Another head, or other numbers, of MNIST's files."""
        path = self.drawn(list(self.root.glob("MNIST/raw/*")))
        if path is None or not path.is_file():
            return
        chance, old = self.chance, path.read_bytes()
        sizes = chance.choice([(3,), (12, 28, 28), (12,), (0,), (12, 0, 28), (12, 27, 29), (2, 2, 2, 2), (12, 1)])
        ways = [
            lambda: idx(np.zeros(sizes, np.uint8)), lambda: old[:3] + chance.randbytes(4) + old[7:], lambda: old + b"x",
            lambda: old[:8] + bytes([200]) * (len(old) - 8), lambda: b"\0\0\x0d\3" + old[4:], lambda: old[:-1],
        ]  # fmt: skip
        path.write_bytes(chance.choice(ways)())
