"""Small data of the kinds that people have, each with the recipe that `semreg init` should write for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from PIL import Image

RANDOM = np.random.default_rng(0)


def picture(path: Path, *, height: int = 24, width: int = 20, grey: bool = False) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = RANDOM.integers(0, 256, (height, width) if grey else (height, width, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


def folders(root: Path, names: Iterable[str], each: int = 12, ending: str = ".png", **shape: int) -> Path:
    """A folder of images for each name."""
    for name in names:
        for number in range(each):
            picture(root / name / f"IMG_{number:03}{ending}", **shape)
    return root


def table(root: Path, header: str, rows: Callable[[int], str], count: int = 60, *, inside: str = "") -> Path:
    """A table of images that are there; `rows` says what follows a file's name."""
    names = [f"{number:03}.png" for number in range(count)]
    for name in names:
        picture(root / inside / name)
    (root / "labels.csv").write_text("\n".join([header, *(f"{name},{rows(k)}" for k, name in enumerate(names)), ""]))
    return root


def archive(root: Path, count: int = 60, **arrays: object) -> Path:
    """An archive of grey images and other arrays."""
    root.mkdir()
    images = RANDOM.integers(0, 256, (count, 16, 16), dtype=np.uint8)
    np.savez(root / "set.npz", **{"images": images, **arrays})  # type: ignore[arg-type]
    return root / "set.npz"


NUMBERS = np.arange(60)
ODD = ["7 – Größe (neu)", "white space", "π", "true", "1e3", "-dash", "[x]", "it's"]


def _deep_tree(root: Path) -> Path:
    folders(root / "train", ["cat", "dog"])
    folders(root / "test", ["cat", "dog"], each=4)
    return root


def _flat(root: Path) -> Path:
    folders(root.parent, [root.name], each=24)
    return root


MADE: dict[str, list[Callable[[Path], Path]]] = {
    "gm_mnist": [
        lambda root: folders(root, ODD, ending=".jpg", height=90, width=70),
        lambda root: folders(root, ["cat", "dog"], height=8, width=9),
        _deep_tree,
        lambda root: table(root, "file,species,remark", lambda k: f"{'abc'[k % 3]},remark {k}"),
        lambda root: archive(root, kind=np.array(["round", "square"])[NUMBERS % 2]),
    ],
    "atnl_gm_mnist": [
        lambda root: folders(root, [f"stage {k}" for k in range(8, 13)]),
        lambda root: folders(root, ["0.5", "1", "2", "10"], height=200, width=100),
        lambda root: table(root, "file,Split,age", lambda k: f"{'Train' if k % 5 else 'TEST'},{10 * (k % 4)}"),
        lambda root: table(root, "image,angle", lambda k: f"{30 * (k % 6)}", inside="pictures"),
        lambda root: archive(root, y=(NUMBERS % 5)[:, None]),
    ],
    "olr_faces": [
        lambda root: table(root, "file,Male,Smiling", lambda k: f"{k % 2},{k % 3 % 2}"),
        lambda root: table(root, "file,smiling,hat", lambda k: f"{k % 2 == 0},{'yes' if k % 3 else 'no'}"),
        lambda root: table(root, "file,a,b,c", lambda k: f"{1 - 2 * (k % 2)},{1 - 2 * (k % 3 % 2)},1"),
        lambda root: table(root, "file,edema,effusion", lambda k: f"{['1.0', '0.0', '-1.0', ''][k % 4]},{k % 2}"),
        lambda root: archive(
            root, labels=np.stack([NUMBERS % 2, NUMBERS % 3 % 2], 1), names=np.array(["Red", "Round"])
        ),
    ],
    "uniform_multipie": [
        lambda root: table(root, "file,shape,colour", lambda k: f"{'abc'[k % 3]},{'xyz'[k // 3 % 3]}"),
        lambda root: table(root, "file,kind,hat", lambda k: f"{'abc'[k % 3]},{k // 3 % 2}"),
        lambda root: table(root, "file,person,light,name", lambda k: f"p{k % 4},{k // 4 % 5},{k}", 80),
        lambda root: archive(root, factors=np.stack([NUMBERS % 3, NUMBERS // 3 % 4, 0 * NUMBERS], 1)),
        lambda root: archive(root, angle=NUMBERS % 30, kind=NUMBERS % 3),
    ],
    "vae_digits": [
        _flat,
        lambda root: folders(root, ["all"], each=20),
        lambda root: folders(root, [f"person_{k:02}" for k in range(20)], each=2),
        lambda root: archive(root, images=RANDOM.random((40, 12, 12)).astype(np.float32)),
        lambda root: archive(root, images=RANDOM.integers(0, 2, (40, 12, 12), dtype=np.uint8)),
    ],
}  # fmt: skip
"""Five sets of each family, by the shipped recipe that stands for it; each makes its files in a folder and gives what
`--data` names."""
