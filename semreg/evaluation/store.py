"""Results of evaluations on disk: `result.json`, numbered PNGs and scatters, in a folder that is complete or absent."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

from semreg.disk import whole_folder, write_synced, writing
from semreg.errors import UserError
from semreg.evaluation.result import Picture, Result, Scatter, Table


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
        record = json.loads((folder / "result.json").read_text(encoding="utf-8"))
        return Result(
            figures={name: math.nan if value is None else value for name, value in record["figures"].items()},
            paper={name: math.nan if value is None else value for name, value in record["paper"].items()},
            tables=[Table(**table) for table in record["tables"]],
            pictures=[
                Picture(picture["title"], (folder / picture["file"]).read_bytes(), picture["caption"])
                for picture in record["pictures"]
            ],
            summary=record["summary"],
            scatters=[Scatter(**json.loads((folder / name).read_text("utf-8"))) for name in record.get("scatters", ())],
            outcomes={
                name: [{"0": False, "1": True}[digit] for digit in rows]
                for name, rows in record.get("outcomes", {}).items()
            },
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(str(folder), f"holds no readable result of an evaluation ({error}); evaluate again") from error


def _plain(value: Any) -> Any:
    """NumPy's and torch's scalars as Python's, sequences as lists."""
    if isinstance(value, (list, tuple)):
        return [_plain(element) for element in value]
    value = value.item() if hasattr(value, "item") else value
    return None if isinstance(value, float) and not math.isfinite(value) else value
