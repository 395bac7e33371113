"""Results of evaluations on disk: `result.json`, numbered PNGs and scatters, in a folder that is complete or absent."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field

from semreg.core import Cell, Picture, Result, Scatter, Table, UserError
from semreg.store.disk import read_file, whole_folder, write_synced, writing


def write_result(folder: Path, result: Result) -> None:
    """Write `result` as the folder `folder`, replacing what was there; a kill at any instant leaves no half of one.

    Numbers that are not finite are stored as null, for JSON knows none. Raises CannotWrite.
    """
    names = [f"{position:02d}.png" for position in range(len(result.pictures))]
    scatters = {
        f"scatter-{position:02d}.json": {key: _plain(value) for key, value in asdict(scatter).items()}
        for position, scatter in enumerate(result.scatters)
    }
    record = {
        "summary": result.summary,
        "figures": {name: _plain(value) for name, value in result.figures.items()},
        "paper": {name: _plain(value) for name, value in result.paper.items()},
        "tables": [asdict(table) | {"rows": _plain(table.rows)} for table in result.tables],
        "pictures": [
            {"title": picture.title, "caption": picture.caption, "file": name}
            for name, picture in zip(names, result.pictures, strict=True)
        ],
        "scatters": list(scatters),
        "outcomes": {name: "".join("01"[bool(right)] for right in rows) for name, rows in result.outcomes.items()},
    }
    text = json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False)
    with writing(folder.parent), whole_folder(folder) as part:
        for name, picture in zip(names, result.pictures, strict=True):
            write_synced(part / name, picture.png)
        for name, scatter in scatters.items():
            write_synced(part / name, json.dumps(scatter, ensure_ascii=False, allow_nan=False).encode())
        write_synced(part / "result.json", text.encode())


def read_result(folder: Path) -> Result:
    """Read what `write_result` wrote; a null figure is read as not-a-number.

    Raises UserError if the folder holds no result or a damaged one.
    """
    try:
        stored = _Stored.model_validate_json(read_file(folder / "result.json"), strict=True)
        return Result(
            figures={name: math.nan if value is None else value for name, value in stored.figures.items()},
            paper={name: math.nan if value is None else value for name, value in stored.paper.items()},
            tables=[Table(**table.model_dump()) for table in stored.tables],
            pictures=[Picture(p.title, read_file(folder / p.file), p.caption) for p in stored.pictures],
            summary=stored.summary,
            scatters=[_read_scatter(folder / name) for name in stored.scatters],
            outcomes={name: [digit == "1" for digit in rows] for name, rows in stored.outcomes.items()},
        )
    except (OSError, ValueError) as error:
        said = " ".join(str(error).split())[:300]
        raise UserError(str(folder), f"holds no readable result of an evaluation ({said}); evaluate again") from error


class _StoredTable(BaseModel):
    title: str
    columns: list[str]
    rows: list[list[Cell]]
    caption: str
    digits: Annotated[int, Field(ge=0, le=20)]


class _StoredPicture(BaseModel):
    title: str
    caption: str
    file: Annotated[str, Field(pattern=r"^[0-9]+\.png$")]
    """Beside the result, and nowhere else."""


class _StoredScatter(BaseModel):
    title: str
    points: list[Annotated[list[float | None], Field(min_length=3, max_length=3)]]
    classes: list[Annotated[int, Field(ge=0)]]
    names: list[str]
    caption: str


class _Stored(BaseModel):
    summary: str
    figures: dict[str, float | None]
    paper: dict[str, float | None]
    tables: list[_StoredTable]
    pictures: list[_StoredPicture]
    scatters: list[Annotated[str, Field(pattern=r"^scatter-[0-9]+\.json$")]] = []
    outcomes: dict[str, Annotated[str, Field(pattern=r"^[01]*$")]] = {}


def _read_scatter(path: Path) -> Scatter:
    stored = _StoredScatter.model_validate_json(read_file(path), strict=True)
    if len(stored.classes) != len(stored.points) or max(stored.classes, default=-1) >= len(stored.names):
        raise ValueError(f"{path.name} has points without a class, or classes without a name")
    points = [[math.nan if value is None else value for value in point] for point in stored.points]
    return Scatter(**stored.model_dump() | {"points": points})


def _plain(value: Any) -> Any:
    """NumPy's and torch's scalars as Python's, sequences as lists."""
    if isinstance(value, (list, tuple)):
        return [_plain(element) for element in value]
    value = value.item() if hasattr(value, "item") else value
    return None if isinstance(value, float) and not math.isfinite(value) else value
