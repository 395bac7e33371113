"""How numbers are computed is set while a run is made, and afterwards as it was."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from semreg.core import UserError
from semreg.running import arithmetic as module
from semreg.running.arithmetic import WORKSPACE, arithmetic, matrix_precision, tf32_in_convolutions
from semreg.running.choices import Choices
from semreg.trained.run import Run
from semreg.training.trainer import Trainer
from tests.running.conftest import read

Toy = Callable[..., Path]

pytestmark = pytest.mark.usefixtures("no_hooks")

BACKENDS: Any = torch.backends
NEWER = hasattr(BACKENDS.cudnn, "conv")


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """The settings of the process, put back whatever a test leaves."""
    products, convolutions = matrix_precision(), tf32_in_convolutions()
    workspace = os.environ.get(WORKSPACE)
    yield
    module._set_older(products, convolutions)
    torch.use_deterministic_algorithms(False)
    BACKENDS.cudnn.deterministic = BACKENDS.cudnn.benchmark = False
    if workspace is None:
        os.environ.pop(WORKSPACE, None)


def state() -> list[Any]:
    """All that TF32 and determinism are set by, as it is read."""
    settings = [matrix_precision(), tf32_in_convolutions(), BACKENDS.cudnn.deterministic, BACKENDS.cudnn.benchmark]
    settings += [torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()]
    if NEWER:
        settings += [BACKENDS.cudnn.rnn.fp32_precision]
    return settings


@pytest.mark.parametrize("flushed", [False, True])
def test_denormals_are_flushed_while_it_runs_and_then_as_before(
    flushed: bool, toy: Toy, trained: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    def denormal() -> float:
        return float(torch.tensor(1e-39) * 1)

    seen: list[float] = []
    train = Trainer.train

    def watched(trainer: Any) -> None:
        seen.append(denormal())
        train(trainer)

    monkeypatch.setattr(Trainer, "train", watched)
    torch.set_flush_denormal(flushed)
    try:
        trained(toy())
        assert seen == [0]
        assert (denormal() == 0) == flushed
    finally:
        torch.set_flush_denormal(False)


def test_by_default_tf32_and_determinism_stay_as_the_process_has_them() -> None:
    torch.set_float32_matmul_precision("high")
    BACKENDS.cudnn.benchmark = True
    before = state()
    with arithmetic(Choices()):
        assert state() == before
    assert state() == before


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("products", ["highest", "high", "medium"])
@pytest.mark.parametrize("convolutions", [True, False])
def test_without_tf32_nothing_multiplies_in_it_meanwhile(products: str, convolutions: bool) -> None:
    module._set_older(products, convolutions)
    before = state()
    for _ in range(2):
        with arithmetic(Choices(tf32=False)):
            assert (torch.get_float32_matmul_precision(), tf32_in_convolutions()) == ("highest", False)
            assert not BACKENDS.cudnn.allow_tf32  # readable: components that set flags of cuDNN read it
        assert state() == before
    assert torch.get_float32_matmul_precision() == products
    assert BACKENDS.cudnn.allow_tf32 == convolutions


@pytest.mark.skipif(not NEWER, reason="this PyTorch has no setting of TF32 for each operation")
def test_settings_of_each_operation_are_put_back_too() -> None:
    one, other = BACKENDS.cudnn.conv, BACKENDS.cuda.matmul
    one.fp32_precision, other.fp32_precision = "ieee", "tf32"
    assert (matrix_precision(), tf32_in_convolutions()) == ("tf32", False)
    with arithmetic(Choices(tf32=False)):
        assert (matrix_precision(), tf32_in_convolutions()) == ("highest", False)
    assert (one.fp32_precision, other.fp32_precision, BACKENDS.cudnn.rnn.fp32_precision) == ("ieee", "tf32", "tf32")


@pytest.mark.parametrize("warn_only", [None, True, False])
def test_deterministic_algorithms_are_used_meanwhile(warn_only: bool | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(WORKSPACE, raising=False)
    if warn_only is not None:
        torch.use_deterministic_algorithms(True, warn_only=warn_only)
    BACKENDS.cudnn.benchmark = True
    before = state()
    with arithmetic(Choices(deterministic=True)):
        assert state()[2:6] == [True, False, True, False]
        assert os.environ[WORKSPACE] == ":4096:8"
    assert state() == before
    assert os.environ[WORKSPACE] == ":4096:8", "read once in a process"


def test_determinism_that_comes_too_late_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setenv(WORKSPACE, ":0:0")
    said = "CUBLAS_WORKSPACE_CONFIG=:4096:8 must be set before the process first uses the GPU, and it has used it; set "
    with pytest.raises(UserError, match=said) as refused, arithmetic(Choices(deterministic=True)):
        pass
    assert refused.value.source == "--deterministic"
    for fits in module.WORKSPACES:
        monkeypatch.setenv(WORKSPACE, fits)
        with arithmetic(Choices(deterministic=True)):
            assert os.environ[WORKSPACE] == fits


def test_a_run_is_made_as_chosen_and_says_so(
    toy: Toy, trained: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[Any]] = []
    captured: list[bool] = []
    train = Trainer.train

    def watched(trainer: Any) -> None:
        seen.append(state())
        captured.append(trainer.setting.capture)
        train(trainer)

    monkeypatch.setattr(Trainer, "train", watched)
    before = state()
    run = trained(toy(), tf32=False, deterministic=True, capture="off")
    assert [one[:2] + one[4:5] for one in seen] == [["highest", False, True]]
    assert state() == before
    record = read(run.folder, "run.json")
    assert record["choices"] == {
        "channels_last": True, "tf32": False, "compile": False, "deterministic": True, "capture": "off",
    }  # fmt: skip
    assert record["deterministic"] is True
    assert run.folder != trained(toy()).folder
    assert captured == [False, True]
    assert trained(toy(), tf32=False, deterministic=True).folder == run.folder, "capturing changes no bit"
