"""A summary of a recipe's data before training, from names and tables."""

from __future__ import annotations

from typing import Any, NamedTuple

from semreg.data.summary import lines, scarce, taken
from semreg.recipe.plan import Plan
from semreg.store.fields import described
from semreg.trained.opening import split_asked, survey_data


class Surveyed(NamedTuple):
    """A summary of a plan's data: lines of text, the same as JSON (empty if only the fields are known),
    and warnings."""

    lines: list[str]
    taken: dict[str, Any]
    warnings: list[str]


def data_summary(plan: Plan) -> Surveyed:
    """Summarise a plan's data without decoding an image. Raises UserError for data that can't be used."""
    data = survey_data(plan)
    if data is None:
        fields = {name: described(field) for name, field in plan.fields.items()}
        return Surveyed(lines(fields, None, {}), {}, [])
    found = taken(data, split_asked(plan))
    fields = {name: described(field) for name, field in data.fields.items()}
    warnings = [*data.remarks, *scarce(data, plan.labels_read())]
    return Surveyed(lines(fields, data.counts, found), {"counts": data.counts, **found}, warnings)
