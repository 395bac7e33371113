"""A run opened from its folder, elsewhere than where it was trained."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

import catalogue
import pytest
import torch
from torch import Tensor

import semreg
from semreg.components.decoders import MLPDecoder
from semreg.components.encoders import MLPEncoder
from semreg.core import DataMissing, UserError, registry
from semreg.core.kinds import KINDS
from semreg.trained.opening import device_of, open_trained
from semreg.trained.run import Run
from semreg.training.phase import PhaseRunner
from tests.conftest import ToyData
from tests.running.faults import JUDGE
from tests.trained.conftest import Elsewhere

Toy = Callable[..., Path]

pytestmark = pytest.mark.usefixtures("no_hooks")


class Rooted(ToyData):
    """A data set that is where its file is."""

    def locate(self) -> None:
        if self.root is None or not (self.root / "toy.bin").is_file():
            raise DataMissing("", f"Rooted not found under {self.root} (looked for toy.bin); copy it")


def squared(a: Tensor) -> Tensor:
    return a.square().mean()


def doubled(a: Tensor) -> Tensor:
    return 2 * a


@contextmanager
def brought(kind: str, name: str, value: Any) -> Iterator[None]:
    """A component that is only there meanwhile, as that of a plugin that is uninstalled later."""
    registry.register(kind, name, value)
    try:
        yield
    finally:
        del catalogue.REGISTRY[(*KINDS[kind].group.split("."), name)]


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
        with pytest.raises(UserError, match="have changed since the run was trained"):
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
    with pytest.raises(UserError, match="not trained to its end; resume it by `semreg run RECIPE`"):
        open_trained(folder, device="cpu")
    with pytest.raises(UserError, match="this is not the folder of a run"):
        open_trained(tmp_path, device="cpu")


def test_one_whose_last_checkpoint_is_damaged_is_not_used_as_it_was_before(run: Run) -> None:
    [last] = (run.folder / "checkpoints").iterdir()
    assert (run.folder / "continuation").is_dir()
    before = last.with_name("00000000")
    shutil.copytree(last, before)  # as runs of before have one
    (last / "state.json").write_text("{")
    for use in (semreg.open_run, open_trained):
        with pytest.raises(UserError, match="its last one is damaged: remove the folder to train it again"):
            use(run.folder, device="cpu")


@pytest.mark.parametrize("name", ["gpu", "meta", "nonsense", "", "cpu:1", "CPU", "cuda:-1", "cuda:٣", "xla", "cuda:"])
def test_a_device_that_is_none_is_told(name: str) -> None:
    with pytest.raises(UserError) as refused:
        device_of(name)
    assert (
        refused.value.text()
        == f"--device: {name!r} is not a device that semreg computes on; expected auto, cpu and cuda[:n]"
    )


def test_the_device_of_macs_is_refused_and_says_why() -> None:
    with pytest.raises(UserError, match="'mps' has no float64, which losses need; expected cpu and cuda"):
        device_of("mps")


@pytest.mark.parametrize(
    ("name", "rank", "device"),
    [("cuda", None, "cuda:0"), ("cuda:0", None, "cuda:0"), ("auto", None, "cuda:0"), ("cuda", "1", "cuda:1"),
     ("auto", "1", "cuda:1"), ("cuda:0", "1", "cuda:0"), ("cpu", "1", "cpu")],
)  # fmt: skip
def test_a_card_has_one_name(name: str, rank: str | None, device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch, "empty", lambda *_, **__: None)
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    if rank is not None:
        monkeypatch.setenv("LOCAL_RANK", rank)
    assert str(device_of(name)) == device


@pytest.mark.parametrize(
    ("name", "count", "told"),
    [
        ("cuda", 0, "'cuda' is not available; expected one of: cpu"),
        ("cuda:99", 0, "'cuda:99' is not available; expected one of: cpu"),
        ("cuda:2", 2, "'cuda:2' is not available; expected one of: cpu, cuda:0, cuda:1"),
    ],
)
def test_a_device_that_is_not_there_is_told(name: str, count: int, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    with pytest.raises(UserError) as refused:
        device_of(name)
    assert refused.value.text() == f"--device: {told}"


def test_a_device_that_fails_is_told_in_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def empty(*_: object, **__: object) -> None:
        raise RuntimeError("CUDA error: busy\nand much advice" + "!" * 999)

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch, "empty", empty)
    with pytest.raises(UserError) as refused:
        device_of("cuda:0")
    said = "'cuda:0' can't be used (CUDA error: busy); expected one of: cpu, cuda:0"
    assert refused.value.text() == f"--device: {said}"


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


def test_a_loss_that_only_trains_need_not_be_here(toy: Toy, trained: Callable[..., Run]) -> None:
    text = '[losses.odd]\nuse = "squared(z)"\n[phases.main.train]\nencoder = { odd = 1 }\n'
    with brought("loss", "squared", squared):
        run = trained(toy(f'{text}[evaluate.seen]\nuse = "reconstructions"\n'))
    opened = open_trained(run.folder, device="cpu")
    problem = opened.plan.lacking[0]
    assert problem.where == "losses.odd"
    assert "'squared'" in problem.message
    images = torch.rand(3, 1, 4, 4)
    assert torch.equal(opened.encode(images), run.encode(images))
    assert torch.equal(opened.decode(opened.encode(images)), run.decode(run.encode(images)))
    assert list(semreg.evaluate(run.folder, device="cpu")) == ["seen"]


def test_a_comparison_which_one_run_does_not_need_need_not_be_here(toy: Toy, trained: Callable[..., Run]) -> None:
    with brought("comparison", "apart", lambda *codes: None):
        run = trained(toy('[compare.apart]\nuse = "apart(z)"\n'))
    opened = semreg.open_run(run.folder, device="cpu")
    assert [problem.where for problem in opened.plan.lacking] == ["compare.apart"]
    assert opened.encode(torch.rand(1, 1, 4, 4)).shape == (1, 2)
    assert semreg.evaluate(run.folder, device="cpu") == {}


def test_what_is_computed_by_an_operation_that_is_not_here_is_refused_with_the_reason(
    toy: Toy, trained: Callable[..., Run]
) -> None:
    text = '[tensors]\nlarge = "doubled(z)"\nlarger = "average(large, z)"\n[losses.odd]\nuse = "l2(larger, z)"\n'
    with brought("operation", "doubled", doubled):
        run = trained(toy(f"{text}[phases.main.train]\nencoder = {{ odd = 1 }}\n"))
    opened = semreg.open_run(run.folder, device="cpu")
    assert torch.equal(opened.tensor("z").read("test"), run.tensor("z").read("test"))
    for name in ("large", "larger"):
        with pytest.raises(
            UserError, match=rf"(?s)tensor '{name}' needs components that are missing:.*'doubled'"
        ) as refused:
            opened.tensor(name)
        assert refused.value.source == str(run.folder)
        assert "tensors.large" in [problem.where for problem in refused.value.problems]
    with pytest.raises(UserError, match="this run has no tensor 'larg'; did you mean 'large'"):
        opened.tensor("larg")


def test_a_network_that_is_not_here_is_refused_and_the_others_serve(toy: Toy, trained: Callable[..., Run]) -> None:
    with brought("decoder", "odd", MLPDecoder):
        run = trained(toy('[modules.decoder]\nuse = "odd"\nchannels = 1\nsize = 4\n'))
    opened = semreg.open_run(run.folder, device="cpu")
    images = torch.rand(3, 1, 4, 4)
    assert torch.equal(opened.encode(images), run.encode(images))
    for ask in (lambda: opened.module("decoder"), lambda: opened.decode(torch.randn(3, 2))):
        with pytest.raises(UserError, match=r"(?s)needs components that are missing:.*'odd'"):
            ask()


def test_a_network_whose_shapes_hang_on_one_that_is_not_here_is_told_once(
    toy: Toy, trained: Callable[..., Run]
) -> None:
    with brought("encoder", "odd", MLPEncoder):
        run = trained(toy('[modules.encoder]\nuse = "odd"\noutputs = 4\n'))
    opened = semreg.open_run(run.folder, device="cpu")
    assert list(opened.modules) == ["prior"]
    lacking = [problem.where for problem in opened.plan.lacking]
    assert (lacking.count("modules.encoder"), lacking.count("modules.decoder")) == (1, 1)


def test_a_run_of_when_a_papers_figure_was_a_number_opens_without_it(run: Run) -> None:
    path = run.folder / "recipe.json"
    table = json.loads(path.read_text())
    table["evaluate"] = {
        "old": {"use": "linear_probe(z, kind)", "paper": 0.9},
        "new": {"use": "linear_probe(z, kind)", "paper": {"data": table["data"]["use"], "accuracy": 0.9}},
    }
    path.write_text(json.dumps(table))
    plan = semreg.open_run(run.folder, device="cpu").plan
    assert {name: one.paper for name, one in plan.evaluations.items()} == {"old": {}, "new": {"accuracy": 0.9}}


def test_the_data_are_where_the_environment_says(
    toy: Toy, trained: Callable[..., Run], register: Callable[[str, str, Any], None], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    register("dataset", "rooted", Rooted)
    there, elsewhere = tmp_path / "there", tmp_path / "elsewhere"
    for folder in (there, elsewhere):
        folder.mkdir()
    (there / "toy.bin").write_bytes(b"")
    run = trained(toy(), "data.use=rooted", data_root=there)
    monkeypatch.setenv("SEMREG_DATA", str(there))
    assert semreg.open_run(run.folder, device="cpu").counts == run.counts
    with pytest.raises(DataMissing, match=f"Rooted not found under {elsewhere}"):
        _ = semreg.open_run(run.folder, data_root=elsewhere, device="cpu").counts
    monkeypatch.setenv("SEMREG_DATA", str(elsewhere))
    with pytest.raises(DataMissing, match=f"Rooted not found under {elsewhere}"):
        _ = semreg.open_run(run.folder, device="cpu").counts
    assert semreg.open_run(run.folder, data_root=there, device="cpu").counts == run.counts


def test_other_versions_than_those_that_trained_it_are_told(run: Run) -> None:
    record = json.loads((run.folder / "run.json").read_text())
    record["versions"]["torch"] = "0.1"
    (run.folder / "run.json").write_text(json.dumps(record))
    here = metadata.version("torch")
    with pytest.warns(UserWarning, match=rf"trained with torch 0\.1 \(here {here}\); it is used as it is"):
        semreg.open_run(run.folder, device="cpu")


@pytest.mark.parametrize("method", ["source", "locate", "specification"])
@pytest.mark.parametrize("error", [KeyError("k"), SystemExit(0), MemoryError(), torch.OutOfMemoryError("CUDA")])
def test_a_data_set_that_fails_is_named(
    error: BaseException, method: str, toy: Toy, register: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail(self: ToyData) -> None:
        raise error

    class Odd(ToyData):
        pass

    monkeypatch.setattr(Odd, method, fail)
    register("dataset", "odd", Odd)
    with pytest.raises(UserError, match=r"data  odd \(this process\) (failed|called|ran out)"):
        semreg.run(toy(), overrides=["data.use='odd'"], out=tmp_path / "runs", device="cpu")
    assert not (tmp_path / "runs").exists()
