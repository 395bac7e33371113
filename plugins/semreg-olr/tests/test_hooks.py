"""The moments of rows are kept with a run, by its roles alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from semreg_olr import hooks
from semreg_olr.functional import LabelStatistics, label_statistics
from semreg_olr.hooks import moments_of_rows, owner, statistics
from torch import Tensor

import semreg
from semreg.core import AttributesField, ClassField, DiagonalGaussian, Roles
from semreg.core.plugin_manager import load_hooks
from semreg.store.statistics import read_statistics
from semreg.testing import FakeRun, check_hook

LABELS = ("round", "dark", "tall")


def run_of(rows: Tensor | None = None, **attributes: str) -> FakeRun:
    """A run whose code `rows` has a row for each label, and whose code `flat` has none."""
    generator = torch.Generator().manual_seed(0)
    marks = (torch.rand(40, 3, generator=generator) < 0.5).float()
    rows = torch.randn(40, 3, 4, generator=generator) if rows is None else rows
    return FakeRun(
        tensors={
            "marks": {"train": marks}, "others": {"train": 1 - marks}, "kind": {"train": torch.arange(40) % 2},
            "rows": {"train": rows}, "flat": {"train": rows.flatten(1)},
            "posterior": {"train": DiagonalGaussian(rows, rows)},
        },
        functions={},
        fields={
            "marks": AttributesField(LABELS), "others": AttributesField(LABELS), "kind": ClassField(("a", "b")),
        },
        roles=Roles(code=("rows", "flat", "posterior"), attributes=attributes),
    )  # fmt: skip


def test_it_conforms() -> None:
    check_hook(hooks, run_of(marks="rows"))


def test_they_are_those_of_the_rows_of_images_that_have_the_label() -> None:
    run = run_of(marks="rows")
    [(key, kept)] = statistics(run).items()
    assert key == owner("rows")
    marks, rows = (run.tensor(name).read("train") for name in ("marks", "rows"))
    expected = label_statistics(rows, marks)._asdict()
    assert kept.keys() == expected.keys()
    assert all(torch.equal(kept[name], expected[name]) for name in kept)
    assert isinstance(moments_of_rows(run, "marks", "rows"), LabelStatistics)


def test_a_label_that_no_image_has_is_left_at_zero() -> None:
    run = run_of(marks="rows")
    run.tensors["marks"]["train"][:, 1] = 0
    kept = statistics(run)[owner("rows")]
    assert kept["images"][1] == 0
    assert (kept["images"][[0, 2]] > 0).all()
    assert not kept["mean"][1].any()


@pytest.mark.parametrize("attributes", [{}, {"kind": "rows"}, {"marks": "flat"}, {"marks": "posterior"}])
def test_nothing_is_kept_of_other_labels_and_codes(attributes: dict[str, str]) -> None:
    assert statistics(run_of(**attributes)) == {}


def test_each_code_is_kept_by_itself() -> None:
    run = run_of(marks="rows", others="more")
    run.tensors["more"] = {"train": 2 * run.tensors["rows"]["train"]}
    assert set(statistics(run)) == {owner("rows"), owner("more")}


def test_a_run_keeps_them_when_it_is_trained(trained_run: Path) -> None:
    kept = read_statistics(trained_run)[owner("embedding")]
    run = semreg.open_run(trained_run, data_root=trained_run.parents[1] / "data", device="cpu")
    assert run.statistics.keys() == {owner("embedding")}
    expected = moments_of_rows(run, "attributes", "embedding")._asdict()
    assert all(torch.allclose(kept[name], expected[name], atol=1e-6) for name in expected)
    [judge] = trained_run.parent.glob("judge-*")
    assert read_statistics(judge) == {}, "its recipe names no roles"


def test_the_hook_is_installed() -> None:
    told: list[Any] = []
    warn: Callable[[str], None] = told.append
    plugins = [name for name, _ in load_hooks(warn).list_name_plugin()]
    assert any(name.startswith("olr of semreg-olr") for name in plugins)
    assert not told
