"""Checkpoints, run folders and results from a stranger: no code of theirs runs, and refusals are in words."""

from __future__ import annotations

import hashlib
import io
import json
import os
import pickle
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import semreg
from semreg.core import Picture, Result, Table, UserError
from semreg.report.page import render
from semreg.store.collection import collection
from semreg.store.results import read_result, write_result
from semreg.tables.cells import read_cell
from tests.conftest import write_fake_run
from tests.hostile import DEEP, Bomb

Toy = Callable[..., Path]
Command = Callable[..., tuple[int, str]]

WRONG: list[Any] = [None, -1, 1.5, "<script>alert(1)</script>", [[1]], {"a": {"b": 1}}, [{}], 10**30]


def some_of(number: int) -> list[Any]:
    """Three of the wrong values, others for the next number: each report takes its time."""
    return [WRONG[(number + step) % len(WRONG)] for step in (0, 3, 5)]


@pytest.fixture
def command(refused_or_done: Command) -> Command:
    return refused_or_done


@pytest.fixture
def trained(toy: Toy, tmp_path: Path, no_hooks: None) -> Path:
    """A trained toy run with one evaluation."""
    path = toy('[evaluate.copies]\nuse = "reconstructions(image, reconstruction)"\n[phases.main]\nepochs = 1')
    return semreg.run(path, out=tmp_path / "runs", device="cpu").folder


# --- checkpoints ---


def newest(run: Path) -> Path:
    return sorted((run / "checkpoints").iterdir())[-1]


def state_of(run: Path) -> Any:
    return json.loads((newest(run) / "state.json").read_text())


def alone(run: Path, **files: bytes) -> None:
    """Put files into the newest checkpoint, with the hash that makes them pass, and remove the others."""
    latest = newest(run)
    for other in (run / "checkpoints").iterdir():
        if other != latest:
            shutil.rmtree(other)
    for name, content in files.items():
        (latest / {"tensors": "tensors.safetensors", "state": "state.json"}[name]).write_bytes(content)
    if "state" not in files:
        digest = hashlib.sha256((latest / "tensors.safetensors").read_bytes()).hexdigest()
        (latest / "state.json").write_text(json.dumps(state_of(run) | {"sha256": digest}))


def header(table: Any, rest: bytes = b"") -> bytes:
    text = json.dumps(table).encode()
    return struct.pack("<Q", len(text)) + text + rest


def saved_by_torch(value: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


ONE = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
PETABYTE = {"dtype": "F32", "shape": [2**48], "data_offsets": [0, 2**50]}
TENSORS: dict[str, Callable[[Path], bytes]] = {
    "pickle": lambda sentinel: pickle.dumps(Bomb(sentinel)),
    "torch": lambda sentinel: saved_by_torch({"weight": Bomb(sentinel)}),
    "zip": lambda sentinel: b"PK\x03\x04" + bytes(100),
    "nothing": lambda sentinel: b"",
    "petabyte": lambda sentinel: header({"/modules/encoder/weight": PETABYTE}),
    "long header": lambda sentinel: struct.pack("<Q", 2**62) + b"{}",
    "overlap": lambda sentinel: header(dict.fromkeys("ab", ONE), bytes(4)),
    "negative": lambda sentinel: header({"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}}, bytes(4)),
    "deep header": lambda sentinel: struct.pack("<Q", len(DEEP)) + DEEP.encode(),
}


@pytest.mark.parametrize("kind", TENSORS)
def test_tensors_from_a_stranger(kind: str, trained: Path, sentinel: Path, command: Command) -> None:
    alone(trained, tensors=TENSORS[kind](sentinel))
    code, said = command("evaluate", trained)
    assert code == 2
    assert "no whole checkpoint" in said


STATES = [
    "[]", "3", '"text"', "null", "{}", DEEP, '{"sha256": 3}', '{"a": ' * 900 + "1" + "}" * 900, "9" * 5000, "NaN",
    "\x00", '{"sha256": "SHA"}', '{"sha256": "SHA", "state": 3}', '{"sha256": "SHA", "state": []}',
    '{"sha256": "SHA", "state": {"table": 3}}', '{"sha256": "SHA", "state": {"table": [[{}, 1]]}}',
    '{"sha256": "SHA", "state": {"table": [[[], 1, 2]]}}', '{"sha256": "SHA", "state": {"list": 3}}',
    '{"sha256": "SHA", "state": {"tensor": "../../x"}}', '{"sha256": "SHA", "state": {"tensor": []}}',
    '{"sha256": "SHA", "state": {"list": []}}', '{"sha256": "SHA", "state": {"table": []}}',
]  # fmt: skip


@pytest.mark.parametrize("state", STATES, ids=lambda state: state[-40:].replace("\x00", "NUL"))
def test_a_state_from_a_stranger(state: str, trained: Path, command: Command) -> None:
    digest = hashlib.sha256((newest(trained) / "tensors.safetensors").read_bytes()).hexdigest()
    alone(trained, state=state.replace("SHA", digest).encode())
    code, said = command("evaluate", trained)
    assert code == 2
    assert "no whole checkpoint" in said or "not those of a run of this recipe" in said


def test_a_state_with_wrong_parts(trained: Path, tmp_path: Path, command: Command) -> None:
    """Each entry replaced by some wrong values; for `evaluate`, and for `run`, which would go on from it."""
    (trained / "status.json").unlink()
    whole, recipe = state_of(trained), tmp_path / "recipe.toml"
    codes = []
    for index, (key, _) in enumerate(whole["state"]["table"]):
        for wrong in some_of(index):
            table = [list(entry) for entry in whole["state"]["table"]]
            value = {"table": [[k, v] for k, v in wrong.items()]} if isinstance(wrong, dict) else wrong
            table[index][1] = {"list": value} if isinstance(value, list) else value
            alone(trained, state=json.dumps(whole | {"state": {"table": table}}).encode())
            codes += [command("evaluate", trained)[0]]
            if key in ("modules", "logs", "number", "averages"):
                codes += [command("run", recipe, "--out", tmp_path / "runs", "--device", "cpu")[0]]
    assert codes.count(2) > len(codes) // 3


@pytest.mark.parametrize("file", ["tensors.safetensors", "state.json"])
@pytest.mark.parametrize("target", ["copy", "/dev/zero", "fifo"])
def test_what_is_no_file_in_a_checkpoint(
    file: str, target: str, trained: Path, tmp_path: Path, command: Command
) -> None:
    alone(trained)
    path = newest(trained) / file
    if target == "copy":
        shutil.copy(path, tmp_path / "elsewhere")
    path.unlink()
    if target == "fifo":
        os.mkfifo(path)
    else:
        path.symlink_to(tmp_path / "elsewhere" if target == "copy" else target)
    code, said = command("evaluate", trained)
    assert code == 2
    assert "no whole checkpoint" in said


def test_numbers_that_only_look_like_it(trained: Path, command: Command) -> None:
    for name in ("1²", "٣", "9" * 200):
        (trained / "checkpoints" / name).mkdir()
    assert command("evaluate", trained)[0] == 0


# --- a run's folder ---


@pytest.mark.parametrize(
    "file", ["run.json", "recipe.json", "status.json", "metrics.jsonl", "warnings.jsonl", "watch.jsonl"]
)
def test_files_of_a_run_that_hold_anything(file: str, trained: Path, tmp_path: Path, command: Command) -> None:
    for content in (
        b"",
        b"[]",
        b"3",
        b'"x"',
        b"null",
        b"{}",
        DEEP.encode(),
        b'{"a":' * 5000,
        b"9" * 5000,
        b"\xff\x00",
        b"\x80\x04.",
    ):
        (trained / file).write_bytes(content)
        for arguments in (["report", trained], ["runs", "--out", trained.parent], ["evaluate", trained]):
            command(*arguments)
        command("runs", "--json", "--out", trained.parent)


@pytest.fixture
def small(tmp_path: Path, no_hooks: None) -> Path:
    """A run's folder whose report is soon written."""
    run = write_fake_run(tmp_path / "runs" / "olr")
    shutil.rmtree(run / "evaluations")
    (run / "metrics.jsonl").write_text("\n".join((run / "metrics.jsonl").read_text().splitlines()[:3]))
    return run


def reported(run: Path) -> bool:
    """Whether the run has a report, which escapes all that it shows; a refusal says why."""
    try:
        page = render(run)
    except UserError as error:
        page = error.text()
        refused = True
    else:
        refused = False
    assert not refused or "are not those of a run" in page or "cannot be read" in page
    assert refused or "<script>alert(1)" not in page
    return not refused


@pytest.mark.parametrize("file", ["run.json", "status.json"])
def test_records_with_wrong_parts(file: str, small: Path, command: Command) -> None:
    whole = json.loads((small / file).read_text())
    places = [(key,) for key in whole]
    places += [(key, inner) for key in whole if isinstance(whole[key], dict) for inner in whole[key]]
    for number, place in enumerate(places):
        for wrong in some_of(number):
            record = json.loads(json.dumps(whole))
            (record if len(place) == 1 else record[place[0]])[place[-1]] = wrong
            (small / file).write_text(json.dumps(record))
            reported(small)
            assert collection(small.parent).runs
        command("runs", "--out", small.parent)


def test_a_record_with_wrong_parts_is_not_opened(trained: Path, command: Command) -> None:
    whole = json.loads((trained / "run.json").read_text())
    for number, key in enumerate(("recipe", "seed", "data", "used_fallback", "skip_bad_images")):
        for wrong in some_of(number):
            (trained / "run.json").write_text(json.dumps(whole | {key: wrong}))
            command("evaluate", trained)


def test_recipes_of_a_run_with_wrong_parts(trained: Path, command: Command) -> None:
    whole = json.loads((trained / "recipe.json").read_text())
    for key in whole:
        for wrong in WRONG:
            (trained / "recipe.json").write_text(json.dumps(whole | {key: wrong}))
            command("evaluate", trained)


def test_metrics_with_wrong_parts(small: Path, command: Command) -> None:
    whole = {
        "phase": "classifier", "epoch": 1, "iteration": 10, "iterations": 600, "losses": {"bce": 0.1}, "seconds": 1.0,
        "images_per_second": 10.0, "validation": {"bce": 0.2}, "best": True, "seconds_per_iteration": {"data": 0.1},
    }  # fmt: skip
    for key in whole:
        lines = [whole | {key: wrong} for wrong in [*WRONG, {"bce": 1e308}, {"bce": "nan"}, 2**60]]
        (small / "metrics.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n")
        reported(small)
        command("runs", "--out", small.parent)


@pytest.mark.parametrize(
    "file", ["run.json", "recipe.json", "status.json", "metrics.jsonl", "warnings.jsonl", "watch.jsonl"]
)
@pytest.mark.parametrize("made", ["fifo", "zero", "large"])
def test_what_is_no_honest_file_hangs_nothing(file: str, made: str, trained: Path, toy: Toy, command: Command) -> None:
    """A pipe, a device without end, a file of a terabyte: each command ends, with one message that names it."""
    path = trained / file
    path.unlink(missing_ok=True)
    if made == "fifo":
        os.mkfifo(path)
    elif made == "zero":
        path.symlink_to("/dev/zero")
    else:
        with path.open("wb") as large:
            large.truncate(2**40)
    assert command("runs", "--out", trained.parent)[0] == 0
    recipe = trained.parent.parent / "recipe.toml"
    for arguments in (
        ["report", trained],
        ["evaluate", trained],
        ["run", recipe, "--out", trained.parent, "--device", "cpu"],
    ):
        code, said = command(*arguments)
        assert code == 0 or file in said, (arguments, said)
    cell = read_cell(trained, "vae_digits", 0, {})
    assert (cell.state, cell.reason) == ("finished", "") or (cell.state == "damaged" and file in cell.reason)
    shutil.rmtree(trained / "checkpoints")  # as one that is to be trained anew
    code, said = command("run", recipe, "--out", trained.parent, "--device", "cpu")
    assert code == 0 or file in said or "its last checkpoint is damaged" in said


def test_links_in_a_runs_folder_are_not_followed(trained: Path, tmp_path: Path, command: Command) -> None:
    """Doing an evaluation again replaces its folder: through a link that would be anyone's."""
    victim = tmp_path / "victim"
    (victim / "copies").mkdir(parents=True)
    (victim / "copies" / "precious.txt").write_text("mine")
    shutil.rmtree(trained / "evaluations")
    (trained / "evaluations").symlink_to(victim)
    code, said = command("evaluate", trained)
    assert code == 2
    assert "holds a link, evaluations" in said
    assert (victim / "copies" / "precious.txt").read_text() == "mine"


@pytest.mark.parametrize("name", ["../../up", "/no/such/folder", "..", ".hidden", "a/b", "a\\b", " "])
def test_an_evaluation_cannot_be_named_out_of_its_folder(name: str, trained: Path, toy: Toy, command: Command) -> None:
    recipe = json.loads((trained / "recipe.json").read_text())
    recipe["evaluate"] = {name: recipe["evaluate"]["copies"]}
    (trained / "recipe.json").write_text(json.dumps(recipe))
    assert "names a folder of the run" in command("evaluate", trained)[1]
    path = toy(f"[evaluate.{json.dumps(name)}]\nuse = 'reconstructions(image, reconstruction)'", "named.toml")
    assert "names a folder of the run" in command("check", path)[1]


# --- stored results ---


def stored(folder: Path) -> dict[str, Any]:
    result = Result(
        {"a": 0.5},
        {"a": 0.4},
        [
            Table(
                "t",
                ["x"],
                [
                    [
                        "y",
                    ]
                ],
            )
        ],
        [Picture("p", b"\x89PNG\r\n\x1a\n", "c")],
        "s",
    )
    write_result(folder, result)
    content: dict[str, Any] = json.loads((folder / "result.json").read_text())
    return content


@pytest.mark.parametrize(
    "file", ["../../../etc/passwd", "/etc/passwd", "../secret", "secret", "00.png/../../secret", "", ".", "01.png"]
)
def test_pictures_are_read_beside_their_result_only(file: str, tmp_path: Path) -> None:
    folder = tmp_path / "run" / "evaluations" / "e"
    content = stored(folder)
    for place in (folder, folder.parent):
        (place / "secret").write_text("secret")
    (folder / "01.png").symlink_to(folder.parent / "secret")
    content["pictures"][0]["file"] = file
    (folder / "result.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match="holds no readable result"):
        read_result(folder)


def test_results_with_wrong_parts(small: Path) -> None:
    folder = small / "evaluations" / "linear-0a1b2c"
    whole = stored(folder)
    places: list[tuple[Any, ...]] = [(key,) for key in whole]
    places += [(key, 0, inner) for key in ("tables", "pictures") for inner in whole[key][0]]
    places += [("figures", "a"), ("paper", "a")]
    for number, place in enumerate(places):
        for wrong in [*some_of(number), 10**9]:
            content = holder = json.loads(json.dumps(whole))
            for part in place[:-1]:
                holder = holder[part]
            holder[place[-1]] = wrong
            (folder / "result.json").write_text(json.dumps(content))
            assert reported(small), "the page says so of this evaluation, and shows the others"
