"""Recipes and data from a stranger: no code of theirs runs, and what is refused is told in words."""

from __future__ import annotations

import io
import json
import os
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from semreg.core import UserError
from semreg.recipe.load import load_recipe
from tests.hostile import Bomb

Toy = Callable[..., Path]
Command = Callable[..., tuple[int, str]]


@pytest.fixture
def command(refused_or_done: Command) -> Command:
    return refused_or_done


# --- data ---


def archive(path: Path, name: str, content: bytes) -> None:
    images = np.zeros((4, 4, 4), np.uint8)
    np.savez(path, images=images, y=np.arange(4))
    with zipfile.ZipFile(path) as file:
        entries = {entry: file.read(entry) for entry in file.namelist()} | {name: content}
    with zipfile.ZipFile(path, "w") as file:
        for entry, data in entries.items():
            file.writestr(entry, data)


def array_file(shape: str, kind: str = "|u1") -> bytes:
    text = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode() + bytes(64)


@pytest.mark.parametrize("name", ["images.npy", "y.npy"])
@pytest.mark.parametrize("kind", ["pickle", "objects", "petabyte", "expression", "negative", "nothing"])
def test_arrays_from_a_stranger(
    name: str, kind: str, toy: Toy, tmp_path: Path, sentinel: Path, command: Command
) -> None:
    objects = io.BytesIO()
    np.save(objects, np.array([Bomb(sentinel)] * 4, dtype=object), allow_pickle=True)
    content = {
        "pickle": pickle.dumps(Bomb(sentinel)),
        "objects": objects.getvalue(),
        "petabyte": array_file(f"({2**50},)"),
        "expression": array_file(f"(open('{sentinel}', 'w'),)"),
        "negative": array_file("(-1, 4, 4)"),
        "nothing": b"",
    }[kind]
    (tmp_path / "data").mkdir()
    archive(tmp_path / "data" / "set.npz", name, content)
    path = toy("", "npz.toml")
    text = (
        (tmp_path / "base.toml")
        .read_text()
        .replace('use = "toy"', 'use = "npz"\npath = "set.npz"\nclasses = { kind = "y" }')
    )
    path.write_text(text)
    assert command("run", path, "--data-root", tmp_path / "data", "--out", tmp_path / "runs", "--device", "cpu")[0] == 2
    command("check", path, "--data-root", tmp_path / "data")


# --- recipes ---


CODE = {
    "import": "__import__('os').system('touch SENTINEL')",
    "lambda": "(lambda: open('SENTINEL', 'w'))()",
    "comprehension": "[open('SENTINEL', 'w') for _ in '1']",
    "f-string": 'f\'{open("SENTINEL", "w")}\'',
    "format": "{image.__class__}",
    "attribute": "image.__class__",
    "eval": "eval(image)",
    "open": "open(image)",
    "shell": "$(touch SENTINEL)",
    "yaml": "!!python/object/apply:os.system ['touch SENTINEL']",
}
PLACES = (
    "losses.rec.use", "tensors.z", "modules.encoder.use", "modules.encoder.outputs", "modules.encoder.weights",
    "extends", "phases.main.epochs", "data.use", "optimizer.use", "optimizer.lr", "seed",
)  # fmt: skip


@pytest.mark.parametrize("kind", CODE)
def test_code_in_a_recipe_is_text(kind: str, toy: Toy, sentinel: Path, command: Command) -> None:
    code = CODE[kind].replace("SENTINEL", str(sentinel))
    value, plain = json.dumps(code), toy()
    for place in PLACES:
        command("check", toy(f"{place} = {value}", "hostile.toml"))
        command("check", plain, "--set", f"{place}={code}")
    for recipe in (f"each.m = [{value}]", f"requires = [{value}]", f"without = [{value}]"):
        command("check", toy(recipe, "hostile.toml"))
    command("check", plain, "--set", f"{code}=1")


NO_FILES = {
    "/dev/zero": "it is not a file",
    "pipe": "it is not a file",
    "folder": "it is not a file",
    "loop": "cannot be read",
    "x" * 3000: "cannot be read",
    "/proc/self/mem": "cannot be read",
}


@pytest.mark.parametrize(("name", "message"), NO_FILES.items(), ids=lambda text: text[:20])
def test_a_recipe_that_is_no_file(
    name: str, message: str, toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Command
) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    Path("folder").mkdir()
    Path("loop").symlink_to("loop")
    code, said = command("check", name)
    assert code == 2
    assert message in said
    code, said = command("check", toy(f'extends = "{name}"', "child.toml"))
    assert code == 2
    assert "there is no recipe" in said or "cannot be read" in said


def test_a_diamond_of_recipes_is_read_so_many_times_only(tmp_path: Path) -> None:
    for number in range(14):
        (tmp_path / f"r{number}.toml").write_text(f'extends = ["r{number + 1}.toml", "r{number + 1}.toml"]')
    (tmp_path / "r14.toml").write_text("")
    with pytest.raises(UserError, match="reads more than 64 files"):
        load_recipe(tmp_path / "r0.toml")


def test_messages_do_not_steer_the_terminal(toy: Toy, command: Command) -> None:
    for recipe in ('[losses.rec]\nuse = "\\u001b[2J(\\u202e"', '[data]\nuse = "\\u001b]0;x\\u0007"'):
        code, said = command("check", toy(recipe, "steering.toml"))
        assert code == 2
        assert all(c.isprintable() or c == "\n" for c in said)
