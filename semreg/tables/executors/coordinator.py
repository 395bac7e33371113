"""Coordination of a grid's runs on an executor: it submits trials, and reads their outcomes from the run folders.

All state is in the folders. If a coordinator is killed at any moment, its trials continue by themselves; the same
command waits for them, as for those of another coordinator, and makes the others.
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
"""A trial that ended this often in a row without any progress is not restarted."""
SECONDS_BETWEEN_ASKING, SECONDS_BETWEEN_LOOKS = 0.05, 1.0
"""Intervals of queries to jobs, and of reading folders."""
MOST_UNANSWERED = 1_000
"""Allowed failures in a row, for about a minute, to query a job, as while a cluster's queue is unavailable."""
MOST_UNBEGUN = 60
"""Allowed failures in a row, for about a minute, to start a trial, after one has started."""


@dataclass(eq=False)
class Work:
    """An unfinished trial; `told` receives its cell at the end."""

    trial: Trial
    told: Callable[[Cell], None]
    title: str
    job: Job | None = None
    """The last job of this coordinator, which may have ended."""
    given_up: Callable[[], str] = lambda: ""
    """Returns, at each look, why to give the trial up."""
    pruned: str = ""
    """Why its job was asked to stop."""
    elsewhere: bool = False
    """Whether another coordinator, or a process that a killed one left, was found to train it."""
    unanswered: int = 0
    """Failed queries to the job in a row."""
    tries: int = 0
    steps: frozenset[str] = frozenset()
    status: tuple[int, int] | None = None
    length: int = 0
    """The state at submission; `length` is that of its log."""
    claim: LeasedLock | None = None
    waits: bool = True
    """Whether it waits; there may be too many waiting trials to read their folders."""

    @property
    def folder(self) -> Path:
        return self.trial.folder


@dataclass
class Coordinator:
    """A coordinator that submits trials to an executor, as many at once as it has slots, in their order."""

    executor: Executor
    waiting: list[Work]
    running: list[Work] = field(default_factory=list)
    more: Callable[[int], Sequence[Work]] = lambda free: ()
    """Returns further trials, about as many as slots are free, when no other waits."""
    total: int = 0
    """The final number of trials, if it isn't only that of the ones known now."""
    made: int = 0
    """Finished trials, including those finished before."""
    interrupts: Interrupts = field(default_factory=Interrupts)
    failing: set[str] = field(default_factory=set)
    """Failures of the executor that were reported."""
    patience: int = 0
    """Failures to start a trial that are still allowed in a row: none before the first start, when nothing is lost."""

    def __post_init__(self) -> None:
        self.total = self.total or len(self.waiting)

    def run(self) -> None:
        """Make all trials. A signal stops the running ones at a checkpoint, a second one at once; then it is raised."""
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
        """The running trials, including those of other coordinators."""
        return [*self.running, *(work for work in self.waiting if work.elsewhere)]

    def collect(self) -> bool:
        """Settle the trials whose jobs have ended, and return whether there were any."""
        ended = [work for work in self.running if self.ended(work)]
        for work in ended:
            self.let_go(work)
            self.settle(work)
        return bool(ended)

    def look(self) -> None:
        """Start as many waiting trials as there are slots, in their order; those that others run take a slot, too.

        It reads only the folders of these, since many may wait.
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
        """Stop the running trials that should be given up, and drop the waiting ones."""
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
        """Submit a trial to the executor; one that it can't start keeps waiting. Raises UserError if this fails
        repeatedly, or before any trial has started."""
        arguments, needs = write_trial(work.trial, self.executor.needs)
        work.steps, work.status, work.length = steps_of(work.trial), status_of(work.trial), length_of_log(work.trial)
        with self.interrupts.held():  # else a job might start unnoticed
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
        """Return whether the job of a trial has ended; one that doesn't answer is assumed to run. Raises UserError."""
        return self.ask(work, "tell the state of a run", lambda job: job.state()) == "ended"

    def ask(self, work: Work, what: str, question: Callable[[Job], str | None]) -> str | None:
        """Return the answer of a trial's job; None if that fails. Raises UserError if it fails repeatedly."""
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
        """Report once that the executor can't do something. Raises UserError if it failed too often."""
        message = f"{type(self.executor).__name__} can't {what}: {cause_of(error, UserError)}"
        if often:
            raise UserError("--on", message) from error
        if what not in self.failing:
            self.failing.add(what)
            say(f"{work.title}: {message}; waiting")

    def settle(self, work: Work, *, tried: bool = True) -> None:
        """Report the outcome of a trial that nobody runs any more, or let it wait again; `tried` if this coordinator
        ran it.
        """
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
        """Report the end of a trial."""
        if work.waits:
            self.waiting.remove(work)
        self.made += 1
        if cell.failed and not cell.finished:
            say(f"{work.title}: {cell.state}: {' '.join(cell.reason.split())}; the other runs continue")
        else:
            say(f"{work.title}: {cell.state}")
        work.told(cell)

    def stop(self) -> None:
        """Stop the running trials at a checkpoint, and wait for that; each signal meanwhile asks again."""
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
        """Remove a trial from the running ones."""
        self.running.remove(work)
        if work.claim is not None:
            work.claim.release()


def _in_other_hands(trial: Trial) -> bool:
    """Return whether another coordinator has it, or a process trains it."""
    return is_held(lock_of(trial)) or at_work(trial.folder)


def _whose(trial: Trial) -> str:
    """Return who has it."""
    return who_has(trial.folder / LOCK, lock_of(trial))
