"""How soon `semreg explore` is ready, and how long a picture takes after a slider moved, in a real browser.

`python -m benchmarks.explore` prints both and writes benchmarks/explore.md. It trains OLR on drawn faces of 48 pixels
for an epoch on a few images, with the networks of the recipe's fallback: how good they are takes no time. It wants the
extra `browser` and a Chromium, as tests/browsing.py says.

* ready: from the start of the command until it prints the page's address, less what Python takes to print the version
  of torch, in turns; the median.
* slider to picture: from the slider's event in the page until the new picture is drawn on it: JavaScript, a request,
  codes built, decoded, a PNG made and read. Sliders in turn, each move after the last one's picture.
* memory: of the server's process, after the moves.

Beside it the same sliders by Gradio, where it is installed (benchmarks/requirements.txt): benchmarks/explore_gradio.py.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
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
OWN = ("#strips", "data-drawn")
"""What changes on a page when a new picture is drawn: an attribute of an element, or of what is within."""
GRADIO = (".image-container", "src")
MOVES = """async ([moves, [place, attribute]]) => {
  const sliders = [...document.querySelectorAll("input[type=range]")].filter(one => one.offsetParent);
  const drawn = () => new Promise(done => {
    const observer = new MutationObserver(changes => {
      observer.disconnect();
      const { target } = changes[changes.length - 1];
      done(target.decode?.());
    });
    observer.observe(document.querySelector(place), { subtree: true, attributes: true, attributeFilter: [attribute] });
  });
  const times = [];
  for (let move = 0; move < moves; move++) {
    const slider = sliders[move % sliders.length], next = drawn(), begun = performance.now();
    slider.value = Number(slider.min) + (slider.max - slider.min) * ((move * 7) % 11) / 10;
    slider.dispatchEvent(new Event("input", { bubbles: true }));
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
def printed(*arguments: str) -> Iterator[tuple[str, int]]:
    """The first line that Python prints with these arguments, and its process; then it is killed."""
    command = [sys.executable, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip(), process.pid
        process.kill()


def ready(folder: Path, root: Path, rounds: int) -> tuple[list[float], list[float]]:
    """Seconds that `import torch` takes, and that pass until the address is there, in turns."""
    imports, addresses = [], []
    for _ in range(rounds):
        for times, arguments in ((imports, IMPORT), (addresses, explore(folder, root))):
            begun = time.perf_counter()
            with printed(*arguments) as (line, _):
                times.append(time.perf_counter() - begun)
                assert line, arguments
    return imports, addresses


def explore(folder: Path, root: Path) -> list[str]:
    """The command, as Python takes it."""
    return ["-m", "semreg", "explore", str(folder), "--no-open", "--data-root", str(root / "data")]


def moved(address: str, moves: int, changing: tuple[str, str]) -> list[float]:
    """Seconds from a slider's event to the picture, for each move. A page may ask its own server alone."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        page = browser.new_page()
        page.route(lambda url: not url.startswith((address, "data:", "blob:")), lambda route: route.abort())
        page.goto(f"{address}#panel=rows&image1=test:0")
        page.wait_for_selector(changing[0])
        page.wait_for_selector("input[type=range]")
        page.wait_for_timeout(2000)
        page.evaluate(MOVES, [20, changing])
        times = [one / 1000 for one in page.evaluate(MOVES, [moves, changing])]
        browser.close()
    return times


def resident(process: int) -> float:
    """Megabytes that a process has in memory."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    [kilobytes] = [line.split()[1] for line in lines if line.startswith("VmRSS:")]
    return int(kilobytes) * 1024 / 1e6


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
        pages = {"semreg explore": (explore(folder, root), OWN)}
        if importlib.util.find_spec("gradio"):
            pages["Gradio"] = (["-m", "benchmarks.explore_gradio", str(folder), str(root / "data")], GRADIO)
        found_by = {}
        for page, (arguments, changing) in pages.items():
            with printed(*arguments) as (line, process):
                times = moved(line.removeprefix("page: "), chosen.moves, changing)
                found_by[page] = (times, resident(process))
    above = statistics.median(addresses) - statistics.median(imports)
    median = statistics.median(found_by["semreg explore"][0])
    rows = [
        ("import torch", f"{statistics.median(imports):.2f} s", f"{chosen.rounds} starts"),
        (
            "semreg explore, until its address is printed",
            f"{statistics.median(addresses):.2f} s",
            f"{chosen.rounds} starts",
        ),
    ]
    moves = [
        (
            name,
            f"{1000 * statistics.median(times):.1f} ms",
            f"{1000 * statistics.quantiles(times, n=20)[-1]:.1f} ms",
            f"{megabytes:.0f} MB",
        )
        for name, (times, megabytes) in found_by.items()
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
    note = f"The median of {chosen.moves} moves, within what 95 % of them were, and the memory of the server's process."
    pictures = Table("From slider to picture", ("page", "median", "95 % within", "memory"), moves, note)
    head = [
        "# Exploring",
        "",
        "By `python -m benchmarks.explore`, which says how.",
        "",
        *(f"{line}  " for line in lines),
    ]
    text = "\n".join([*head, "", found.markdown(), pictures.markdown(), goals_table(goals).markdown()])
    print(text)
    chosen.page.write_text(text)


if __name__ == "__main__":
    main()
