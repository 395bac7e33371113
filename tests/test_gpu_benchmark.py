"""`python -m benchmarks.gpu`: what it checks is found where it is wrong, and it stops in time; rehearsed on the CPU."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
import torch

from benchmarks import by_hand, gpu, gpu_checks, gpu_page, gpu_speed
from benchmarks.made_up import made_up, write_mnist
from benchmarks.work import open_work
from semreg.core import AttributesField, ClassField, ImageField, VectorField
from semreg.data.datasets.mnist import MNIST

CPU = torch.device("cpu")


def test_a_family_passes_and_its_lines_become_a_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gpu.main(["--device", "cpu", "--only", "check vae_digits", "--out", str(tmp_path)])
    lines = [json.loads(line) for line in (tmp_path / "result.jsonl").read_text().splitlines()]
    checks = gpu_page.of(lines, "check")
    assert [line["check"] for line in checks] == list(gpu_checks.CHECKS)
    assert all(line["met"] for line in checks), checks
    page = gpu_page.page(lines)
    assert "phases with the same bits after a stop" in page
    assert "| vae_digits | main  | 0.0e+00" in page
    assert page.partition("## Checks")[0] in capsys.readouterr().out
    assert not list(tmp_path.glob("*.md")), "the page is written on a card alone"


def test_bits_that_differ_are_named() -> None:
    one = {"a": torch.tensor([0.0, 1.0]), "b": torch.tensor(2)}
    assert gpu_checks.differing(one, {name: tensor.clone() for name, tensor in one.items()}) == []
    assert gpu_checks.differing({**one, "a": torch.tensor([-0.0, 1.0])}, one) == ["a"]
    assert gpu_checks.differing({"a": one["a"]}, one) == ["b"]


def test_what_is_farthest_is_told_relative_to_its_norm_and_nothing_hides_a_nan() -> None:
    expected = {"small": torch.tensor([1e-3]), "large": torch.tensor([100.0])}
    found = {"small": torch.tensor([1.1e-3]), "large": torch.tensor([101.0])}
    worst, distance = gpu_checks.farthest(found, expected)
    assert (worst, distance) == ("small", pytest.approx(0.1, rel=1e-3))
    worst, distance = gpu_checks.farthest({**found, "large": torch.tensor([torch.nan])}, expected)
    assert worst == "large"
    assert not distance < 1
    with pytest.raises(ValueError, match="large"):
        gpu_checks.farthest({"small": expected["small"]}, expected)


def test_a_job_that_fails_is_told_and_the_next_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(_: gpu.Session) -> None:
        raise RuntimeError("CUDA error:\n an illegal access")

    def long(_: gpu.Session) -> None:
        time.sleep(60)

    monkeypatch.setattr(gpu, "jobs", lambda: {"first": broken, "second": long, "third": broken})
    begun = time.monotonic()
    gpu.main(["--device", "cpu", "--limit", "0.5", "--out", str(tmp_path)])
    assert time.monotonic() - begun < 30
    out = capsys.readouterr().out
    assert "first failed: RuntimeError: CUDA error: an illegal access (" in out
    assert "second failed: TimeoutError: the limit is reached" in out
    assert "left, for want of time: third" in out
    page = gpu_page.page([json.loads(line) for line in (tmp_path / "result.jsonl").read_text().splitlines()])
    assert "- third" in page


def test_the_most_important_jobs_come_first_and_none_is_twice() -> None:
    names = list(gpu.jobs())
    assert names[: len(gpu.FIRST)] == [f"check {family}" for family in gpu.FIRST]
    assert {f"check {family}" for family in gpu_checks.FAMILIES} <= set(names)
    assert {f"speed {name}, {precision}" for name in gpu_speed.SPEEDS for precision in ("fp32", "bf16")} <= set(names)


def test_goals_are_ratios_of_what_was_measured() -> None:
    name = next(iter(gpu_speed.SPEEDS))
    lines = [
        {"what": "speed", "name": name, "precision": "fp32", "contestant": contestant, "ms": ms, "images_per_second": 1}
        for contestant, ms in ((gpu_speed.BARE, 6.0), (gpu_speed.CAPTURED, 1.5))
    ]
    (goal,) = gpu_page.goals(lines)
    assert (goal.found, goal.met) == ("4.00 ×", True)
    lines[1]["ms"] = 3.0
    (goal,) = gpu_page.goals(lines)
    assert (goal.found, goal.met) == ("2.00 ×", False)


def test_a_recipe_by_hand_computes_the_loss_that_semreg_does(tmp_path: Path) -> None:
    """On one batch, with the same draws."""
    work = open_work(1)
    loop = by_hand.Loop(work, by_hand.vae(work.plan, by_hand.adam(fused=True)))
    image = loop.batches()[0][0]
    assert image.dtype == torch.float32
    assert (float(image.min()), float(image.max())) == (0.0, 1.0)
    model = by_hand.VAE(work.plan)
    runner = work.runner(tmp_path)
    (step,) = runner.steps
    torch.manual_seed(0)
    expected = float(model(image).detach())
    for draws in step.draws:
        draws.generator.manual_seed(0)
    execution = {"image": image}
    with torch.no_grad():
        found = step.losses["reconstruction_error"](execution) + 0.2 * step.losses["kl"](execution)
    assert float(found) == pytest.approx(expected, rel=1e-5)


def test_made_up_data_are_of_the_fields_that_are_asked_for() -> None:
    fields = {
        "image": ImageField(3, 5, 4), "kind": ClassField(("a", "b")), "marks": AttributesField(("x", "y", "z")),
        "at": VectorField(2),
    }  # fmt: skip
    data = made_up(fields, 30)
    shapes = {name: (tuple(array.shape), array.dtype) for name, array in data.arrays.items()}
    assert shapes == {
        "image": ((30, 3, 5, 4), torch.uint8), "kind": ((30,), torch.int64), "marks": ((30, 3), torch.uint8),
        "at": ((30, 2), torch.float32),
    }  # fmt: skip
    assert data.counts == {"train": 27, "validation": 3, "test": 0}


def test_made_up_digits_are_read_as_mnist_and_show_their_class(tmp_path: Path) -> None:
    write_mnist(tmp_path, 200, 50)
    data = MNIST(root=tmp_path)
    data.locate()
    source = data.source()
    assert source.images is not None
    images = torch.from_numpy(source.images(range(250))).float().flatten(1)
    digits = torch.from_numpy(source.labels["digit"])
    means = torch.stack([images[:200][digits[:200] == digit].mean(0) for digit in range(10)])
    nearest = torch.cdist(images[200:], means).argmin(1)
    assert (nearest == digits[200:]).float().mean() > 0.9
