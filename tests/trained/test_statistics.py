"""What interpolators learn of the training codes is kept with a run: between images they then go without the data."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from semreg_atnl.geodesic import Geodesic
from torch import Tensor

import semreg
from semreg.components.priors import StandardNormal
from semreg.core import DataMissing, UserError
from semreg.store.layout import STATISTICS
from semreg.store.statistics import write_statistics
from semreg.trained import interpolate, path_of
from semreg.trained.run import Run
from semreg.trained.statistics import fitted_interpolators, fitted_state
from tests.trained.conftest import KINDS, Elsewhere, Fitted, Train

Register = Callable[[str, str, Any], None]

OWN = {"norm": "interpolated"}
GEODESIC = f'{KINDS}[model.interpolator]\nuse = "geodesic"\nnorm = "interpolated"\n'


@pytest.fixture
def run(train: Train, register: Register, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The run, opened where its data are not."""
    monkeypatch.setattr(Elsewhere, "gone", False)
    register("dataset", "elsewhere", Elsewhere)
    trained = train(f'extends = "base.toml"\n{GEODESIC}[data]\nuse = "elsewhere"\n')
    monkeypatch.setattr(Elsewhere, "gone", True)
    return semreg.open_run(trained.folder, device="cpu")


def by_hand(run: Run, monkeypatch: pytest.MonkeyPatch, **options: Any) -> Geodesic:
    """What is fitted on the training codes, for which the data are there."""
    with monkeypatch.context() as patch:
        patch.setattr(Elsewhere, "gone", False)
        return Geodesic(**options).fit(run.tensor("z").read("train"), run.tensor("kind").read("train"), "line")


def test_the_runs_interpolator_and_all_by_their_defaults_are_kept(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for options in (OWN, {}):
        kept = fitted_state(run, "geodesic", options)
        assert kept is not None
        expected = by_hand(run, monkeypatch, **options).state()
        assert kept.keys() == expected.keys()
        assert all(torch.allclose(kept[name], expected[name]) for name in kept)
    assert fitted_state(run, "geodesic", {**OWN, "offsets": "carried"}) is None


def test_what_is_kept_needs_no_data_and_other_options_do(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = torch.rand(2, 3, 1, 4, 4)
    images = run.interpolate(a, b, steps=4)
    geodesic = by_hand(run, monkeypatch, **OWN)
    codes = geodesic(run.encode(a), run.encode(b), torch.tensor(1 / 3))
    assert torch.allclose(images[:, 1], run.decode(codes).clamp(0, 1), atol=1e-5)
    assert torch.equal(interpolate(run, a, b, steps=4, interpolator="geodesic"), images)
    other = {"use": "geodesic", "offsets": "carried", **OWN}
    with pytest.raises(DataMissing, match=r"the data that it was trained on are needed here\. Elsewhere not found"):
        interpolate(semreg.open_run(run.folder, device="cpu"), a, b, interpolator=other)
    monkeypatch.setattr(Elsewhere, "gone", False)
    assert interpolate(run, a, b, steps=4, interpolator=other).shape == images.shape


def test_a_run_that_kept_nothing_is_fitted_on_its_data(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends = torch.rand(2, 3, 1, 4, 4)
    shutil.copytree(run.folder, tmp_path / "runs" / "copy")
    (tmp_path / "runs" / "copy" / STATISTICS).unlink()
    copy = semreg.open_run(tmp_path / "runs" / "copy", device="cpu")
    with pytest.raises(DataMissing):
        interpolate(copy, *ends)
    monkeypatch.setattr(Elsewhere, "gone", False)
    assert torch.allclose(interpolate(copy, *ends), interpolate(run, *ends), atol=1e-5)


def test_what_is_kept_and_is_no_such_state_is_refused(run: Run) -> None:
    write_statistics(run.folder, {name: {"mean": torch.zeros(2)} for name in run.statistics})
    with pytest.raises(UserError, match=r"its files are not those of a run of this recipe: .*directions"):
        path_of(semreg.open_run(run.folder, device="cpu"))


@pytest.mark.usefixtures("ways")
def test_an_interpolator_that_fails_is_left_out_and_the_others_kept(train: Train, register: Register) -> None:
    class Failing(Fitted):
        def fit(self, codes: Tensor, labels: Tensor, order: str) -> None:
            raise RuntimeError("no reason")

    class Stateless:
        def fit(self, codes: Tensor, labels: Tensor, order: str) -> None: ...

    register("interpolator", "failing", Failing)
    register("interpolator", "stateless", Stateless)
    run = train(f'{KINDS}[model.interpolator]\nuse = "fitted"\nshare = 0.5\n')
    assert [fitted_state(run, "fitted", options) is not None for options in ({}, {"share": 0.5})] == [True, True]
    assert [fitted_state(run, name, {}) for name in ("failing", "stateless", "linear")] == [None] * 3
    with pytest.raises(RuntimeError, match="no reason"):
        path_of(run, "failing")


@pytest.mark.parametrize("attributes", ["", 'kind = "posterior"', 'marks = "z"'])
def test_without_vectors_of_classes_nothing_is_kept(train: Train, attributes: str) -> None:
    run = train(f'[model]\ncode = ["z", "posterior"]\n[model.attributes]\n{attributes}\n')
    assert fitted_interpolators(run) == {}
    assert not (run.folder / STATISTICS).exists()


def test_roles_that_are_said_later_keep_their_own(train: Train, monkeypatch: pytest.MonkeyPatch) -> None:
    tensors = '[tensors]\nmore = "multiply(z, z)"\n'
    first = train(f'{tensors}[model]\ncode = ["z"]\n')
    assert not (first.folder / STATISTICS).exists()
    run = train(f"{tensors}{KINDS}")
    assert run.folder == first.folder
    opened = semreg.open_run(run.folder, device="cpu")
    kept = fitted_state(opened, "geodesic", {})
    assert kept is not None
    other = train(f'{tensors}[model]\ncode = ["more"]\nattributes = {{ kind = "more" }}\n')
    assert other.folder == first.folder
    moved = fitted_state(semreg.open_run(run.folder, device="cpu"), "geodesic", {})
    assert moved is not None
    assert not torch.allclose(kept["directions"], moved["directions"])


FITTED = '[model.prior]\nz = "fitted"\n[modules.fitted]\nuse = "fitted_gaussian"\nsize = 2\n'


def test_priors_are_fitted_to_the_codes_and_opened_so(train: Train) -> None:
    first = train()
    run = train(FITTED)
    assert run.folder == first.folder  # which was trained without it
    codes, prior = run.tensor("z").read("train", draws=True), run.module("fitted")
    torch.testing.assert_close(prior.means[0], codes.mean(0))
    torch.testing.assert_close(prior.sample(20_000).T.cov(), codes.T.cov(correction=0), rtol=0.1, atol=0.1)
    opened = semreg.open_run(run.folder, data_root=run.folder / "nowhere", device="cpu")
    assert torch.equal(opened.sample(3, seed=1), run.sample(3, seed=1))
    own = opened.module("fitted").state()
    assert all(torch.equal(value, own[name]) for name, value in prior.state().items())


def test_priors_of_classes_are_fitted_to_the_codes_of_each(train: Train) -> None:
    run = train(KINDS + FITTED.replace("size = 2", "size = 2\nclasses = 3"))
    codes, kinds = run.tensor("z").read("train", draws=True), run.tensor("kind").read("train")
    means = torch.stack([codes[kinds == kind].mean(0) for kind in range(3)])
    torch.testing.assert_close(run.module("fitted").means, means)
    assert not torch.equal(run.sample(3, label=0), run.sample(3, label=1))


def test_a_prior_that_refuses_the_codes_is_told_and_stays_as_it_was(
    train: Train, capsys: pytest.CaptureFixture[str]
) -> None:
    run = train(FITTED.replace("size = 2", "size = 3"))
    assert torch.equal(run.module("fitted").means, torch.zeros(1, 3))
    told = "warning: modules.fitted was not fitted to 'z', and keeps its initial values: fitted_gaussian.fit(codes)"
    assert told in capsys.readouterr().err


class Centred(StandardNormal):
    """A prior that is fitted: N(mean of the codes + shift, I)."""

    def __init__(self, *, size: int, shift: float) -> None:
        super().__init__(size=size)
        self.shift, self.centre = shift, torch.zeros(size)

    def fit(self, codes: Tensor, *labels: Tensor) -> None:
        self.centre = codes.mean(0) + self.shift

    def state(self) -> dict[str, Tensor]:
        return {"centre": self.centre}

    def load_state(self, state: dict[str, Tensor]) -> None:
        self.centre = state["centre"]


def test_one_run_keeps_what_several_recipes_fit_to_its_codes(train: Train, register: Register) -> None:
    register("prior", "centred", Centred)

    def centre(shift: int) -> tuple[Path, Tensor]:
        own = f'[modules.own]\nuse = "centred"\nsize = 2\nshift = {shift}\n'
        run = train(f'[model.prior]\nz = "own"\n{own}')
        return run.folder, run.modules["own"].centre  # type: ignore[return-value]

    folder, near = centre(0)
    other, far = centre(7)
    assert other == folder, "nothing is trained anew"
    torch.testing.assert_close(far, near + 7)
    assert torch.equal(centre(0)[1], near)
