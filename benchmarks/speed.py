"""All tables of speed in one run: `python -m benchmarks.speed` prints them and writes benchmarks/speed.md.

`python -m benchmarks.speed loop startup` measures and prints these topics alone; `--quick` measures next to nothing,
to see that all of it works.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.measure import FULL, QUICK, ROOT, Effort, Findings, Table, goals_table, machine

TOPICS = ("loop", "training", "algorithm", "backward", "processes", "batches", "startup", "memory")


def measure(topic: str, effort: Effort) -> Findings:
    """What one topic finds."""
    findings: Findings = importlib.import_module(f"benchmarks.{topic}").measure(effort)
    return findings


def head(facts: Sequence[str], command: str) -> str:
    """The report's beginning in Markdown: command and machine."""
    return "\n".join(["# Speed", "", f"`{command}`", "", *(f"- {fact}" for fact in facts), ""])


def goals_of(findings: Iterable[Findings]) -> Table:
    """All goals in one table."""
    return goals_table(goal for found in findings for goal in found.goals)


def main(arguments: Sequence[str] | None = None) -> None:
    """The command: prints each topic's tables when they are there, the goals last; the file begins with the goals."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("topics", nargs="*", metavar="TOPIC", help=f"of {', '.join(TOPICS)}; all if left out")
    parser.add_argument("--quick", action="store_true", help="measure next to nothing")
    parser.add_argument("--rounds", type=int, metavar="N", help=f"rounds of everything; {FULL.rounds} if left out")
    parser.add_argument("--out", type=Path, help="where to write; by default benchmarks/speed.md if all is measured")
    chosen = parser.parse_args(arguments)
    if unknown := set(chosen.topics) - set(TOPICS):
        parser.error(f"no such topic: {', '.join(sorted(unknown))}; expected one of: {', '.join(TOPICS)}")
    effort = QUICK if chosen.quick else FULL
    effort = replace(effort, rounds=chosen.rounds) if chosen.rounds else effort
    whole = not (chosen.topics or chosen.quick or chosen.rounds)
    out = chosen.out or (ROOT / "benchmarks" / "speed.md" if whole else None)
    given = sys.argv[1:] if arguments is None else arguments
    beginning = head(machine(), " ".join(["python -m benchmarks.speed", *given]))
    print(beginning, flush=True)
    findings: list[Findings] = []
    for topic in chosen.topics or TOPICS:
        print(f"measuring {topic} …", file=sys.stderr, flush=True)
        findings.append(measure(topic, effort))
        print("\n".join(table.markdown() for table in findings[-1].tables), flush=True)
    goals = goals_of(findings).markdown()
    print(goals)
    if out is not None:
        tables = [table.markdown() for found in findings for table in found.tables]
        out.write_text("\n".join([beginning, goals, *tables]))


if __name__ == "__main__":
    main()
