"""What benchmarks.gpu found, as a page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from benchmarks.gpu_checks import CHECKS, FIGURES, MOST
from benchmarks.gpu_speed import BARE, CAPTURED, SPEEDS
from benchmarks.measure import Goal, Table, goals_table

Line = Mapping[str, Any]
SECONDS_OF_A_RUN = 60.0


def page(lines: Sequence[Line]) -> str:
    """The page in Markdown: the machine, the goals, what was checked, how fast it was, what failed or was left."""
    first = next(line for line in lines if line["what"] == "machine")
    told = ", ".join(f"{key} {value}" for key, value in first.items() if key not in ("what", "command"))
    tables = [goals_table(goals(lines)), checks(lines), *speeds(lines), run(lines), failures(lines)]
    shown = [table.markdown() for table in tables if table.rows]
    return "\n".join(["# On a graphics card", "", f"`{first['command']}`", "", told, "", *shown, *_left(lines)])


def of(lines: Iterable[Line], what: str) -> list[Line]:
    """The lines of one kind."""
    return [line for line in lines if line["what"] == what]


def goals(lines: Sequence[Line]) -> Iterator[Goal]:
    """What was to be reached, of what was measured."""
    for check in CHECKS:
        found = [line for line in of(lines, "check") if line["check"] == check]
        if found:
            met = sum(line["met"] for line in found)
            yield Goal(_GOALS[check], "all", f"{met} of {len(found)}", met == len(found))
    for (name, precision), took in _by_recipe(lines).items():
        speed = SPEEDS[name]
        if speed.captured_over_bare and {CAPTURED, BARE} <= took.keys() and precision == "fp32":
            ratio = took[BARE]["ms"] / took[CAPTURED]["ms"]
            wanted = f"at least {speed.captured_over_bare:g} × bare"
            yield Goal(f"{name}: captured", wanted, f"{ratio:.2f} ×", ratio >= speed.captured_over_bare)
        if speed.images_per_second and CAPTURED in took:
            images = took[CAPTURED]["images_per_second"]
            wanted = f"at least {speed.images_per_second:,.0f} images/s"
            yield Goal(f"{name}, {precision}", wanted, f"{images:,}", images >= speed.images_per_second)
    for line in of(lines, "run"):
        what = f"{line['epochs']} epochs of atnl_mnist on {line['train']:,} images, evaluated"
        seconds = line["seconds"]
        yield Goal(what, f"less than {SECONDS_OF_A_RUN:.0f} s", f"{seconds:.1f} s", seconds < SECONDS_OF_A_RUN)


_GOALS = {
    "as on the CPU": f"losses and gradients of phases within {MOST:g} of the CPU's",
    "twice": "phases with the same bits twice",
    "resumed": "phases with the same bits after a stop",
    "captured": "phases with the same bits captured and eager",
    "captured, resumed": "phases with the same bits captured, stopped and resumed",
    "waits": "phases that never wait in an eager iteration",
    "waits, captured": "phases that never wait in a captured iteration",
    "bf16": "phases with finite gradients in bf16",
}


def checks(lines: Sequence[Line]) -> Table:
    """A row for each phase."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    for line in of(lines, "check"):
        cell = line["found"] if line["check"] in FIGURES or not line["met"] else "yes"
        mark = "" if line["met"] else "**no**: "
        found.setdefault((line["family"], line["phase"]), {})[line["check"]] = mark + cell.replace("|", "\\|")
    rows = [[*key, *(cells.get(check, "") for check in CHECKS)] for key, cells in found.items()]
    return Table("Checks", ["recipe", "phase", *CHECKS], rows, _CHECKED)


_CHECKED = (
    "Relative distances are ‖x − CPU's‖ / ‖CPU's‖, of the loss or module where it is largest. "
    "*bf16*: the same distance in that precision, for which only finite numbers are asked."
)


def _by_recipe(lines: Sequence[Line]) -> dict[tuple[str, str], dict[str, Line]]:
    found: dict[tuple[str, str], dict[str, Line]] = {}
    for line in of(lines, "speed"):
        if "ms" in line:
            found.setdefault((line["name"], line["precision"]), {})[line["contestant"]] = line
    return found


def speeds(lines: Sequence[Line]) -> Iterator[Table]:
    """One table of all contestants."""
    rows = []
    for (name, precision), took in _by_recipe(lines).items():
        for contestant, line in took.items():
            faster = f"{took[BARE]['ms'] / line['ms']:.2f}" if BARE in took else ""
            rows.append([name, precision, contestant, f"{line['ms']:.3f}", f"{line['images_per_second']:,}", faster])
    note = "Milliseconds per iteration, medians of rounds in turns; TF32 as PyTorch has it. Images of made-up noise."
    yield Table("Speed", ["recipe", "precision", "loop", "ms", "images/s", "times as fast as bare"], rows, note)


def run(lines: Sequence[Line]) -> Table:
    """The whole run."""
    rows = [[key, f"{value:,.1f}"] for line in of(lines, "run") for key, value in line.items() if key != "what"]
    return Table("A whole run", ["what", "figure"], rows, "`semreg run recipes/atnl_mnist.toml`, start included.")


def failures(lines: Sequence[Line]) -> Table:
    """What failed beside checks."""
    rows = [[f"{line['name']}, {line['precision']}, {line['contestant']}", line["failed"]]
            for line in of(lines, "speed") if "failed" in line]  # fmt: skip
    rows += [[line["job"], line["why"]] for what in ("failed", "lost") for line in of(lines, what)]
    return Table("Failures", ["what", "why"], [[cell.replace("|", "\\|") for cell in row] for row in rows])


def _left(lines: Sequence[Line]) -> list[str]:
    left = [name for line in of(lines, "left") for name in line["jobs"]]
    return ["## Left for want of time", "", *(f"- {name}" for name in left), ""] if left else []
