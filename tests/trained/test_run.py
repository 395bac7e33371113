"""Handles of a trained run: read over a split, recomputed from other values."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import semreg
from semreg.components.values import tensors_of
from semreg.core import DiagonalGaussian, UserError
from semreg.data.splitting import with_validation
from semreg.trained.classes import read_images
from semreg.trained.read_cache import ReadCache
from semreg.trained.rows import concatenated, rows_in
from semreg.trained.run import Run

Toy = Callable[..., Path]
Register = Callable[[str, str, Any], None]

pytestmark = pytest.mark.usefixtures("no_hooks")


@pytest.fixture
def run(toy: Toy, tmp_path: Path) -> Run:
    path = toy('[tensors]\nmixed = "multiply(reconstruction, detach(image))"\nalias = "z"')
    return semreg.run(path, out=tmp_path / "runs", device="cpu", overrides=["data.range=[-1, 1]"])


def test_fields_are_read_as_batches_hold_them(run: Run) -> None:
    images, kinds, marks = (run.tensor(name).read("test") for name in ("image", "kind", "marks"))
    assert images.shape == (12, 1, 4, 4)
    assert images.dtype == torch.float32
    assert -1 <= images.min() < 0 < images.max() <= 1
    assert kinds.dtype == torch.int64
    assert marks.dtype == torch.float32
    assert run.tensor("kind").field == run.plan.fields["kind"]
    assert run.tensor("z").field is None


def test_tensors_are_read_over_a_split_and_over_its_first_rows(run: Run) -> None:
    codes = run.tensor("z").read("train")
    assert codes.shape == (48, 2)
    assert not codes.requires_grad
    assert torch.equal(run.tensor("z").read("train", count=5), codes[:5])
    assert torch.equal(run.tensor("alias").read("train"), codes)
    images = run.tensor("image").read("train")
    assert torch.allclose(run.encode(images), codes, atol=1e-6)


def test_posteriors_are_read_as_posteriors(run: Run) -> None:
    posterior = run.tensor("posterior").read("test")
    assert isinstance(posterior, DiagonalGaussian)
    assert posterior.mean.shape == posterior.log_variance.shape == (12, 2)


def test_a_sample_is_the_mean_unless_draws_are_asked_for(run: Run) -> None:
    mean = run.tensor("posterior").read("test").mean
    assert torch.equal(run.tensor("z").read("test"), mean)
    drawn = run.tensor("z").read("test", draws=True)
    assert not torch.allclose(drawn, mean)
    assert torch.equal(run.tensor("z").read("test", draws=True), drawn)


def test_values_given_replace_tensors_and_fields(run: Run) -> None:
    codes = torch.randn(7, 2)
    images = run.tensor("reconstruction").given(z=codes)
    assert images.shape == (7, 1, 4, 4)
    assert torch.equal(images, run.decode(codes))
    assert torch.equal(run.tensor("z").given(z=codes), codes)
    ones = torch.ones(7, 1, 4, 4)
    assert torch.equal(run.tensor("mixed").given(z=codes, image=2 * ones), 2 * images)


def test_gradients_flow_to_values_given_and_leave_nothing_with_modules(run: Run) -> None:
    decoder, codes = run.tensor("reconstruction"), torch.randn(60, 2, generator=torch.Generator().manual_seed(0))
    images = decoder.differentiable(z=codes.requires_grad_())
    torch.testing.assert_close(images.detach(), decoder.given(z=codes.detach()))
    [slope] = torch.autograd.grad(images[:50].sum(), codes)
    assert slope[:50].any()
    assert not slope[50:].any()
    step = 1e-3 * slope
    ahead, behind = (float(decoder.given(z=codes.detach() + by)[:50].double().sum()) for by in (step, -step))
    assert float(slope.square().sum()) == pytest.approx((ahead - behind) / 2e-3, rel=2e-2)
    assert all(parameter.grad is None for module in run.modules.values() for parameter in module.parameters())
    with pytest.raises(ValueError, match=r"'mixed' cannot be computed from only \['z'\]; also give \['image'\]"):
        run.tensor("mixed").differentiable(z=codes)


def test_what_is_given_in_several_batches_is_computed_row_by_row(run: Run) -> None:
    codes = torch.randn(600, 2)
    images = run.tensor("reconstruction").given(z=codes)
    assert images.shape == (600, 1, 4, 4)
    assert torch.allclose(images[300:310], run.decode(codes[300:310]), atol=1e-6)


def test_values_that_do_not_suffice_or_do_not_agree_are_refused(run: Run) -> None:
    with pytest.raises(ValueError, match=r"'mixed' cannot be computed from only \['z'\]; also give \['image'\]"):
        run.tensor("mixed").given(z=torch.zeros(3, 2))
    with pytest.raises(ValueError, match="rows"):
        run.tensor("mixed").given(z=torch.zeros(3, 2), image=torch.zeros(4, 1, 4, 4))
    with pytest.raises(ValueError, match=r"decode expects z \(n, 2\); 2 given"):
        run.decode(torch.zeros(3, 2), torch.zeros(3, 2))


def test_unknown_tensors_and_empty_splits_are_told(run: Run) -> None:
    with pytest.raises(UserError, match="no tensor 'reconstructon'; did you mean 'reconstruction'"):
        run.tensor("reconstructon")
    with pytest.raises(UserError, match="the validation split of the data is empty"):
        run.tensor("z").read("validation")


def test_validation_images_stand_for_test_images_by_both_names(run: Run) -> None:
    cut = with_validation(run.data, 7)
    seen = Run(run.folder, run.plan, run.modules, cut, run.device, run.seed, "validation")
    expected = cut.arrays["kind"][cut.rows("validation")]
    for split in ("test", "validation"):
        assert torch.equal(seen.tensor("kind").read(split), expected)
    assert seen.counts["test"] == 7
    assert torch.equal(read_images(seen.tensor("image"), "validation"), read_images(seen.tensor("image"), "test"))
    assert Run(run.folder, run.plan, run.modules, cut, run.device, run.seed).counts == cut.counts
    with pytest.raises(UserError, match=r"recipe\.toml: 1 error\n  data\.split\.validation"):
        _ = Run(run.folder, run.plan, run.modules, run.data, run.device, run.seed, "validation").data


def test_modules_are_had_by_name(run: Run) -> None:
    assert run.module("prior") is run.modules["prior"]
    with pytest.raises(UserError, match="no module 'decodr'; did you mean 'decoder'"):
        run.module("decodr")


def test_results_and_shots_are_those_of_the_recipe(toy: Toy, tmp_path: Path) -> None:
    text = '[data.split.shots.kind]\nb = 3\n[evaluate.seen]\nuse = "reconstructions"\n'
    run = semreg.run(toy(f'extends = "base.toml"\n{text}'), out=tmp_path / "runs", device="cpu")
    assert run.shots == {"kind": {"b": 3}}
    result = run.result("seen")
    assert result is not None
    assert list(result.figures)
    assert run.result("sen") is None


def test_several_codes_are_encoded_and_decoded_in_their_order(toy: Toy, tmp_path: Path) -> None:
    path = toy('[model]\ncode = ["z", "point_code"]\n[tensors]\npoint_code = "detach(z)"')
    run = semreg.run(path, out=tmp_path / "runs", device="cpu")
    codes = run.encode(torch.rand(3, 1, 4, 4))
    assert isinstance(codes, tuple)
    assert torch.equal(codes[0], codes[1])
    assert run.decode(*codes).shape == (3, 1, 4, 4)


def test_without_model_there_is_no_encoding(toy: Toy, tmp_path: Path) -> None:
    run = semreg.run(toy('without = ["model"]'), out=tmp_path / "runs", device="cpu")
    with pytest.raises(UserError, match=r'names no input and no code; add `input = "image"` and `code = \["z"\]`'):
        run.encode(torch.rand(3, 1, 4, 4))
    with pytest.raises(UserError, match=r'names no code and no output; add .* and `output = "reconstruction"`'):
        run.decode(torch.rand(3, 2))
    assert run.tensor("z").given(image=torch.rand(3, 1, 4, 4)).shape == (3, 2)


def test_single_rows_are_read_as_all_are(run: Run) -> None:
    rows = torch.tensor([7, 0, 7, 40])
    for name in ("z", "kind", "image"):
        assert torch.allclose(run.tensor(name).at("train", rows), run.tensor(name).read("train")[rows], atol=1e-6)
    assert run.tensor("posterior").at("train", rows).mean.shape == (4, 2)


# --- a batch at a time ---

NAMES = ("image", "kind", "marks", "point", "z", "posterior", "mixed")


def equal(a: Any, b: Any) -> bool:
    return all(map(torch.equal, tensors_of(a), tensors_of(b))) and type(a) is type(b)


@pytest.mark.parametrize("budget", [0, 10**9], ids=["streamed", "kept"])
@pytest.mark.parametrize("size", [1, 7, 10, 25, 256])
def test_batches_hold_what_is_read_bit_for_bit(
    budget: int, size: int, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("semreg.trained.run.BATCH", 10)  # 48 images are five batches
    run.kept = ReadCache(budget)
    for name in NAMES:
        handle = run.tensor(name)
        for options in ({}, {"draws": True}, {"count": 33}):
            found = list(handle.batches("train", size=size, **options))
            assert [rows_in(part) for part in found[:-1]] == [size] * (len(found) - 1)
            assert equal(concatenated(found), handle.read("train", **options))
    drawn = torch.cat(list(run.tensor("z").batches("train", size=size, draws=True)))
    assert not torch.allclose(drawn, run.tensor("z").read("train"))


def test_batches_of_what_is_given_are_computed_from_it_and_from_the_data(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("semreg.trained.run.BATCH", 10)
    codes = torch.randn(48, 2)
    made = torch.cat(list(run.tensor("reconstruction").batches("train", size=9, given={"z": codes})))
    assert torch.equal(made, run.tensor("reconstruction").given(z=codes))
    mixed = torch.cat(list(run.tensor("mixed").batches("train", given={"z": codes})))
    assert torch.allclose(mixed, made * run.tensor("image").read("train"), atol=1e-6)
    few = torch.cat(list(run.tensor("mixed").batches("train", given={"z": codes[:4]}, count=4)))
    assert torch.allclose(few, mixed[:4], atol=1e-6)
    assert not torch.allclose(run.tensor("mixed").read("train"), mixed), "what is given is kept for nobody"


def test_what_can_be_no_batches_is_told_at_once(run: Run) -> None:
    z = run.tensor("z")
    with pytest.raises(ValueError, match="size is 0; expected at least 1 row"):
        z.batches("train", size=0)
    with pytest.raises(UserError, match="the data have no split 'tset'; did you mean 'test'"):
        z.batches("tset")
    with pytest.raises(UserError, match="the validation split of the data is empty, and 'z' is read on it"):
        z.batches("validation")
    with pytest.raises(ValueError, match="'image' is given with 5 rows, and 12 of the test split are read"):
        z.batches("test", given={"image": torch.zeros(5, 1, 4, 4)})
    for call in (z.batches, z.read):
        with pytest.raises(ValueError, match="count is 0; expected at least 1"):
            call("test", count=0)
    with pytest.raises(UserError, match="the data have no split 'tset'"):
        z.at("tset", torch.tensor([0]))


def test_what_is_over_the_budget_is_held_a_batch_at_a_time(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("semreg.trained.run.BATCH", 4)
    run.kept = ReadCache(500)  # 48 codes take 384 bytes, images 3,072
    alive: list[weakref.ref[torch.Tensor]] = []
    compute = run.compute

    def watched(*arguments: Any) -> Any:
        value = compute(*arguments)
        alive.append(weakref.ref(value))
        return value

    monkeypatch.setattr(run, "compute", watched)
    most = 0
    for _ in run.tensor("image").batches("train", size=4):
        most = max(most, sum(reference() is not None for reference in alive))
    assert len(alive) == 12
    assert most <= 2
    assert run.kept.bytes == 0
    codes = run.tensor("z").read("train")
    assert run.kept.bytes == 384
    calls = len(alive)
    assert torch.equal(torch.cat(list(run.tensor("z").batches("train", size=5))), codes)
    assert run.tensor("z").read("train") is codes
    assert len(alive) == calls, "what is kept is not computed again"
    run.tensor("marks").read("train")  # 384 bytes, too: the codes make room
    assert run.kept.bytes == 384
    assert run.tensor("z").read("train") is not codes
