"""Uses of a run are given by the roles that its recipe says, and told which line would say one that is missing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import semreg
from semreg.core import AttributesField, ClassField, Result, Roles, UserError
from semreg.testing import FakeRun
from semreg.trained import labels_of, need, only_attribute, sample
from semreg.trained.run import Run
from tests.running.conftest import read

FIELDS = {"kind": ClassField(("a", "b")), "shade": ClassField(("c", "d")), "marks": AttributesField(("round", "dark"))}


def run_of(**roles: Any) -> FakeRun:
    labels = torch.arange(2)
    return FakeRun(tensors={"kind": {"train": labels}}, functions={}, fields=FIELDS, roles=Roles(**roles))


def test_what_is_needed_is_given() -> None:
    run = run_of(input="image", code=("z",), prior={"z": "p"})
    assert need(run, "input", "code", "prior") is run.roles
    assert need(run) is run.roles


def test_each_role_that_is_missing_is_told_with_its_line() -> None:
    with pytest.raises(UserError) as refused:
        need(run_of(input="image"), "input", "prior", "output")
    assert refused.value.source == "fake_run"
    [problem] = refused.value.problems
    assert problem.message == (
        'the [model] of its recipe names no prior and no output; add `prior = { z = "prior" }` and '
        '`output = "reconstruction"`, with the recipe\'s own names, and `semreg run` it again, which trains nothing'
    )
    for key in ("input", "target", "code", "output", "prior", "posterior", "attributes", "sample"):
        with pytest.raises(UserError, match=f"names no {key}; add `{key} = "):
            need(run_of(), key)


def test_the_labels_of_a_kind_and_their_codes() -> None:
    run = run_of(code=("z", "s"), attributes={"kind": "z", "marks": "s"})
    assert labels_of(run, ClassField) == {"kind": "z"}
    assert labels_of(run, AttributesField) == {"marks": "s"}
    assert only_attribute(run, ClassField) == ("kind", "z")
    assert only_attribute(run, AttributesField) == ("marks", "s")


def test_no_label_or_several_are_told() -> None:
    with pytest.raises(
        UserError, match=r'names no field of binary labels and its code; add `attributes = \{ label = "z"'
    ):
        only_attribute(run_of(attributes={"kind": "z"}), AttributesField)
    with pytest.raises(UserError, match="names several fields of classes, kind, shade; exactly one is needed here"):
        only_attribute(run_of(attributes={"kind": "z", "shade": "s"}), ClassField)


@pytest.mark.usefixtures("no_hooks")
def test_a_line_that_is_added_serves_the_run_that_there_is(
    toy: Callable[..., Path], trained: Callable[..., Run]
) -> None:
    run = trained(toy())
    with pytest.raises(UserError, match="add `prior = "):
        sample(semreg.open_run(run.folder, device="cpu"), 2)
    begun = read(run.folder, "run.json")
    again = trained(toy('[model.prior]\nz = "prior"'))
    assert again.folder == run.folder
    assert read(run.folder, "run.json") == begun, "nothing was trained"
    assert sample(semreg.open_run(run.folder, device="cpu"), 2).shape == (2, 1, 4, 4)


@pytest.mark.usefixtures("no_hooks")
def test_inputs_that_an_evaluation_leaves_out_are_the_roles(
    toy: Callable[..., Path], trained: Callable[..., Run]
) -> None:
    run = trained(toy('[model.attributes]\nkind = "z"\n[evaluate.probe]\nuse = "linear_probe"\n'))
    assert str(run.plan.evaluations["probe"].node) == "linear_probe(z, kind)"
    result = run.result("probe")
    assert isinstance(result, Result)
    assert 0 <= result.figures["accuracy"] <= 1
