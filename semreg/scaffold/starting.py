"""Recipes for a user's own data, and for their judges; they are written only if they pass `semreg check`."""

from __future__ import annotations

import re
import tempfile
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import torch

from semreg.core import Problem, UserError
from semreg.core.version import __version__
from semreg.data.files import shortened
from semreg.data.inspection import LEAST_ORDERED, Found, look_at
from semreg.data.summary import lines, taken
from semreg.recipe.check import check
from semreg.recipe.load import load_recipe
from semreg.recipe.names import find_recipe, reference, shipped_names
from semreg.recipe.toml_text import toml_value
from semreg.running.choices import Choices
from semreg.running.evaluations import require_before_training
from semreg.running.judges import check_judges
from semreg.scaffold.families import JUDGES, NEEDS, Family, extended_evaluations, family_of
from semreg.store.disk import write_files, writing
from semreg.store.fields import described
from semreg.trained.opening import survey_data
from semreg.trained.run import Run
from semreg.training.build import build_modules
from semreg.training.trial import check_by_dry_run

TEMPLATES = Path(__file__).parent / "templates" / "start"
NAME = re.compile(r"\w[\w.-]*")
LONGEST_NAME, WIDTH = 60, 118
MOST_FACTORS = 5
"""Each factor has its own encoder and classifier."""
LEAST_EPOCHS, MOST_EPOCHS = 5, 400
ORDERED = (
    "If these numbers are only names, leave `orders` out, or take --like gm_mnist. If the "
    'last class is a neighbour of the first, write "ring".'
)
UNORDERED = {
    "gm_mnist": "If the classes have an order, write it as `orders = { label = [...] }` under [data], and take --like "
    "atnl_gm_mnist, which adds ATNL; without an order, that sets all classes apart from each other.",
    "atnl_gm_mnist": "The classes are in no order, and ATNL sets all apart from each other. If they have one, write "
    "`orders = { label = [...] }` under [data]; then classes that follow each other become neighbours.",
}
ROUNDS = 8
"""How often a recipe is checked; each time the evaluations that don't fit are removed."""


@dataclass(frozen=True)
class Started:
    """The written recipe, messages about it, and whether some of its images are unreadable."""

    path: Path
    said: list[str]
    bad: int


def start_recipe(name: str, data: Path, like: str | None = None, *, folder: Path = Path()) -> Started:
    """Write `name`.toml, and `name`_judge.toml if it has a judge, into a folder, for the data at a path.

    `like` is the shipped recipe to adapt to these data; by default the data decide. Raises UserError for data that
    can't be used, a recipe that does not fit them, and names that are taken. Then nothing is written.
    """
    name = name.removesuffix(".toml")
    _check_name(name, folder)
    asked = None if like is None else _shipped(like)
    found = look_at(data)
    chosen, why = _chosen(found)
    why = f"{why}: like {chosen}"
    if asked is not None and asked != chosen:
        chosen, why = asked, f"like {asked}, as asked for ({why} without --like)"
    family = family_of(chosen)
    if not _has_labels(family, found):
        message = f"{chosen} needs {NEEDS[family.kind]}, and these data have {_labels_in_words(found)}"
        raise UserError("--like", f"{message}; without --like they decide")
    writer = _Writer(name, chosen, family, found, why, folder)
    try:
        files = writer.files()
    except UserError as error:
        first, *more = error.problems
        said = f"{first.where} {first.message}".strip() + (f" (and {len(more)} more)" if more else "")
        where = shortened(data) if asked is None else f"--like {asked}"
        raise UserError(where, f"no recipe like {chosen} fits these data: {said}") from None
    with writing(folder, "no recipe is written"):
        write_files(folder, {file: text.encode() for file, text in files.items()})
    return Started(folder / f"{name}.toml", writer.said(), found.bad)


def _check_name(name: str, folder: Path) -> None:
    if not NAME.fullmatch(name) or len(name) > LONGEST_NAME:
        fits = f"up to {LONGEST_NAME} letters, digits, -, _ and ., as in 'mine'"
        raise UserError("", f"{name[:LONGEST_NAME]!r} is not a name for a recipe; expected {fits}")
    if not folder.is_dir():
        raise UserError(str(folder), "there is no such folder")
    if name in shipped_names():
        raise UserError("", f"{name!r} is a recipe that semreg ships; choose another name")
    for path in (folder / f"{name}.toml", folder / f"{name}_judge.toml"):
        if path.exists() or path.is_symlink():
            raise UserError(str(path), "exists already; choose another name")


def _shipped(like: str) -> str:
    """Return the name of a shipped recipe. Raises UserError if there is none, with the closest."""
    try:
        owner, _, name = reference(find_recipe(like)).partition(":")
    except LookupError as error:
        raise UserError("--like", str(error)) from None
    if owner != "semreg":
        raise UserError("--like", f"{like!r} is not one of the recipes that semreg ships")
    return name


def _chosen(found: Found) -> tuple[str, str]:
    """Return the shipped recipe that fits the data, and the reason."""
    names = found.names(found.labels[0]) if found.labels else ()
    if len(found.attributes) > 1 or (found.attributes and not found.labels):
        return "olr_faces", _labels_in_words(found)
    if len(found.labels) > 1:
        return "uniform_multipie", _labels_in_words(found)
    if found.labels and found.is_ordered(found.labels[0]):
        return "atnl_gm_mnist", f"{len(names)} classes, which numbers order"
    if found.labels:
        return "gm_mnist", f"{len(names)} classes, whose names tell no order"
    return "vae_digits", _labels_in_words(found)


def _labels_in_words(found: Found) -> str:
    count, labels = len(found.attributes), len(found.labels)
    parts = [f"{count} binary attribute{'s' * (count != 1)}"] if count else []
    parts += [f"{labels} field{'s' * (labels != 1)} of classes ({', '.join(found.labels)})"] if labels else []
    return " and ".join(parts) or "no labels"


def _has_labels(family: Family, found: Found) -> bool:
    has = {"classes": found.labels, "attributes": found.attributes, "factors": found.labels[1:], "none": True}
    return bool(has[family.kind])


class _Writer:
    """Fills the templates of a family with the found data, and leaves out parts that do not fit."""

    def __init__(self, name: str, chosen: str, family: Family, found: Found, why: str, folder: Path) -> None:
        self.name, self.chosen, self.family, self.found, self.why = name, chosen, family, found, why
        self.folder = folder
        self.dropped: dict[str, str] = {}
        self.train = found.data.counts["train"]

    def files(self) -> dict[str, str]:
        """Return the texts of the recipe and of its judge, by their names. Raises UserError if none passes the
        checks."""
        for _ in range(ROUNDS):
            files = self._filled()
            try:
                _check(files, f"{self.name}.toml")
            except UserError as error:
                unfit = {_evaluation(one): one.message for one in error.problems}
                if None in unfit or unfit.keys() <= self.dropped.keys():
                    raise
                self.dropped |= {str(key): message for key, message in unfit.items()}
            else:
                return files
        raise UserError("", "its evaluations don't fit")

    def said(self) -> list[str]:
        """Return the reason for this recipe, and the data that were left out."""
        said = [self.why]
        said += [f"not taken: {shortened(name)}, since {why}" for name, why in self.found.left_out.items()]
        return said + [f"left out: evaluate.{name}, since {why}" for name, why in self.dropped.items()]

    def _filled(self) -> dict[str, str]:
        environment = jinja2.Environment(  # the text is TOML, in which nothing must be escaped
            loader=jinja2.FileSystemLoader(TEMPLATES), undefined=jinja2.StrictUndefined, autoescape=False,
            keep_trailing_newline=True, trim_blocks=True, lstrip_blocks=True,
        )  # fmt: skip
        environment.filters["toml"] = toml_value
        family, judge = self.family, JUDGES[self.family.kind]
        extends = [_spelled(name, self.folder) for name in family.extends]
        inherited = self._inherited_evaluations()
        batch = _batch(family.batch, self.train)
        context = {
            "name": self.name,
            "comments": [line for said in self._comments() for line in _wrapped(said)],
            "extends": extends[0] if len(extends) == 1 else extends,
            "without": [*family.without, *(f"evaluate.{name}" for name in inherited if name in self.dropped)],
            "requires": family.requires,
            "description": f"{Path(self.found.options['path']).stem}, like {self.chosen}",
            "each": self._each(),
            "data": list(self._data(batch)),
            "epochs": {phase: _epochs(count, self.train, batch) for phase, count in family.iterations.items()},
            "batch_size": batch,
            "known": "attributes_known" not in self.found.data.fields,
            "attribute": self._attribute(),
            "judged": [name for name, one in inherited.items() if "judge" in one and name not in self.dropped],
            "evaluations": {name: one for name, one in self._own_evaluations().items() if name not in self.dropped},
        }
        template = environment.get_template(f"{family.template or family.kind}.toml.jinja")
        files = {f"{self.name}.toml": template.render(context)}
        if judge and (context["judged"] or context["evaluations"]):
            batch = _batch(64, self.train)
            context |= {"extends": _spelled(judge, self.folder), "batch_size": batch}
            context["epochs"] = _epochs(400, self.train, batch)
            files[f"{self.name}_judge.toml"] = environment.get_template("judge.toml.jinja").render(context)
        return {name: re.sub(r"\n{3,}", "\n\n", text).strip() + "\n" for name, text in files.items()}

    def _comments(self) -> list[str]:
        """Return the comments at the head of the recipe."""
        found = self.found
        fields = {name: described(field) for name, field in found.data.fields.items() if name != "image"}
        said = [
            f"For {shortened(found.options['path'])}, written by semreg {__version__}: {self.why}.",
            self.family.sentence,
            f"It changes what the recipe {self.family.extends[0]} says, whose every key can be changed here, too.",
            *lines(fields, found.data.counts, taken(found.data)),
            *self.said()[1:],
        ]
        if len(found.labels) == 1 and self.chosen in UNORDERED and len(found.names(found.labels[0])) >= LEAST_ORDERED:
            said.append(ORDERED if found.is_ordered(found.labels[0]) else UNORDERED[self.chosen])
        return [line for line in said if line]

    def _each(self) -> dict[str, list[str]]:
        labels = list(self.found.labels)
        return {"classes": {"label": labels[:1]}, "factors": {"m": labels[:MOST_FACTORS]}}.get(self.family.kind, {})

    def _data(self, batch: int) -> Iterator[str]:
        """Yield the lines of `[data]`."""
        found, sizes = self.found, self.family.sizes
        size = max((size for size in sizes if size <= found.side), default=sizes[0])
        comments = {
            "path": "or relative to --data-root",
            "size": f"pixels; the images have {found.side:,}. Larger ones take longer by the square",
            "orders": '"line", "ring", or the classes in their order',
            "white": "the value of white pixels",
            "batch_size": f"of {self.train:,} training images",
        }
        for key, value in {**found.options, "size": size, **self.family.data, "batch_size": batch}.items():
            line = f"{key} = {toml_value(value)}"
            yield f"{line:<39} # {comments[key]}" if key in comments else line

    def _inherited_evaluations(self) -> dict[str, Any]:
        """Return the evaluations of the extended recipe, unless all are left out."""
        if "evaluate" in self.family.without:
            return {}
        return extended_evaluations(load_recipe(f"semreg:{self.family.extends[0]}").table)

    def _own_evaluations(self) -> dict[str, dict[str, Any]]:
        """Return the evaluations of factors, which name them."""
        if self.family.kind != "factors" or self.family.template:
            return {}
        factors, judge = self._each()["m"], {"judge": f"{self.name}_judge.toml"}
        inputs = "z_0, *z_{m}, *{m}"
        own: dict[str, dict[str, Any]] = {
            "reconstruction": {"use": "reconstructions(image, x_f)"},
            "entropy": {"use": "posterior_entropy(z_0, *z_{m}, *classifier_{m}, *{m})", "split": "test"},
            "fid": {"use": "fid(x_s, image)", **judge},
            "transfer": {
                "use": f"attribute_transfer(image, x_f, {inputs})", "transfers": [[one] for one in factors], **judge,
            },
        }  # fmt: skip
        for one, other in zip(factors, factors[1:] + factors[:1], strict=True):
            own[f"leakage_{one}"] = {"use": f"leakage(z_{one}, {other})"}
        for one in factors:
            own[f"interpolation_{one}"] = {
                "use": f"attribute_interpolation(x_f, {inputs})", "attribute": one, **judge,
            }  # fmt: skip
        return own

    def _attribute(self) -> str:
        """Return the attribute with a share nearest to half of the images."""
        if not self.found.attributes:
            return ""
        shares = self.found.data.arrays["attributes"].float().mean(0)
        return self.found.attributes[int((shares - 0.5).abs().argmin())]


def _wrapped(text: str) -> list[str]:
    """Return the lines of a comment; text in backticks, which readers may copy, is not broken."""
    whole = re.sub("`[^`]*`", lambda code: code[0].replace(" ", "\0"), text)
    return [line.replace("\0", " ") for line in textwrap.wrap(whole, WIDTH, break_on_hyphens=False)]


def _batch(most: int, train: int) -> int:
    """Return the images in a batch: at least four batches of the training images, and a multiple of eight
    if possible."""
    quarter = train // 4
    return min(most, train, max(4, quarter - quarter % 8 if quarter > 8 else quarter))


def _epochs(iterations: int, train: int, batch: int) -> int:
    return min(MOST_EPOCHS, max(LEAST_EPOCHS, round(iterations / (train // batch))))


def _spelled(recipe: str, folder: Path) -> str:
    """Return the name of a shipped recipe for a recipe in a folder, which may have another file of that name."""
    try:
        find_recipe(recipe, folder)
    except LookupError:
        return f"semreg:{recipe}"
    return recipe


def _evaluation(problem: Problem) -> str | None:
    """Return the evaluation that has an error, if it is in one."""
    place, _, rest = problem.where.partition(".")
    return rest.partition(".")[0] if place == "evaluate" else None


def _check(files: Mapping[str, str], name: str) -> None:
    """Raise UserError if `semreg check`, or `semreg run` before it trains, rejects a recipe."""
    with tempfile.TemporaryDirectory() as place:
        for file, text in files.items():
            Path(place, file).write_text(text, encoding="utf-8")
        plan = check(load_recipe(Path(place, name)))
        check_by_dry_run(plan)
        data = survey_data(plan)
        if data is not None:
            require_before_training(Run(Path(place), plan, build_modules(plan, seed=0), data, torch.device("cpu"), 0))
        check_judges(plan, Choices(out=Path(place)))
