"""Runs of a grid that an executor makes: what is to do is handed to it, and what came of it is read from the folders.

A coordinator keeps nothing that the folders don't tell. Killed at any moment, it leaves trials that go on by
themselves; the same command waits for these, as for another coordinator's, and goes on with all else.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from filelock import Timeout

from semreg.core import Executor, Job, UserError
from semreg.core.errors import cause_of
from semreg.store.disk import writing
from semreg.store.folder import SECONDS_OF_A_LOOK
from semreg.store.layout import LOCK
from semreg.store.leases import LeasedLock, is_held, who_has
from semreg.store.messages import say
from semreg.store.record import at_work
from semreg.tables.executors.trials import (
    Trial,
    last_words,
    length_of_log,
    lock_of,
    refusal_of,
    status_of,
    steps_of,
    write_trial,
)
from semreg.tables.executors.watching import watching
from semreg.tables.grid import Cell
from semreg.training.interrupts import Interrupts

MOST_TRIES = 3
"""A trial that ended so often in a row, and made no step forward, is not begun again."""
SECONDS_BETWEEN_ASKING, SECONDS_BETWEEN_LOOKS = 0.05, 1.0
"""How often jobs are asked for, and folders looked at."""
MOST_UNANSWERED = 1_000
"""So often in a row, for about a minute, an executor may fail to tell of a job, as while a cluster's queue is away."""
MOST_UNBEGUN = 60
"""So often in a row, for about a minute, it may fail to begin a trial, once it has begun one."""


@dataclass(eq=False)
class Work:
    """A trial that is not done yet; `told` is given its cell when it is."""

    trial: Trial
    told: Callable[[Cell], None]
    title: str
    job: Job | None = None
    """The last of ours, which may have ended."""
    given_up: Callable[[], str] = lambda: ""
    """Asked at each look, says why the trial is to be made no further."""
    pruned: str = ""
    """Why its job was asked to stop."""
    elsewhere: bool = False
    """Whether another coordinator, or a process that a killed one left, was seen at work on it."""
    unanswered: int = 0
    """How often in a row the job could not be asked."""
    tries: int = 0
    steps: frozenset[str] = frozenset()
    status: tuple[int, int] | None = None
    length: int = 0
    """As they were when it was submitted; `length` is that of its log."""
    claim: LeasedLock | None = None
    waits: bool = True
    """Whether it is among those that wait, of which there may be too many to look."""

    @property
    def folder(self) -> Path:
        return self.trial.folder


@dataclass
class Coordinator:
    """Hands trials to an executor, as many at once as it has slots, in their order."""

    executor: Executor
    waiting: list[Work]
    running: list[Work] = field(default_factory=list)
    more: Callable[[int], Sequence[Work]] = lambda free: ()
    """Gives further trials, about as many as slots are free, when no other waits."""
    total: int = 0
    """How many trials there are in the end, if not those alone that wait now."""
    made: int = 0
    """How many are done, those that were so before too."""
    interrupts: Interrupts = field(default_factory=Interrupts)
    failing: set[str] = field(default_factory=set)
    """What the executor was said to fail at."""
    patience: int = 0
    """How often in a row it may still fail to begin a trial: never before the first, when nothing would be lost."""

    def __post_init__(self) -> None:
        self.total = self.total or len(self.waiting)

    def run(self) -> None:
        """Have all trials made. A signal stops those under way at a checkpoint, the next at once; then it is raised."""
        with self.interrupts, self.interrupts.deferred(), watching() as draw:
            try:
                looked = 0.0
                while self.waiting or self.running:
                    self.interrupts.raise_pending()
                    now = time.monotonic()
                    if self.collect() or now - looked >= SECONDS_BETWEEN_LOOKS:
                        looked = now
                        self.look()
                        draw([work.folder for work in self.seen], f"{self.made} of {self.total} done")
                    time.sleep(SECONDS_BETWEEN_ASKING)
            except KeyboardInterrupt as stopped:
                for work in self.waiting:
                    if work.elsewhere:
                        say(f"{work.title}: {_whose(work.trial)} trains it, and continues")
                stopped.args = (f"{stopped}; the same command resumes from the last checkpoints",)
                raise
            finally:
                self.stop()

    @property
    def seen(self) -> list[Work]:
        """The trials that are under way, those of others too."""
        return [*self.running, *(work for work in self.waiting if work.elsewhere)]

    def collect(self) -> bool:
        """Settle the trials whose jobs have ended; whether there were any."""
        ended = [work for work in self.running if self.ended(work)]
        for work in ended:
            self.let_go(work)
            self.settle(work)
        return bool(ended)

    def look(self) -> None:
        """Begin as many trials that wait as there are slots, in their order; those that others have take one, too.

        Only folders of those are looked at, since there may be many that wait.
        """
        taken = {work.folder for work in self.running}
        for work in [work for work in self.waiting if work.elsewhere]:
            work.elsewhere = work.folder not in taken and _in_other_hands(work.trial)
            if not work.elsewhere:
                self.settle(work, tried=False)
        self.give_up()
        free = self.executor.slots - len(self.seen)
        while free > 0:
            ready = (work for work in self.waiting if not work.elsewhere and work.folder not in taken)
            following = next(ready, None)
            if following is None:
                if not (further := self.more(free)):
                    return
                self.waiting += further
                continue
            taken.add(following.folder)
            following.elsewhere = _in_other_hands(following.trial)
            if following.elsewhere:
                say(f"{following.title}: {_whose(following.trial)} trains it; waiting for that")
            else:
                self.begin(following)
                if following.waits and not following.elsewhere:
                    return  # the executor can't begin it; the next look asks again
            free -= following.elsewhere or following in self.running

    def give_up(self) -> None:
        """Stop the trials that are to be made no further, and drop those that wait."""
        for work in list(self.waiting):
            if not work.elsewhere and (why := work.given_up()):
                self.done(work, Cell(work.trial.seed, work.folder, "pruned", why))
        for work in self.running:
            if not work.pruned and (why := work.given_up()):
                work.pruned = why
                say(f"{work.title}: {why}; it is stopped")
                self.ask(work, "stop a run", lambda job: job.cancel())

    def begin(self, work: Work) -> None:
        """Submit a trial, unless another coordinator has just done so, or has finished it."""
        work.claim = LeasedLock(lock_of(work.trial))
        with writing(work.folder):
            lock_of(work.trial).parent.mkdir(parents=True, exist_ok=True)
            try:
                work.claim.acquire(timeout=SECONDS_OF_A_LOOK)
            except Timeout:
                work.elsewhere = True
                return
        try:
            work.elsewhere = at_work(work.folder)
            to_do = work.elsewhere or work.trial.to_do
            if to_do and not work.elsewhere:
                self.submit(work)
        finally:
            if work not in self.running:
                work.claim.release()
        if not to_do:
            self.done(work, work.trial.read())

    def submit(self, work: Work) -> None:
        """Hand a trial to the executor; one that it can't begin waits on. Raises UserError if that fails again and
        again, or before any was begun."""
        arguments, needs = write_trial(work.trial, self.executor.needs)
        work.steps, work.status, work.length = steps_of(work.trial), status_of(work.trial), length_of_log(work.trial)
        with self.interrupts.held():  # else a job might be begun that nobody knows of
            try:
                work.job = self.executor.submit(arguments, needs)
            except Exception as error:
                self.forgive(work, "begin a run", error, often=self.patience <= 0)
                self.patience -= 1
                return
            self.patience, work.unanswered = MOST_UNBEGUN, 0
            self.waiting.remove(work)
            work.waits = False
            self.running.append(work)
        say(f"{work.title}: begun")

    def ended(self, work: Work) -> bool:
        """Whether the job of a trial has ended; one that can't be asked is taken to run. Raises UserError."""
        return self.ask(work, "tell the state of a run", lambda job: job.state()) == "ended"

    def ask(self, work: Work, what: str, question: Callable[[Job], str | None]) -> str | None:
        """What the job of a trial answers; None where that fails. Raises UserError if it does again and again."""
        if work.job is None:
            return "ended"
        try:
            answer = question(work.job)
        except Exception as error:
            work.unanswered += 1
            self.forgive(work, what, error, often=work.unanswered >= MOST_UNANSWERED)
            return None
        work.unanswered = 0
        return answer

    def forgive(self, work: Work, what: str, error: Exception, *, often: bool) -> None:
        """Say once that the executor can't do something. Raises UserError if it failed too often."""
        message = f"{type(self.executor).__name__} can't {what}: {cause_of(error, UserError)}"
        if often:
            raise UserError("--on", message) from error
        if what not in self.failing:
            self.failing.add(what)
            say(f"{work.title}: {message}; waiting")

    def settle(self, work: Work, *, tried: bool = True) -> None:
        """Tell what came of a trial that is in nobody's hands any more, or let it wait on; `tried` if we had it."""
        if at_work(work.folder):  # another coordinator was faster, or the executor has lost sight of its process
            self.wait(work, elsewhere=True)
            return
        cell, refused = work.trial.read(), refusal_of(work.trial) if work.job is not None else ""
        ended = cell.failed and status_of(work.trial) != work.status  # one without its report is still to do
        if not work.trial.to_do or (work.job is not None and ended):
            self.done(work, cell)
        elif work.pruned:
            self.done(work, Cell(work.trial.seed, work.folder, "pruned", work.pruned))
        elif refused:
            self.done(work, Cell(work.trial.seed, work.folder, "failed", refused))
        elif tried:
            work.tries = 0 if steps_of(work.trial) - work.steps else work.tries + 1
            if work.tries < MOST_TRIES:
                say(f"{work.title}: its process ended early; starting it again")
                self.wait(work)
            else:
                words = last_words(work.trial, work.length)
                said = f"its last words: {words}" if words else "the last time it printed nothing"
                why = f"its process ended {MOST_TRIES} times without progress, perhaps for lack of memory"
                self.done(work, Cell(work.trial.seed, work.folder, "failed", f"{why}; {said}"))

    def wait(self, work: Work, *, elsewhere: bool = False) -> None:
        """Let a trial wait, before all others."""
        work.elsewhere = elsewhere
        if not work.waits:
            self.waiting.insert(0, work)
            work.waits = True

    def done(self, work: Work, cell: Cell) -> None:
        """Tell the end of a trial."""
        if work.waits:
            self.waiting.remove(work)
        self.made += 1
        if cell.failed and not cell.finished:
            say(f"{work.title}: {cell.state}: {' '.join(cell.reason.split())}; the other runs continue")
        else:
            say(f"{work.title}: {cell.state}")
        work.told(cell)

    def stop(self) -> None:
        """Have what is under way end at a checkpoint, and wait for that; each signal meanwhile asks again."""
        asked, left = 0, []
        while self.running and asked < MOST_TRIES:
            asked += 1
            with contextlib.suppress(KeyboardInterrupt):
                for work in self.running:
                    with contextlib.suppress(UserError):
                        self.ask(work, "stop a run", lambda job: job.cancel())
                while self.running:
                    for work in list(self.running):
                        try:
                            ended = self.ended(work)
                        except UserError:
                            left.append(work)
                            ended = True
                        if ended:
                            self.let_go(work)
                    time.sleep(SECONDS_BETWEEN_ASKING)
        for work in [*left, *self.running]:
            say(f"{work.title}: its process may still run")

    def let_go(self, work: Work) -> None:
        """Have a trial under way no more."""
        self.running.remove(work)
        if work.claim is not None:
            work.claim.release()


def _in_other_hands(trial: Trial) -> bool:
    """Whether another coordinator has it, or a process is at work on it."""
    return is_held(lock_of(trial)) or at_work(trial.folder)


def _whose(trial: Trial) -> str:
    """In whose hands it is."""
    return who_has(trial.folder / LOCK, lock_of(trial))
