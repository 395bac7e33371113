"""Kill commands at random moments, and see whether the same command then goes on and ends with the same bits.

    nice -n 10 python -m benchmarks.kills --kills 500 --seed 0 --log kills.jsonl

Every family of recipes, shrunk, a table and a mix take turns. Each kill is a SIGKILL to a process that does the
command, at a moment drawn evenly over the time that it takes, from building the cache to writing the last report. Then
the same command goes on, in a third of the cases to be killed again, and at last to its end. Weights, metrics,
evaluations, the table's data, the mixes' recipes, and the files there are, are compared with those of a command that
was never killed; `--apart` compares that first with `python -m semreg` in a process of its own. Each line of the log is
a trial; what it has is not done again. `--part 0/2` and `--part 1/2` share the trials among two processes with one log.
The page is written anew after each trial. `--only table` (may be repeated) kills one subject, `--every-write` a small
run at every write instead.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure import conditions
from benchmarks.subjects import SUBJECTS, Subject, differing, done_apart, ended, import_everything, log_of, start
from semreg.store.record import read_record
from tests.running.faults import laboratory, outcome
from tests.writes import Copies, Writes

SHARE_KILLED_AGAIN = 1 / 3


@dataclass(frozen=True)
class Trial:
    """A command that was killed, once or twice, and what differed when it had gone on to its end."""

    number: int
    subject: str
    moments: list[str]
    differs: list[str]

    def __str__(self) -> str:
        found = f"differs in {', '.join(self.differs)}" if self.differs else "the same bits"
        return f"{self.number:3d}  {self.subject}: {'; again after '.join(self.moments)}: {found}"


class Killer:
    """Kills one subject in folders of its own, and holds what it leaves against what it leaves undisturbed."""

    def __init__(self, subject: Subject, folder: Path, *, apart: bool) -> None:
        self.subject, self.folder = subject, folder
        folder.mkdir(parents=True)
        self.lasts = import_everything(subject, folder / "whole")
        self.expected = outcome(folder / "whole")
        shutil.rmtree(folder / "whole")
        if apart and (keys := differing(done_apart(subject, folder / "apart"), self.expected)):
            raise SystemExit(f"{subject.name} differs in {', '.join(keys)} in a process of its own")

    def trial(self, number: int, draws: random.Random, most: int) -> Trial:
        """Kill the command `most` times at most, until it was killed at least once. What differs stays there."""
        moments: list[str] = []
        trial = self.folder / f"{number:03d}"
        while not moments:
            trial.mkdir()
            for _ in range(2 if draws.random() < SHARE_KILLED_AGAIN and most > 1 else 1):
                moment, took = killed(self.subject, trial, draws.uniform(0, self.lasts))
                if moment is None:
                    self.lasts = self.lasts if moments else took  # the machine has become faster
                    break
                moments.append(f"{took:.1f} s: {moment}")
            if not moments:
                shutil.rmtree(trial)
        differs = self.gone_on(trial)
        if not differs:
            shutil.rmtree(trial)
        return Trial(number, self.subject.name, moments, differs)

    def gone_on(self, trial: Path) -> list[str]:
        """Let a killed command go on to its end; what then differs."""
        if status := ended(self.subject, trial):
            return [f"its end, with {status}: {log_of(trial).read_text().splitlines()[-1:]}"]
        try:
            return differing(outcome(trial), self.expected)
        except AssertionError as error:
            return [str(error)]


def killed(subject: Subject, folder: Path, seconds: float) -> tuple[str | None, float]:
    """Start a command and kill it after some time; where it was, or None if it had ended, and how long it went on."""
    begun, process = time.monotonic(), start(subject, folder)
    while (took := time.monotonic() - begun) < seconds:
        found, status = os.waitpid(process, os.WNOHANG)
        if found:
            if status:
                raise SystemExit(f"{subject.name} ended with {status}:\n{log_of(folder).read_text()[-2000:]}")
            return None, took
        time.sleep(min(seconds - took, 0.002))
    os.kill(process, signal.SIGKILL)
    _, status = os.waitpid(process, 0)
    return (where(folder) if os.WIFSIGNALED(status) else None), took


def where(folder: Path) -> str:
    """What a command that was killed was at."""
    writing = ""
    if part := next(iter(sorted(folder.rglob(".*.part*"))), None):
        what = f"{part.parent.name}/{part.name.split('.')[1]}" if part.is_dir() else part.name.split(".")[1]
        writing = f", writing {'the cache' if part.suffix == '.partial' else what}"
    states = []
    for run in sorted(folder.glob("runs/*/run.json")):
        record = read_record(run.parent)
        if record.state == "running":
            states.append(f"{record.name} {record.status.get('phase')} {record.status.get('iteration', '')}".strip())
        elif record.state == "unknown":
            states.append(f"{record.name} before its first record")
        elif not record.status.get("reported", True):
            states.append(f"{record.name} reporting")
    begun = any((folder / "cache").glob("[!.]*")) if (folder / "cache").is_dir() else False
    return (" / ".join(states) or ("the data are there" if begun else "before the data are there")) + writing


def kills(folder: Path, arguments: argparse.Namespace, known: Sequence[Trial]) -> Iterator[Trial]:
    """Kill subjects in turn, as often as the arguments say with the trials that are known; those that are not known."""
    killers: dict[str, Killer] = {}
    names, before = arguments.only or list(SUBJECTS), {one.number: one for one in known}
    part, parts = arguments.part
    left = arguments.kills // parts + (part < arguments.kills % parts)
    for number in itertools.count(part, parts):
        if left <= 0:
            return
        if (trial := before.get(number)) is None:
            name = names[number % len(names)]
            if name not in killers:
                killers[name] = Killer(SUBJECTS[name], folder / name, apart=arguments.apart)
            yield (trial := killers[name].trial(number, random.Random(f"{arguments.seed}/{number}"), left))
        left -= len(trial.moments)


def part_of(text: str) -> tuple[int, int]:
    """The part that 0/2 means."""
    part, parts = map(int, text.split("/"))
    if not 0 <= part < parts:
        raise ValueError
    return part, parts


def read_log(path: Path) -> list[Trial]:
    return [Trial(**json.loads(line)) for line in path.read_text().splitlines()] if path.exists() else []


def page(trials: Sequence[Trial], asked: int, seed: int, conditions: str) -> str:
    """The page of what was found."""
    rows = [(name, *_counts([one for one in trials if one.subject == name])) for name in SUBJECTS]
    table = [f"| {name} | {killed} | {differed} |" for name, killed, differed in rows if killed]
    total, differed = _counts(trials)
    command = f"python -m benchmarks.kills --kills {asked} --seed {seed}"
    done = f"{total} kills" if total >= asked else f"{total} of {asked} kills"
    return "\n".join([
        "# Kills", "",
        f"`{command}` killed the commands below at random moments, each shrunk,",
        "went on with them, and held weights, metrics, evaluations, tables, mixes and the files there are against",
        f"those of the same commands undisturbed ({conditions}): {done}, {differed} differed.", "",
        "| subject | kills | differed |", "| --- | --- | --- |", *table, f"| all | {total} | {differed} |", "",
    ])  # fmt: skip


def _counts(trials: Sequence[Trial]) -> tuple[int, int]:
    """How many kills, and how many of them in trials that differed."""
    return sum(len(one.moments) for one in trials), sum(len(one.moments) for one in trials if one.differs)


def every_write(folder: Path) -> int:
    """Kill the tests' small run at every write that changes the disk; the number of those that ended otherwise."""
    with laboratory(folder) as lab:
        first = folder / "reference"
        first.mkdir()
        copies = Copies(first, folder / "kills", everything=True)
        with lab.monkeypatch.context() as patch:
            Writes(first, copies, patch)
            lab.run(first)
        expected, differed = outcome(first), 0
        found = sorted((copy, kind) for kind, taken in copies.taken.items() for copy in taken)
        for copy, kind in found:
            lab.run(copy)
            keys = differing(outcome(copy), expected)
            print(f"{kind}: {'differs in ' + ', '.join(keys) if keys else 'the same bits'}", flush=True)
            differed += bool(keys)
            shutil.rmtree(copy)
    print(f"{len(found)} kills, {differed} differed")
    return differed


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=50, help="how many")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--only", action="append", choices=SUBJECTS, help="one subject; may be repeated")
    parser.add_argument("--log", type=Path, help="a file that each trial is added to, and that is gone on with")
    parser.add_argument("--page", type=Path, help="where the page is written")
    parser.add_argument("--part", type=part_of, default=(0, 1), help="of the trials, as in 0/2 and 1/2")
    parser.add_argument("--apart", action="store_true", help="try each subject in a process of its own, too")
    parser.add_argument("--every-write", action="store_true", help="kill a small run at every write instead")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="semreg-kills-"))
    differed = every_write(folder) if arguments.every_write else random_moments(folder, arguments)
    if not differed:
        shutil.rmtree(folder)
    sys.exit(1 if differed else 0)


def random_moments(folder: Path, arguments: argparse.Namespace) -> int:
    """Kill as the arguments say, and write the log and the page; how many kills differed."""
    log = arguments.log or folder / "kills.jsonl"
    told = conditions()
    for trial in kills(folder, arguments, read_log(log)):
        print(trial, flush=True)
        with log.open("a") as file:
            file.write(json.dumps(dataclasses.asdict(trial)) + "\n")
        if arguments.page:
            arguments.page.write_text(page(read_log(log), arguments.kills, arguments.seed, told))
    total, differed = _counts(read_log(log))
    print(f"{total} kills, {differed} differed{f'; see {folder}' if differed else ''}")
    return differed


if __name__ == "__main__":
    main()
