"""What searches for faults share: which cases a command line asks for, and what is printed of those that were tried."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple


class Asked(NamedTuple):
    """So many cases of a seed, of which every `parts`-th is tried, from number `part` on."""

    count: int
    seed: int
    part: int
    parts: int


def asked(description: str | None, count: int, what: str) -> Asked:
    """What the command line asks for; `what` the cases are."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=count, help=f"{what} in all (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="which (default: %(default)s)")
    parser.add_argument("--part", default="0/1", help="of these every third from the second on: 1/3 (default: all)")
    arguments = parser.parse_args()
    return Asked(arguments.count, arguments.seed, *map(int, arguments.part.split("/")))


class Search:
    """A search through `total` cases: it prints each fault when it is found, and in between how far it is."""

    def __init__(self, total: int, every: int) -> None:
        self.total, self.every, self.begun = total, every, time.monotonic()
        self.done = self.failed = 0
        self.slowest = 0.0
        self.codes = Counter[str]()

    def command(self, name: str, code: str, seconds: float, found: Sequence[str]) -> None:
        """Count a command of a case by its exit code, and print what should not have happened."""
        self.codes[code] += 1
        self.slowest = max(self.slowest, seconds)
        if found:
            self.failed += 1
            print(f"{name}\n  " + "\n  ".join(found), flush=True)

    def case_done(self) -> None:
        """Count a case, and print at times how far the search is."""
        self.done += 1
        if self.done % self.every == 0:
            print(f"{self.done} of {self.total}, {time.monotonic() - self.begun:.0f} s", file=sys.stderr, flush=True)

    def end(self, what: str, slowest: str = "slowest") -> None:
        """Print the sum, and end with exit code 1 if there were faults."""
        shares: Iterable[str] = (f"{count} with exit code {code}" for code, count in sorted(self.codes.items()))
        took = f"{time.monotonic() - self.begun:.0f} s ({slowest} {self.slowest:.1f} s)"
        print(f"{self.total} {what} in {took}: {', '.join(shares)}; failures: {self.failed}")
        sys.exit(int(self.failed > 0))
