"""A run's contents for MLflow, with names and lengths that MLflow allows."""

from __future__ import annotations

import json
import math
import posixpath
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from semreg.core import RecordedRun, printable

HASH = "semreg.hash"
"""The tag that identifies a run."""
DIGEST = "semreg.digest."
"""The prefix of tags that record which version of a file, or of an evaluation's pictures, was sent."""
PICTURES = f"{DIGEST}evaluations/"
LONGEST_NAME, LONGEST_PARAMETER, LONGEST_TAG = 250, 6_000, 5_000
"""In characters; the complete recipe is there as a file."""
_LONGEST_TITLE = 60

Place = tuple[str, int]
"""A metric and its step."""


@dataclass(frozen=True)
class Contents:
    """`points` are values with their time in milliseconds since 1970; `files` are bytes by path, in groups that are
    sent together, by the tag that records them: each file of the run is a group, and so are the pictures of each
    evaluation."""

    parameters: dict[str, str]
    tags: dict[str, str]
    points: dict[Place, tuple[float, int]]
    files: dict[str, dict[str, bytes]]


def contents_of(run: RecordedRun) -> Contents:
    """Return a run's parameters, tags, metrics and artifacts for MLflow."""
    points = {(allowed(p.series), p.step): (held(p.value), milliseconds(p.time)) for p in run.points}
    points |= {(allowed(name), 0): (held(value), milliseconds(run.updated)) for name, value in run.figures.items()}
    files = {allowed(f"{DIGEST}{path}"): {path_of(path): content} for path, content in run.files.items()}
    for name, result in run.results.items():
        titles = (printable(picture.title)[:_LONGEST_TITLE].replace("/", "_") for picture in result.pictures)
        names = [allowed(f"{number:02d} {title}") for number, title in enumerate(titles, start=1)]
        paths = [f"evaluations/{allowed(name)}/{file}.png" for file in names]
        files[allowed(f"{PICTURES}{name}")] = {p: one.png for p, one in zip(paths, result.pictures, strict=True)}
    tags = {f"semreg.{name}": value for name, value in run.about.items()}
    tags |= {"semreg.name": run.name, "semreg.folder": str(run.folder.absolute()), HASH: run.hash}
    # MLflow's own tag, which its lists show.
    tags |= {
        "mlflow.source.type": "LOCAL",
        "mlflow.source.name": run.about.get("command", "semreg"),
        "mlflow.source.git.commit": run.about.get("commit", ""),
    }
    return Contents(
        {allowed(key): text_of(value)[:LONGEST_PARAMETER] for key, value in run.parameters.items()},
        {allowed(key): text_of(value)[:LONGEST_TAG] for key, value in tags.items() if value},
        points,
        {group: content for group, content in files.items() if content},
    )


def allowed(name: str, also: str = "", ending: str = "") -> str:
    """Return a name that MLflow accepts: an invalid one is changed, and gets a hash before its ending, so that it stays
    unique."""
    kept = re.sub(rf"[^\w.\- :/{also}]", "_", name)
    if kept == name and len(name) <= LONGEST_NAME and _is_path(name):
        return name
    kept = (kept if _is_path(kept) else kept.replace("/", "_").lstrip(".")).removesuffix(ending)
    tail = f"-{sha256(name.encode('utf-8', 'replace')).hexdigest()[:8]}{ending}"
    return f"{kept[: LONGEST_NAME - len(tail)]}{tail}"


def path_of(path: str) -> str:
    """Return a file's path in a form that MLflow accepts, with @; the ending, which decides how MLflow
    shows it, stays."""
    ending = re.search(r"\.\w{1,8}\Z", path)
    return allowed(path, "@", ending[0] if ending else "")


def _is_path(name: str) -> bool:
    """Return whether a name stands for a file in a folder, and has only this form."""
    return posixpath.normpath(name) == name and not name.startswith(("/", ".")) and name == name.strip()


def text_of(value: Any) -> str:
    """Return a value of a recipe as one line."""
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return " ".join(printable(text).split())


def held(value: float) -> float:
    """Return a number that every store of MLflow accepts: databases lack infinity, and get the largest
    number instead."""
    return math.copysign(sys.float_info.max, value) if math.isinf(value) else value


def digest_of(files: Mapping[str, bytes]) -> str:
    """Return a digest of files and their paths."""
    return sha256("".join(f"{path}:{sha256(files[path]).hexdigest()}\n" for path in files).encode()).hexdigest()[:16]


def milliseconds(seconds: float) -> int:
    """Return a time in MLflow's unit."""
    return int(seconds * 1000)
