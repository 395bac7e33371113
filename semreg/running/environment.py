"""What a run is begun under: recorded, and compared when it goes on, for under other circumstances its bits differ."""

from __future__ import annotations

import hashlib
import platform
import sys
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from semreg.core import Problem, UserError
from semreg.core.registry import OWN_DISTRIBUTION, THIS_PROCESS
from semreg.core.specification import described
from semreg.data.dataset import Cached
from semreg.recipe.plan import Plan
from semreg.store.folder import RunFolder
from semreg.store.layout import RECIPE, RECORD
from semreg.training.build import count_parameters
from semreg.training.step import Setting

NOT_IN_NUMBERS = ("cli", "report", "tables")
"""Rooms of semreg that may change without changing what a run computes."""
LIBRARIES = {
    "torch": "torch",
    "torchvision": "torchvision",
    "timm": "timm",
    "numpy": "numpy",
    "sklearn": "scikit-learn",
    "torchmetrics": "torchmetrics",
}
"""Packages whose code their distribution's version tells, though a plugin's component may lie in them."""


def record_environment(
    folder: RunFolder, setting: Setting, data: Cached, digest: str, note: str | None, *, skip_bad_images: bool
) -> None:
    """Write what is run; refuse to go on under other circumstances, which would not end with the same bits."""
    plan = setting.plan
    record = {
        "name": plan.name,
        "hash": digest,
        "recipe": str(plan.recipe.path.resolve()),
        "seed": setting.seed,
        "precision": setting.precision,
        "device": str(setting.device),
        "threads": torch.get_num_threads(),
        "processes": setting.processes.count,
        "fallback": note,
        "used_fallback": plan.fallback,
        "skip_bad_images": skip_bad_images,
        "data": {
            "name": plan.data.use,
            "options": plan.data.options,
            "fields": {name: described(field) for name, field in data.fields.items()},
            "counts": data.counts,
            "fingerprint": data.fingerprint,
            "skipped": len(data.skipped),
        },
        "versions": versions(plan),
        "code": code(plan),
        "modules": {
            name: {"use": plan.modules[name].node.name, "parameters": count}
            for name, count in count_parameters(setting.modules).items()
        },
        "phases": [
            {
                "name": phase.name,
                "epochs": phase.epochs,
                "iterations": phase.epochs * (len(data.rows(phase.split)) // phase.batch_size),
                "batch_size": phase.batch_size,
                "steps": plan.matrix()[phase.name],
                "backwards": {step.name: len(step.backwards) for step in phase.steps},
            }
            for phase in plan.phases
        ],
    }
    before = folder.read_json(RECORD)
    if before is not None:
        _refuse_differences(folder, before, record)
        record |= {key: before[key] for key in ("started", "command")}
    else:
        record |= {
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
            "command": " ".join(["semreg", *sys.argv[1:]]),
        }
    folder.write_json(RECIPE, plan.table)
    folder.write_json(RECORD, record)


def _refuse_differences(folder: RunFolder, before: dict[str, Any], now: dict[str, Any]) -> None:
    found = {
        "hash": "recipe, seed and precision of hash",
        "device": "device",
        "threads": "number of threads",
        "processes": "number of processes",
    }
    problems = [
        Problem(key, f"the run was begun with {name} {before.get(key)}, now it is {now[key]}")
        for key, name in found.items()
        if before.get(key) != now[key]
    ]
    if before["data"]["fingerprint"] != now["data"]["fingerprint"]:
        problems.append(Problem("data", "the images or labels are not those that the run was begun with"))
    for name, version in before["versions"].items():
        if now["versions"].get(name) != version:
            problems.append(
                Problem(f"versions.{name}", f"the run was begun with {version}, now it is {now['versions'].get(name)}")
            )
    for name, digest in before.get("code", {}).items():
        if now["code"].get(name, digest) != digest:
            problems.append(Problem(f"code.{name}", f"the code of {name} is not that which the run was begun with"))
    if problems:
        problems.append(
            Problem("", "it would not end with the same bits; restore what differs, or remove the folder to begin anew")
        )
        raise UserError(str(folder.folder), problems)


def versions(plan: Plan) -> dict[str, str]:
    """Versions of everything that decides a run's numbers."""
    return {
        "python": platform.python_version(),
        **{name: metadata.version(name) for name in LIBRARIES.values()},
        OWN_DISTRIBUTION: metadata.version(OWN_DISTRIBUTION),
        **plan.distributions(),
    }


def code(plan: Plan) -> dict[str, str]:
    """A digest of the source of each distribution that the plan uses: versions do not tell code under development."""
    packages = {OWN_DISTRIBUTION: {OWN_DISTRIBUTION}}
    for component in plan.components():
        package = component.target.partition(":")[0].partition(".")[0]
        if component.distribution not in (OWN_DISTRIBUTION, THIS_PROCESS) and package not in LIBRARIES:
            packages.setdefault(component.distribution, set()).add(package)
    return {distribution: "".join(map(_digest, sorted(found))) for distribution, found in packages.items()}


def _digest(package: str) -> str:
    """A digest of the source files of a package, or of a module alone."""
    digest = hashlib.sha256()
    module = sys.modules[package]
    if not hasattr(module, "__path__"):
        return hashlib.sha256(Path(module.__file__ or "").read_bytes()).hexdigest()[:16]
    for folder in module.__path__:
        for path in sorted(Path(folder).rglob("*.py")):
            if package == OWN_DISTRIBUTION and path.relative_to(folder).parts[0] in NOT_IN_NUMBERS:
                continue
            digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]
