"""What a run is begun under is recorded, and under other circumstances it does not go on."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import semreg
from semreg.core import UserError
from semreg.running import environment, start
from semreg.running.choices import Choices
from semreg.store.folder import RunFolder
from semreg.trained.run import Run
from semreg.training.phase import PhaseRunner
from tests.running.conftest import LATER, read

Toy = Callable[..., Path]

pytestmark = pytest.mark.usefixtures("no_hooks")


def test_the_record_holds_what_ran(toy: Toy, trained: Callable[..., Run]) -> None:
    folder = trained(toy()).folder
    record = read(folder, "run.json")
    assert record["name"] == "recipe"
    assert (record["seed"], record["precision"], record["device"]) == (0, "fp32", "cpu")
    assert record["data"]["counts"] == {"train": 48, "validation": 0, "test": 12}
    assert record["data"]["fields"]["kind"]["names"] == ["a", "b", "c"]
    assert record["data"]["taken"]["classes"]["kind"] == {"train": 3 * [16], "validation": 3 * [0], "test": 3 * [4]}
    assert record["data"]["taken"]["pixels"].keys() == {"least", "largest"}
    assert record["versions"].keys() >= {"python", "torch", "semreg"}
    assert record["modules"]["prior"] == {"use": "standard_normal", "parameters": 0}
    [phase] = record["phases"]
    assert (phase["epochs"], phase["iterations"], phase["batch_size"]) == (2, 12, 8)
    assert phase["steps"] == {"step": {"encoder": {"rec": 1.0, "kl": 0.5}, "decoder": {"rec": 1.0}}}
    assert phase["backwards"] == {"step": 1}
    assert read(folder, "status.json")["state"] == "finished"


def test_going_on_under_other_circumstances_is_refused_by_name(
    toy: Toy, trained: Callable[..., Run], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, stopped: Callable[..., None]
) -> None:
    stopped(toy(LATER))
    [folder] = (tmp_path / "runs").iterdir()
    versions = environment.versions
    changes: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
        "threads": lambda patch: patch.setattr(torch, "get_num_threads", lambda: 77),
        "code": lambda patch: patch.setattr(environment, "rooms_digest", lambda: "other"),
        "deterministic": lambda patch: patch.setattr(torch, "are_deterministic_algorithms_enabled", lambda: True),
        "matrix_precision": lambda patch: patch.setattr(torch, "get_float32_matmul_precision", lambda: "high"),
        "versions.torch": lambda patch: patch.setattr(
            environment, "versions", lambda plan: versions(plan) | {"torch": "0.1"}
        ),
        "data": lambda patch: patch.setattr(start, "open_data", lambda plan, **_: replace(whole, content="other")),
    }
    whole = start.open_data(start.plan_for(semreg.load_recipe(toy(LATER)), Choices())[0])
    for where, change in changes.items():
        with monkeypatch.context() as patch:
            change(patch)
            with pytest.raises(UserError) as refused:
                trained(toy(LATER))
        assert refused.value.source == str(folder)
        assert [problem.where for problem in refused.value.problems] == [where, ""]
        assert "would not continue with the same bits; restore what differs, start again" in refused.value.text()
        assert "--out" in refused.value.text()
    trained(toy(LATER))
    assert read(folder, "status.json")["state"] == "finished"


CARD: dict[str, Any] = {
    "device": "cuda:0",
    "card": "NVIDIA H100",
    "data": {"fingerprint": "a"},
    "versions": {},
    "code": "b",
}
CARD |= {name: None for name in environment.PLACE if name not in CARD} | {"hash": "c"}


@pytest.mark.parametrize(
    ("changes", "where", "way"),
    [
        ({"device": "cpu", "card": None}, ["device", "card"], "resume by --device cuda, start again"),
        ({"card": "NVIDIA T4"}, ["card"], "resume on a machine with a NVIDIA H100, start again in another folder"),
        ({"cudnn": 91900}, ["cudnn"], "restore what differs"),
    ],
)
def test_another_device_is_refused_with_the_way_out(
    changes: dict[str, Any], where: list[str], way: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=way) as refused:
        environment._refuse_differences(RunFolder(tmp_path, "run"), CARD, CARD | changes)
    assert [problem.where for problem in refused.value.problems] == [*where, ""]


def test_another_card_of_the_same_name_goes_on(tmp_path: Path) -> None:
    environment._refuse_differences(RunFolder(tmp_path, "run"), CARD, CARD | {"device": "cuda:1"})
    with pytest.raises(UserError):
        environment._refuse_differences(RunFolder(tmp_path, "run"), CARD, CARD | {"device": "mps:0"})


def test_the_driver_is_told_where_linux_tells_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "DRIVER", tmp_path / "version")
    assert environment._driver() is None
    text = "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  570.86.15  Release Build  (x)\n"
    (tmp_path / "version").write_text(f"{text}GCC version: gcc 12.3.0\n")
    assert environment._driver() == "570.86.15"
    (tmp_path / "version").write_text("none")
    assert environment._driver() is None


def test_a_run_that_is_trained_is_used_under_other_versions_and_says_so_once(
    toy: Toy,
    trained: Callable[..., Run],
    evaluations: list[object],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = trained(toy()).folder
    record = read(folder, "run.json")
    (folder / "run.json").write_text(json.dumps(record | {"versions": record["versions"] | {"torch": "0.1"}}))
    capsys.readouterr()
    monkeypatch.setattr(PhaseRunner, "iterate", None)
    run = trained(toy('[evaluate.more]\nuse = "measured(z)"'))
    assert run.folder == folder
    said = capsys.readouterr().err
    assert said.count(f"{folder}: trained with torch 0.1 (here {torch.__version__.partition('+')[0]}") == 1
    assert "it is used as it is" in said
    assert len(evaluations) == 1
    (folder / "run.json").write_text(json.dumps(record | {"code": "other"}))
    trained(toy('[evaluate.more]\nuse = "measured(z)"'))
    assert "trained with other code of semreg; it is used as it is" in capsys.readouterr().err
