"""A cell of a table, read from the folder of its run."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from semreg.core import Result, UserError
from semreg.report.judges import judged_by
from semreg.store.layout import EVALUATIONS, RECORD
from semreg.store.reading import table_in
from semreg.store.recipes import failures_of, missing_evaluations
from semreg.store.record import RunRecord, read_metrics, read_record
from semreg.store.results import read_result
from semreg.tables.grid import Cell, Facts


def read_cell(folder: Path, recipe: str, seed: int | None, evaluations: Mapping[str, str]) -> Cell:
    """Read the run in a folder, with the results of a recipe's evaluations, by the names of their folders, if it has
    all except failed ones. `recipe` is a name of `semreg.store.recipes.kept_as`.

    The cell of a damaged run states the damage.
    """
    if not os.path.lexists(folder / RECORD):
        return Cell(seed, folder, "not begun")
    try:
        record = read_record(folder)
        missing = [name for name, place in evaluations.items() if missing_evaluations(folder, [place])]
        failures = {name: cause for name, cause in failures_of(folder, recipe).items() if name in missing}
        missing = [name for name in missing if name not in failures]
        if missing or not record.record.get("trained"):
            state = record.current_state()
            if state == "finished":  # as another recipe says
                return Cell(seed, folder, "stopped", f"still to be evaluated: {', '.join(missing)}")
            return Cell(seed, folder, state, str(record.status.get("message") or ""))
        done = {name: place for name, place in evaluations.items() if name not in failures}
        places = {name: folder / EVALUATIONS / place for name, place in done.items()}
        results = {name: _read(place) for name, place in places.items()}
        judges = judged_by(folder, recipe)
        return Cell(seed, folder, "finished", "", results, failures, _facts(record), judges, places)
    except UserError as error:
        return Cell(seed, folder, "damaged", error.text())


def _read(folder: Path) -> Result:
    """Read a result without its tables, and only the titles of its pictures: a grid has many."""
    try:
        result = read_result(folder, pictured=False)
    except UserError as error:  # `semreg evaluate` would need the recipe
        advice = "remove it, and the same command does, without --only-finished"
        raise UserError(error.source, f"{error.problems[0].message}: {advice}") from error
    return replace(result, tables=[])


def _facts(run: RunRecord) -> Facts:
    data = table_in(run.record, "data")
    options = ", ".join(f"{name} = {value}" for name, value in table_in(data, "options").items())
    counts = table_in(data, "counts").items()
    phases = run.record.get("phases")
    epochs = [str(table_in(phase).get("epochs", "")) for phase in (phases if isinstance(phases, list) else [])]
    return Facts(
        data=f"{data.get('name', '')}{f' ({options})' if options else ''}",
        images=" / ".join(f"{count:,} {split}" for split, count in counts if isinstance(count, int) and count),
        fingerprint=str(data.get("fingerprint", "")),
        fallback=str(run.fallback or ""),
        epochs=" + ".join(filter(None, epochs)),
        seconds=sum(phase.seconds for phase in read_metrics(run.folder).values()),
        device=str(run.record.get("device", "")),
        precision=str(run.record.get("precision", "")),
        version=str(table_in(run.record, "versions").get("semreg", "")),
    )
