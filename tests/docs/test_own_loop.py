"""docs/own_loop.md: its code runs, its loops learn, and its table has every component of ours."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

import pytest
import torch

from semreg.core.registry import OWN_DISTRIBUTION, components, find, load
from tests.docs.pages import ROOT, blocks

EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
PLUGINS = {requirement.partition(">=")[0] for requirement in EXTRAS["all"]}
ITSELF = {"loss", "operation", "interpolator"}
"""Kinds whose components in semreg carry the names by which recipes call them."""
NO_LOOP = {"comparison", "evaluation", "executor", "optimizer", "panel", "schedule", "search", "tracker"}
"""Kinds that a loop of one's own has no use for, or has from PyTorch."""
TABLE = re.findall(r"^\| `(\w+)` \| `(\w+)\.(\w+)` \|$", (ROOT / "docs" / "own_loop.md").read_text(), re.MULTILINE)


def names_after_blocks(most: int | None = None) -> Iterator[dict[str, Any]]:
    """The names of the page after each of its blocks, whose loops make `most` steps at most."""
    names: dict[str, Any] = {"__name__": "page"}
    for language, text in blocks("own_loop.md"):
        assert language == "python"
        exec(compile(text, "docs/own_loop.md", "exec"), names)
        if most is not None and "def batches" in text:
            names["batches"] = shortened(names["batches"], most)
        yield names


def shortened(batches: Callable[..., Any], most: int) -> Callable[..., Any]:
    return lambda count, *tensors, **options: batches(min(count, most), *tensors, **options)


def test_all_code_of_the_page_runs(capsys: pytest.CaptureFixture[str]) -> None:
    *_, names = names_after_blocks(most=3)
    said = capsys.readouterr().out.splitlines()[0]
    assert f"print(loss)  # {said}\n" in (ROOT / "docs" / "own_loop.md").read_text()
    assert names["circle"].shape == names["ring"].shape == (7, 1, 8, 8)
    assert names["threes"].shape == (16, 1, 8, 8)
    assert names["x_s"].shape == (16, 1, 16, 16)
    assert names["lighter"].shape == (512, 1, 16, 16)


def digits_are_apart(names: dict[str, Any]) -> None:
    """ATNL: the direction nearest to a code is that of its digit."""
    z, digits = names["z"], names["digits"]
    means = torch.stack([z[digits == digit].mean(0) for digit in range(10)])
    assert ((z @ means.T).argmax(1) == digits).float().mean() > 0.85


def digits_follow_the_mixture(names: dict[str, Any]) -> None:
    """GM: of all classes a code is likeliest under its own."""
    z_s, prior, digits = names["encoder_s"](names["images"]), names["prior_s"], names["digits"]
    likely = torch.stack([prior.log_probability(z_s, torch.full_like(digits, k)) for k in range(10)], 1)
    assert (likely.argmax(1) == digits).float().mean() > 0.9


def attributes_are_in_their_codes(names: dict[str, Any]) -> None:
    """Uniform disentanglement: classifiers read an attribute from its own code, and less from the others."""
    codes = [encoder(names["squares"]) for encoder in names["encoders"]]
    for own, label in ((1, names["place"]), (2, names["pattern"])):
        logits = [names["class_logits"](names["classifiers"][own - 1], code) for code in codes]
        right = [float((one.argmax(1) == label).float().mean()) for one in logits]
        assert right.pop(own) > 0.9
        assert max(right) < 0.75
    assert names["l1"](names["x_f"], names["image"]) < 0.15


def rows_hold_their_labels(names: dict[str, Any]) -> None:
    """OLR: rows are long where a label is present, and one that is added is seen."""
    present, lengths = names["present"] > 0.5, names["rows"].norm(dim=2)
    assert lengths[present].mean() > 2 * lengths[~present].mean()
    assert names["lighter"][:, 0, :8, :8].mean() > 0.7


@pytest.mark.slow
def test_the_loops_learn() -> None:
    checks = [digits_are_apart, digits_follow_the_mixture, attributes_are_in_their_codes, rows_hold_their_labels]
    for check, names in zip([None, None, None, *checks], names_after_blocks(), strict=True):
        if check is not None:  # after a loop
            with torch.no_grad():
                check(names)


def test_the_table_has_every_component_of_our_plugins() -> None:
    there = {
        (one.name, one.target.partition(".")[0], one.target.partition(":")[2])
        for one in components()
        if one.distribution in PLUGINS and one.kind not in NO_LOOP
    }
    assert set(TABLE) == there
    assert len(TABLE) == len(there)


@pytest.mark.parametrize(("name", "package", "function"), TABLE, ids=lambda part: part)
def test_what_the_table_says_is_what_recipes_use(name: str, package: str, function: str) -> None:
    kinds = sorted({one.kind for one in components() if one.name == name and one.distribution in PLUGINS})
    assert getattr(import_module(package), function) is load(find(name, kinds))
    assert function in import_module(package).__all__


def test_semregs_own_components_have_their_names_where_the_page_says() -> None:
    page = (ROOT / "docs" / "own_loop.md").read_text()
    for one in components():
        if one.distribution == OWN_DISTRIBUTION and one.target.startswith("semreg.components.") and one.kind in ITSELF:
            module, _, function = one.target.partition(":")
            assert function in {one.name, one.name.title().replace("_", "")}
            assert f".{module.rpartition('.')[2]}`" in page
