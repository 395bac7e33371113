"""The history of a mixture's variances in training, beside the variances of the codes that it is fitted to."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from semreg.core import ObservedRun
from semreg.core.hookspecs import Progress, Section, hookimpl
from semreg.pictures import line_plot
from semreg_gmprior.functional import class_variances
from semreg_gmprior.prior import GaussianMixture

LOG = "mixtures.jsonl"
IMAGES = 1000
"""How many images give the codes' own variances: with a hundred of each of ten classes they are off by a seventh, their
mean over classes and dimensions by far less."""


class Mixtures:
    """After each epoch stores, for each code with a gaussian_mixture, the variances of the mixture and of the codes.

    They are means over the code, by class, of up to 1,000 validation images, else test images, else training images.
    The report shows their history: a mixture far wider than its codes draws codes that the decoder has not seen, and
    one that collapses with them draws the same image again and again. Beyond the paper.
    """

    @hookimpl
    def iteration_done(self, run: ObservedRun, progress: Progress) -> None:
        """Store the variances at the end of an epoch."""
        epoch, within = divmod(progress.iteration, progress.iterations // progress.epochs)
        if within:
            return
        for code, label, prior in _mixtures(run):
            own = class_variances(run.tensor(code, count=IMAGES), run.tensor(label, count=IMAGES), prior.classes)
            line = {
                "phase": progress.phase, "epoch": epoch, "code": code,
                "mixture": prior.floored_log_variances().detach().exp().mean(1).tolist(),
                "codes": [None if math.isnan(value) else value for value in own.mean(1).tolist()],
            }  # fmt: skip
            with (run.folder / LOG).open("a") as log:
                log.write(json.dumps(line) + "\n")

    @hookimpl
    def report_sections(self, run: ObservedRun) -> list[Section]:
        """Show the history of both for each code."""
        courses: dict[str, dict[tuple[str, int], Deviations]] = {}
        for line in _lines(run.folder / LOG):
            courses.setdefault(line.code, {})[line.phase, line.epoch] = line  # a resumed run may repeat one
        return [_section(code, list(course.values())) for code, course in courses.items()]


class Deviations(NamedTuple):
    """Standard deviations after an epoch, roots of the classes' mean variance."""

    code: str
    phase: str
    epoch: int
    mixture: float
    codes: float


def _mixtures(run: ObservedRun) -> Iterator[tuple[str, str, GaussianMixture]]:
    """Yield the codes whose prior is a gaussian_mixture, with their label and the prior."""
    model = run.recipe.get("model", {})
    for code, name in model.get("prior", {}).items():
        labels = [label for label, owner in model.get("attributes", {}).items() if owner == code]
        prior: Any = run.modules.get(name)
        if labels and isinstance(prior, GaussianMixture):
            yield code, labels[0], prior


def _lines(path: Path) -> Iterator[Deviations]:
    """Yield the entries of the log; other lines are skipped."""
    for text in path.read_text().splitlines() if path.is_file() else ():
        try:
            line = json.loads(text)
            spread = (_deviation(line["mixture"]), _deviation(line["codes"]))
            yield Deviations(str(line["code"]), str(line["phase"]), int(line["epoch"]), *spread)
        except (KeyError, TypeError, ValueError):
            continue


def _deviation(variances: Sequence[float | None]) -> float:
    """Return the root of the mean of the known ones. Raises ValueError if there are none."""
    known = [value for value in variances if value is not None]
    if not known:
        raise ValueError("no class has two images")
    return math.sqrt(math.fsum(known) / len(known))


def _section(code: str, course: list[Deviations]) -> Section:
    last, epochs = course[-1], range(1, len(course) + 1)
    picture = line_plot(
        f"Deviations of {code} within classes",
        {"mixture": (epochs, [one.mixture for one in course]), "codes": (epochs, [one.codes for one in course])},
        x_label="epoch", y_label="standard deviation", log_y=min(min(one[3:]) for one in course) > 0,
        caption="Square roots of the variance, averaged over dimensions and classes.",
    )  # fmt: skip
    text = (
        f"At the end {code} deviates by {last.codes:.3g} within classes, and draws from its mixture by "
        f"{last.mixture:.3g}."
    )
    return Section(f"The mixture of {code}", text, pictures=[picture])
