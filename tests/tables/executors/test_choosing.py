"""Which executor `--on` means, and what is refused before anything is trained."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from semreg.core import Needs, UserError
from semreg.core.executors import CONTEXT
from semreg.recipe.check import check
from semreg.recipe.load import load_recipe
from semreg.running import offered
from semreg.running.choices import Choices
from semreg.tables.executors import choosing
from semreg.tables.executors.choosing import executor_of, require_made_elsewhere, require_room
from semreg.tables.executors.local import Local
from tests.tables.executors.conftest import Forked

Register = Callable[[str, str, Any], None]
Toy = Callable[..., Path]
GIB = 2**30
CPU = Choices(device="cpu")


def test_here_is_this_process_and_others_are_found_by_their_names(register: Register) -> None:
    assert executor_of("here", None, CPU) is None
    found = executor_of("local:3", None, CPU)
    assert isinstance(found, Local)
    assert found.slots == 3
    register("executor", "forked", Forked)
    assert isinstance(executor_of("forked", None, CPU), Forked)


@pytest.mark.parametrize(
    ("on", "gpus", "message"),
    [
        ("lokal", None, r"--on: no executor is called 'lokal'; did you mean 'local'\?"),
        ("her", None, r"--on: no executor is called 'her'; did you mean 'here'\?"),
        ("", None, "--on: no executor is called ''"),
        ("here:2", None, "--on: 'here:2': `here` trains one run after another; local:2 trains two at a time"),
        ("local:two", None, "--on: 'local:two': 'two' is not a number of processes"),
        ("here", 0.5, "--gpus: --gpus shares a GPU among runs that train at the same time; add --on local"),
        ("local", 0.5, "--gpus: these runs compute on the CPU; leave --gpus out"),
        ("local", 0.0, "--gpus: 0.0 is not a share of a GPU; expected a number above 0 and at most 1"),
        ("local", 1.5, "--gpus: 1.5 is not a share of a GPU"),
        ("local", float("nan"), "--gpus: nan is not a share of a GPU"),
    ],
)
def test_what_means_nothing_is_refused(on: str, gpus: float | None, message: str) -> None:
    with pytest.raises(UserError, match=message):
        executor_of(on, gpus, CPU)


def test_one_of_our_plugins_says_how_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(name: str, kinds: object) -> None:
        raise LookupError(f"no executor is called {name!r}")

    monkeypatch.setattr(offered, "find", none)
    monkeypatch.setattr(offered, "installed_entry_points", lambda group, also_off: [])
    with pytest.raises(
        UserError, match=r"no executor is called 'ray'; 'ray' is installed by `pip install semreg-ray`$"
    ):
        executor_of("ray:10.0.0.5:6379", None, CPU)
    with pytest.raises(UserError, match=r"'slrum'; 'slurm' is installed by `pip install semreg-slurm`$"):
        executor_of("slrum", None, CPU)


def test_torchrun_makes_runs_here_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choosing, "started_by_torchrun", lambda: True)
    assert executor_of("here", None, CPU) is None
    with pytest.raises(UserError, match="torchrun trains one run after another"):
        executor_of("local:2", None, CPU)


def test_one_that_cannot_be_made_is_told_without_a_traceback(register: Register) -> None:
    class Broken:
        def __init__(self, words: str = "", *, gpu: float | None = 0.0) -> None:
            raise KeyError(words)

    register("executor", "broken", Broken)
    with pytest.raises(UserError, match="'broken:x' can't be made: KeyError: 'x'"):
        executor_of("broken:x", None, CPU)


@pytest.mark.parametrize(("device", "gpus", "share"), [("auto", None, None), ("cuda", 0.25, 0.25)])
def test_on_a_gpu_an_executor_is_told_the_share(
    device: str, gpus: float | None, share: float | None, register: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Told(Forked):
        def __init__(self, words: str = "", *, gpu: float | None = 0.0) -> None:
            self.slots, self.needs = 2, Needs(1, gpu=-1.0 if gpu is None else gpu)

    register("executor", "told", Told)
    monkeypatch.setattr(Choices, "torch_device", lambda self: torch.device("cuda", 0))
    found = executor_of("told", gpus, Choices(device=device))
    assert found is not None
    assert found.needs.gpu == (-1.0 if share is None else share)


def test_a_device_that_is_one_gpu_is_none_to_be_shared_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Choices, "torch_device", lambda self: torch.device("cuda", 1))
    with pytest.raises(UserError, match="'cuda:1' is one GPU, and an executor shares out all that it sees"):
        executor_of("local", None, Choices(device="cuda:1"))


def test_components_of_this_process_are_told_with_their_recipe(toy: Toy) -> None:
    plan = check(load_recipe(toy()))
    with pytest.raises(UserError, match=r"recipe\.toml .*dataset 'toy' is registered only in this process"):
        require_made_elsewhere([plan, plan], "local")
    require_made_elsewhere([check(load_recipe("vae_digits"))], "local")


@pytest.mark.parametrize(
    ("needed", "share", "message"),
    [
        (10, 0.25, ""),
        (19, 0.25, ""),
        (
            30,
            0.25,
            r"recipe: a step takes 30\.00 GiB at once, and 0\.25 of a GPU has 19\.27 GiB for it; --gpus 0\.5 holds",
        ),
        (70, 0.25, "--gpus 1 holds it"),
        (90, 0.25, "nor does a whole one; a smaller data.batch_size takes less"),
    ],
)
def test_a_share_that_holds_no_step_is_refused_with_one_that_does(
    needed: int, share: float, message: str, toy: Toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Properties:
        total_memory = 80 * GIB

    monkeypatch.setattr(Choices, "torch_device", lambda self: torch.device("cuda", 0))
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: Properties)
    monkeypatch.setattr(choosing, "step_peak", lambda plan, choices: needed * GIB)
    plan = check(load_recipe(toy()))
    assert CONTEXT < GIB
    if not message:
        require_room(plan, Choices(), share)
        return
    with pytest.raises(UserError, match=message) as refused:
        require_room(plan, Choices(), share)
    assert refused.value.source == "--gpus"


def test_the_peak_is_that_of_the_steps_and_of_what_optimisers_keep(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda device: 1000)
    plan = check(load_recipe(toy()))
    weights = 16 * 6 + 6 + 6 * 4 + 4 + 2 * 6 + 6 + 6 * 16 + 16
    assert choosing.step_peak(plan, CPU) == 1000 + 2 * 4 * weights
