"""Whole trainings: the same bits however often they are stopped, the last good checkpoint after a loss breaks."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import semreg
from semreg.components.priors import StandardNormal
from semreg.core import DiagonalGaussian, UserError
from semreg.store.checkpoint import read_latest
from semreg.trained.run import Run
from semreg.training import trainer
from semreg.training.pace import Pace
from semreg.training.phase import PhaseRunner
from tests.training.conftest import assert_same_bits, final_state, metrics, state_of, trained

Toy = Callable[..., Path]
Register = Callable[[str, str, Any], None]

pytestmark = pytest.mark.usefixtures("no_hooks")


def test_two_runs_of_one_seed_are_the_same_bits_and_another_seed_differs(everything: Path, tmp_path: Path) -> None:
    first, second = trained(everything, tmp_path / "a"), trained(everything, tmp_path / "b")
    assert first.folder.name == second.folder.name
    assert_same_bits(first, second)
    other = trained(everything, tmp_path / "c", seed=1)
    assert other.folder.name != first.folder.name
    assert metrics(other.folder) != metrics(first.folder)


def checkpoint_always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Write a checkpoint after every iteration."""
    monkeypatch.setattr(trainer, "SECONDS_BETWEEN_CHECKPOINTS", -1.0)
    monkeypatch.setattr(trainer, "SHARE_OF_CHECKPOINTS", 1e9)


def stop_at(monkeypatch: pytest.MonkeyPatch, stop: int, error: type[BaseException] = KeyboardInterrupt) -> None:
    """Interrupt the training at its iteration number `stop` in this process."""
    done = 0
    iterate = PhaseRunner.iterate

    def interrupted(self: PhaseRunner, iteration: int) -> None:
        nonlocal done
        if done == stop:
            raise error
        done += 1
        iterate(self, iteration)

    monkeypatch.setattr(PhaseRunner, "iterate", interrupted)


# The first phase has 8 epochs of 2 iterations, each of two batches in one of its steps, the second 2 of 2.
@pytest.mark.parametrize("stop", [0, 2, 5, 7, 11, 16, 17, 19])
def test_a_run_that_was_stopped_ends_with_the_same_bits(
    everything: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: int
) -> None:
    checkpoint_always(monkeypatch)
    whole = trained(everything, tmp_path / "whole")
    with monkeypatch.context() as patch:
        stop_at(patch, stop)
        with pytest.raises(KeyboardInterrupt):
            trained(everything, tmp_path / "stopped")
    [folder] = (tmp_path / "stopped").iterdir()
    assert state_of(folder) == "stopped"
    if 5 <= stop < 19:
        torch.rand(7)
        with monkeypatch.context() as patch:
            stop_at(patch, 1)
            with pytest.raises(KeyboardInterrupt):
                trained(everything, tmp_path / "stopped")
    resumed = trained(everything, tmp_path / "stopped")
    assert state_of(folder) == "finished"
    assert_same_bits(whole, resumed)


def test_a_run_goes_on_from_the_checkpoint_before_a_damaged_one(
    everything: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint_always(monkeypatch)
    whole = trained(everything, tmp_path / "whole")
    with monkeypatch.context() as patch:
        stop_at(patch, 12)
        with pytest.raises(KeyboardInterrupt):
            trained(everything, tmp_path / "stopped")
    [folder] = (tmp_path / "stopped").iterdir()
    newest = max((folder / "checkpoints").iterdir())
    (newest / "state.json").write_text("{")
    assert_same_bits(whole, trained(everything, tmp_path / "stopped"))
    assert "continuing from the one before" in capsys.readouterr().err
    assert "continuing from the one before" in (folder / "warnings.jsonl").read_text()


def test_a_loss_that_breaks_stops_the_run_with_its_name_and_the_checkpoint_before_stays(
    toy: Toy, register: Register, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint_always(monkeypatch)
    executions = 0

    def breaking(a: Tensor, b: Tensor) -> Tensor:
        nonlocal executions
        executions += 1
        return (a - b).square().mean() * (float("nan") if executions > 12 else 1.0)

    register("loss", "breaking", breaking)
    path = toy('[losses.rec]\nuse = "breaking(reconstruction, image)"\n[phases.main]\nepochs = 9')
    with pytest.raises(UserError) as refused:
        trained(path, tmp_path / "runs")
    assert refused.value.problems[0].where == "losses.rec"
    assert "became nan in phase 'main'" in refused.value.text()
    [folder] = (tmp_path / "runs").iterdir()
    assert state_of(folder) == "failed"
    state, _ = read_latest(folder / "checkpoints")
    assert state is not None
    assert state["iteration"] > 0
    assert all(value.isfinite().all() for weights in state["modules"].values() for value in weights.values())


def test_weights_that_break_are_not_kept(
    toy: Toy, register: Register, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint_always(monkeypatch)
    executions = 0

    def finite_with_an_infinite_gradient(a: Tensor, b: Tensor) -> Tensor:
        nonlocal executions
        executions += 1
        return ((a - b) * (0.0 if executions == 12 else 1.0)).abs().sum().sqrt()

    register("loss", "breaking", finite_with_an_infinite_gradient)
    path = toy('[losses.rec]\nuse = "breaking(reconstruction, image)"\n[phases.main]\nepochs = 9')
    with pytest.raises(UserError) as refused:
        trained(path, tmp_path / "runs")
    assert [problem.where for problem in refused.value.problems] == ["modules.encoder", "modules.decoder", ""]
    [folder] = (tmp_path / "runs").iterdir()
    state, notes = read_latest(folder / "checkpoints")
    assert state is not None
    assert not notes
    assert all(value.isfinite().all() for weights in state["modules"].values() for value in weights.values())


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:114] DefaultCPUAllocator: can't allocate memory"),
        MemoryError(),
    ],
    ids=["gpu", "cpu", "python"],
)
@pytest.mark.parametrize(("key", "where"), [("data", "data"), ("phases.main.data", "phases.main.data")])
def test_memory_that_runs_out_names_the_batch_size(
    toy: Toy, register: Register, tmp_path: Path, error: Exception, key: str, where: str
) -> None:
    executions = 0

    def greedy(a: Tensor, b: Tensor) -> Tensor:
        nonlocal executions
        executions += 1
        if executions > 4:
            raise error
        return (a - b).square().mean()

    register("loss", "greedy", greedy)
    path = toy('[losses.rec]\nuse = "greedy(reconstruction, image)"')
    with pytest.raises(UserError) as refused:
        trained(path, tmp_path / "runs", overrides=[f"{key}.batch_size=12"])
    assert refused.value.problems[0].where == f"{where}.batch_size"
    assert f"batches of 12; try --set {where}.batch_size=6, and 2 × the `accumulate`" in refused.value.text()


def test_memory_of_a_card_that_runs_out_names_what_was_needed(
    toy: Toy, register: Register, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def greedy(a: Tensor, b: Tensor) -> Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory")

    register("loss", "greedy", greedy)
    path = toy('[losses.rec]\nuse = "greedy(reconstruction, image)"')
    monkeypatch.setattr(trainer, "shortage", lambda error, device: (40 * 2**30, 10 * 2**30))
    said = "batches of 12, at least 40.00 GiB where there are 10.00; try --set data.batch_size=3, and 4 × the"
    with pytest.raises(UserError, match=said):
        trained(path, tmp_path / "runs", overrides=["data.batch_size=12"])


def test_precomputing_changes_nothing_but_the_work(toy: Toy, register: Register, tmp_path: Path) -> None:
    calls = 0

    def watched(x: Tensor) -> Tensor:
        nonlocal calls
        calls += 1
        return x * 2

    def sign(x: Tensor) -> Tensor:
        return (x[:, 0] > 0).long()

    register("operation", "watched", watched)
    register("operation", "sign", sign)
    text = """
        without = ["phases.main"]
        [modules.probe]
        use = "mlp_encoder"
        outputs = 2
        hidden = []
        [tensors]
        features = "watched(posterior_mean(posterior))"
        half = "sign(features)"
        [losses.fit]
        use = "cross_entropy(probe(features), half)"
        [phases.later]
        epochs = 3
        validate = { loss = "fit" }
        train = { probe = { fit = 1 } }
        """
    direct = trained(toy(text), tmp_path / "a")
    done, calls = calls, 0
    stored = trained(toy(text + 'precompute = ["features", "half"]'), tmp_path / "b")
    assert done > calls > 0
    for key, value in direct.modules["probe"].state_dict().items():
        torch.testing.assert_close(value, stored.modules["probe"].state_dict()[key])
    assert [line["iteration"] for line in metrics(direct.folder)] == [
        line["iteration"] for line in metrics(stored.folder)
    ]


def test_running_averages_are_what_a_run_ends_with(toy: Toy, tmp_path: Path) -> None:
    run = trained(toy("[modules.encoder]\nema = 0.5"), tmp_path / "runs")
    state = final_state(run)
    opened = semreg.open_run(run.folder, device="cpu")
    for key, value in state["averages"]["encoder"].items():
        assert torch.equal(run.modules["encoder"].state_dict()[key], value)
        assert torch.equal(opened.modules["encoder"].state_dict()[key], value)
        assert not torch.equal(state["modules"]["encoder"][key], value)
    assert set(state["averages"]) == {"encoder"}


def test_records_count_epochs_and_iterations_and_hold_every_loss(toy: Toy, tmp_path: Path) -> None:
    run = trained(toy(), tmp_path / "runs", seed=5)
    lines = metrics(run.folder)
    assert [line["iteration"] for line in lines][-1] == 12
    assert {line["iterations"] for line in lines} == {12}
    assert {line["epoch"] for line in lines} == {1, 2}
    assert all(set(line["losses"]) == {"rec", "kl"} for line in lines)


def test_what_a_module_remarks_is_recorded_with_the_run(toy: Toy, tmp_path: Path, register: Register) -> None:
    class Anxious(StandardNormal):
        asked = 0

        def remarks(self) -> list[str]:
            self.asked += 1
            return ["asked for the second time"] if self.asked == 2 else []

        def __init__(self, *, size: int) -> None:
            super().__init__(size=size)
            self.scale = nn.Parameter(torch.ones(()))

        def kl_divergence(self, posterior: DiagonalGaussian, *labels: Tensor) -> Tensor:
            return self.scale * super().kl_divergence(posterior)

    register("prior", "anxious", Anxious)
    path = toy("[modules.prior]\nuse = 'anxious'\nsize = 2\n[phases.main.train]\nprior = { kl = 1 }")
    folder = trained(path, tmp_path / "runs").folder
    lines = [json.loads(line)["warning"] for line in (folder / "warnings.jsonl").read_text().splitlines()]
    assert lines == ["asked for the second time"]


def test_steps_that_others_slow_are_remarked_on(toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def remark(self: Pace, parts: dict[str, float]) -> str | None:
        seen.append(parts)
        return "slow" if len(seen) == 3 else None

    monkeypatch.setattr(Pace, "remark", remark)
    run = trained(toy(), tmp_path)
    assert [json.loads(line)["seconds_per_iteration"] for line in (run.folder / "metrics.jsonl").open()] == seen
    assert (run.folder / "warnings.jsonl").read_text() == '{"warning": "slow"}\n'


def test_validation_ends_a_phase_when_patience_is_out(toy: Toy, tmp_path: Path) -> None:
    path = toy("[phases.main]\nepochs = 30\nvalidate = { loss = 'rec', patience = 2 }\n[optimizer]\nlr = 0.0")
    lines = [line for line in metrics(trained(path, tmp_path / "runs").folder) if "validation" in line]
    assert [line["best"] for line in lines] == [True, False, False]
    assert [line["epoch"] for line in lines] == [1, 2, 3]


def test_validation_every_other_epoch(toy: Toy, tmp_path: Path) -> None:
    path = toy("[phases.main]\nepochs = 5\nvalidate = { loss = 'rec', every = 2 }")
    lines = [line for line in metrics(trained(path, tmp_path / "runs").folder) if "validation" in line]
    assert [line["epoch"] for line in lines] == [2, 4]


def test_the_best_weights_end_the_phase(toy: Toy, tmp_path: Path) -> None:
    text = "[phases.main]\nepochs = 5\nvalidate = { loss = 'rec', keep = 'KEEP' }\n[optimizer]\nlr = 0.3"
    best, last = (trained(toy(text.replace("KEEP", keep)), tmp_path / keep) for keep in ("best", "last"))
    values = [line["validation"]["rec"] for line in metrics(best.folder) if "validation" in line]
    assert values == [line["validation"]["rec"] for line in metrics(last.folder) if "validation" in line]
    assert values.index(min(values)) < len(values) - 1, "the case is worth testing only if the last is not the best"

    def error(run: Run) -> float:
        images = run.tensor("image").read("validation")
        return float((run.tensor("reconstruction").given(image=images) - images).square().mean())

    assert error(best) == pytest.approx(min(values), rel=1e-5)
    assert error(last) == pytest.approx(values[-1], rel=1e-5)


def test_a_batch_larger_than_the_data_is_told(toy: Toy, tmp_path: Path) -> None:
    path = toy("data.batch_size = 1000")
    with pytest.raises(UserError, match="a batch of 1000 can't be drawn from 48 images") as refused:
        trained(path, tmp_path / "runs")
    assert refused.value.problems[0].where == "data.batch_size"
    assert refused.value.source == str(path)
    assert not (tmp_path / "runs").exists()


def test_bf16_trains(toy: Toy, tmp_path: Path) -> None:
    run = trained(toy(), tmp_path / "runs", precision="bf16")
    assert all(value.dtype == torch.float32 for value in run.modules["encoder"].state_dict().values())
    assert all(line["losses"]["rec"] < 1 for line in metrics(run.folder))


def test_fp16_is_refused_without_a_gpu_before_anything_is_written(toy: Toy, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--precision  fp16 trains on a GPU, and this run is on cpu; use bf16 or fp32"):
        trained(toy(), tmp_path / "runs", precision="fp16")
    with pytest.raises(UserError, match=r"modules\.decoder\.precision  fp16 trains on a GPU"):
        trained(toy('[modules.decoder]\nprecision = "fp16"'), tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("error", [KeyError("k"), SystemExit(0), ValueError("too few")])
def test_a_sampler_that_fails_is_named(error: BaseException, toy: Toy, register: Register, tmp_path: Path) -> None:
    def odd(kinds: Tensor, *, count: int, batch_size: int, generator: torch.Generator) -> Tensor:
        raise error

    register("sampler", "odd", odd)
    with pytest.raises(UserError, match=r"data\.sampler  .*odd(, this process\)| \(this process\))"):
        trained(toy(), tmp_path, overrides=["data.sampler.use='odd(kind)'"])


def test_a_sampler_that_needs_whole_batches_is_told_with_accumulate(
    toy: Toy, register: Register, tmp_path: Path
) -> None:
    def whole(kinds: Tensor, *, count: int, batch_size: int, generator: torch.Generator) -> Tensor:
        raise ValueError(f"a batch of {batch_size} is no multiple of 10")

    register("sampler", "whole", whole)
    changes = ["data.sampler.use='whole(kind)'", "phases.main.accumulate=2"]
    with pytest.raises(UserError, match=r"8 is no multiple of 10 .*; each of the 2 batches that `accumulate` averages"):
        trained(toy(), tmp_path, overrides=changes)


def test_more_batches_an_update_than_there_are_images_are_told_at_their_key(toy: Toy, tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match="7 batches of 8 can't be drawn from 48 images; 6 at most, or smaller batches, are possible"
    ) as refused:
        trained(toy(), tmp_path / "runs", overrides=["phases.main.accumulate=7"])
    assert refused.value.problems[0].where == "phases.main.accumulate"
