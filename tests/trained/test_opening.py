"""A run opened from its folder, elsewhere than where it was trained."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import semreg
from semreg.core import DataMissing, Specification, UserError
from semreg.trained.opening import open_trained
from semreg.trained.run import Run
from semreg.training.phase import PhaseRunner
from tests.conftest import ToyData
from tests.running.faults import JUDGE

Toy = Callable[..., Path]

pytestmark = pytest.mark.usefixtures("no_hooks")


class Elsewhere(ToyData):
    """A data set that may be on another machine, such that not even its fields are known here."""

    gone = False

    def specification(self) -> Specification:
        self.locate()
        return super().specification()

    def locate(self) -> None:
        if type(self).gone:
            raise DataMissing("", "Elsewhere not found under data (looked for toy.bin); copy it")


@pytest.fixture
def run(
    toy: Callable[..., Path], trained: Callable[..., Run], register: Callable[[str, str, Any], None],
    monkeypatch: pytest.MonkeyPatch,
) -> Run:  # fmt: skip
    monkeypatch.setattr(Elsewhere, "gone", False)
    register("dataset", "elsewhere", Elsewhere)
    return trained(toy(), "data.use=elsewhere")


def test_a_run_opens_without_its_data_and_only_what_reads_them_refuses(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Elsewhere, "gone", True)
    opened = open_trained(run.folder, device="cpu")
    assert opened.plan.fields == run.plan.fields
    images = torch.rand(3, 1, 4, 4)
    assert torch.equal(opened.encode(images), run.encode(images))
    said = "the data that it was trained on are needed here. Elsewhere not found under data"
    status = (run.folder / "status.json").read_bytes()
    for ask in (lambda: opened.tensor("z").read("test"), lambda: semreg.evaluate(run.folder, device="cpu")):
        with pytest.raises(DataMissing, match=said) as refused:
            ask()
        assert refused.value.source == str(run.folder)
    assert (run.folder / "status.json").read_bytes() == status


def test_changed_data_are_refused_when_they_are_read(run: Run, toy: Callable[..., Path]) -> None:
    record = json.loads((run.folder / "run.json").read_text())
    record["data"]["fingerprint"] = "0"
    (run.folder / "run.json").write_text(json.dumps(record))
    opened = semreg.open_run(run.folder, device="cpu")
    assert opened.encode(torch.rand(1, 1, 4, 4)).shape == (1, 2)
    for ask in (
        lambda: opened.tensor("z").read("test"),
        lambda: semreg.evaluate(run.folder, device="cpu"),
        lambda: semreg.run(toy(), overrides=["data.use=elsewhere"], out=run.folder.parent, device="cpu"),
    ):
        with pytest.raises(UserError, match="not those that the run was trained on"):
            ask()


def test_a_run_opens_without_the_recipes_of_its_judges(
    toy: Callable[..., Path], trained: Callable[..., Run], register: Callable[[str, str, Any], None]
) -> None:
    def judged(image: Any, *, judge: Run) -> semreg.core.results.Result:
        return semreg.core.results.Result()

    register("evaluation", "judged", judged)
    judge = toy(JUDGE, "judge.toml")
    run = trained(toy('[evaluate.judged]\nuse = "judged(image)"\njudge = "judge.toml"'))
    judge.unlink()
    assert set(semreg.open_run(run.folder, device="cpu").plan.evaluations) == {"judged"}
    with pytest.raises(UserError, match=r"judge\.toml"):
        semreg.evaluate(run.folder, device="cpu")


def test_a_run_that_is_not_trained_to_its_end_is_not_used(
    toy: Callable[..., Path], stopped: Callable[..., None], tmp_path: Path
) -> None:
    stopped(toy("[phases.later]\nepochs = 1\ntrain = { decoder = { rec = 1 } }"))
    [folder] = (tmp_path / "runs").iterdir()
    assert semreg.open_run(folder, device="cpu").folder == folder
    with pytest.raises(UserError, match="not trained to its end; `semreg run` with its recipe goes on"):
        open_trained(folder, device="cpu")
    with pytest.raises(UserError, match="this is not the folder of a run"):
        open_trained(tmp_path, device="cpu")


def test_a_device_that_is_not_there_is_told(run: Run) -> None:
    with pytest.raises(UserError, match="--device: 'abacus' cannot be used here"):
        semreg.open_run(run.folder, device="abacus")


@pytest.mark.parametrize("wrong", [None, 3, [], {}, {"image": 3}, {"image": {"kind": "x"}}])
def test_fields_that_no_run_records_are_refused(run: Run, wrong: Any) -> None:
    record = json.loads((run.folder / "run.json").read_text())
    record["data"]["fields"] = wrong
    (run.folder / "run.json").write_text(json.dumps(record))
    with pytest.raises(UserError):
        semreg.open_run(run.folder, device="cpu")


def test_an_opened_run_encodes_and_decodes(toy: Toy, trained: Callable[..., Run]) -> None:
    run = trained(toy())
    opened = semreg.open_run(run.folder, device="cpu")
    images = torch.rand(5, 1, 4, 4)
    codes = opened.encode(images)
    assert codes.shape == (5, 2)
    assert torch.equal(codes, run.encode(images))
    assert torch.equal(opened.decode(codes), run.decode(codes))
    assert opened.decode(codes).shape == images.shape
    assert torch.equal(codes, opened.encode(images)), "the posterior's mean, not a draw"
    assert not any(module.training for module in opened.modules.values())
    assert not any(p.requires_grad for module in opened.modules.values() for p in module.parameters())


def test_a_run_is_opened_from_anywhere(
    toy: Toy, trained: Callable[..., Run], evaluations: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toy(JUDGE, "judge.toml")
    path = toy('[evaluate.verdict]\nuse = "judged(image)"\njudge = "judge.toml"')
    monkeypatch.chdir(tmp_path)
    run = trained(Path(path.name))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert semreg.open_run(run.folder, device="cpu").encode(torch.rand(1, 1, 4, 4)).shape == (1, 2)


def test_what_is_no_run_cannot_be_opened(
    toy: Toy, trained: Callable[..., Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserError, match="not the folder of a run"):
        semreg.open_run(tmp_path)
    monkeypatch.setattr(PhaseRunner, "iterate", lambda self, iteration: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        trained(toy())
    [folder] = (tmp_path / "runs").iterdir()
    with pytest.raises(UserError, match="no whole checkpoint yet"):
        semreg.open_run(folder)
    (folder / "run.json").write_text("{")
    with pytest.raises(UserError, match=r"run\.json: cannot be read"):
        semreg.open_run(folder)
