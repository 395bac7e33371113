"""A cluster that is a folder: what commands of Slurm do, as far as submitit and semreg ask for it, with processes.

`python pretended.py COMMAND ARGUMENTS` in an environment whose PRETENDED names the folder. A file NUMBER.state is there
for each job that hasn't ended, and NUMBER.step holds its process. With a file `silent` squeue and scancel don't answer,
and with a file `apart` nodes see no other folder.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

FOLDER = Path(os.environ["PRETENDED"])
CORES = 2
"""So many jobs run at once."""


def sbatch(script: str) -> None:
    """Queue a script."""
    number = 1 + len(list(FOLDER.glob("*.job")))
    while True:
        with contextlib.suppress(FileExistsError), (FOLDER / f"{number}.job").open("x") as file:
            json.dump(Path(script).read_text(), file)
            break
        number += 1
    state(number, "PENDING")
    silent = subprocess.DEVNULL
    command = [sys.executable, __file__, "node", str(number)]
    subprocess.Popen(command, stdin=silent, stdout=silent, stderr=silent, start_new_session=True)
    print(f"Submitted batch job {number}")


def node(number: str) -> None:
    """Run the script of a job when there is room, again as long as it was queued again meanwhile."""
    script = json.loads((FOLDER / f"{number}.job").read_text())
    (output,) = (line.partition("=")[2] for line in script.splitlines() if line.startswith("#SBATCH --output="))
    environment = {**os.environ, "SLURM_JOB_ID": number}
    again = FOLDER / f"{number}.again"
    while True:
        state(number, "PENDING")
        with core(number):
            if any((FOLDER / name).exists() for name in ("apart", f"{number}.cancelled")):
                break
            state(number, "RUNNING")
            with open(output.strip("'"), "ab") as log:
                subprocess.run(["bash", "-c", script], stdout=log, stderr=log, env=environment, check=False)
        if not again.exists():
            break
        again.unlink()
    (FOLDER / f"{number}.state").unlink()


@contextlib.contextmanager
def core(number: str) -> Iterator[None]:
    """While entered, one of the cores is taken, unless the job was cancelled before there was one."""
    while not (FOLDER / f"{number}.cancelled").exists():
        for one in range(CORES):
            with (FOLDER / f"core{one}").open("w") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    continue
                yield
                return
        time.sleep(0.05)
    yield


def srun(*arguments: str) -> None:
    """Become the process of a job: what stands behind the options."""
    number, left, output = os.environ["SLURM_JOB_ID"], list(arguments), ""
    while left[0].startswith("--"):
        name, _, value = left.pop(0).partition("=")
        if name == "--output":
            output = value or left.pop(0)
    os.setsid()
    log = os.open(output, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    os.dup2(log, 1)
    os.dup2(log, 2)
    written(f"{number}.step", str(os.getpid()))
    os.execvp(left[0], left)


def squeue(*arguments: str) -> None:
    """Tell of all jobs that have not ended."""
    answer("squeue")
    for file in FOLDER.glob("*.state"):
        with contextlib.suppress(FileNotFoundError):
            print(file.stem, file.read_text())


def scancel(*arguments: str) -> None:
    """Signal all processes of a job, or end it."""
    answer("scancel")
    *options, number = arguments
    if not options:
        (FOLDER / f"{number}.cancelled").touch()
    name = options[0].removeprefix("--signal=") if options else "TERM"
    step = FOLDER / f"{number}.step"
    if step.exists():
        os.killpg(int(step.read_text()), getattr(signal, f"SIG{name}"))


def scontrol(what: str, number: str) -> None:
    """Have a job queued again."""
    assert what == "requeue"
    (FOLDER / f"{number}.again").touch()


def answer(command: str) -> None:
    if (FOLDER / "silent").exists():
        sys.exit(f"{command}: error: Unable to contact slurm controller (connect failure)")


def state(number: int | str, name: str) -> None:
    written(f"{number}.state", name)


def written(name: str, text: str) -> None:
    """Write a file whole, for others who read it at any time."""
    (FOLDER / f".{name}").write_text(text)
    (FOLDER / f".{name}").replace(FOLDER / name)


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
