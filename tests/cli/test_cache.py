"""`semreg cache`, and `semreg cache clear`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock

from semreg.data.cache_collection import held
from tests.data.test_cache_collection import make_cache
from tests.store.conftest import make_run

Said = Callable[..., str]
A, B = "digits-" + "a" * 16, "avatars-" + "b" * 16


@pytest.fixture(autouse=True)
def _two_caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEMREG_CACHE", str(tmp_path / "cache"))
    for name in (A, B):
        make_cache(tmp_path / "cache" / name)
    make_run(Path("runs"), "vae-1", data={"cache": A})


def left() -> list[str]:
    return sorted(path.name for path in Path("cache").iterdir() if not path.name.endswith(".lock"))


def test_what_is_kept(said: Said) -> None:
    lines = said("cache").splitlines()
    assert lines[0].split() == ["cache", "images", "each", "size", "last", "used", "runs"]
    [row] = [line for line in lines if line.startswith(A)]
    assert row.split()[1:7] == ["1,200", "3", "×", "8", "×", "16"]
    assert row.split()[-1] == "1"
    assert " free" in lines[-1]
    kept = {one["name"]: one for one in json.loads(said("cache", "--json"))["caches"]}
    assert (kept[A]["runs"], kept[B]["runs"], kept[B]["dataset"], kept[B]["busy"]) == (["vae-1"], [], "avatars", False)


def test_what_is_not_kept(said: Said) -> None:
    header = Path("cache", A, "cache.json")
    header.write_text(json.dumps(json.loads(header.read_text()) | {"kept": 0}))
    [row] = [line for line in said("cache").splitlines() if line.startswith(A)]
    assert row.endswith("decoded when read")
    assert {one["name"]: one["decoded"] for one in json.loads(said("cache", "--json"))["caches"]} == {A: 0, B: None}


def test_clearing(said: Said, refused: Said) -> None:
    assert "give names" in refused("cache", "clear")
    assert "give names" in refused("cache", "clear", A, "--all")
    assert "is not a cache in" in refused("cache", "clear", "digit", B)
    assert left() == [B, A]
    assert said("cache", "clear", "--unused").startswith(f"cleared {B} (")
    assert left() == [A]
    assert said("cache", "clear", "--unused") == "every cache belongs to a run in runs\n"
    assert said("cache", "clear", "dig*").startswith(f"cleared {A} (")
    assert left() == []
    assert said("cache", "clear", "--all") == "there is no cache to clear\n"
    assert said("cache").startswith("no data set is cached in ")


def test_one_in_use_stays(said: Said, refused: Said) -> None:
    release = held(Path("cache") / A)
    try:
        assert "a process uses it" in refused("cache", "clear", "*")
        text = said("cache", "clear", "--all")
        assert f"{A} stays: a process uses it" in text
        assert "in use" in said("cache")
    finally:
        release()
    assert left() == [A]
    with FileLock(f"cache/.{A}.lock"):  # as who builds it
        assert f"{A} stays: a process uses it" in said("cache", "clear", "--all")
    said("cache", "clear", "--all")
    assert left() == []
