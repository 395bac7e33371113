"""An export is uploaded by `huggingface_hub`; no test asks the network."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from semreg.core import UserError
from semreg.exporting.hub import require_hub, upload


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """What a Hub in the place of the real one is asked."""
    asked: list[tuple[str, dict[str, Any]]] = []

    class Address(str):
        def __new__(cls, repo_id: str) -> Address:
            made = super().__new__(cls, f"https://hub.example/{repo_id}")
            made.repo_id = repo_id  # type: ignore[attr-defined]
            return made

    class HfApi:
        def create_repo(self, name: str, **options: Any) -> str:
            if name == "nobody/model":
                raise ValueError("401: no token")
            asked.append(("create_repo", {"name": name, **options}))
            return Address(name if "/" in name else f"someone/{name}")

        def upload_folder(self, **options: Any) -> None:
            asked.append(("upload_folder", options))

    hub = ModuleType("huggingface_hub")
    hub.HfApi = HfApi  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "huggingface_hub", hub)
    return asked


@pytest.mark.parametrize("name", ["someone/model", "model"])
def test_a_model_is_made_and_private(calls: list[tuple[str, dict[str, Any]]], tmp_path: Path, name: str) -> None:
    assert upload(tmp_path, name) == "https://hub.example/someone/model"
    (_, made), (_, uploaded) = calls
    assert made == {"name": name, "private": True, "exist_ok": True}
    assert (uploaded["repo_id"], uploaded["folder_path"]) == ("someone/model", tmp_path)


def test_what_the_hub_refuses_is_said(calls: list[tuple[str, dict[str, Any]]], tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"nobody/model was not uploaded: 401: no token; {tmp_path} is complete"):
        upload(tmp_path, "nobody/model")
    assert not calls


def test_without_the_package_it_is_said_before_anything_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="huggingface_hub isn't installed"):
        require_hub("a/b")


@pytest.mark.skipif(importlib.util.find_spec("huggingface_hub") is None, reason="huggingface_hub is not installed")
def test_a_name_that_is_none_and_a_token_that_is_missing_are_said_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HF_TOKEN", "x")
    require_hub("someone/model")
    for name in ("a b", "a/b/c", ""):
        with pytest.raises(UserError, match="--push"):
            require_hub(name)
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setattr("huggingface_hub.get_token", lambda: None)
    with pytest.raises(UserError, match="`hf auth login`"):
        require_hub("someone/model")
