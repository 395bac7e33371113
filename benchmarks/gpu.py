"""What semreg does on one graphics card, in minutes: `python -m benchmarks.gpu`; benchmarks/gpu.md says what it tells.

Of every family of recipes, shrunk: whether losses and gradients agree with the CPU's, whether training gives the same
bits twice, after a stop, and captured; how often an iteration waits. Then the speed of whole-sized nets on made-up
images beside loops written by hand, and a whole run. What is most important comes first; what the limit leaves no time
for is named. `--device cpu` rehearses all of it with next to nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # before cuBLAS starts: one that gives the same bits again

import torch

from benchmarks import gpu_checks, gpu_page, gpu_speed
from benchmarks.families import FAMILIES
from benchmarks.gpu_checks import CHECKS, FIGURES, Found, PhaseChecks
from benchmarks.measure import ROOT
from semreg.running.arithmetic import denormals_flushed
from semreg.training import placing

LIMIT = 420.0
FIRST = ("atnl_mnist", "gm_mnist", "vae_digits", "olr_celeba")
"""The families that are checked before anything is measured."""
RESULT, PAGE = "result.jsonl", "gpu_results.md"
LONGEST_ERROR, LONGEST_PRINTED, FRAMES = 300, 240, 3
RUN = {"train": 60_000, "test": 10_000, "epochs": 30}
REHEARSED_RUN = {"train": 640, "test": 100, "epochs": 1}
TIMEOUT = 150.0
"""Seconds that a whole run may take at most."""

Line = dict[str, Any]
Job = Callable[["Session"], None]


@dataclass(frozen=True)
class Session:
    """One call of the command: the device, where results go, and when it has to end."""

    device: torch.device
    out: Path
    folder: Path
    end: float

    @property
    def on_a_card(self) -> bool:
        return self.device.type == "cuda"

    def say(self, **line: Any) -> None:
        """Keep a line of the result."""
        with (self.out / RESULT).open("a") as file:
            file.write(json.dumps(line) + "\n")

    def left(self) -> float:
        """Seconds until the end."""
        return self.end - time.monotonic()


# --- jobs ---


def check_family(session: Session, family: str) -> None:
    """All checks of a family's phases; one that fails tells why, and the next goes on."""
    subject = gpu_checks.shrunk(family)
    for number, phase in enumerate(subject.plan.phases):
        with tempfile.TemporaryDirectory(dir=session.folder) as folder:
            checks = PhaseChecks(subject, number, session.device, Path(folder))
            told, wrong = [], dict[str, list[str]]()
            for name, check in CHECKS.items():
                begun = time.monotonic()
                try:
                    result = check(checks)
                except TimeoutError:
                    raise
                except Exception as error:
                    result = Found(failure(error), met=False)
                took = round(time.monotonic() - begun, 2)
                line = {"what": "check", "family": family, "phase": phase.name, "check": name}
                session.say(**line, found=result.text, met=result.met, seconds=took)
                distance = f" {result.text.partition(',')[0]}" if name in FIGURES and result.met else ""
                told.append(f"{name}: {'yes' if result.met else 'NO'}{distance}")
                if not result.met:
                    wrong.setdefault(result.text, []).append(name)
                require_whole(session)
        print(f"{family} {phase.name}  " + "; ".join(told), flush=True)
        for text, names in wrong.items():
            print(f"    {', '.join(names)}: {text[:LONGEST_PRINTED]}", flush=True)


def measure_speed(session: Session, name: str, precision: str) -> None:
    """The contestants of one recipe in one precision."""
    speed = gpu_speed.SPEEDS[name]
    work = speed.work(session.on_a_card)
    with tempfile.TemporaryDirectory(dir=session.folder) as folder:
        makers = gpu_speed.makers(speed, work, session.device, Path(folder), precision)
        _measure(session, name, precision, work.plan.phases[speed.phase].batch_size, makers)


def measure_compiled(session: Session, name: str) -> None:
    """The engine's compiled step, beside its eager one."""
    speed = gpu_speed.SPEEDS[name]
    work = speed.work(session.on_a_card)
    with tempfile.TemporaryDirectory(dir=session.folder) as folder:
        makers = gpu_speed.compiled_makers(speed, work, session.device, Path(folder))
        _measure(session, name, "fp32, compiled", work.plan.phases[speed.phase].batch_size, makers)


def _measure(
    session: Session, name: str, precision: str, batch_size: int, makers: dict[str, Callable[[], gpu_speed.Steps]]
) -> None:
    contestants, told = {}, []
    for contestant, make in makers.items():
        try:
            made = make()
            made(gpu_speed.WARM_UP if session.on_a_card else 1)
            contestants[contestant] = made
        except Exception as error:
            session.say(what="speed", name=name, precision=precision, contestant=contestant, failed=failure(error))
            told.append(f"{contestant}: {failure(error)}")
            require_whole(session)
    seconds, rounds = (gpu_speed.SECONDS, gpu_speed.ROUNDS) if session.on_a_card else (0.0, 1)
    for contestant, values in gpu_speed.measured(contestants, session.device, seconds, rounds).items():
        took = gpu_speed.milliseconds(values)
        line = {"ms": round(took, 4), "images_per_second": round(batch_size / took * 1e3)}
        session.say(what="speed", name=name, precision=precision, contestant=contestant, **line)
        told.append(f"{contestant} {took:.3f} ms")
    print(f"{name}, {precision}  " + "; ".join(told), flush=True)


def measure_run(session: Session) -> None:
    """`semreg run` from start to end."""
    size = RUN if session.on_a_card else REHEARSED_RUN
    with tempfile.TemporaryDirectory(dir=session.folder) as folder:
        timeout = min(TIMEOUT, max(1.0, session.left()))
        found = gpu_speed.whole_run(Path(folder), str(session.device), timeout=timeout, **size)
    session.say(what="run", **size, **found)
    print("semreg run  " + ", ".join(f"{key} {value:,.1f}" for key, value in found.items()), flush=True)


def jobs() -> dict[str, Job]:
    """All jobs by name, in order of importance."""
    precisions = ("fp32", "bf16")
    measured = list(gpu_speed.SPEEDS)

    def checks(families: Sequence[str]) -> Iterator[tuple[str, Job]]:
        return ((f"check {family}", partial(check_family, family=family)) for family in families)

    def speeds(names: Sequence[str]) -> Iterator[tuple[str, Job]]:
        for name in names:
            for precision in precisions:
                yield f"speed {name}, {precision}", partial(measure_speed, name=name, precision=precision)

    others = sorted(set(FAMILIES) - set(FIRST), key=list(FAMILIES).index)
    most = [name for name in measured if gpu_speed.SPEEDS[name].important]
    return dict([
        *checks(FIRST),
        *speeds(most),
        ("semreg run", measure_run),
        *checks(others),
        *speeds([name for name in measured if name not in most]),
        *((f"compile {name}", partial(measure_compiled, name=name)) for name in most),
    ])  # fmt: skip


# --- errors ---


class CardLostError(Exception):
    """The card refuses all work of this process after an error."""


def failure(error: BaseException) -> str:
    """An error's type, message and the last places in semreg, with those of what caused it."""
    cause = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    frames = traceback.extract_tb(cause.__traceback__) or traceback.extract_tb(error.__traceback__)
    inside = [frame for frame in frames if "semreg" in frame.filename or "benchmarks" in frame.filename]
    places = ", ".join(f"{gpu_checks.short(frame.filename)}:{frame.lineno}" for frame in (inside or frames)[-FRAMES:])
    said = " ".join(str(cause).split())[:LONGEST_ERROR]
    return f"{type(cause).__name__}: {said} ({places})"


def require_whole(session: Session) -> None:
    """Raises CardLostError if an error before has made the card refuse all that this process asks of it."""
    if session.on_a_card:
        try:
            torch.cuda.synchronize(session.device)
            torch.zeros(1, device=session.device).add_(1).cpu()
        except RuntimeError as error:
            raise CardLostError(failure(error)) from error


# --- the command ---


def machine(device: torch.device) -> Line:
    """What the figures depend on."""
    found: Line = {"what": "machine", "python": platform.python_version(), "torch": torch.__version__}
    if device.type == "cuda":
        card = torch.cuda.get_device_properties(device)
        cudnn = torch.backends.cudnn.version()  # type: ignore[no-untyped-call]
        found |= {"card": card.name, "memory": card.total_memory, "cuda": torch.version.cuda, "cudnn": cudnn}
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """The command: does the jobs in order until the limit, and writes the page if on a card."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--limit", type=float, default=LIMIT, metavar="SECONDS", help="stop by then (%(default)s)")
    parser.add_argument("--device", default="cuda", help="cuda, or cpu to rehearse")
    parser.add_argument("--out", type=Path, default=Path("."), help="the folder of result.jsonl, and of the page")
    parser.add_argument("--only", metavar="WORD", default="", help="jobs whose names hold this word")
    parser.add_argument("--begin", type=int, default=0, help=argparse.SUPPRESS)  # with which job, after a lost card
    chosen = parser.parse_args(arguments)
    begun = time.monotonic()
    device = torch.device(chosen.device)
    if device.type == "cuda" and not torch.cuda.is_available():
        parser.error("there is no CUDA device here; --device cpu rehearses")
    chosen.out.mkdir(parents=True, exist_ok=True)
    if not chosen.begin:
        (chosen.out / RESULT).unlink(missing_ok=True)
    left: list[str] = []
    unsaid = patch.object(placing, "say", lambda _: None)  # where the data lie, of each trainer
    with tempfile.TemporaryDirectory() as folder, unsaid, denormals_flushed():  # as in a run of semreg
        session = Session(device, chosen.out, Path(folder), begun + chosen.limit)
        if not chosen.begin:
            session.say(**machine(device), command=" ".join(["python -m benchmarks.gpu", *(arguments or sys.argv[1:])]))
        todo = [(name, job) for name, job in jobs().items() if chosen.only in name]
        with alarm(chosen.limit):
            for number, (name, job) in list(enumerate(todo))[chosen.begin :]:
                if session.left() <= 0:
                    left.append(name)
                    continue
                try:
                    do(session, name, job)
                except CardLostError as error:
                    session.say(what="lost", job=name, why=str(error))
                    print(f"{name}: the card is lost to this process, which begins again: {error}", flush=True)
                    begin_again(chosen, number + 1, session.left())
        if left:
            session.say(what="left", jobs=left)
            print(f"left, for want of time: {', '.join(left)}")
    lines = [json.loads(line) for line in (chosen.out / RESULT).read_text().splitlines()]
    page = gpu_page.page(lines)
    print(page.partition("## Checks")[0])
    if session.on_a_card:
        (chosen.out / PAGE).write_text(page)
        (ROOT / "benchmarks" / PAGE).write_text(page)


def do(session: Session, name: str, job: Job) -> None:
    """Do a job, and tell of what it fails by. Raises CardLostError."""
    begun = time.monotonic()
    try:
        job(session)
    except CardLostError:
        raise
    except Exception as error:
        session.say(what="failed", job=name, why=failure(error))
        print(f"{name} failed: {failure(error)}", flush=True)
        require_whole(session)
    session.say(what="done", job=name, seconds=round(time.monotonic() - begun, 1))


@contextmanager
def alarm(seconds: float) -> Iterator[None]:
    """Raise TimeoutError in what is at work when so many seconds are over."""

    def ring(*_: object) -> None:
        raise TimeoutError("the limit is reached")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.01))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def begin_again(chosen: argparse.Namespace, begin: int, limit: float) -> None:
    """Go on in a new program, with job number `begin`."""
    signal.setitimer(signal.ITIMER_REAL, 0)
    sys.stdout.flush()
    more = ["--limit", str(max(limit, 1.0)), "--device", chosen.device, "--out", str(chosen.out), "--only", chosen.only]
    os.execv(sys.executable, [sys.executable, "-m", "benchmarks.gpu", *more, "--begin", str(begin)])


if __name__ == "__main__":
    main()
