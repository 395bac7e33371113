"""Results of evaluations on disk: `result.json`, numbered PNGs and scatters, in a folder that is complete or absent."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, Field, ValidationError

from semreg.core import Cell, Picture, Result, Scatter, Table, UserError, Walk, closest
from semreg.store.disk import read_file, whole_folder, write_synced, writing

PNG = b"\x89PNG\r\n\x1a\n"
"""The first bytes of a PNG."""

Model = TypeVar("Model", bound=BaseModel)


def write_result(folder: Path, result: Result) -> None:
    """Write `result` as the folder `folder`, replacing the old one; a kill at any instant leaves no partial one.

    Numbers that are not finite become null, for JSON lacks them. Raises ValueError, with the unfit part, for a result
    that could not be read again, and CannotWrite if the folder can't be written.
    """
    text, scatters = require_storable(result)
    with writing(folder.parent), whole_folder(folder) as part:
        for name, picture in zip(_names(result), result.pictures, strict=True):
            write_synced(part / name, picture.png)
        for name, scatter in scatters.items():
            write_synced(part / name, scatter.encode())
        write_synced(part / "result.json", text.encode())


def _names(result: Result) -> list[str]:
    """Return the files of its pictures."""
    return [f"{position:02d}.png" for position in range(len(result.pictures))]


def require_storable(result: Result) -> tuple[str, dict[str, str]]:
    """Return a result as JSON, and its scatters by their files. Raises ValueError that names a part that can't be
    stored.
    """
    for kind, parts in ((Table, result.tables), (Picture, result.pictures), (Scatter, result.scatters)):
        for one in parts:
            if not isinstance(one, kind):
                raise ValueError(
                    f"its result can't be stored: a {type(one).__name__} where a {kind.__name__} is wanted"
                )
    for number, picture in enumerate(result.pictures):
        if not (isinstance(picture.png, bytes) and picture.png.startswith(PNG)):
            raise ValueError(f"its result can't be stored: pictures.{number}.png: no bytes of a PNG")
    scatters = {
        f"scatter-{position:02d}.json": _json({key: _plain(value) for key, value in asdict(scatter).items()})
        for position, scatter in enumerate(result.scatters)
    }
    record = {
        "summary": result.summary,
        "figures": {name: _plain(value) for name, value in result.figures.items()},
        "paper": {name: _plain(value) for name, value in result.paper.items()},
        "tables": [asdict(table) | {"rows": _plain(table.rows)} for table in result.tables],
        "pictures": [
            {"title": picture.title, "caption": picture.caption, "file": name, "walk": _walk(picture.walk)}
            for name, picture in zip(_names(result), result.pictures, strict=True)
        ],
        "scatters": list(scatters),
        "outcomes": {name: _digits(name, rows) for name, rows in result.outcomes.items()},
    }
    text = _json(record, indent=1)
    _validate(_Stored, text)
    for scatter in scatters.values():
        _require_placed(_validate(_StoredScatter, scatter))
    return text, scatters


def read_result(folder: Path, *, pictured: bool = True) -> Result:
    """Read a result that `write_result` wrote; a null figure becomes not-a-number.

    Without `pictured`, it reads only the titles and captions of pictures, and no scatters. Raises UserError if the
    folder holds no result or a damaged one.
    """
    with _told(folder):
        stored = _Stored.model_validate_json(read_file(folder / "result.json"), strict=True)
        return Result(
            figures={name: math.nan if value is None else value for name, value in stored.figures.items()},
            paper={name: math.nan if value is None else value for name, value in stored.paper.items()},
            tables=[Table(**table.model_dump()) for table in stored.tables],
            pictures=[
                _read_picture(folder, one) if pictured else Picture(one.title, b"", one.caption)
                for one in stored.pictures
            ],
            summary=stored.summary,
            scatters=[_read_scatter(folder / name) for name in stored.scatters if pictured],
            outcomes={name: [digit == "1" for digit in rows] for name, rows in stored.outcomes.items()},
        )


def read_picture(folder: Path, title: str) -> Picture:
    """Read only the first picture with a title from a stored result.

    Raises UserError if the folder holds no result or a damaged one, or the result has no such picture.
    """
    with _told(folder):
        stored = _Stored.model_validate_json(read_file(folder / "result.json"), strict=True)
        found = next((picture for picture in stored.pictures if picture.title == title), None)
        if found is None:
            raise ValueError(
                f"no picture is called {title!r:.60}{closest(title, (one.title for one in stored.pictures))}"
            )
        return _read_picture(folder, found)


@contextlib.contextmanager
def _told(folder: Path) -> Iterator[None]:
    """Raise a failure to read the result in a folder as UserError."""
    try:
        yield
    except (OSError, ValueError) as error:
        said = " ".join(str(error).split())[:300]
        raise UserError(str(folder), f"holds no readable result of an evaluation ({said}); evaluate again") from error


class _StoredTable(BaseModel):
    title: str
    columns: list[str]
    rows: list[list[Cell]]
    caption: str
    digits: Annotated[int, Field(ge=0, le=20)]


Place = Annotated[int, Field(ge=0)]


class _StoredWalk(BaseModel):
    rows: list[str]
    boxes: list[list[Annotated[list[Place], Field(min_length=4, max_length=4)]]]
    labels: list[list[str]] = []
    stops: list[str] = []


class _StoredPicture(BaseModel):
    title: str
    caption: str
    file: Annotated[str, Field(pattern=r"^[0-9]+\.png$")]
    """A file beside the result, and nowhere else."""
    walk: _StoredWalk | None = None


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


def _validate(model: type[Model], text: str) -> Model:
    """Parse a stored text. Raises ValueError that names the unfit part."""
    try:
        return model.model_validate_json(text, strict=True)
    except ValidationError as error:
        found = error.errors(include_url=False)[0]
        where = ".".join(map(str, found["loc"]))
        shown = repr(found["input"])[:60]
        raise ValueError(f"its result can't be stored: {where}: {found['msg']}, found {shown}") from None


def _digits(name: str, rows: Sequence[Any]) -> str:
    """Encode right and wrong as digits."""
    strange = next((value for value in map(_plain, rows) if value not in (0, 1)), None)
    if strange is not None:
        said = f"found {strange!r:.60} where true or false is wanted"
        raise ValueError(f"its result can't be stored: outcomes.{name}: {said}")
    return "".join("01"[bool(right)] for right in rows)


def _json(content: Any, indent: int | None = None) -> str:
    return json.dumps(content, indent=indent, ensure_ascii=False, allow_nan=False, default=_refused)


def _refused(value: Any) -> Any:
    raise ValueError(f"its result can't be stored: it holds an object of {type(value).__name__}")


def _require_placed(stored: _StoredScatter) -> None:
    if len(stored.classes) != len(stored.points) or max(stored.classes, default=-1) >= len(stored.names):
        raise ValueError("a scatter has points without a class, or classes without a name")


def _walk(walk: Walk | None) -> dict[str, Any] | None:
    if walk is None:
        return None
    if not isinstance(walk, Walk):
        raise ValueError(f"its result can't be stored: a {type(walk).__name__} where a Walk is wanted")
    return {key: _plain(value) for key, value in asdict(walk).items()}


def _read_picture(folder: Path, stored: _StoredPicture) -> Picture:
    walk = None
    if stored.walk is not None:
        boxes = [[(left, top, width, height) for left, top, width, height in row] for row in stored.walk.boxes]
        walk = Walk(stored.walk.rows, boxes, stored.walk.labels, stored.walk.stops)
    return Picture(stored.title, read_file(folder / stored.file), stored.caption, walk)


def _read_scatter(path: Path) -> Scatter:
    stored = _StoredScatter.model_validate_json(read_file(path), strict=True)
    _require_placed(stored)
    points = [[math.nan if value is None else value for value in point] for point in stored.points]
    return Scatter(**stored.model_dump() | {"points": points})


def _plain(value: Any) -> Any:
    """Convert scalars of NumPy and torch to Python's, and sequences to lists."""
    if isinstance(value, (list, tuple)):
        return [_plain(element) for element in value]
    value = value.item() if hasattr(value, "item") else value
    return None if isinstance(value, float) and not math.isfinite(value) else value
