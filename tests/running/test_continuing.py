"""A finished run goes on with more epochs: with the bits of one trained in one go, as a run of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from semreg.core import UserError
from semreg.store.disk import write_object
from semreg.store.record import read_lines
from semreg.trained.run import Run
from semreg.training.phase import PhaseRunner
from tests.running.conftest import LATER, read

Toy = Callable[..., Path]
Trained = Callable[..., Run]

pytestmark = pytest.mark.usefixtures("no_hooks")

VALIDATED = '[data.split]\nvalidation = 12\n[phases.main]\nvalidate = { loss = "rec", keep = "best" }\n'
EMA = "[modules.encoder]\nema = 0.9\n"


@pytest.mark.parametrize("text", ["", EMA, VALIDATED, f"{LATER}\n", '[optimizer]\nuse = "sgd"\nmomentum = 0.9\n'])
def test_at_a_constant_rate_it_ends_with_the_bits_of_one_go(toy: Toy, trained: Trained, text: str) -> None:
    phase = "later" if LATER in text else "main"
    path = toy(text)
    short = trained(path, f"phases.{phase}.epochs=2")
    long = trained(path, f"phases.{phase}.epochs=5", continue_from=short.folder)
    whole = trained(path, f"phases.{phase}.epochs=5")
    assert len({short.folder, long.folder, whole.folder}) == 3
    for name, module in whole.modules.items():
        for key, value in module.state_dict().items():
            assert torch.equal(long.modules[name].state_dict()[key], value), (name, key)
    losses = [
        [line["losses"] for line in read_lines(run.folder / "metrics.jsonl") if "losses" in line]
        for run in (long, whole)
    ]
    assert losses[0] == losses[1]


def test_schedules_are_those_of_the_longer_recipe_and_the_record_says_that_it_went_on(
    toy: Toy, trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = toy('[optimizer.schedule]\nuse = "linear_decay"\n')
    short = trained(path, "phases.main.epochs=2")
    rates: list[float] = []
    iterate = PhaseRunner.iterate

    def watched(self: PhaseRunner, iteration: int) -> None:
        iterate(self, iteration)
        rates.append(self.optimizers[0].optimizer.param_groups[0]["lr"])

    monkeypatch.setattr(PhaseRunner, "iterate", watched)
    long = trained(path, "phases.main.epochs=4", continue_from=short.folder)
    assert len(rates) == 12, "of the last two epochs alone"
    assert rates[0] == pytest.approx(1e-2 / 2)
    record = read(long.folder, "run.json")
    assert record["continues"] == {"run": short.folder.name, "hash": read(short.folder, "run.json")["hash"]}
    assert read(short.folder, "run.json")["continues"] is None


def test_it_is_found_again_goes_on_when_stopped_and_can_be_gone_on_from(
    toy: Toy, trained: Trained, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    short = trained(toy(), "phases.main.epochs=1")

    def interrupted(self: PhaseRunner, iteration: int) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(PhaseRunner, "iterate", interrupted)
        with pytest.raises(KeyboardInterrupt):
            trained(toy(), "phases.main.epochs=3", continue_from=short.folder)
    long = trained(toy(), "phases.main.epochs=3", continue_from=short.folder)
    capsys.readouterr()
    assert trained(toy(), "phases.main.epochs=3", continue_from=short.folder).folder == long.folder
    assert "finished; nothing to do" in capsys.readouterr().err
    longer = trained(toy(), "phases.main.epochs=4", continue_from=long.folder)
    whole = trained(toy(), "phases.main.epochs=4")
    for name, module in whole.modules.items():
        for key, value in module.state_dict().items():
            assert torch.equal(longer.modules[name].state_dict()[key], value)


def test_a_run_that_was_computed_otherwise_is_not_gone_on_from(toy: Toy, trained: Trained) -> None:
    short = trained(toy(), "phases.main.epochs=1", tf32=False)
    with pytest.raises(UserError, match=r"choices\.tf32 +differs from that run's training"):
        trained(toy(), "phases.main.epochs=2", continue_from=short.folder)
    trained(toy(), "phases.main.epochs=2", continue_from=short.folder, tf32=False)


def test_without_the_option_the_run_that_differs_by_epochs_alone_is_named(
    toy: Toy, trained: Trained, capsys: pytest.CaptureFixture[str]
) -> None:
    short = trained(toy(), "phases.main.epochs=1")
    trained(toy(), "phases.main.epochs=3", "optimizer.lr=0.5")
    assert "--continue" not in capsys.readouterr().err
    trained(toy(), "phases.main.epochs=3")
    assert f"{short.folder} is trained for 1 epochs: `--continue {short.folder}` would" in capsys.readouterr().err
    trained(toy(), "phases.main.epochs=3")
    assert "--continue" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("overrides", "wheres"),
    [
        (("phases.main.epochs=1",), ["phases.main.epochs"]),
        (("phases.main.epochs=2",), [""]),
        (("phases.main.epochs=3", "optimizer.lr=0.5"), ["phases.main.optimizers.decoder.options.lr"]),
        (("phases.main.epochs=3", "data.count=36"), ["data.options.count"]),
    ],
)
def test_a_run_that_differs_in_more_than_epochs_is_refused_by_name(
    toy: Toy, trained: Trained, overrides: tuple[str, ...], wheres: list[str], tmp_path: Path
) -> None:
    short = trained(toy(), "phases.main.epochs=2")
    with pytest.raises(UserError) as refused:
        trained(toy(), *overrides, continue_from=short.folder)
    assert refused.value.source == f"--continue {short.folder}"
    assert {problem.where for problem in refused.value.problems} >= set(wheres)
    assert [path.name for path in (tmp_path / "runs").iterdir()] == [short.folder.name]


def test_another_seed_other_data_an_unfinished_run_and_none_are_refused(
    toy: Toy, trained: Trained, tmp_path: Path
) -> None:
    short = trained(toy(), "phases.main.epochs=2")
    more: dict[str, Any] = {"continue_from": short.folder}
    with pytest.raises(UserError, match="seed"):
        trained(toy(), "phases.main.epochs=3", seed=3, **more)
    record = read(short.folder, "run.json")
    write_object(short.folder / "run.json", record | {"data": record["data"] | {"fingerprint": "other"}})
    with pytest.raises(UserError, match="have changed since that run was trained"):
        trained(toy(), "phases.main.epochs=3", **more)
    write_object(short.folder / "run.json", {key: record[key] for key in record.keys() - {"trained"}})
    with pytest.raises(UserError, match="not trained to its end"):
        trained(toy(), "phases.main.epochs=3", **more)
    with pytest.raises(UserError, match="holds no run"):
        trained(toy(), "phases.main.epochs=3", continue_from=tmp_path / "nowhere")
