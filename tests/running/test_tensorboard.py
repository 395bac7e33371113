"""TensorBoard shows what the run's folder holds, each point once, however often the run was killed."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pluggy
import pytest

import semreg
from semreg.core import Result, UserError, hookspecs, plugin_manager
from semreg.core.hookspecs import Progress
from semreg.running.tensorboard import TensorBoard, require_tensorboard
from semreg.store.recipes import write_evaluations
from semreg.store.results import write_result
from semreg.training.phase import PhaseRunner

accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")

Points = dict[str, list[tuple[int, float]]]


class Run:
    def __init__(self, folder: Path, name: str = "toy") -> None:
        self.folder, self.name = folder, name

    def warn(self, message: str) -> None:
        raise AssertionError(message)


def scalars(folder: Path, kind: str = "") -> Points:
    """What TensorBoard shows of a run: points by tag."""
    events = accumulator.EventAccumulator(str(folder / "tensorboard" / kind), {"scalars": 0})
    events.Reload()
    return {tag: [(e.step, round(e.value, 5)) for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


def append(folder: Path, *lines: dict[str, object]) -> None:
    with (folder / "metrics.jsonl").open("a") as log:
        log.write("".join(json.dumps(line) + "\n" for line in lines))


def record(iteration: int, loss: float) -> dict[str, object]:
    parts = {"data": 0.001, "forward": 0.01}
    more = {"losses": {"l2": loss}, "images_per_second": 50.0, "seconds_per_iteration": parts}
    return {"phase": "main", "iteration": iteration, **more}


def test_everything_in_a_finished_folder_is_shown(fake_run: Path) -> None:
    TensorBoard().run_finished(Run(fake_run, "olr_celeba"))
    shown, validation = scalars(fake_run), scalars(fake_run, "validation")
    assert [step for step, _ in shown["siamese/pair"]] == list(range(10, 1201, 10))
    assert [step for step, _ in validation["siamese/pair"]] == list(range(100, 1201, 100))
    assert shown["speed/classifier/milliseconds_forward"][0] == (10, 20.0)
    assert shown["speed/classifier/seconds_of_validation"][-1] == (600, 0.8)
    assert shown["speed/siamese/images_per_second"][0][1] > 400
    assert shown["evaluation/linear/ratio"] == [(1800, 0.988)]
    events = accumulator.EventAccumulator(str(fake_run / "tensorboard"))
    events.Reload()
    (image,) = events.Images("edits/1 Edits")
    assert image.encoded_image_string.startswith(b"\x89PNG")
    assert image.width > image.height > 100


def test_points_follow_the_log_line_by_line(tmp_path: Path) -> None:
    run, board = Run(tmp_path), TensorBoard()
    board.phase_started(run)
    append(tmp_path, record(5, 1.0))
    board.iteration_done(run, Progress("main", 1, 1, 5, 10, {"l2": 1.0}))
    append(tmp_path, {"phase": "main", "iteration": 5, "validation": {"l2": 2.0}, "seconds": 1.0})
    (tmp_path / "metrics.jsonl").open("a").write('{"phase": "main", "iteration": 6, "losses"')
    board.iteration_done(run, Progress("main", 1, 1, 6, 10))
    board.checkpoint_written(run)
    (tmp_path / "metrics.jsonl").open("a").write(': {"l2": 0.5}}\n')
    write_result(tmp_path / "evaluations" / "odd-0a1b2c", Result({"a/b": 3.0}))
    write_evaluations(tmp_path, "toy", {"odd": "odd-0a1b2c", "later": "later-0a1b2c"}, reported=False)
    write_evaluations(tmp_path, "other", {"others": "odd-0a1b2c"}, reported=True)
    board.evaluation_done(run)
    board.run_stopped(run)
    assert scalars(tmp_path)["main/l2"] == [(5, 1.0), (6, 0.5)]
    assert scalars(tmp_path, "validation") == {"main/l2": [(5, 2.0)]}
    assert scalars(tmp_path)["evaluation/odd/a/b"] == [(6, 3.0)]
    assert "evaluation/others/a/b" not in scalars(tmp_path)


def test_a_run_that_goes_on_has_no_point_twice(tmp_path: Path) -> None:
    run, board = Run(tmp_path), TensorBoard()
    append(tmp_path, record(5, 1.0), {"phase": "main", "iteration": 5, "validation": {"l2": 9.0}}, record(10, 0.5))
    board.phase_started(run)
    board.run_stopped(run)
    assert scalars(tmp_path)["main/l2"] == [(5, 1.0), (10, 0.5)]
    (tmp_path / "metrics.jsonl").write_text(json.dumps(record(5, 1.0)) + "\n")
    again = TensorBoard()
    again.phase_started(run)
    append(tmp_path, record(10, 0.25))
    again.run_finished(run)
    assert scalars(tmp_path)["main/l2"] == [(5, 1.0), (10, 0.25)]
    assert scalars(tmp_path, "validation") == {}
    assert [path.stat().st_size > 0 for path in sorted((tmp_path / "tensorboard").glob("events*"))].count(True) == 1


def test_an_open_tensorboard_lets_go_of_what_was_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, board = Run(tmp_path), TensorBoard()
    append(tmp_path, record(5, 1.0), record(10, 0.5))
    board.run_finished(run)
    events = accumulator.EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert [e.step for e in events.Scalars("main/l2")] == [5, 10]
    (tmp_path / "metrics.jsonl").write_text(json.dumps(record(7, 0.1)) + "\n")
    later = time.time() + 60  # a file's name begins with the time, and so they are read in order
    monkeypatch.setattr(time, "time", lambda: later)
    TensorBoard().run_finished(run)
    events.Reload()
    assert [e.step for e in events.Scalars("main/l2")] == [7]


def test_a_run_killed_and_continued_shows_what_one_never_killed_shows(
    toy: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load_hooks(warn: Callable[[str], None]) -> pluggy.PluginManager:
        manager = pluggy.PluginManager("semreg")
        manager.add_hookspecs(hookspecs)
        plugin_manager.add_plugin(manager, TensorBoard, "tensorboard")
        return manager

    monkeypatch.setattr(plugin_manager, "load_hooks", load_hooks)
    recipe = toy(
        """
        [phases.main]
        validate = { loss = "rec" }

        [phases.later]
        epochs = 1

        [phases.later.train]
        decoder = { rec = 1 }

        [evaluate.shown]
        use = "reconstructions(image, reconstruction)"
        """
    )
    choices = {"device": "cpu"}
    whole = semreg.run(recipe, out=tmp_path / "whole", **choices).folder
    iterate = PhaseRunner.iterate

    def interrupted(self: PhaseRunner, iteration: int) -> None:
        if self.phase.name == "later" and iteration == 3:
            raise KeyboardInterrupt
        iterate(self, iteration)

    with monkeypatch.context() as patch:
        patch.setattr(PhaseRunner, "iterate", interrupted)
        with pytest.raises(KeyboardInterrupt):
            semreg.run(recipe, out=tmp_path / "killed", **choices)
    stopped = tmp_path / "killed" / whole.name
    assert "later/rec" in scalars(stopped)
    assert semreg.run(recipe, out=tmp_path / "killed", **choices).folder == stopped

    def timeless(points: Points) -> Points:
        return {tag: values for tag, values in points.items() if not tag.startswith("speed/")}

    assert timeless(scalars(stopped)) == timeless(scalars(whole))
    assert scalars(stopped, "validation") == scalars(whole, "validation")
    assert {"main/rec", "main/kl", "later/rec"} < scalars(whole).keys()
    assert scalars(whole, "validation").keys() == {"main/rec"}
    assert not list(tmp_path.glob("*/*/warnings.jsonl"))


def test_without_tensorboard_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    require_tensorboard()
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(UserError, match=r'pip install "semreg\[tensorboard\]"'):
        require_tensorboard()
