"""What a coordinator does about trials that end, fail, are killed, and are in other hands: with made-up ones."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
from filelock import FileLock

from semreg.core import Needs, UserError
from semreg.store import leases
from semreg.store.layout import CHECKPOINTS, LOCK, STATUS
from semreg.tables.executors import coordinator
from semreg.tables.executors.coordinator import MOST_TRIES, Coordinator, Work
from semreg.tables.executors.trials import lock_of, log_of
from semreg.tables.grid import Cell


@dataclass
class Plan:
    name: str


class MadeUp:
    """A trial whose folder holds a file `done` when it is."""

    recipe: Any = None
    choices: Any = None
    command, seed = "", 0

    def __init__(self, folder: Path) -> None:
        self.folder, self.plan = folder, Plan(folder.name)
        self.looks = 0

    @property
    def to_do(self) -> bool:
        self.looks += 1
        return not (self.folder / "done").exists()

    def read(self) -> Cell:
        states = {"done": "finished", "evaluated": "finished", STATUS: "failed"}
        found = next((state for name, state in states.items() if (self.folder / name).exists()), "not begun")
        return Cell(0, self.folder, found, "it broke" if found == "failed" else "")


@dataclass
class MadeUpJob:
    """A job that does, each time it is asked, the next of some things, and then has ended."""

    things: Iterator[Callable[[], object]]
    cancelled: int = 0
    over: bool = False

    def state(self) -> Literal["running", "ended"]:
        if not self.over:
            thing = next(self.things, None)
            if thing is None:
                self.over = True
            else:
                thing()
        return "ended" if self.over else "running"

    def cancel(self) -> None:
        self.cancelled += 1
        self.over = True


@dataclass
class MadeUpExecutor:
    """Does to a trial, by its name, what is planned for each time that it is submitted."""

    folder: Path
    plans: dict[str, list[list[Callable[[Path], object]]]]
    slots: int = 2
    needs: Needs = field(default_factory=lambda: Needs(1))
    submitted: list[str] = field(default_factory=list)
    jobs: list[MadeUpJob] = field(default_factory=list)
    most: int = 0

    def submit(self, arguments: Sequence[str], needs: Needs) -> MadeUpJob:
        (name,) = arguments
        self.submitted.append(name)
        things = self.plans[name].pop(0)
        self.jobs.append(MadeUpJob(iter([lambda one=one: one(self.folder / name) for one in things])))
        self.most = max(self.most, sum(not job.over for job in self.jobs))
        return self.jobs[-1]


def done(folder: Path) -> None:
    (folder / "done").touch()


def fails(folder: Path) -> None:
    (folder / STATUS).write_text("failed")


def nothing(folder: Path) -> None: ...


def step(folder: Path) -> None:
    path = folder / CHECKPOINTS
    path.mkdir(exist_ok=True)
    (path / f"{len(list(path.iterdir())):08d}").mkdir()


Run = Callable[..., tuple[MadeUpExecutor, dict[str, Cell]]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """`run(a=[[done]])` has trials made by what is planned for each time they are submitted."""
    monkeypatch.setattr(coordinator, "SECONDS_BETWEEN_ASKING", 0.001)
    monkeypatch.setattr(coordinator, "SECONDS_BETWEEN_LOOKS", 0.002)
    monkeypatch.setattr(leases, "SECONDS_OF_TAKING", 0.0)
    monkeypatch.setattr(coordinator, "write_trial", lambda trial, needs: ([trial.folder.name], needs))

    def run(slots: int = 2, **plans: list[list[Callable[[Path], object]]]) -> tuple[MadeUpExecutor, dict[str, Cell]]:
        cells: dict[str, Cell] = {}
        executor = MadeUpExecutor(tmp_path, plans, slots)
        work = [
            Work(MadeUp(tmp_path / name), lambda cell, name=name: cells.__setitem__(name, cell), name) for name in plans
        ]
        Coordinator(executor, work).run()
        return executor, cells

    return run


def test_as_many_are_made_at_once_as_there_are_slots_in_their_order(run: Run, tmp_path: Path) -> None:
    plans: dict[str, Any] = {name: [[nothing, nothing, done]] for name in "abcde"}
    executor, cells = run(slots=2, **plans)
    assert executor.submitted == list("abcde")
    assert executor.most == 2
    assert {name: cell.state for name, cell in cells.items()} == dict.fromkeys("abcde", "finished")


def test_what_is_finished_meanwhile_is_not_submitted(run: Run, tmp_path: Path) -> None:
    executor, cells = run(slots=1, a=[[lambda folder: (done(folder), done(_made(folder.parent / "b")))]], b=[])
    assert executor.submitted == ["a"]
    assert cells["b"].finished


def test_one_that_fails_is_told_and_hinders_no_other(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    executor, cells = run(slots=1, a=[[fails]], b=[[done]])
    assert executor.submitted == ["a", "b"]
    assert (cells["a"].state, cells["a"].reason, cells["b"].state) == ("failed", "it broke", "finished")
    assert "a: failed: it broke; the other runs continue" in capsys.readouterr().err


def test_one_whose_process_is_killed_is_begun_again_before_all_others(run: Run) -> None:
    executor, cells = run(slots=1, a=[[nothing], [done]], b=[[done]])
    assert executor.submitted == ["a", "a", "b"]
    assert cells["a"].finished


def test_one_that_is_killed_before_its_report_is_written_is_begun_again(run: Run) -> None:
    def evaluated(folder: Path) -> None:
        (_made(folder) / "evaluated").touch()  # so that its cell is finished, and it is still to do

    executor, cells = run(a=[[evaluated], [done]])
    assert executor.submitted == ["a", "a"]
    assert cells["a"].finished


def test_one_that_failed_before_and_is_now_killed_is_begun_again(run: Run, tmp_path: Path) -> None:
    fails(_made(tmp_path / "a"))
    executor, cells = run(a=[[nothing], [done]])
    assert executor.submitted == ["a", "a"]
    assert cells["a"].finished


def test_one_that_makes_no_step_forward_has_failed_with_its_last_words(run: Run, tmp_path: Path) -> None:
    def dies(folder: Path) -> None:
        with log_of(MadeUp(folder)).open("a") as log:
            log.write("semreg\nepoch 1\n\n")

    for name in "ab":
        _made(log_of(MadeUp(tmp_path / name)).parent)
        log_of(MadeUp(tmp_path / name)).write_text("of another day\n")

    executor, cells = run(a=[[dies]] * MOST_TRIES, b=[[]] * MOST_TRIES)
    assert sorted(executor.submitted) == ["a"] * MOST_TRIES + ["b"] * MOST_TRIES
    ended = "its process ended 3 times without progress, perhaps for lack of memory"
    assert (cells["a"].state, cells["a"].reason) == ("failed", f"{ended}; its last words: epoch 1")
    assert cells["b"].reason == f"{ended}; the last time it printed nothing"


def test_one_that_is_killed_again_and_again_goes_on_as_long_as_it_makes_steps(run: Run) -> None:
    executor, cells = run(a=[*[[step], []] * 2 * MOST_TRIES, [done]])
    assert len(executor.submitted) == 4 * MOST_TRIES + 1
    assert cells["a"].finished


def test_two_trials_of_one_run_are_made_after_each_other(tmp_path: Path, run: Run) -> None:
    cells: list[Cell] = []
    executor = MadeUpExecutor(tmp_path, {"a": [[nothing, nothing, done], []]})
    Coordinator(executor, [Work(MadeUp(tmp_path / "a"), cells.append, str(k)) for k in range(2)]).run()
    assert executor.submitted == ["a"]
    assert [cell.state for cell in cells] == ["finished"] * 2


@pytest.mark.parametrize("lock", [lambda trial: trial.folder / LOCK, lock_of], ids=["run", "claim"])
def test_one_in_other_hands_is_waited_for_and_takes_a_slot(
    lock: Callable[[MadeUp], Path], run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    held = FileLock(lock(MadeUp(_made(tmp_path / "a"))), thread_local=False)
    _made(Path(held.lock_file).parent)
    held.acquire()

    def released(folder: Path) -> None:
        done(tmp_path / "a")
        held.release()

    executor, cells = run(slots=2, a=[], b=[[nothing, done]], c=[[released, done]])
    assert executor.submitted == ["b", "c"]
    assert executor.most == 1
    assert cells["a"].finished
    assert capsys.readouterr().err.count("a: another process trains it; waiting for that") == 1


@pytest.mark.parametrize("lock", [lambda trial: trial.folder / LOCK, lock_of], ids=["run", "claim"])
def test_one_that_another_machine_has_is_begun_when_its_lease_expires(
    lock: Callable[[MadeUp], Path], run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lease = leases.lease_of(lock(MadeUp(_made(tmp_path / "a"))))
    _made(lease.parent)
    lease.write_text('{"host": "node7", "kernel": "another", "process": 12}')
    executor, _ = run(slots=2, a=[[done]], b=[[nothing, lambda folder: os.utime(lease, (1, 1)), done]])
    assert executor.submitted == ["b", "a"]
    assert capsys.readouterr().err.count("a: process 12 of node7 trains it; waiting for that") == 1


def test_no_more_folders_are_looked_at_than_there_are_slots(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = []
    monkeypatch.setattr(coordinator, "_in_other_hands", lambda trial: looked.append(trial.folder.name))
    run(slots=2, **{name: [[nothing, done]] for name in "abcdef"})
    assert "".join(looked) == "abcdef"


def test_a_signal_leaves_what_is_in_other_hands_alone_and_says_so(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with FileLock(_made(tmp_path / "a") / LOCK), pytest.raises(KeyboardInterrupt):
        run(a=[], b=[[nothing, lambda folder: os.kill(os.getpid(), signal.SIGINT), *[nothing] * 1000]])
    assert "a: another process trains it, and continues" in capsys.readouterr().err


def test_one_that_was_killed_in_other_hands_is_begun(run: Run, tmp_path: Path) -> None:
    held = FileLock(_made(tmp_path / "a") / LOCK, thread_local=False)
    held.acquire()
    executor, cells = run(slots=2, a=[[done]], b=[[lambda folder: held.release(), done]])
    assert executor.submitted == ["b", "a"]
    assert cells["a"].finished


def test_one_that_another_was_faster_at_is_no_try(run: Run, tmp_path: Path) -> None:
    held = FileLock(tmp_path / "a" / LOCK, thread_local=False)
    turns = iter(range(6))

    def other(folder: Path) -> None:
        held.acquire()
        threading.Timer(0.02, held.release).start()
        if next(turns) == 5:
            done(folder)

    executor, cells = run(a=[[other]] * 6)
    assert executor.submitted == ["a"] * 6
    assert cells["a"].finished


def test_an_executor_that_fails_ends_the_grid_and_stops_what_is_under_way(run: Run, tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"MadeUpExecutor can't begin a run: IndexError: pop from empty list"
    ) as refused:
        run(a=[[nothing] * 1000], b=[])
    assert refused.value.source == "--on"
    assert not lock_held(MadeUp(tmp_path / "a"))
    assert not lock_held(MadeUp(tmp_path / "b"))


def out_of_reach(folder: Path) -> None:
    raise OSError("the queue is away")


def test_a_job_that_cannot_be_asked_for_a_while_is_taken_to_run(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    executor, cells = run(a=[[out_of_reach, out_of_reach, nothing, out_of_reach, done]], b=[[out_of_reach, done]])
    assert sorted(executor.submitted) == ["a", "b"]
    assert {cell.state for cell in cells.values()} == {"finished"}
    said = capsys.readouterr().err
    assert said.count("MadeUpExecutor can't tell the state of a run: OSError: the queue is away; waiting") == 1


def test_a_job_that_can_never_be_asked_ends_the_grid_and_is_left(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(coordinator, "MOST_UNANSWERED", 5)
    monkeypatch.setattr(MadeUpJob, "cancel", lambda job: None)
    with pytest.raises(UserError, match="MadeUpExecutor can't tell the state of a run: OSError: the queue is away"):
        run(a=[[out_of_reach] * 1000], b=[[*[nothing] * 20, done]])
    assert (tmp_path / "b" / "done").exists(), "it was waited for"
    assert capsys.readouterr().err.count("its process may still run") == 1


def test_a_job_that_cannot_be_stopped_hinders_not_that_others_are(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cancel, cancelled = MadeUpJob.cancel, []

    def refused(self: MadeUpJob) -> None:
        cancelled.append(self)
        if len(cancelled) == 1:
            raise OSError("the queue is away")
        cancel(self)

    monkeypatch.setattr(MadeUpJob, "cancel", refused)
    with pytest.raises(KeyboardInterrupt):
        run(a=[[*[nothing] * 9, done]], b=[[lambda folder: os.kill(os.getpid(), signal.SIGINT), *[nothing] * 1000]])
    assert len(cancelled) == 2
    assert "a: MadeUpExecutor can't stop a run: OSError: the queue is away; waiting" in capsys.readouterr().err


def test_a_job_that_is_begun_while_two_signals_come_is_stopped_too(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    submit, jobs = MadeUpExecutor.submit, []

    def interrupted(self: MadeUpExecutor, arguments: Sequence[str], needs: Needs) -> MadeUpJob:
        jobs.append(submit(self, arguments, needs))
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGINT)
        return jobs[-1]

    monkeypatch.setattr(MadeUpExecutor, "submit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(a=[[nothing] * 1000], b=[])
    assert [job.cancelled for job in jobs] == [1]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_a_signal_stops_what_is_under_way_and_says_how_to_go_on(
    number: signal.Signals, run: Run, tmp_path: Path
) -> None:
    before = signal.getsignal(number)
    jobs: list[MadeUpJob] = []

    def stopped(folder: Path) -> None:
        os.kill(os.getpid(), number)

    submit = MadeUpExecutor.submit

    def recorded(self: MadeUpExecutor, arguments: Sequence[str], needs: Needs) -> MadeUpJob:
        jobs.append(submit(self, arguments, needs))
        return jobs[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MadeUpExecutor, "submit", recorded)
        with pytest.raises(KeyboardInterrupt, match="the same command resumes from the last checkpoints") as ended:
            run(a=[[nothing] * 1000], b=[[stopped, *[nothing] * 1000]], c=[])
    assert ended.value.code == 128 + number  # type: ignore[attr-defined]
    assert [job.cancelled for job in jobs] == [1, 1]
    assert signal.getsignal(number) is before
    assert not lock_held(MadeUp(tmp_path / "a"))


def test_a_second_signal_asks_again_and_a_job_that_never_ends_is_left_at_last(run: Run, tmp_path: Path) -> None:
    class Stubborn(MadeUpJob):
        def cancel(self) -> None:
            self.cancelled += 1
            os.kill(os.getpid(), signal.SIGINT)

    job = Stubborn(iter([nothing] * 0))
    job.state = lambda: "running"  # type: ignore[method-assign, assignment]
    executor = MadeUpExecutor(tmp_path, {})
    executor.submit = lambda arguments, needs: job  # type: ignore[method-assign, assignment]
    threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        Coordinator(executor, [Work(MadeUp(tmp_path / "a"), lambda cell: None, "a")]).run()
    assert job.cancelled == MOST_TRIES


def test_what_is_finished_is_looked_at_no_more(run: Run, tmp_path: Path) -> None:
    trials = [MadeUp(tmp_path / f"{k}") for k in range(3)]
    executor = MadeUpExecutor(tmp_path, {"0": [[done]], "1": [[done]], "2": [[nothing] * 50 + [done]]})
    Coordinator(executor, [Work(trial, lambda cell: None, "") for trial in trials]).run()
    assert [trial.looks for trial in trials] == [2, 2, 2]


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def lock_held(trial: MadeUp) -> bool:
    return coordinator._in_other_hands(trial)
