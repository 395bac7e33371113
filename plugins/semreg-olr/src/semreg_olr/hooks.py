"""Stores the moments of its labels' rows with a run, so that labels can be edited without the training data."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from semreg.core import AttributesField, TrainedRun
from semreg.core.hookspecs import hookimpl
from semreg.trained import labels_of, read_attributes
from semreg_olr.evaluations.common import attributes_field, check_embedding, moments
from semreg_olr.functional import LabelStatistics


@hookimpl
def statistics(trained: TrainedRun) -> Mapping[str, Mapping[str, Tensor]]:
    """Return the moments of each code that has a row for each label of a field of binary labels (section 4.5)."""
    found = {}
    for label, code in labels_of(trained, AttributesField).items():
        try:
            rows = moments_of_rows(trained, label, code)
        except ValueError:  # a code without such rows
            continue
        found[owner(code)] = rows._asdict()
    return found


def owner(code: str) -> str:
    """Return the key of a code's stored moments."""
    return f"semreg-olr rows of {code}"


def moments_of_rows(run: TrainedRun, label: str, code: str) -> LabelStatistics:
    """Return the moments of a code's rows over the training images. Raises ValueError if it lacks a row
    for each label."""
    attributes, embedding = run.tensor(label), run.tensor(code)
    rows = check_embedding(embedding.read("train"), attributes_field(attributes).names, code)
    return moments(rows, read_attributes(attributes))
