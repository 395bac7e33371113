"""How long the shipped recipes train, as `semreg recipes` tells: minutes of training alone, on one thread.

    python -m benchmarks.recipe_minutes [--data-root ROOT] [PATTERN]

Processor time is measured, of a few iterations of each phase on made-up images of the data's size, and multiplied by
how many the data give; the fallback's where the data are missing. `recipes/minutes.json` keeps what was measured, and
stays as it is for a recipe without either.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import sys
import time
from functools import partial
from pathlib import Path

import torch

from semreg.core import UserError
from semreg.recipe.listing import MINUTES, PARTIAL
from semreg.recipe.load import load_recipe
from semreg.recipe.names import shipped_names, shipped_recipes
from semreg.running.choices import Choices
from semreg.running.start import plan_for
from semreg.trained.opening import open_data
from semreg.training.build import build_modules, synthetic_batch
from semreg.training.phase import PhaseRunner
from semreg.training.setting import Setting
from semreg.training.trial import OneBatch

SECONDS = 2.0
"""Of processor time that the iterations of a phase are measured for, at least one."""


def minutes(name: str, data_root: Path) -> float:
    """The minutes that a recipe trains. Raises UserError where its data, and a fallback's, are missing."""
    plan, _ = plan_for(load_recipe(shipped_recipes() / f"{name}.toml"), Choices(data_root=data_root))
    data = open_data(plan)
    modules = build_modules(plan, seed=0)
    setting = Setting(plan, modules, 0, torch.device("cpu"), "fp32")
    seconds = 0.0
    for phase in plan.phases:
        batch = synthetic_batch(plan.fields, plan.value_range, phase.batch_size)
        batches = partial(OneBatch, setting, phase, lambda *_, batch=batch: batch)
        runner = PhaseRunner(setting, phase, batches, None)
        runner.iterate(0)
        count, begun = 0, time.process_time()
        while not count or time.process_time() - begun < SECONDS:
            count += 1
            runner.iterate(count)
        iterations = phase.epochs * (len(data.rows(phase.split)) // phase.images)
        seconds += iterations * (time.process_time() - begun) / count
    return seconds / 60


def main() -> None:
    """Measure, and write after each recipe."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pattern", nargs="?", default="*")
    parser.add_argument("--data-root", type=Path, default=Path("data"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    path = shipped_recipes() / MINUTES
    found = json.loads(path.read_text()) if path.is_file() else {}
    names = [name for name in shipped_names() if not name.startswith(PARTIAL)]
    for name in fnmatch.filter(names, arguments.pattern):
        try:
            found[name] = float(f"{minutes(name, arguments.data_root):.2g}")
        except UserError as error:
            print(f"{name}: {error.text().splitlines()[0]}", file=sys.stderr)
            continue
        print(f"{name}: {found[name]:g} min", flush=True)
        path.write_text(json.dumps(dict(sorted(found.items())), indent=2) + "\n")


if __name__ == "__main__":
    main()
