"""A run made of tensors answers as a real one does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import semreg
from semreg.core import ClassField, DiagonalGaussian, ObservedRun, Roles
from semreg.testing import FakeObservedRun, FakeRun
from semreg.testing.interfaces import require_interface
from semreg.trained.run import Run


@pytest.fixture
def real(toy: Callable[..., Path], no_hooks: None, tmp_path: Path) -> Run:
    return semreg.run(toy(), out=tmp_path / "runs", device="cpu", overrides=["data.split.validation=0.2"])


@pytest.fixture
def fake(real: Run) -> FakeRun:
    """The real run's tensors."""
    names, splits = ("image", "kind", "z", "posterior"), ("train", "validation", "test")
    return FakeRun(
        tensors={name: {split: real.tensor(name).read(split) for split in splits} for name in names},
        functions={
            "reconstruction": lambda **given: real.tensor("reconstruction").given(**given),
            "z": lambda **given: real.tensor("z").given(**given),
        },
        fields=real.fields,
        modules=real.modules,
        drawn={"z": {split: real.tensor("z").read(split, draws=True) for split in splits}},
        roles=real.roles,
    )


def equal(a: Any, b: Any) -> bool:
    if isinstance(a, DiagonalGaussian):
        return isinstance(b, DiagonalGaussian) and all(map(equal, a, b))
    return bool(torch.allclose(a, b, atol=1e-6))


def test_its_handles_read_what_a_real_runs_read(real: Run, fake: FakeRun) -> None:
    rows = torch.tensor([3, 0, 3])
    assert fake.counts == real.counts
    for name in ("image", "kind", "z", "posterior"):
        ours, theirs = fake.tensor(name), real.tensor(name)
        assert (ours.name, ours.field) == (theirs.name, theirs.field)
        for split in ("train", "validation", "test"):
            assert equal(ours.read(split), theirs.read(split))
            assert equal(ours.read(split, count=5), theirs.read(split, count=5))
            assert equal(ours.at(split, rows), theirs.at(split, rows))
    assert equal(fake.tensor("z").read("test", draws=True), real.tensor("z").read("test", draws=True))
    for name in ("image", "kind", "z"):
        assert equal(torch.cat(list(fake.tensor(name).batches())), torch.cat(list(real.tensor(name).batches())))
    assert len(list(fake.tensor("z").batches())) > 1, "so that evaluations meet several"


def test_it_computes_what_a_real_run_computes(real: Run, fake: FakeRun) -> None:
    codes, images = torch.rand(4, 2), torch.rand(4, 1, 4, 4)
    assert equal(fake.tensor("reconstruction").given(z=codes), real.decode(codes))
    assert equal(fake.decode(codes), real.decode(codes))
    assert equal(fake.encode(images), real.encode(images))
    assert fake.roles == real.roles
    assert fake.module("prior") is real.module("prior")
    assert fake.device == real.device
    assert fake.value_range == real.value_range


def test_a_field_needs_itself_and_what_is_given_nothing(real: Run, fake: FakeRun) -> None:
    for given in ((), ("kind",), ("image",)):
        assert fake.tensor("image").needs(*given) == real.tensor("image").needs(*given)
    assert fake.tensor("reconstruction").needs("z") == real.tensor("reconstruction").needs("z") == set()


def test_splits_that_are_not_given_have_no_rows() -> None:
    run = FakeRun(tensors={"kind": {"test": torch.arange(3)}}, functions={}, fields={"kind": ClassField(("a", "b"))})
    assert run.counts == {"train": 0, "validation": 0, "test": 3}
    assert run.tensor("z").field is None
    assert run.roles == Roles(), "nothing is said unless it is given"


def test_a_run_for_hooks_has_the_tensors_of_the_other_and_keeps_warnings(tmp_path: Path) -> None:
    codes = torch.rand(12, 3)
    trained = FakeRun(
        tensors={"z": {"test": codes}}, functions={}, fields={}, modules={"encoder": torch.nn.Linear(3, 3)}
    )
    run = FakeObservedRun(tmp_path, trained)
    require_interface(run, ObservedRun)
    assert torch.equal(run.tensor("z"), codes[:8])
    assert torch.equal(run.tensor("z", count=20), codes)
    assert run.modules == trained.modules
    run.warn("slow")
    assert (run.folder, run.warnings, FakeObservedRun(tmp_path).warnings) == (tmp_path, ["slow"], [])
