"""A run's folder: its record, its status, its logs; each file is whole or absent. A resumed run cuts its logs back."""

from __future__ import annotations

import contextlib
import copy
import json
import stat
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from filelock import Timeout

from semreg.core import RecordedRun, UserError
from semreg.store.disk import MOST_OF_A_LOG, read_if_there, read_object, sync, tidy, write_object, write_whole, writing
from semreg.store.layout import CHECKPOINTS, CONTINUATION, EVALUATIONS, LOCK, RECIPES, STATUS, TRIALS, WARNINGS, WATCH
from semreg.store.leases import LeasedLock, who_has
from semreg.store.messages import say
from semreg.store.record import at_work
from semreg.store.recorded import read_recorded

if TYPE_CHECKING:
    from torch import nn

SECONDS_OF_A_LOOK = 0.5
"""How long `semreg runs` may hold a run's lock, to check whether a process does."""


class RunIsBusy(UserError):  # noqa: N818  a finding rather than a failure
    """A run that another process trains or evaluates."""


class SeenInTraining(Protocol):
    """The view of a run in training behind `semreg.core.ObservedRun`."""

    @property
    def modules(self) -> Mapping[str, nn.Module]: ...

    def tensor(self, name: str, *, count: int = ...) -> Any: ...


class RunFolder:
    """The folder of a run, as a run writes it and hooks receive it.

    `name` is the recipe's, as from `semreg.store.recipes.kept_as`, `recipe` the table for hooks; the trainer sets
    `in_training`.
    """

    def __init__(self, folder: Path, name: str, recipe: Mapping[str, Any] | None = None) -> None:
        self.folder, self.name, self._recipe = folder, name, recipe or {}
        self.in_training: SeenInTraining | None = None
        self._lock = LeasedLock(folder / LOCK)

    @property
    def recipe(self) -> dict[str, Any]:
        """A copy of the recipe, with everything it extends, as tables."""
        return copy.deepcopy(dict(self._recipe))

    @property
    def modules(self) -> Mapping[str, nn.Module]:
        """The recipe's modules in training. Raises UserError if the run isn't in training."""
        return self._trained_here().modules

    def tensor(self, name: str, *, count: int = 8) -> Any:
        """Return the current value of a tensor of the recipe, as `semreg.core.ObservedRun` does. Raises UserError."""
        return self._trained_here().tensor(name, count=count)

    def recorded(self) -> RecordedRun:
        """Read the run from its folder, as `semreg.core.ObservedRun` does. Raises UserError."""
        return read_recorded(self.folder, own=True)

    def _trained_here(self) -> SeenInTraining:
        if self.in_training is None:
            message = (
                "its modules and tensors are shown from the first `phase_started` on, by the process that trains it; "
                f'of a trained run semreg.open_run("{self.folder}") gives them'
            )
            raise UserError(str(self.folder), message)
        return self.in_training

    def open(self, *, wait: bool = False) -> None:
        """Create the folder, reserve it for this process, and remove partial files that a killed process left.

        Raises RunIsBusy if another process has it, unless `wait` is set; CannotWrite if it can't be written.
        """
        with writing(self.folder, "fix this, or choose another folder by --out"):
            self.folder.mkdir(parents=True, exist_ok=True)
            for path in self.folder.iterdir():
                try:
                    kind = path.lstat().st_mode
                except FileNotFoundError:  # which another process has written half, or its lease
                    continue
                if not (stat.S_ISREG(kind) or stat.S_ISDIR(kind)):  # what is written would be elsewhere, or wait
                    what = "a link" if stat.S_ISLNK(kind) else "a pipe or device"
                    raise UserError(str(self.folder), f"holds {what}, {path.name}, which no run makes; remove it")
            self._acquire(wait=wait)
            try:
                for name in ("", CHECKPOINTS, CONTINUATION, EVALUATIONS, RECIPES, TRIALS, WATCH):
                    folder = self.folder / name
                    tidy(folder)
            except BaseException:
                self._lock.release()
                raise

    def wait(self) -> None:
        """Return when no other process has the run. Raises CannotWrite."""
        if at_work(self.folder):
            with writing(self.folder):
                self._acquire(wait=True)
            self.close()

    def _acquire(self, *, wait: bool) -> None:
        try:
            self._lock.acquire(timeout=SECONDS_OF_A_LOOK)
        except Timeout:
            if not wait:
                message = f"{self._other} uses this run; wait for it, or stop it"
                raise RunIsBusy(str(self.folder), message) from None
            say(f"{self.folder}: waiting for {self._other}, which uses it")
            self._lock.acquire()

    @property
    def _other(self) -> str:
        return who_has(self.folder / LOCK)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        """Write the folder inside. Raises RunIsBusy if another machine has taken it over, and CannotWrite."""
        with writing(self.folder):
            if other := self._lock.lost():
                message = f"{other} has taken this run over, after a minute without an answer; this process stops"
                raise RunIsBusy(str(self.folder), message)
            yield

    def close(self) -> None:
        """Release the folder."""
        self._lock.release()

    @property
    def begun(self) -> bool:
        """Whether the run has a checkpoint to resume from."""
        return (self.folder / CHECKPOINTS).is_dir()

    def warn(self, message: str) -> None:
        """Print a warning and record it with the run, once. Raises CannotWrite."""
        say(f"warning: {message}")
        line = json.dumps({"warning": message})
        path = self.folder / WARNINGS
        with self._writing():
            lines = (read_if_there(path) or b"").decode("utf-8", "replace").splitlines()
            if line not in lines:  # whole, since no checkpoint cuts half a line off this log
                write_whole(path, "".join(f"{one}\n" for one in [*lines, line]).encode())

    def write_json(self, name: str, content: Any) -> None:
        """Write a file that is whole or absent. Raises CannotWrite."""
        with self._writing():
            write_object(self.folder / name, content)

    def read_json(self, name: str) -> Any:
        """Read a file of the run, or return None if it doesn't exist. Raises UserError if it is damaged."""
        return read_object(self.folder / name)

    def status(self, state: str, **more: Any) -> None:
        """Replace the status that `semreg runs` shows. Raises CannotWrite."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        self.write_json(STATUS, {"state": state, **more, "updated": now})

    def append(self, log: str, record: Mapping[str, Any]) -> None:
        """Add a line to a log. Raises CannotWrite; a partial line may then stay until the logs are cut."""
        with self._writing(), (self.folder / log).open("a") as file:
            file.write(json.dumps(record) + "\n")

    def log_lengths(self) -> dict[str, int]:
        """Return the length of each log, in bytes and synced, for a checkpoint. Raises CannotWrite."""
        with self._writing():
            for path in self._logs():
                sync(path)
            return {path.name: path.stat().st_size for path in self._logs()}

    def cut_logs(self, lengths: Mapping[str, int]) -> None:
        """Cut each log to its length at the checkpoint that a run resumes from. Raises CannotWrite."""
        with self._writing():
            for path in self._logs():
                with path.open("ab") as file:
                    file.truncate(min(lengths.get(path.name, 0), path.stat().st_size))

    def copy_log(self, log: str, folder: Path) -> None:
        """Start a log with that of another run. Raises CannotWrite, UserError if that one can't be read."""
        content = read_if_there(folder / log, most=MOST_OF_A_LOG)
        if content is not None:
            with self._writing():
                write_whole(self.folder / log, content)

    def _logs(self) -> list[Path]:
        return sorted(path for path in self.folder.glob("*.jsonl") if path.name != WARNINGS)


class Spectator(RunFolder):
    """The folder of a run for a process that must not write it: only the first of several processes does."""

    def open(self, *, wait: bool = False) -> None:
        """Do nothing: the first process has it."""

    def wait(self) -> None:
        """Do nothing: the first process waits."""

    def close(self) -> None:
        """Do nothing."""

    def warn(self, message: str) -> None:
        """Do nothing: the first process warns."""

    def write_json(self, name: str, content: Any) -> None:
        """Do nothing."""

    def append(self, log: str, record: Mapping[str, Any]) -> None:
        """Do nothing."""

    def cut_logs(self, lengths: Mapping[str, int]) -> None:
        """Do nothing."""

    def copy_log(self, log: str, folder: Path) -> None:
        """Do nothing."""
