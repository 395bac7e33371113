"""Keep what a table found as evidence: its figures for pages of the documentation, and its page for readers.

    python -m benchmarks.keep runs/tables/mnist-27bbbf [--as NAME]

writes `benchmarks/results/NAME.json`, which `benchmarks.pages` quotes, NAME.md and its pictures. Of a single run,
`semreg table RECIPE` or `semreg compare RUN` makes the table. Of each row the JSON has every figure, a number for each
seed, the paper's figures, and the tests against other rows; `about` says by which command they were made, at which
commits, on which machine and when. Folders of this machine stay out: `--data-root` reads ROOT, `--out` is left out.
"""

from __future__ import annotations

import argparse
import json
import re
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.measure import ROOT
from semreg.cli.doctor import processor
from semreg.core import Problem, UserError
from semreg.store.layout import RECORD
from semreg.tables.blocks import counted
from semreg.tables.pages import DATA, MARKDOWN

RESULTS = ROOT / "benchmarks" / "results"
PLACE = re.compile(r"(?<![\w./])(?:/[\w.-]+){2,}")
"""A path from the root, of two parts at least."""
WRITTEN = re.compile(r"^- written: (.+)$", re.MULTILINE)


def keep(folder: Path, results: Path = RESULTS, name: str | None = None) -> Path:
    """Keep the table in a folder, and return the path of its JSON.

    Raises UserError where there is no table, where a run of it is not finished, or where it names folders of this
    machine other than the data's and the runs'.
    """
    try:
        data, page = json.loads((folder / DATA).read_text()), (folder / MARKDOWN).read_text()
    except OSError as error:
        raise UserError(str(folder), f"holds no table: {error.strerror} ({error.filename})") from None
    found = evidence(data, page, folder)
    told = "".join(f"- {key}: {found['about'][key]}\n" for key in ("commit", "machine"))
    text, page = (_without_places(one, data["command"]) for one in (_text(found), page + told))
    name = name or data["name"]
    if not re.fullmatch(r"[a-z]\w*", name):
        raise UserError("--as", f"{name!r} begins with no letter, or holds more than letters, digits and underscores")
    results.mkdir(parents=True, exist_ok=True)
    (results / f"{name}.json").write_text(text)
    (results / f"{name}.md").write_text(page)
    for picture in re.findall(r"^!\[.*\]\((.+)\)$", page, re.MULTILINE):
        shutil.copyfile(folder / picture, results / picture)
    return results / f"{name}.json"


def evidence(data: Mapping[str, Any], page: str, folder: Path) -> dict[str, Any]:
    """What is kept of a table: `data` is its JSON, `page` its Markdown, `folder` where the two are."""
    runs = [(row["name"], run) for row in data["rows"] for run in row["runs"]]
    left = [Problem(f"{name}, seed {run['seed']}", run["state"]) for name, run in runs if run["state"] != "finished"]
    if left:
        raise UserError(f"{folder}, of which all runs have to be finished", left)
    records = [json.loads((folder / run["folder"] / RECORD).read_text()) for _, run in runs]
    machines = {f"{record.get('card') or processor()}, {counted(record['threads'], 'thread')}" for record in records}
    return {
        "about": {
            "command": data["command"],
            "commit": ", ".join(sorted({record.get("commit") or "not recorded" for record in records})),
            "machine": "; ".join(sorted(machines)),
            "written": WRITTEN.findall(page)[-1],
            "images": data["judged_on"],
        },
        "rows": {row["name"]: _row(row, data) for row in data["rows"]},
    }


def _row(row: Mapping[str, Any], data: Mapping[str, Any]) -> dict[str, Any]:
    runs, name = row["runs"], row["name"]
    figures: dict[str, dict[str, list[float | None]]] = {}
    for evaluation, figure in sorted(
        {(key, one) for run in runs for key, ones in run["figures"].items() for one in ones}
    ):
        of_seeds = [run["figures"].get(evaluation, {}).get(figure) for run in runs]
        figures.setdefault(evaluation, {})[figure] = of_seeds
    for one in data["comparisons"]:
        if one["row"] == name:
            figures[one["comparison"]] = {figure: [value] for figure, value in one["figures"].items()}
    for one in data["ranking"]:
        if one["row"] == name:
            figures["ranking"] = {"mean_rank": [one["mean_rank"]]}
    papers: dict[str, dict[str, float]] = {}
    tests: dict[str, Any] = {}
    for table in data["tables"]:
        evaluation = table["evaluation"]
        for figure in table["figures"]:
            if figure["row"] == name and figure["paper"] is not None:
                papers.setdefault(evaluation, {})[figure["figure"]] = figure["paper"]
        for test in table["tests"]:
            if test["row"] == name and (seeds := list(test["by_seed"].values())):
                of_other = tests.setdefault(test["against"], {}).setdefault(evaluation, {})
                of_other[test["outcome"]] = {key: [seed[key] for seed in seeds] for key in seeds[0]}
    about = {
        "title": row["description"] or name,
        **{key: runs[0]["facts"][key] for key in ("data", "images", "epochs")},
        "seeds": [run["seed"] for run in runs],
        "seconds": [run["facts"]["seconds"] for run in runs],
    }
    return {"about": about, "figures": figures, "paper": papers, "tests": tests}


def _text(found: Mapping[str, Any]) -> str:
    """As JSON, with a line for each list of numbers."""
    text = json.dumps(found, indent=1, ensure_ascii=False, allow_nan=False)
    return re.sub(r"\[\s+([^\[\]{}\"]*?)\s+\]", lambda list_: f"[{' '.join(list_[1].split())}]", text) + "\n"


def _without_places(text: str, command: str) -> str:
    """A text without the folders that the command of its table names. Raises UserError where it names others."""
    words = shlex.split(command)
    places = {option: words[words.index(option) + 1] for option in ("--data-root", "--out") if option in words[:-1]}
    if out := places.get("--out"):
        text = text.replace(f" --out {shlex.quote(out)}", "")
    if (root := places.get("--data-root", "")).startswith("/"):
        text = re.sub(rf"(?<![\w./-]){re.escape(root.rstrip('/') or '/')}(?![\w.-])", "ROOT", text)
    elif root:
        text = text.replace(f"--data-root {shlex.quote(root)}", "--data-root ROOT")
    if others := sorted(set(PLACE.findall(text))):
        advice = "paths of data may be relative to --data-root"
        raise UserError("the table", f"names folders that only this machine has: {', '.join(others[:3])}; {advice}")
    return text


def main(arguments: Sequence[str] | None = None) -> None:
    """Keep one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="of a table")
    parser.add_argument("--as", dest="name", help="in the place of the table's own name")
    chosen = parser.parse_args(arguments)
    try:
        print(keep(chosen.folder, name=chosen.name))
    except UserError as error:
        print(error.text(), file=sys.stderr)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
