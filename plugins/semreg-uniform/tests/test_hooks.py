"""A critic whose gradients stay near zero is told of, once, and no other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from semreg_uniform.hooks import CriticWatch

from semreg.core.hookspecs import Progress
from semreg.core.plugin_manager import load_hooks
from semreg.testing import FakeObservedRun, check_hook

RECIPE = {
    "losses": {
        "gp": {"use": "gradient_penalty(judge, image, detach(x_s))"},
        "rec": {"use": "l1(x_f, image)"},
    }
}
PER_EPOCH, EPOCHS = 250, 4


def warned(folder: Path, penalties: Sequence[float], *, per_epoch: int = PER_EPOCH, every: int = 50) -> list[str]:
    """The warnings of a run whose penalty is read after every so many iterations."""
    run = FakeObservedRun(folder, recipe=RECIPE)
    watch = CriticWatch()
    watch.phase_started(run)
    watch.iteration_done(run, Progress("main", 1, EPOCHS, 1, EPOCHS * per_epoch))
    for place, penalty in enumerate(penalties, 1):
        done = place * every
        for losses in (None, {"gp": penalty, "rec": 0.9}, {"rec": 0.9}):
            epoch = 1 + done // per_epoch
            watch.iteration_done(run, Progress("main", epoch, EPOCHS, done, EPOCHS * per_epoch, losses))
    return run.warnings


def test_it_conforms() -> None:
    check_hook(CriticWatch)


def test_it_tells_of_a_critic_that_died_once(tmp_path: Path) -> None:
    [said] = warned(tmp_path, [0.3] * 6 + [0.85, 0.9] * 7)
    assert "gp is 0.85 in epoch 3" in said
    assert "modules.judge.optimizer.lr" in said


@pytest.mark.parametrize(
    "penalties",
    [
        [0.3] * 20,
        [1.5] * 20,  # far too great is not near zero
        [0.9] * 4 + [0.3] * 16,  # every critic begins so
        [0.9, 0.9, 0.9, 0.3] * 5,
        [float("nan")] * 20,
    ],
)
def test_it_is_silent_of_others(tmp_path: Path, penalties: list[float]) -> None:
    assert not warned(tmp_path, penalties)


def test_a_critic_that_never_worked_is_told_of_and_short_epochs_wait_for_200_iterations(tmp_path: Path) -> None:
    assert len(warned(tmp_path, [0.95] * 20)) == 1
    assert not warned(tmp_path, [0.95] * 3, per_epoch=50)
    assert len(warned(tmp_path, [0.95] * 4, per_epoch=50)) == 1


def test_a_run_that_goes_on_is_watched_from_there(tmp_path: Path) -> None:
    run = FakeObservedRun(tmp_path, recipe=RECIPE)
    watch = CriticWatch()
    watch.phase_started(run)
    for done in range(6000, 6250):
        watch.iteration_done(run, Progress("main", 25, 40, done, 10_000, {"gp": 0.85} if done % 50 == 0 else None))
    assert not run.warnings
    watch.iteration_done(run, Progress("main", 25, 40, 6250, 10_000, {"gp": 0.85}))
    assert len(run.warnings) == 1


def test_a_recipe_without_a_penalty_has_nothing_to_watch(tmp_path: Path) -> None:
    run = FakeObservedRun(tmp_path, recipe={"losses": {"gp": {"use": "other(x)"}}})
    watch = CriticWatch()
    watch.phase_started(run)
    for done in range(0, 2000, 100):
        watch.iteration_done(run, Progress("main", 1, 2, done, 2000, {"gp": 0.9}))
    assert not run.warnings


def test_the_hook_is_installed() -> None:
    told: list[str] = []
    assert any("critic_watch" in name for name, _ in load_hooks(told.append).list_name_plugin())
    assert not told
