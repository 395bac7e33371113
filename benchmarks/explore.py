"""How soon `semreg explore` is ready, and how long a picture takes after a slider moved, in a real browser.

`python -m benchmarks.explore` prints both and writes benchmarks/explore.md. It trains OLR on drawn faces of 48 pixels
for an epoch on a few images, with the networks of the recipe's fallback: how good they are takes no time. It wants the
extra `browser` and a Chromium, as tests/browsing.py says.

* ready: from the start of the command until it prints the page's address, less what Python takes to print the version
  of torch, in turns; the median.
* slider to picture: from the slider's event in the page until the new picture is drawn on it: JavaScript, a request,
  codes built, decoded, a PNG made and read. Sliders in turn, each move after the last one's picture.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.measure import Goal, Table, goals_table, machine
from tests.browsing import CHROMIUM, QUIET

PAGE = Path(__file__).with_suffix(".md")
IMPORT = ["-c", "import torch; print(torch.__version__, flush=True)"]
MOST_READY, MOST_PICTURE = 4.0, 0.1
"""Seconds."""
OVERRIDES = [
    "fallback.data.count=240", "phases.classifier.epochs=1", "phases.siamese.epochs=1", "phases.decoder.epochs=1",
]  # fmt: skip
MOVES = """async moves => {
  const strips = document.querySelector("#strips");
  const sliders = [...document.querySelectorAll("#controls input[type=range]")];
  const drawn = () => new Promise(done => {
    const observer = new MutationObserver(() => { observer.disconnect(); done(); });
    observer.observe(strips, { attributes: true, attributeFilter: ["data-drawn"] });
  });
  const times = [];
  for (let move = 0; move < moves; move++) {
    const slider = sliders[move % sliders.length], next = drawn(), begun = performance.now();
    slider.value = Number(slider.min) + (slider.max - slider.min) * ((move * 7) % 11) / 10;
    slider.dispatchEvent(new Event("input"));
    await next;
    times.push(performance.now() - begun);
  }
  return times;
}"""


def trained(root: Path) -> Path:
    """The folder of the run."""
    import semreg

    recipe = root / "olr.toml"
    recipe.write_text('extends = "semreg:olr_celeba"\n')
    loaded = semreg.load_recipe(recipe, OVERRIDES)
    for part in (loaded.table, loaded.table["fallback"]):
        part.pop("evaluate", None)
    return semreg.run(loaded, data_root=root / "data", out=root / "runs").folder


@contextlib.contextmanager
def printed(*arguments: str) -> Iterator[str]:
    """The first line that Python prints with these arguments; then it is killed."""
    command = [sys.executable, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.kill()


def ready(folder: Path, root: Path, rounds: int) -> tuple[list[float], list[float]]:
    """Seconds that `import torch` takes, and that pass until the address is there, in turns."""
    imports, addresses = [], []
    for _ in range(rounds):
        for times, arguments in ((imports, IMPORT), (addresses, explore(folder, root))):
            begun = time.perf_counter()
            with printed(*arguments) as line:
                times.append(time.perf_counter() - begun)
                assert line, arguments
    return imports, addresses


def explore(folder: Path, root: Path) -> list[str]:
    """The command, as Python takes it."""
    return ["-m", "semreg", "explore", str(folder), "--no-open", "--data-root", str(root / "data")]


def moved(address: str, moves: int) -> list[float]:
    """Seconds from a slider's event to the picture, for each move."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        page = browser.new_page()
        page.goto(f"{address}#panel=rows&image1=test:0")
        page.wait_for_selector("#strips[data-drawn]", state="attached")
        page.evaluate(MOVES, 20)
        times = [one / 1000 for one in page.evaluate(MOVES, moves)]
        browser.close()
    return times


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--moves", type=int, default=200)
    parser.add_argument("--page", type=Path, default=PAGE)
    chosen = parser.parse_args()
    lines = machine()
    with TemporaryDirectory() as name:
        root = Path(name)
        os.environ["SEMREG_CACHE"] = str(root / "cache")
        folder = trained(root)
        imports, addresses = ready(folder, root, chosen.rounds)
        with printed(*explore(folder, root)) as line:
            times = moved(line.removeprefix("page: "), chosen.moves)
    above = statistics.median(addresses) - statistics.median(imports)
    median, late = statistics.median(times), statistics.quantiles(times, n=20)[-1]
    rows = [
        ("import torch", f"{statistics.median(imports):.2f} s", f"{chosen.rounds} starts"),
        (
            "semreg explore, until its address is printed",
            f"{statistics.median(addresses):.2f} s",
            f"{chosen.rounds} starts",
        ),
        ("slider to picture, median", f"{1000 * median:.1f} ms", f"{chosen.moves} moves"),
        ("slider to picture, 95 % within", f"{1000 * late:.1f} ms", f"{chosen.moves} moves"),
    ]
    goals = [
        Goal("ready, above import torch", f"at most {MOST_READY:g} s", f"{above:.2f} s", above <= MOST_READY),
        Goal(
            "slider to picture, median",
            f"at most {1000 * MOST_PICTURE:g} ms",
            f"{1000 * median:.1f} ms",
            median <= MOST_PICTURE,
        ),
    ]
    found = Table("A run's page, OLR on faces of 48 pixels", ("what", "found", "of"), rows)
    head = [
        "# Exploring",
        "",
        "By `python -m benchmarks.explore`, which says how.",
        "",
        *(f"{line}  " for line in lines),
    ]
    text = "\n".join([*head, "", found.markdown(), goals_table(goals).markdown()])
    print(text)
    chosen.page.write_text(text)


if __name__ == "__main__":
    main()
