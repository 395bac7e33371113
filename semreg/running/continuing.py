"""Continuation of a finished run with more epochs in its last phase."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from semreg.core import Problem, UserError
from semreg.recipe.comparing import differing_keys
from semreg.running.choices import chosen_before
from semreg.running.identity import Identity
from semreg.store.checkpoint import read_latest
from semreg.store.layout import CONTINUATION
from semreg.store.record import RunRecord, read_record
from semreg.training.trainer import Begin


def require_continuable(folder: Path, identity: Identity) -> RunRecord:
    """Return the record of a run, if a run of this identity can continue from it.

    Raises UserError for an unfinished run, and for one that differs in more than fewer epochs of the last phase; the
    error names each such key.
    """
    run = read_record(folder)
    if not run.record.get("trained"):
        raise UserError(str(folder), "this run is not trained to its end; resume it by the command that started it")
    found = _differences(run.record, identity)
    key = _epochs(identity)
    if found != [key]:
        problems = [Problem(one, "differs from that run's training") for one in found if one != key]
        fewer = f"only the epochs of the last phase ({key}) may be more than that run had"
        raise UserError(f"--continue {folder}", [*problems, Problem("", fewer)])
    had, wanted = epochs_of(run), _last_epochs(identity.table)
    if had is None or had >= wanted:
        raise UserError(f"--continue {folder}", [Problem(key, f"is {wanted}; expected more than that run's {had}")])
    return run


def beginning(run: RunRecord, fingerprint: str) -> Begin:
    """Return the start of a run that continues another one. Raises UserError if that used other data or is damaged."""
    data = run.record.get("data")
    if not isinstance(data, dict) or data.get("fingerprint") != fingerprint:
        message = "the images or labels have changed since that run was trained"
        raise UserError(f"--continue {run.folder}", [Problem("data", message)])
    state, notes = read_latest(run.folder / CONTINUATION)
    if state is None:
        said = "; ".join(notes) or "it lacks the state at the end of its last phase"
        raise UserError(f"--continue {run.folder}", said)
    return Begin(run.folder, state)


def shorter_runs(runs: Iterable[RunRecord], identity: Identity) -> list[RunRecord]:
    """Return the trained runs that differ from an identity only in fewer epochs of the last phase."""
    key, epochs = _epochs(identity), _last_epochs(identity.table)
    return [
        run
        for run in runs  # what is quickly told first: there may be many, and comparing two tables takes long
        if run.record.get("trained")
        and run.record.get("seed") == identity.seed
        and (epochs_of(run) or math.inf) < epochs
        and _differences(run.record, identity) == [key]
    ]


def epochs_of(run: RunRecord) -> int | None:
    """Return the epochs of a run's last phase; None if its record, which may be untrusted, lacks them."""
    try:
        return _last_epochs(run.record["training"])
    except (KeyError, IndexError, TypeError, ValueError):
        return None


def _differences(record: dict[str, Any], identity: Identity) -> list[str]:
    training = record.get("training")
    if not isinstance(training, dict):
        return ["training"]
    own = {"seed": record.get("seed"), "precision": record.get("precision"), "choices": chosen_before(record)}
    new = {"seed": identity.seed, "precision": identity.precision, "choices": identity.choices}
    return differing_keys({**training, **own}, {**identity.table, **new})


def _epochs(identity: Identity) -> str:
    return f"phases.{identity.table['order'][-1]}.epochs"


def _last_epochs(table: dict[str, Any]) -> int:
    return int(table["phases"][table["order"][-1]]["epochs"])
