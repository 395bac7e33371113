"""Folders of runs without training."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from semreg.core import Result
from semreg.store.recipes import write_evaluations
from semreg.store.results import write_result


def make_run(
    out: Path,
    name: str,
    *,
    figures: Mapping[str, float] | None = None,
    judges: Mapping[str, str] | None = None,
    state: str = "finished",
    recipe: Mapping[str, Any] | None = None,
    **record: Any,
) -> Path:
    """The folder of a run `name`, whose hash is its first letter eight times, with the figures of one evaluation."""
    folder = out / name
    folder.mkdir(parents=True)
    told = {"name": name, "hash": name[0] * 8, "trained": True, "seed": 0} | record
    (folder / "run.json").write_text(json.dumps(told))
    (folder / "status.json").write_text(json.dumps({"state": state}))
    (folder / "recipe.json").write_text(json.dumps(recipe or {}))
    places = {}
    if figures is not None:
        places["probe"] = "probe-0a1b2c"
        write_result(folder / "evaluations" / places["probe"], Result(figures=dict(figures)))
    write_evaluations(folder, name, places, reported=True, judges=judges)
    return folder
