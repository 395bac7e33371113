"""`semreg doctor`: all that a bug report needs, whatever is broken."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from semreg.cli import doctor
from semreg.core.version import __version__

Said = Callable[..., str]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEMREG_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("SEMREG_DATA", raising=False)


def told(said: Said) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(said("doctor", "--json"))
    return found


def test_each_part_is_told(said: Said) -> None:
    found = told(said)
    assert list(found) == ["versions", "devices", "plugins", "places", "data"]
    assert found["versions"]["semreg"].startswith(f"{__version__} (interface ")
    assert {"python", "platform", "torch", "torchvision"} <= found["versions"].keys()
    assert "threads" in found["devices"]["cpu"]
    assert set(found["plugins"].values()) == {"ready"}
    assert "0 data sets" in found["places"]["caches"]
    assert "can be written" in found["places"]["runs"]
    assert "missing" in found["places"]["data root"]
    assert found["data"]["digits"] == "found"
    assert found["data"]["mnist"] == "missing: MNIST not found under data"
    assert found["data"]["image_folder"] == "needs options: path"


def test_what_makes_training_faster_is_told_with_its_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    flags = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    assert doctor.faster()["bf16"].startswith("instructions" if "bf16" in flags else "no instructions")
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setenv("CXX", sys.executable)
    assert doctor.faster()["compile"] == "a compiler"
    monkeypatch.setenv("CXX", "no-such-compiler")
    assert "needs a compiler of C++ (looked for CXX=no-such-compiler)" in doctor.faster()["compile"]


def test_as_text_to_be_pasted(said: Said) -> None:
    lines = said("doctor").splitlines()
    assert [line for line in lines if not line.startswith("  ")] == ["versions", "devices", "plugins", "places", "data"]
    assert any(line.split()[:2] == ["digits", "found"] for line in lines)


def test_what_is_broken_is_named_and_hinders_nothing(
    said: Said, install: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = {"gone": "no_such_module:Data", "rude": "rude:Rude", "ending": "rude:Ending"}
    code = "class Rude:\n    def locate(self): raise RuntimeError('no luck')\n"
    code += "class Ending:\n    def __init__(self): raise SystemExit(3)\n"
    install("semreg-broken", {"semreg.datasets": broken}, rude=code)

    def fails() -> dict[str, Any]:
        raise OSError("no such device")

    monkeypatch.setattr(doctor, "_devices", fails)
    found = told(said)
    assert found["devices"] == {"failed": "OSError: no such device"}
    assert "broken: there is no package no_such_module" in found["plugins"]["semreg-broken 1.2"]
    assert "cannot be imported" in found["data"]["gone"]
    assert found["data"]["rude"] == "failed: RuntimeError: no luck"
    assert found["data"]["ending"] == "failed: SystemExit: 3"
    assert found["data"]["digits"] == "found"


def test_the_limit_of_caches_is_told(said: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEMREG_CACHE_LIMIT", "200 GB")
    assert "SEMREG_CACHE_LIMIT of 200 GB each" in told(said)["places"]["caches"]
    monkeypatch.setenv("SEMREG_CACHE_LIMIT", "much")
    assert "'much' is not an amount" in told(said)["places"]["caches"]


def test_a_folder_that_cannot_be_written_is_told(said: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor.os, "access", lambda path, mode: False)  # a test may run as root
    assert "CANNOT be written" in told(said)["places"]["caches"]
