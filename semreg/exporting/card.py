"""The page of an export: a model card for people, with a header for the Hugging Face Hub."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jinja2
import torch
from torch import Tensor

from semreg.core import ImageField, UserError
from semreg.core.version import __version__
from semreg.pictures.files import strip
from semreg.recipe.toml_text import toml_text
from semreg.store.numbers import number
from semreg.trained import interpolate
from semreg.trained.run import Run

MOST_NAMES = 40
"""The most classes or attributes of a field on the page."""
STEPS = 8
TAGS = ("semreg", "autoencoder", "representation-learning")
_MARKUP = str.maketrans({character: f"\\{character}" for character in "\\`*_[]<>|#"})


class Strip(NamedTuple):
    """A PNG of the decoder's outputs, without images of the data, with its description and first image."""

    png: bytes
    says: str
    first: Tensor


def strip_of(run: Run, images: Tensor | None, decoded: Tensor | None) -> Strip | None:
    """Return the run's images on the way from one image to another, or else some `decoded` images.

    None if the run makes no pictures.
    """
    says = "From one test image to another: decoded codes on the path between theirs."
    try:
        found = None if images is None or len(images) < 2 else interpolate(run, images[:1], images[-1:], steps=STEPS)[0]
    except (UserError, ValueError):  # as for codes that need a label, or lie on no sphere
        found = None
    if found is None and decoded is not None:
        found, says = decoded, "Decoded codes of test images."
    if found is None or found.ndim != 4 or found.shape[1] not in (1, 3):
        return None
    return Strip(strip([found], run.value_range), says, found[0].clamp(*run.value_range))


def card_of(
    run: Run,
    config: Mapping[str, Any],
    record: Mapping[str, Any],
    recipe: Mapping[str, Any],
    *,
    script: str,
    shown: Strip | None,
    license: str,
    **told: Any,
) -> str:
    """Return the page as Markdown; `told` are the names of files, and findings from writing them."""
    field, data = run.fields.get(run.roles.input), record["data"]
    figures = [
        _Figure(name, figure, number(value), number(result.paper[figure]) if figure in result.paper else "")
        for name, result in run.results.items()
        for figure, value in result.figures.items()
    ]
    lead = [recipe.get("description", "A model trained by semreg"), recipe.get("paper") and f"After {recipe['paper']}"]
    return _template().render(
        **told,
        name=run.plan.name,
        lead=". ".join(str(part) for part in lead if part) + ".",
        license=license,
        metrics=sorted({row.evaluation for row in figures}),
        tags=[
            "semreg",
            "autoencoder",
            "representation-learning",
            *sorted(run.plan.distributions().keys() - {"semreg"}),
        ],
        script=script,
        strip=shown,
        files=config["modules"],
        image=f"{field.height} × {field.width} pixels" if isinstance(field, ImageField) else "",
        labels=config["labels"],
        priors=config["priors"],
        most=MOST_NAMES,
        data=data.get("name", ""),
        own_data="path" in recipe.get("data", {}),  # data that read a user's own files have no name
        counts=", ".join(f"{count:,} {split} images" for split, count in data.get("counts", {}).items() if count),
        fallback=record.get("fallback"),
        figures=figures,
        papers=any(row.paper for row in figures),
        seed=run.seed,
        semreg=__version__,
        torch=torch.__version__.partition("+")[0],
        recipe=toml_text(recipe),
    )


class _Figure(NamedTuple):
    evaluation: str
    figure: str
    here: str
    paper: str


@functools.cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=False,  # it is Markdown, in which what is filled in is escaped by `line`
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.tests["onnx"] = lambda file: file.endswith(".onnx")
    environment.filters |= {"line": _line, "shaped": _shaped, "code": _code}
    return environment.get_template("card.md.jinja")


def _line(text: Any) -> str:
    """Escape an untrusted text on one line, without markup."""
    return " ".join(str(text).split()).translate(_MARKUP)


def _shaped(value: Mapping[str, Any]) -> str:
    shape = ", ".join(map(str, value["shape"]))
    return f"{_code(value['name'])} {value['type']} ({shape})"


def _code(name: Any) -> str:
    """Format an untrusted name as code."""
    plain = " ".join(str(name).replace("`", "'").split())
    return f"`{plain}`"
