"""Families of recipes for a user's own data: the recipes that they extend, the labels that they need, and their
training time."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from semreg.recipe.load import load_recipe

SIZES = (32, 48, 64)
"""Images are resized to the largest size that doesn't exceed theirs; smaller ones are enlarged to the first."""
DRAWN_FACES = "semreg-avatars"
"""Users' own images don't need it."""
OF_ITS_DATA = ("paper", "start", "end")
"""Options of evaluations that concern the data of the original recipe."""


class Family(NamedTuple):
    """A family of recipes for one kind of labels."""

    kind: str
    """The labels that it needs, and its template unless it names another."""
    extends: tuple[str, ...]
    without: tuple[str, ...]
    sentence: str
    batch: int
    """The most images in a batch."""
    iterations: Mapping[str, int]
    """About how many iterations a phase has: with evaluations and judge, they take ten minutes on two cores for 300
    photographs."""
    sizes: tuple[int, ...] = SIZES
    data: Mapping[str, Any] = {}
    template: str = ""
    requires: list[str] | None = None
    """Distributions that it needs, if the extended recipe needs another one for its own data."""


GM = "GM prior (Zheng and Sun 2019): z_s follows one normal distribution for each class, z_u has all else"
FAMILIES = {
    "gm_mnist": Family(
        "classes", ("gm_mnist",), ("data", "fallback"), f"{GM}.", 64, {"main": 600}, data={"range": [-1, 1]}
    ),
    "atnl_gm_mnist": Family(
        "classes", ("atnl_gm_mnist",), ("data", "fallback"), f"{GM}; ATNL (Yan et al. 2020) sets neighbouring classes "
        "beside each other.", 64, {"main": 600}, data={"range": [-1, 1]},
    ),
    "olr_faces": Family(
        "attributes", ("olr_faces",), ("data",), "OLR (Karatsiolis and Kamilaris): each attribute becomes a row of "
        "numbers, which is near zero where it is absent.", 32, {"classifier": 300, "siamese": 600, "decoder": 900},
        SIZES[:2],
    ),
    "uniform_multipie": Family(
        "factors", ("uniform_multipie", "partial/uniform_small"), ("data", "fallback", "evaluate"), "Uniform "
        "disentanglement (Oldfield et al.): a code for each factor that tells nothing of the others, and z_0 for all "
        "else.", 16, {"main": 1000}, SIZES[:2], {"range": [-1, 1]},
    ),
    "vae_digits": Family(
        "none", ("vae_digits",), ("data",), "A variational autoencoder (Kingma and Welling 2014).", 64, {"main": 1500}
    ),
}  # fmt: skip
"""Families by the shipped recipe that represents each."""
NEEDS = {"classes": "a field of classes", "attributes": "binary attributes", "factors": "two fields of classes or more"}
JUDGES = {"classes": "digit_judge", "attributes": "attribute_judge", "factors": "uniform_judge", "none": ""}


def family_of(like: str) -> Family:
    """Return the family of recipes like a shipped one; a recipe that represents no family is its own."""
    if like in FAMILIES:
        return FAMILIES[like]
    table = load_recipe(f"semreg:{like}").table
    each, data = table.get("each", {}), table.get("data", {})
    reads = json.dumps([table.get("losses"), table.get("tensors")])
    kind = "classes" if "label" in each else "factors" if "m" in each else "none"
    if kind == "none" and re.search(r"\battributes\b", reads):
        kind = "attributes"
    without: list[str] = [key for key in ("data", "fallback") if key in table]
    for key, options in extended_evaluations(table).items():
        without += [f"evaluate.{key}.{option}" for option in OF_ITS_DATA if option in options]
    sizes = (data["size"],) if isinstance(data.get("size"), int) else SIZES
    batch = data["batch_size"] if isinstance(data.get("batch_size"), int) else 64
    kept = {"range": data["range"]} if "range" in data else {}
    phases = dict.fromkeys(table.get("phases", {}), 800)
    requires = table.get("requires", [])
    others = [name for name in requires if name != DRAWN_FACES]
    return Family(
        kind, (like,), tuple(without), str(table.get("description", "")), batch, phases, sizes, kept, "like",
        others if others != requires else None,
    )  # fmt: skip


def extended_evaluations(table: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the evaluations of a recipe's table, by their names."""
    return {key: one for key, one in table.get("evaluate", {}).items() if isinstance(one, dict)}
