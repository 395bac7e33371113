"""The environment of a run's training: recorded, and compared when it resumes, for bits may differ elsewhere."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from semreg.core import Problem, UserError
from semreg.data.dataset import Cached
from semreg.data.summary import taken
from semreg.recipe.names import reference
from semreg.recipe.plan import Plan
from semreg.running.arithmetic import matrix_precision, tf32_in_convolutions
from semreg.running.commit import commit_here
from semreg.running.identity import Identity
from semreg.running.sources import rooms_digest
from semreg.store.fields import described
from semreg.store.folder import RunFolder
from semreg.store.layout import RECORD
from semreg.trained.opening import split_asked
from semreg.trained.versions import other_versions, versions
from semreg.training.build import count_parameters
from semreg.training.setting import Setting

DRIVER = Path("/proc/driver/nvidia/version")

PLACE = {
    "device": "device",
    "card": "graphics card",
    "cuda": "version of CUDA",
    "cudnn": "version of cuDNN",
    "threads": "number of threads",
    "processes": "number of processes",
    "matrix_precision": "precision of float32 matrix products",
    "cudnn_tf32": "TF32 in convolutions",
    "deterministic": "choice of deterministic algorithms",
}
"""The entries of a record that describe where a run is trained and decide its bits, in words."""


def record_environment(
    folder: RunFolder,
    setting: Setting,
    data: Cached,
    identity: Identity,
    more: Mapping[str, Any],
    allow_other_processes: bool = False,
) -> None:
    """Write the record of a run; refuse to resume in an environment that would not end with the same bits.

    `more` is recorded, too: the command and similar facts. A different number of processes, with different threads, may
    be allowed; then it is recorded and printed.
    """
    plan = setting.plan
    record = {
        "name": plan.name,
        "hash": identity.digest,
        "recipe": reference(plan.recipe.path),
        "seed": setting.seed,
        "precision": setting.precision,
        **_place(setting),
        **more,
        "used_fallback": plan.fallback,
        "data": {
            "name": plan.data.use,
            "options": plan.data.options,
            "fields": {name: described(field) for name, field in data.fields.items()},
            "counts": data.counts,
            "fingerprint": data.fingerprint,
            "cache": data.cache,
            "skipped": len(data.skipped),
            "taken": taken(data, split_asked(plan)),
        },
        "versions": versions(plan),
        "code": rooms_digest(),
        "commit": commit_here(),
        "modules": {
            name: {"use": plan.modules[name].node.name, "parameters": count}
            for name, count in count_parameters(setting.modules).items()
        },
        "phases": [
            {
                "name": phase.name,
                "epochs": phase.epochs,
                "iterations": phase.epochs * (len(data.rows(phase.split)) // phase.images),
                "batch_size": phase.batch_size,
                "images_per_update": phase.images if phase.images != phase.batch_size else None,
                "steps": plan.matrix()[phase.name],
                "backwards": {step.name: len(step.backwards) for step in phase.steps},
            }
            for phase in plan.phases
        ],
        "training": identity.table,
    }
    before = folder.read_json(RECORD)
    if before is None:
        record["started"] = datetime.now(UTC).isoformat(timespec="seconds")
    else:
        others = allow_other_processes and before.get("processes") != record["processes"]
        _refuse_differences(folder, before, record, allowed={"processes", "threads"} if others else set())
        kept = ("started", "command", "call", "name", "recipe", "processes_before")
        record |= {key: before[key] for key in kept if key in before}
        if others:
            record["processes_before"] = [*before.get("processes_before", []), before.get("processes")]
            said = f"started with {before.get('processes')} processes, resumes with {record['processes']}"
            folder.warn(f"{said}: its batches stay the same, but its results differ in their last bits")
    folder.write_json(RECORD, record)


def _place(setting: Setting) -> dict[str, Any]:
    on_card = setting.device.type == "cuda"
    return {
        "device": str(setting.device),
        "card": torch.cuda.get_device_name(setting.device) if on_card else None,
        "cuda": torch.version.cuda if on_card else None,
        "cudnn": torch.backends.cudnn.version() if on_card else None,  # type: ignore[no-untyped-call]
        "driver": _driver() if on_card else None,
        "threads": torch.get_num_threads(),
        "processes": setting.processes.count,
        "matrix_precision": matrix_precision(),
        "cudnn_tf32": tf32_in_convolutions() if on_card else None,
        "deterministic": torch.are_deterministic_algorithms_enabled(),
    }


def _driver() -> str | None:
    """Return the version of the card's driver, if Linux shows it; it changes no bits."""
    with contextlib.suppress(OSError):
        found = re.search(r"(?m)^NVRM.*?\s(\d+(?:\.\d+)+)\s", DRIVER.read_text())
        return found and found[1]
    return None


def _kind(device: object) -> str:
    """Return a device without its number: another card of the same name gives the same bits."""
    return str(device).partition(":")[0]


def _refuse_differences(
    folder: RunFolder, before: dict[str, Any], now: dict[str, Any], allowed: Collection[str] = ()
) -> None:
    problems = [
        Problem(
            key,
            f"the run was started with {name} {_told(before.get(key))}, now it is {_told(now[key])}"
            f"{_way_out(key, before)}",
        )
        for key, name in {"hash": "hash", **PLACE}.items()
        if key not in allowed
        and before.get(key) != now[key]
        and not (key == "device" and _kind(before.get(key)) == _kind(now[key]))
    ]
    if before["data"]["fingerprint"] != now["data"]["fingerprint"]:
        problems.append(Problem("data", "the images or labels have changed since the run started"))
    for name, version in before["versions"].items():
        if now["versions"].get(name) != version:
            message = f"the run was started with {version}, now it is {now['versions'].get(name)}"
            problems.append(Problem(f"versions.{name}", message))
    if before.get("code") != now["code"]:
        problems.append(Problem("code", "the code of semreg has changed since the run started"))
    if [problem.where for problem in problems if problem.where != "threads"] == ["processes"]:
        problems.append(Problem("", "--allow-other-processes resumes it; the last bits will differ"))
    if problems:
        found = {problem.where for problem in problems}
        restore = f"resume on a machine with a {before.get('card')}" if "card" in found else "restore what differs"
        if "device" in found:
            restore = f"resume by --device {_kind(before.get('device'))}"
        advice = (
            f"its training would not continue with the same bits; {restore}, start again in another folder by --out, "
            "or remove this one"
        )
        raise UserError(str(folder.folder), [*problems, Problem("", advice)])


def _told(value: object) -> object:
    return "none" if value is None else value


def _way_out(key: str, before: Mapping[str, Any]) -> str:
    """Return the option that restores the recorded value, if there is one."""
    return f"; resume by --threads {before[key]}" if key == "threads" and key in before else ""


def other_code(record: Mapping[str, Any], plan: Plan) -> str:
    """Return a warning if the code that trained a run differs from the code here; empty if it doesn't."""
    changed = other_versions(record, plan)
    if not changed and record.get("code") != rooms_digest():
        changed = ["other code of semreg"]
    return f"trained with {', '.join(changed)}; it is used as it is" if changed else ""
