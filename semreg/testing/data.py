"""Checks of data sets and samplers."""

from __future__ import annotations

import inspect
import json
import pickle
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from semreg.core import SPLITS, Dataset, ImageField, Sampler
from semreg.core.options import signature_of
from semreg.data.checking import check_source
from semreg.testing.behaviour import check_determinism
from semreg.testing.checks import Checks, require
from semreg.testing.documented import check_documentation, check_shapes, check_signature, check_source_named
from semreg.testing.interfaces import require_interface

IMAGES = 4


def check_dataset(
    dataset: Callable[..., Any],
    *,
    options: Mapping[str, Any] | None = None,
    root: Path | None = None,
    exempt: Collection[str] = (),
) -> None:
    """Check a data set: its data match its specification, the same each time.

    Checks: "signature", "interface" (`semreg.core.Dataset`), "documentation", "shapes" (of a set with images),
    "source", "specification" (the same from two instances), "located" (it is found, under `root` if it takes one),
    "labels" (they match the specification, and the splits hold rows to train and to test on), "images" (uint8 of the
    field's shape, the same in any order and after pickling, as worker processes receive the reader), and "identity"
    (JSON, the same from two instances; the author must ensure that it differs for different options).

    Args:
        dataset: the class.
        options: of the recipe, for the constructor.
        root: the data root, with the files that the set reads.
        exempt: names of checks to skip.

    Raises:
        AssertionError: with all failures.
    """
    given = dict(options or {})
    filled = {"root": root} if "root" in signature_of(dataset).parameters else {}
    checks = Checks(getattr(dataset, "__name__", type(dataset).__name__), exempt)
    checks.run("signature", check_signature, dataset, 0, given)
    checks.run("interface", lambda: require_interface(dataset(**given, **filled), Dataset))
    checks.run("documentation", check_documentation, dataset)

    def made() -> Any:
        return dataset(**given, **filled)

    if any(isinstance(field, ImageField) for field in made().specification().values()):
        checks.run("shapes", check_shapes, dataset)
    checks.run("source", check_source_named, dataset)
    checks.run("specification", lambda: _require_equal(made().specification(), made().specification()))
    checks.run("located", lambda: made().locate())
    checks.run("labels", _check_labels, made, checks.component)
    checks.run("images", _check_images, made)
    checks.run("identity", _check_identity, made)
    checks.end()


def check_sampler(
    sampler: Callable[..., Any],
    *labels: Tensor,
    batch_size: int,
    options: Mapping[str, Any] | None = None,
    exempt: Collection[str] = (),
) -> None:
    """Check a sampler: int64 `(count // batch_size, batch_size)`, indices of rows, a function of its generator.

    Checks: "signature", "interface" (`semreg.core.Sampler`), "documentation", "shapes", "batches" and "determinism".
    `labels` are those of all rows, `(count, ...)`, as the recipe's `sampler = "name(label)"` passes them; a sampler
    without labels draws from 20 rows. Other arguments and errors are those of `check_dataset`.
    """
    given, count = dict(options or {}), len(labels[0]) if labels else 20
    checks = Checks(getattr(sampler, "__name__", type(sampler).__name__), exempt)

    def drawn(seed: int) -> Any:
        source = torch.Generator().manual_seed(seed)
        return sampler(*labels, count=count, batch_size=batch_size, generator=source, **given)

    checks.run("signature", check_signature, sampler, len(labels), given | {"count": count, "batch_size": batch_size})
    checks.run("interface", require_interface, sampler, Sampler, given)
    checks.run("documentation", check_documentation, sampler)
    checks.run("shapes", check_shapes, sampler)
    checks.run("batches", _check_batches, drawn(0), count, batch_size)
    checks.run("determinism", check_determinism, drawn, "generator" in inspect.signature(sampler).parameters)
    checks.end()


def _require_equal(a: Any, b: Any) -> None:
    require(a == b, f"two instances say {a} and {b}")


def _check_labels(made: Callable[[], Any], name: str) -> None:
    specification, source, again = made().specification(), made().source(), made().source()
    check_source(name, specification, source)
    for split in ("train", "test"):
        require(bool((source.split == SPLITS[split]).any()), f"the {split} split is empty")
    require(np.array_equal(source.split, again.split), "two instances split the rows in two ways")
    for label, values in source.labels.items():
        require(label in specification, f"{label} is not a field of the specification")
        require(np.array_equal(values, again.labels[label]), f"two instances have two arrays of {label}")


def _check_images(made: Callable[[], Any]) -> None:
    source, field = made().source(), made().specification().get("image")
    if source.images is None:
        require(field is None, "the specification has images, and the source reads none")
        return
    indices = list(range(min(IMAGES, len(source.split))))
    pixels = source.images(indices)
    form = (len(indices), field.channels, field.height, field.width)
    require(
        (pixels.dtype, pixels.shape) == (np.uint8, form), f"{pixels.dtype} {pixels.shape} was read; uint8 {form} fits"
    )
    reader = pickle.loads(pickle.dumps(source.images))
    require(np.array_equal(reader(indices[::-1])[::-1], pixels), "images differ in another order, or after pickling")


def _check_identity(made: Callable[[], Any]) -> None:
    first, second = (json.dumps(made().source().identity, sort_keys=True) for _ in range(2))
    _require_equal(first, second)


def _check_batches(batches: Any, count: int, batch_size: int) -> None:
    form = (count // batch_size, batch_size)
    require(
        (batches.dtype, tuple(batches.shape)) == (torch.int64, form),
        f"{batches.dtype} {tuple(batches.shape)} was drawn; torch.int64 {form} fits",
    )
    require(bool(((batches >= 0) & (batches < count)).all()), f"some indices are outside 0 to {count - 1}")
