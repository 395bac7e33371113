"""Whether two checkouts compute the same: every family of recipes, shrunk, with weights and figures bit for bit.

    python benchmarks/bits.py --save before.json                  # in the root of one checkout, with its environment
    python -m benchmarks.bits --against before.json               # in that of another

Each family is run by `python -m semreg run` in a process of its own, on one thread, with judges and evaluations. Of
every run that it leaves, the weights of each module are hashed as the last checkpoint holds them, and the figures are
kept as they are stored. `--only gm_mnist` (may be repeated) does one family. Standard library alone, so that the file
also runs in a checkout that is older than it is.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from families import FAMILIES, NO_DATA

HASH = re.compile("-[0-9a-f]{6}$")
"""What the names of results end with since evaluations have an identity of their own."""
Outcome = dict[str, dict[str, Any]]
"""For each run, by its recipe's name and its data, since judges of one name may have several: `weights`, a digest of
each tensor, and `figures`, of each evaluation."""


def outcome_of(family: str, folder: Path, cache: Path) -> Outcome:
    """Run a family in a folder; what it and its judges leave."""
    changes = [part for change in FAMILIES[family] for part in ("--set", change)]
    places = ["--out", str(folder / "runs"), "--data-root", str(folder / NO_DATA), "--device", "cpu"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "SEMREG_CACHE": str(cache)}
    command = [sys.executable, "-m", "semreg", "run", f"recipes/{family}.toml", *places, *changes]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{family} ended with {done.returncode}:\n{done.stderr[-3000:]}")
    records = {path.parent: json.loads(path.read_text()) for path in folder.glob("runs/*/run.json")}
    return {f"{run['name']} on {run['data']['fingerprint'][:6]}": read_run(path) for path, run in records.items()}


def read_run(folder: Path) -> dict[str, Any]:
    """Weights and figures of a run's folder."""
    last = max(folder.glob("checkpoints/[0-9]*/tensors.safetensors"))
    results = {HASH.sub("", path.parent.name): path for path in folder.glob("evaluations/[!.]*/result.json")}
    return {
        "weights": digests(last.read_bytes()),
        "figures": {name: json.loads(path.read_text())["figures"] for name, path in sorted(results.items())},
    }


def digests(content: bytes) -> dict[str, str]:
    """A digest of each tensor of a module in a safetensors file: eight bytes with the length of a JSON header, then
    data."""
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    found = {}
    for name, entry in header.items():
        if name.startswith(("/modules/", "/averages/")):
            start, end = (8 + length + offset for offset in entry["data_offsets"])
            kind = f"{entry['dtype']} {entry['shape']}".encode()
            found[name] = hashlib.sha256(kind + content[start:end]).hexdigest()[:16]
    return dict(sorted(found.items()))


def differences(found: Outcome, expected: Outcome) -> list[str]:
    """What differs, in words; figures that only one of the two has are among it."""
    told = []
    for run in sorted(found.keys() | expected.keys()):
        for what in ("weights", "figures"):
            ours, theirs = (one.get(run, {}).get(what, {}) for one in (found, expected))
            keys = [key for key in sorted(ours.keys() | theirs.keys()) if ours.get(key) != theirs.get(key)]
            told += [f"{run} {what} {key}: {ours.get(key)} against {theirs.get(key)}" for key in keys]
    return told


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", action="append", choices=FAMILIES, help="one family; may be repeated")
    parser.add_argument("--save", type=Path, help="write what is found to this file")
    parser.add_argument("--against", type=Path, help="compare it with this file")
    arguments = parser.parse_args()
    expected = json.loads(arguments.against.read_text()) if arguments.against else None
    found: dict[str, Outcome] = {}
    differing = []
    with tempfile.TemporaryDirectory() as folder:
        for family in arguments.only or FAMILIES:
            begun = time.monotonic()
            found[family] = outcome_of(family, Path(folder, family), Path(folder, "cache"))
            told = differences(found[family], expected.get(family, {})) if expected is not None else []
            differing += [family] if told else []
            tensors = sum(len(run["weights"]) for run in found[family].values())
            figures = sum(len(one) for run in found[family].values() for one in run["figures"].values())
            said = "\n  ".join(["differs:", *told[:8]]) if told else "the same bits" if expected is not None else ""
            took = f"{time.monotonic() - begun:.0f} s"
            print(
                f"{family}: {len(found[family])} runs, {tensors} tensors, {figures} figures, {took}  {said}", flush=True
            )
    if arguments.save:
        arguments.save.write_text(json.dumps(found, indent=1))
    if expected is not None:
        print(f"{len(found)} families, {len(differing)} differ")
    sys.exit(1 if differing else 0)


if __name__ == "__main__":
    main()
