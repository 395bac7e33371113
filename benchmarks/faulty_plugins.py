"""Faulty plugins through `semreg run`: a fault costs one thing, by exit code 0, 1 or 2 and a message, never more.

    python -m benchmarks.faulty_plugins --count 300 --seed 0

draws faults of every kind of component and of every event by Hypothesis, writes each as an installed distribution with
a recipe that uses it, and runs that twice in processes that are forked from one that has imported everything.
"""

from __future__ import annotations

import importlib
import json
import os
import random
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# One thread: a forked process has no other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from hypothesis import HealthCheck, Phase, given, seed, settings

from benchmarks.crooked import RECIPE, entry_point, recipe_of, source_of
from benchmarks.faults import DISTRIBUTION, EVENTS, FAULTS, MOMENTS, NAME, OWN, Fault
from benchmarks.forked import Ended, forked
from benchmarks.searching import Search, asked

HANGING = 60.0
"""Seconds after which a run, of less than a second, is taken for one that would never end."""
LONGEST = 20_000
"""Letters that all messages of a run may have."""
NAMES = (NAME, f"{OWN}(", f"modules.{OWN}", "evaluate.own", "evaluation 'own'", "data.sampler", "memory ran out")
"""What names a plugin, or what of a recipe is its own; memory that runs out is nobody's fault."""
UNTRACED = ("torch.set_", "torch.use_", "inference_mode", "os.environ", "os.chdir", "sys.path", "numpy.seterr",
            "setrecursionlimit", "UserError('there'", "zero_()", "resize_", "simplefilter", "tempdir")  # fmt: skip
"""Deeds that change what others meet with later, so that nobody can tell whose they were, or that say it all."""
RUN = ["run", "recipe.toml", "--data-root", "root", "--out", "runs", "--device", "cpu"]


def faults(count: int, number: int) -> list[Fault]:
    """So many different faults, the same for a number."""
    found: dict[Fault, None] = {}

    @seed(number)
    @settings(
        max_examples=10 * count, database=None, phases=[Phase.generate], deadline=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(FAULTS)
    def draw(fault: Fault) -> None:
        found[fault] = None

    draw()
    return random.Random(number).sample(list(found), count)


def import_everything(folder: Path) -> None:
    """Import what a run does, for the processes that are forked from this one; `folder` takes a recipe and its data."""
    for name in ("semreg.running.start", "semreg.report.writing", "semreg.running.progress", "sklearn.manifold"):
        importlib.import_module(name)
    from semreg.pictures import bar_plot
    from semreg.recipe.check import check
    from semreg.recipe.load import load_recipe
    from semreg.running.sources import rooms_digest
    from semreg.training.trial import check_by_dry_run

    torch.set_num_threads(1)
    (folder / "sound").mkdir()
    make_data(folder / "sound")
    (folder / "sound.toml").write_text(RECIPE)
    check_by_dry_run(check(load_recipe(folder / "sound.toml", []), data_root=folder / "sound"))
    rooms_digest()  # which is kept; reading all sources takes longer than a run
    bar_plot("", ["a"], {"b": [1.0]}, y_label="")


def make_data(root: Path) -> None:
    """The data of the recipes: images that show their class."""
    kinds = np.arange(24) % 3
    images = np.random.default_rng(0).integers(0, 60, (24, 8, 8)) + 60 * kinds[:, None, None]
    np.savez(root / "shapes.npz", images=images.astype(np.uint8), kind=kinds)


class Workshop:
    """A folder in which plugins are installed and run, one after the other."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "root").mkdir()
        make_data(folder / "root")
        import_everything(folder)

    def require_sound(self) -> None:
        """Raises SystemExit unless plugins of every kind are used and pass where nothing is wrong with them."""
        for kind in MOMENTS:
            if found := self.run(Fault(kind, "never", 1)) or (self.codes != (0, 0) and [f"exit codes {self.codes}"]):
                raise SystemExit(f"a sound {kind} fails: {found}")

    def run(self, fault: Fault, name: str = "trial") -> list[str]:
        """Install the plugin and run its recipe twice; what should not have happened."""
        trial = self.folder / name
        shutil.rmtree(trial, ignore_errors=True)
        site = trial / "site"
        information = site / f"{DISTRIBUTION.replace('-', '_')}-1.0.dist-info"
        information.mkdir(parents=True)
        (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {DISTRIBUTION}\nVersion: 1.0\n")
        (information / "entry_points.txt").write_text(entry_point(fault))
        (site / "crooked_plugin.py").write_text(source_of(fault))
        (trial / "recipe.toml").write_text(recipe_of(fault))
        (trial / "root").symlink_to(self.folder / "root")

        def prepare() -> None:
            kept = trial if fault.kind == "dataset" else self.folder  # of a data set all is read anew
            os.environ["SEMREG_CACHE"] = str(kept / "cache")
            sys.path.insert(0, str(site))

        first = forked(trial, RUN, prepare, HANGING)
        found = [f"first: {said}" for said in failures(fault, first, trial)]
        second = forked(trial, RUN, prepare, HANGING)
        found += [f"second: {said}" for said in failures(fault, second, trial, again=True)]
        if first.code != second.code and fault.first == 1 and "chdir" not in fault.deed:
            found.append(f"exit code {first.code}, and {second.code} the second time")
        self.codes = (first.code, second.code)
        if found:
            found += [first.errors[-1500:], second.errors[-500:]]
        return found


def failures(fault: Fault, ended: Ended, trial: Path, *, again: bool = False) -> Iterator[str]:
    """What should not have happened when a plugin's recipe was run, or run `again`."""
    said = ended.output + ended.errors
    said = re.sub("x{1000,}", "", said)  # which the plugin prints
    if ended.code not in (0, 1, 2):
        yield f"it hung for {ended.seconds:.0f} s" if ended.seconds > HANGING else f"exit code {ended.code}"
    if "Traceback" in said:
        yield "a traceback"
    if len(said) > LONGEST:
        yield f"{len(said)} letters of messages"
    if fault.kind == "report_sections":  # whose failure the report tells, also of a run that is long finished
        said += "".join(path.read_text() for path in trial.glob("**/runs/*/report.html"))
    names = (
        NAMES
        if fault.result == "value" and fault.moment != "backward"
        else (*NAMES, "losses.", "tensors.", "phases.main.train")
    )  # where others meet with it
    named = any(word in said for word in names) or any(deed in fault.deed for deed in UNTRACED)
    silent = again and fault.kind in EVENTS  # there is nothing to do, and no event
    if not named and not fault.mute and (ended.code or (fault.raises and not silent)):
        yield f"exit code {ended.code} without its name"
    if ended.code == 0 and fault.raises and fault.kind not in EVENTS:
        yield "exit code 0 though it raised"
    run = next(iter((trial).glob("**/runs/*/run.json")), None)
    trained = run is not None and read(run).get("trained")
    if run is None or not trained:
        if ended.code == 0:
            yield "exit code 0, and nothing is trained"
        if run is not None and read(run.parent / "status.json").get("state") not in ("failed", "stopped"):
            yield f"its status is {read(run.parent / 'status.json')}"
        return
    status = read(run.parent / "status.json")
    if status.get("state") != "finished":
        yield f"it is trained, and its status is {status}"
    if bool(status.get("failed")) != (ended.code == 1):
        yield f"exit code {ended.code}, and its status is {status}"
    if not (run.parent / "report.html").is_file():
        yield "it is trained, and there is no report"


def read(path: Path) -> dict[str, Any]:
    """A file of JSON, empty if it is not there."""
    found: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {}
    return found


def main() -> None:
    wanted = asked(__doc__, 300, "plugins")
    drawn = dict(list(enumerate(faults(wanted.count, wanted.seed)))[wanted.part :: wanted.parts])
    search = Search(len(drawn), every=50)
    with tempfile.TemporaryDirectory(prefix="semreg-faulty-") as folder:
        workshop = Workshop(Path(folder))
        workshop.require_sound()
        for number, fault in drawn.items():
            begun = time.monotonic()
            found = workshop.run(fault)
            codes = " then ".join(map(str, workshop.codes))
            search.command(f"{number}: {fault}", codes, time.monotonic() - begun, found)
            search.case_done()
    search.end("faulty plugins, each run twice,")


if __name__ == "__main__":
    main()
