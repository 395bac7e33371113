"""A set of images ten times as large as the memory is evaluated, one larger than the machine's is opened, and one that
its cache does not hold is trained on."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import semreg
from semreg.data import building, shards
from semreg.data.cache import cached
from semreg.data.decoding import CannotRead, Decoder
from semreg.trained import Run
from tests.large_data import RECIPE, Noise

ROOT = Path(__file__).parent.parent


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits the private memory of a process")
def test_a_set_ten_times_the_memory_is_evaluated(tmp_path: Path) -> None:
    alone = {"OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"}  # each thread would have memory of its own
    environment = os.environ | alone | {"SEMREG_CACHE": str(tmp_path / "cache")}
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), environment.get("PYTHONPATH", "")])
    command = [sys.executable, "tests/large_data.py", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    for evaluation in ("reconstructions", "linear_probe", "knn", "leakage", "divergence", "fid"):
        assert f"{evaluation} {{" in done.stdout


@pytest.mark.filterwarnings("error")
def test_a_cache_that_linux_maps_only_to_be_read_is_opened_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = cached(Noise(count=12), folder=tmp_path).arrays["image"].clone()
    load, modes = np.load, []

    def refusing(*arguments: Any, mmap_mode: str | None = None, **options: Any) -> Any:
        modes.append(mmap_mode)
        if mmap_mode == "c":
            raise OSError(errno.ENOMEM, "Cannot allocate memory")
        return load(*arguments, mmap_mode=mmap_mode, **options)

    monkeypatch.setattr(building.np, "load", refusing)
    opened = cached(Noise(count=12), folder=tmp_path)
    assert modes.count("c") == modes.count("r") == 1, "it is not built again"
    assert opened.arrays["image"].equal(whole)


@pytest.fixture
def trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """`trained(out, *overrides)`: a run on 100 small JPEG files in `root`, decoded by this process alone."""
    random = np.random.default_rng(0)
    for index in range(100):
        path = tmp_path / f"root/pictures/{'ab'[index % 2]}/{index}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 256, (20, 20, 3), dtype=np.uint8)).save(path)
    recipe = RECIPE.replace('use = "noise"\nbatch_size = 60', 'use = "image_folder"\npath = "pictures"\nsize = 8')
    (tmp_path / "recipe.toml").write_text(recipe + '\n[evaluate.knn]\nuse = "knn(z, label)"')
    monkeypatch.setenv("SEMREG_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("SEMREG_WORKERS", "1")
    options = ["data.batch_size=16", "phases.main.epochs=3"]

    def trained(out: str, *overrides: str) -> Run:
        return semreg.run(
            tmp_path / "recipe.toml",
            overrides=[*options, *overrides],
            data_root=tmp_path / "root",
            out=tmp_path / out,
            device="cpu",
        )

    return trained


def assert_same(one: Run, other: Run) -> None:
    """They have the same weights, and the same figures."""
    for name, module in one.modules.items():
        for key, value in module.state_dict().items():
            assert torch.equal(value, other.modules[name].state_dict()[key]), (name, key)
    figures = [next(run.folder.glob("evaluations/knn-*/result.json")).read_text() for run in (one, other)]
    assert figures[0] == figures[1]


def test_what_the_cache_does_not_hold_trains_the_same_bits(trained: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    by_shards = 'data.sampler={use="shuffled_shards", window=2}'
    monkeypatch.setattr(shards, "SHARD_BYTES", 3 * 8 * 8 * shards.CHUNK_ROWS // 4)
    monkeypatch.setattr(shards, "CHUNK_ROWS", 4)
    whole = trained("whole", by_shards)
    assert whole.data.images.kept == 7
    shutil.rmtree(os.environ["SEMREG_CACHE"])
    monkeypatch.setenv("SEMREG_CACHE_LIMIT", "10 kB")
    some = trained("some", by_shards)
    assert some.data.images.kept == 3
    assert_same(some, whole)
    assert (some.folder.name, some.data.fingerprint) == (whole.folder.name, whole.data.fingerprint)
    assert_same(trained("none", by_shards, 'data.decode="on_read"'), whole)


def test_files_that_vanish_or_are_cut_off_stop_a_run_which_goes_on_once_they_are_back(
    trained: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = trained("whole", 'data.decode="on_read"')
    decode, folder, elsewhere, batches = Decoder.__call__, tmp_path / "root/pictures/a", tmp_path / "elsewhere", 0

    def spoil(cut: bool) -> None:
        folder.rename(elsewhere)
        folder.mkdir()
        for path in elsewhere.iterdir() if cut else ():
            (folder / path.name).write_bytes(path.read_bytes()[:100])

    def mend() -> None:
        shutil.rmtree(folder)
        elsewhere.rename(folder)

    def vanishing(self: Decoder, *given: Any) -> Any:
        nonlocal batches
        batches += 1
        if batches == 8:
            spoil(cut=False)
        return decode(self, *given)

    def cut_off_when_evaluated(self: Decoder, *given: Any) -> Any:
        (status,) = (tmp_path / "stopped").glob("*/status.json")
        if "evaluating" in status.read_text():
            spoil(cut=True)
        return decode(self, *given)

    monkeypatch.setattr(Decoder, "__call__", vanishing)
    with pytest.raises(CannotRead, match=r"pictures/a/\d+\.jpg: there is no such image file"):
        trained("stopped", 'data.decode="on_read"')
    mend()
    monkeypatch.setattr(Decoder, "__call__", cut_off_when_evaluated)
    with pytest.raises(CannotRead, match=r"pictures/a/\d+\.jpg: not a readable image"):
        trained("stopped", 'data.decode="on_read"')
    mend()
    monkeypatch.setattr(Decoder, "__call__", decode)
    assert_same(trained("stopped", 'data.decode="on_read"'), whole)
