"""Build the documentation's site; `make docs` installs the required packages and calls this.

    python -m website [--out build]

OUT/site/index.html is its first page; OUT/pages/ holds its sources. A broken link and a request to another host are
errors.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

from website.links import problems
from website.reference import write_reference
from website.tree import ROOT, copy_pages

HERE = Path(__file__).parent


def build(out: Path) -> list[str]:
    """Build the site under `out`, and return a line for each problem."""
    shutil.rmtree(out / "pages", ignore_errors=True)
    shutil.rmtree(out / "site", ignore_errors=True)
    copy_pages(out / "pages")
    write_reference(out / "pages" / "docs" / "reference")
    shutil.copytree(HERE / "assets", out / "pages" / "assets")
    shutil.copytree(HERE / "theme", out / "theme", dirs_exist_ok=True)
    shutil.copy(HERE / "zensical.toml", out)
    command = [sys.executable, "-m", "zensical", "build", "--clean", "--strict", "-f", str(out / "zensical.toml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return [done.stdout + done.stderr]
    return problems(out / "site")


def main() -> None:
    """Build the site, and print the path of its first page."""
    parser = argparse.ArgumentParser(prog="python -m website", description="Build the documentation's site.")
    parser.add_argument("--out", type=Path, default=ROOT / "build", help="the folder of the site and its pages")
    out = parser.parse_args().out
    if found := build(out):
        sys.exit("\n".join(found))
    print(f"site: {out / 'site' / 'index.html'}")


if __name__ == "__main__":
    main()
