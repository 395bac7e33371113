"""What MLflow is to hold of a run, under the names and within the lengths that MLflow takes."""

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
"""The tag by which a run is found."""
DIGEST = "semreg.digest."
"""What tags begin with that say which content of a file, or of an evaluation's pictures, was sent."""
PICTURES = f"{DIGEST}evaluations/"
LONGEST_NAME, LONGEST_PARAMETER, LONGEST_TAG = 250, 6_000, 5_000
"""In characters; the recipe is there whole as a file."""
_LONGEST_TITLE = 60

Place = tuple[str, int]
"""A metric and its step."""


@dataclass(frozen=True)
class Contents:
    """`points` are values with their time in milliseconds since 1970; `files` are bytes by path, in groups that are
    sent together, by the tag that says so: each file of the run alone, the pictures of each evaluation."""

    parameters: dict[str, str]
    tags: dict[str, str]
    points: dict[Place, tuple[float, int]]
    files: dict[str, dict[str, bytes]]


def contents_of(run: RecordedRun) -> Contents:
    """What MLflow is to hold of a run: parameters, tags, metrics and artifacts."""
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
    # Of MLflow's own, which it shows in its lists.
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
    """A name as MLflow takes it: one that it refuses is changed, and has a hash before its ending, so that it is no
    other's."""
    kept = re.sub(rf"[^\w.\- :/{also}]", "_", name)
    if kept == name and len(name) <= LONGEST_NAME and _is_path(name):
        return name
    kept = (kept if _is_path(kept) else kept.replace("/", "_").lstrip(".")).removesuffix(ending)
    tail = f"-{sha256(name.encode('utf-8', 'replace')).hexdigest()[:8]}{ending}"
    return f"{kept[: LONGEST_NAME - len(tail)]}{tail}"


def path_of(path: str) -> str:
    """A file's path as MLflow takes it, which takes an @ there; its ending, by which it is shown, stays."""
    ending = re.search(r"\.\w{1,8}\Z", path)
    return allowed(path, "@", ending[0] if ending else "")


def _is_path(name: str) -> bool:
    """Whether it names what is in a folder, and by this name alone."""
    return posixpath.normpath(name) == name and not name.startswith(("/", ".")) and name == name.strip()


def text_of(value: Any) -> str:
    """A value of a recipe as one line."""
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return " ".join(printable(text).split())


def held(value: float) -> float:
    """A number as every store of MLflow holds it: databases know no infinity, and take the largest number instead."""
    return math.copysign(sys.float_info.max, value) if math.isinf(value) else value


def digest_of(files: Mapping[str, bytes]) -> str:
    """By which files, with their paths, are told from others."""
    return sha256("".join(f"{path}:{sha256(files[path]).hexdigest()}\n" for path in files).encode()).hexdigest()[:16]


def milliseconds(seconds: float) -> int:
    """A time as MLflow has it."""
    return int(seconds * 1000)
