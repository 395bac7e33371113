"""All tables of speed in one run: `python -m benchmarks.speed` prints them and writes benchmarks/speed.md.

`python -m benchmarks.speed loop startup` measures and prints these topics alone; `--quick` measures next to nothing,
to see that all of it works.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path

from benchmarks.measure import FULL, QUICK, ROOT, Effort, Findings, Table, machine

TOPICS = ("loop", "backward", "batches", "startup", "memory")


def measure(topic: str, effort: Effort) -> Findings:
    """What one topic finds."""
    findings: Findings = importlib.import_module(f"benchmarks.{topic}").measure(effort)
    return findings


def text_of(findings: list[Findings], facts: list[str], command: str) -> str:
    """The whole report in Markdown."""
    goals = [goal for found in findings for goal in found.goals]
    rows = [[goal.what, goal.goal, goal.found, "yes" if goal.met else "no"] for goal in goals]
    summary = Table("Goals", ["what", "goal", "found", "met"], rows)
    parts = ["# Speed", "", f"`{command}`", "", *(f"- {fact}" for fact in facts), "", summary.markdown()]
    parts += [table.markdown() for found in findings for table in found.tables]
    return "\n".join(parts)


def main(arguments: list[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("topics", nargs="*", metavar="TOPIC", help=f"of {', '.join(TOPICS)}; all if left out")
    parser.add_argument("--quick", action="store_true", help="measure next to nothing")
    parser.add_argument("--out", type=Path, help="where to write; by default benchmarks/speed.md if all is measured")
    chosen = parser.parse_args(arguments)
    if unknown := set(chosen.topics) - set(TOPICS):
        parser.error(f"no such topic: {', '.join(sorted(unknown))}; there is: {', '.join(TOPICS)}")
    whole = not (chosen.topics or chosen.quick)
    out = chosen.out or (ROOT / "benchmarks" / "speed.md" if whole else None)
    given = sys.argv[1:] if arguments is None else arguments
    facts, findings = machine(), []
    for topic in chosen.topics or TOPICS:
        print(f"measuring {topic} …", file=sys.stderr, flush=True)
        findings.append(measure(topic, QUICK if chosen.quick else FULL))
    text = text_of(findings, facts, " ".join(["python -m benchmarks.speed", *given]))
    print(text)
    if out is not None:
        out.write_text(text)


if __name__ == "__main__":
    main()
