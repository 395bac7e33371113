"""Write the figures of the documentation's pages, from what `benchmarks.keep` keeps in benchmarks/results/.

    python -m benchmarks.pages [--check]

A page marks a figure by a comment behind it and a table by a comment above it, which its readers don't see:

    ATNL's probe is right on 99.03<!--= percent(mnist.atnl.probe.accuracy, 2) --> % of test images.

    <!--=
    | | probe, % (paper) |
    | --- | --- |
    {% for row in (mnist.ae, mnist.atnl) %}
    | {{ row.about.title }} | {{ percent(row.probe.accuracy, 2) }} ({{ percent(row.paper.probe.accuracy, 2) }}) |
    {% endfor %}
    -->

    | | probe, % (paper) |
    …

Write `?` for a figure that isn't there yet, and nothing for a table; they stay so while the result that they name
isn't kept. A mark holds an expression or a template of Jinja; a line of a template that begins with a space goes on
with the row before. `mnist.atnl.probe.accuracy` is of benchmarks/results/mnist.json the row `atnl`, its evaluation
`probe`, and the figure `accuracy`: a list, a number for each seed. `mnist["lr = 0.01"]` is a row whose name is no
word. Beside evaluations a row has `ranking.mean_rank`, if its table ranks rows, `paper.EVALUATION.FIGURE`,
`tests.OTHER.EVALUATION.OUTCOME` with `p_value`, `first_only` and `second_only`, and `about` with `title`, `data`,
`images`, `epochs`, `seeds` and `seconds`;
`mnist.about` has `command`, `commit`, `machine`, `written` and `images`.

`number(values, decimals)` writes the mean, with ± the sample standard deviation of several seeds, `percent` a hundred
times as much; `signed=True` adds a plus. `mean(values)` is a number to calculate with. A dash stands for a figure
that only other rows have.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
import jinja2.meta

from benchmarks.keep import RESULTS
from benchmarks.measure import ROOT
from semreg.core import UserError, closest
from semreg.store.numbers import rounded

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), ROOT / "benchmarks" / "README.md"]
MARK = "<!--="
TABLE = re.compile(rf"^{MARK}\n(?P<template>.*?)\n-->\n\n?(?P<shown>(?:\|[^\n]*\n)*)", re.MULTILINE | re.DOTALL)
_NUMBER = r"[+−-]?\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?"
FIGURE = re.compile(rf"(?P<shown>{_NUMBER}(?: ± {_NUMBER})?|–|\?){MARK} (?P<expression>.+?) -->")
NOTHING, AWAITED = "–", "?"


class Names:
    """What a page may name at one place of a result. Another name raises UserError with the closest."""

    def __init__(self, where: str, values: Mapping[str, Any]) -> None:
        self._where = where
        self._values = values

    def __getitem__(self, name: str) -> Any:
        if name not in self._values:
            raise UserError(self._where, f"has no {name!r}{closest(name, self._values)}")
        value = self._values[name]
        return Names(f"{self._where}.{name}", value) if isinstance(value, dict) else value


def read_results(folder: Path | None = None) -> dict[str, Names]:
    """The results that are kept, by name."""
    return {
        path.stem: _result(path.stem, json.loads(path.read_text()))
        for path in sorted((folder or RESULTS).glob("*.json"))
    }


def _result(name: str, data: Mapping[str, Any]) -> Names:
    rows = data["rows"].values()
    evaluated, papers = _all_names(row["figures"] for row in rows), _all_names(row["paper"] for row in rows)
    return Names(name, {
        "about": data["about"],
        **{
            key: {
                **_filled(row["figures"], evaluated),
                "paper": _filled(row["paper"], papers),
                "tests": row["tests"],
                "about": row["about"],
            }
            for key, row in data["rows"].items()
        },
    })  # fmt: skip


def _all_names(tables: Any) -> set[tuple[str, str]]:
    return {(evaluation, figure) for table in tables for evaluation, figures in table.items() for figure in figures}


def _filled(table: Mapping[str, Mapping[str, Any]], names: set[tuple[str, str]]) -> dict[str, dict[str, Any]]:
    """The figures of a row, with an empty list for those that only other rows have."""
    filled: dict[str, dict[str, Any]] = {}
    for evaluation, figure in names:
        filled.setdefault(evaluation, {})[figure] = table.get(evaluation, {}).get(figure, [])
    return filled


# --- Numbers ---


def mean(values: float | Sequence[float | None]) -> float:
    """The mean over seeds. Raises UserError where there is no number, or where a seed has none."""
    listed = values if isinstance(values, Sequence) else [values]
    known = [value for value in listed if value is not None]
    if not known or len(known) < len(listed):
        raise UserError("mean", f"not all of {listed} are numbers")
    return statistics.fmean(known)


def number(values: float | Sequence[float | None], decimals: int = 2, *, signed: bool = False) -> str:
    """The mean, and ± the sample standard deviation of two seeds or more; a dash where a seed has no number."""
    listed = values if isinstance(values, Sequence) else [values]
    known = [value for value in listed if value is not None]
    if not known or len(known) < len(listed):
        return NOTHING
    spread = f" ± {rounded(statistics.stdev(known), decimals)}" if len(known) > 1 else ""
    text = rounded(statistics.fmean(known), decimals)
    plus = "+" if signed and text[0] not in "-–" else ""
    return f"{plus}{text.replace('-', '−')}{spread}"


def percent(values: float | Sequence[float | None], decimals: int = 1, *, signed: bool = False) -> str:
    """The same of a hundred times as much, without a sign of percent."""
    listed = values if isinstance(values, Sequence) else [values]
    exact = [value if value is None else round(100 * value, 9) for value in listed]  # 0.55 of 0.0055, not a little less
    return number(exact, decimals, signed=signed)


# --- Pages ---

ENVIRONMENT = jinja2.Environment(undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)
ENVIRONMENT.globals |= {"number": number, "percent": percent, "mean": mean}


def awaited(mark: str, results: Mapping[str, Names]) -> list[str]:
    """The results that a template, or an expression in `{{ }}`, names and that are not kept yet."""
    named = jinja2.meta.find_undeclared_variables(ENVIRONMENT.parse(mark))
    return sorted(named - results.keys() - ENVIRONMENT.globals.keys())


def written(text: str, results: Mapping[str, Names], page: str = "the page") -> str:
    """A page's text with its marked figures as they are kept.

    Where a result is awaited, a table stays as it is, and a figure is `?`. Raises UserError for a mark that names what
    a result hasn't, that is no expression, or that stands behind no figure.
    """
    marked = len(TABLE.findall(text)) + len(FIGURE.findall(TABLE.sub("", text)))
    if marked < text.count(MARK):
        advice = "a mark stands alone on a line above a table, or behind a number, on its line; for one to come write ?"
        raise UserError(page, f"{text.count(MARK) - marked} of {text.count(MARK)} marks are none: {advice}")
    parts = [
        FIGURE.sub(lambda found: _figure(found, results, page), part) for part in TABLE.split(text)[:: TABLE.groups + 1]
    ]
    tables = [_table(found, results, page) for found in TABLE.finditer(text)]
    return "".join(part for pair in zip(parts, [*tables, ""], strict=True) for part in pair)


def _figure(found: re.Match[str], results: Mapping[str, Names], page: str) -> str:
    shown = _told(f"{{{{ {found['expression']} }}}}", results, page)
    return f"{AWAITED if shown is None else shown}{MARK} {found['expression']} -->"


def _table(found: re.Match[str], results: Mapping[str, Names], page: str) -> str:
    shown = _told(found["template"], results, page)
    if shown is None:
        return found[0]
    rows = [line for line in re.sub(r"\n[ \t]+", " ", shown).splitlines() if line.strip()]
    if not rows or not all(line.startswith("|") for line in rows):
        raise UserError(page, f"a template makes no table: {found['template'][:60]!r}")
    table = "\n".join(rows)
    return f"{MARK}\n{found['template']}\n-->\n\n{table}\n" + ("" if found["shown"] else "\n")


def _told(mark: str, results: Mapping[str, Names], page: str) -> str | None:
    """What a mark comes to; None if it waits for a result."""
    try:
        return None if awaited(mark, results) else ENVIRONMENT.from_string(mark).render(results)
    except (UserError, jinja2.TemplateError, TypeError, ValueError, ArithmeticError) as error:
        raise UserError(f"{page}, {' '.join(mark.split())[:60]}", str(error)) from None


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the pages whose figures have changed, or say which have (exit code 1), and what results are awaited."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing")
    chosen = parser.parse_args(arguments)
    try:
        results = read_results()
        texts = {page: (page.read_text(), str(page.relative_to(ROOT))) for page in PAGES}
        changed = {page: now for page, (text, name) in texts.items() if (now := written(text, results, name)) != text}
    except UserError as error:
        print(error.text(), file=sys.stderr)
        sys.exit(error.exit_code)
    for text, name in texts.values():
        marks = [found["template"] for found in TABLE.finditer(text)]
        marks += [f"{{{{ {found['expression']} }}}}" for found in FIGURE.finditer(text)]
        for result in sorted({result for mark in marks for result in awaited(mark, results)}):
            print(f"{name} waits for {result}.json", file=sys.stderr)
    for page, text in changed.items():
        print(page.relative_to(ROOT))
        if not chosen.check:
            page.write_text(text)
    sys.exit(1 if chosen.check and changed else 0)


if __name__ == "__main__":
    main()
