"""Independent classifiers of evaluations: runs of their own recipes on the data of the run that they judge."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from semreg.core import DataMissing
from semreg.recipe.check import check
from semreg.recipe.load import Recipe, load_recipe
from semreg.recipe.merging import overlay
from semreg.recipe.plan import Plan

BATCH_KEYS = ("batch_size", "sampler")


def judge_plan(judged: Plan, path: Path, changes: Mapping[str, Any], data_root: Path) -> Plan:
    """The plan of a judge's recipe on the data of a run: trained once for all runs on the same data.

    Its own seed and batches, and nothing of the judged run but the data and the values of variables that both have
    under `[each]`, go into it. `changes` go over the data, as when a judge must know people that the run is tested on.
    Raises UserError for mistakes in the recipe or the changes.
    """
    table = load_recipe(path).table
    variables, known = table.get("each"), judged.table.get("each", {})
    if isinstance(variables, dict):  # the words for what differs between data
        table = table | {"each": {name: known.get(name, values) for name, values in variables.items()}}
    own = table["data"] if isinstance(table.get("data"), dict) else {}
    data = {key: value for key, value in judged.table["data"].items() if key not in BATCH_KEYS}
    data |= {key: value for key, value in own.items() if key in BATCH_KEYS}
    recipe = Recipe(path, table | {"data": overlay(data, changes, ("data",))})
    try:
        return check(recipe, data_root=data_root)
    except DataMissing:  # whose fields the run knows, as far as it is to be known which run the judge is
        return check(recipe, data_root=data_root, trained_on=judged.fields)
