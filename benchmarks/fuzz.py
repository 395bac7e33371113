"""Mutated recipes through `semreg check`: exit code 0 or 2, no traceback, seconds and memory bounded, no code run.

    python -m benchmarks.fuzz --count 10000 --seed 0

takes every recipe of this repository in turn, changes its bytes or its keys, types, numbers and references, and checks
it in this process by the command line's own entry. The same seed makes the same mutations.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import resource
import shutil
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.mutations import mutated
from semreg.cli.main import app
from semreg.core.registry import components, register

ROOT = Path(__file__).parents[1]
SECONDS = 5.0
"""Of computing, that a check may take."""
HANGING = 60
"""Seconds after which a check is taken for one that would never end."""
MEMORY = 2**30
"""Bytes by which the process may grow for one check."""
ALLOWED = {0, 2}


def recipes() -> list[Path]:
    """Every recipe of the repository, also the parts of recipes that others extend; of plugins that are installed."""
    places = ["recipes/**/*.toml", "tests/recipe/papers/*.toml"]
    places += [f"plugins/{name}/src/**/*.toml" for name in sorted({one.distribution for one in components()})]
    return sorted(path for place in places for path in ROOT.glob(place))


# --- the ground that recipes are checked on ---


@dataclass(frozen=True)
class Outcome:
    """How a check ended. `code` is None if it ended by an exception, which `errors` then holds."""

    code: int | None
    errors: str
    seconds: float
    grown: int
    deeds: tuple[str, ...]

    @property
    def failure(self) -> str:
        """What should not have happened, or nothing."""
        found = [f"did {deed}" for deed in self.deeds]
        if self.code not in ALLOWED or "Traceback" in self.errors:
            found.append(f"exit code {self.code}: {self.errors[-3000:]}")
        if self.code == 2 and not self.errors.strip():
            found.append("refused without a word")
        if self.seconds > SECONDS:
            found.append(f"took {self.seconds:.1f} s")
        if self.grown > MEMORY:
            found.append(f"took {self.grown / 2**30:.1f} GiB")
        return "; ".join(found)


class HangingError(BaseException):
    """Not an Exception, which a check might turn into a message."""


class Ground:
    """A folder with copies of the recipes, and with what hostile references point to; mutations are written into it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sentinel = folder / "code_was_run"
        for path in recipes():
            copy = self.place(path)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, copy)
            _trap(copy.parent)
        faces = folder / "data" / "faces"
        faces.mkdir(parents=True)
        for number in range(4):
            Image.new("RGB", (60, 50), (60 * number, 0, 90)).save(faces / f"{number}.png")
        rows = [f"{number}.png,{number % 2},{number // 2}\n" for number in range(4)]
        (faces / "labels.csv").write_text("file,Smiling,Mouth_Slightly_Open\n" + "".join(rows))
        shutil.copytree(faces, folder / "data" / "lfw_attr40")
        turns = np.arange(24)
        images = np.zeros((24, 8, 8), np.uint8)
        np.savez(folder / "data" / "coil20.npz", images=images, angle_deg=15 * turns, object=turns % 2)
        np.savez(folder / "data" / "yaleb_cropped.npz", images=images, light_azimuth_deg=15 * turns, identity=turns % 2)

    def place(self, path: Path) -> Path:
        """Where the copy of a recipe is."""
        return self.folder / path.relative_to(ROOT)

    def check(self, path: Path, content: bytes) -> Outcome:
        """Check the recipe with other content, and put its own back."""
        mutant = self.place(path)
        mutant.write_bytes(content)
        through = self.place(_extending(path)) if path.parent.name == "partial" else mutant
        try:
            return self._check(through)
        finally:
            shutil.copy(path, mutant)

    def _check(self, path: Path) -> Outcome:
        output, errors = io.StringIO(), io.StringIO()
        code: int | None = 0
        before, begun = _largest(), time.process_time()
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors), _ending(), _watching() as deeds:
            try:
                app(["check", str(path), "--data-root", str(self.folder / "data")], prog_name="semreg")
            except SystemExit as ended:
                code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
            except BaseException:  # whatever it is, a user would see it
                code = None
                traceback.print_exc()
        seconds, grown = time.process_time() - begun, _largest() - before
        if self.sentinel.exists():
            self.sentinel.unlink()
            deeds.append("what code in the recipe says")
        return Outcome(code, errors.getvalue(), seconds, grown, tuple(deeds))


def _extending(part: Path) -> Path:
    """A recipe that extends what is no recipe by itself; the last, which has nothing else to fall back to."""
    return [path for path in recipes() if f"partial/{part.name}" in path.read_text()][-1]


def _trap(folder: Path) -> None:
    """What `extends` should not be caught by, beside the recipes."""
    folder.joinpath("folder.toml").mkdir(exist_ok=True)
    for number in range(30):
        folder.joinpath(f"chain{number}.toml").write_text(f'extends = "chain{number + 1}.toml"\n')
    folder.joinpath("chain30.toml").write_text("")
    for number in range(12):
        following = f'["many{number + 1}.toml", "many{number + 1}.toml"]'
        folder.joinpath(f"many{number}.toml").write_text(f"extends = {following}\n")
    folder.joinpath("many12.toml").write_text("")
    for name, make in {"pipe.toml": os.mkfifo, "loop.toml": lambda path: os.symlink("loop.toml", path)}.items():
        if not os.path.lexists(folder / name):
            make(folder / name)


def _largest() -> int:
    """The most memory that this process ever had, in bytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


@contextlib.contextmanager
def _ending() -> Iterator[None]:
    """End what hangs, by an exception."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(*_: Any) -> None:
        raise HangingError(f"no end after {HANGING} s")

    before = signal.signal(signal.SIGALRM, end)
    signal.alarm(HANGING)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


_deeds: list[list[str]] = []


def _audit(event: str, arguments: Any) -> None:
    if _deeds and event in {"os.system", "os.exec", "os.posix_spawn", "subprocess.Popen", "pickle.find_class",
                            "socket.connect", "socket.getaddrinfo", "os.remove", "os.rename", "os.mkdir"}:  # fmt: skip
        _deeds[-1].append(f"{event} {arguments!r}"[:200])


@contextlib.contextmanager
def _watching() -> Iterator[list[str]]:
    """Collects what a check does that it should not: processes, connections, changes of files, unpickling."""
    if not hasattr(sys, "_semreg_fuzz"):
        sys._semreg_fuzz = True  # type: ignore[attr-defined]  # a hook stays for the life of the process
        sys.addaudithook(_audit)
    _deeds.append([])
    try:
        yield _deeds[-1]
    finally:
        _deeds.pop()


# --- the script ---


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=10_000, help="mutations in all (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="which mutations (default: %(default)s)")
    arguments = parser.parse_args()
    kept = Path(tempfile.mkdtemp(prefix="semreg-fuzz-"))
    ground = Ground(kept / "ground")
    register_stand_ins()
    paths = recipes()
    for path in paths:  # what libraries do when they are imported is theirs, and takes its time once
        ground.check(path, path.read_bytes())
    codes: Counter[int | None] = Counter()
    failures, slowest, begun = 0, (0.0, ""), time.monotonic()
    for number in range(arguments.count):
        path = paths[number % len(paths)]
        seed = f"{arguments.seed}:{path.stem}:{number}"
        content = mutated(path, seed, ground.sentinel)
        outcome = ground.check(path, content)
        codes[outcome.code] += 1
        slowest = max(slowest, (outcome.seconds, seed))
        if outcome.failure:
            failures += 1
            place = kept / f"{seed.replace(':', '-')}.toml"
            place.write_bytes(content)
            print(f"{seed}: {outcome.failure}\n  the recipe is {place}", flush=True)
        if (number + 1) % 1000 == 0:
            print(f"{number + 1} of {arguments.count}, {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
    shutil.rmtree(ground.folder)
    if not failures:
        kept.rmdir()
    shares = ", ".join(f"{count} with exit code {code}" for code, count in sorted(codes.items(), key=str))
    print(f"{arguments.count} mutations of {len(paths)} recipes in {time.monotonic() - begun:.0f} s: {shares}")
    print(
        f"slowest check {slowest[0]:.2f} s ({slowest[1]}); largest {_largest() / 2**30:.2f} GiB; failures: {failures}"
    )
    sys.exit(int(failures > 0))


def register_stand_ins() -> None:
    """For this process, what the recipes among the tests name."""
    from tests.recipe.stand_ins import STAND_INS

    for stand_in in STAND_INS:
        register(*stand_in)


if __name__ == "__main__":
    main()
