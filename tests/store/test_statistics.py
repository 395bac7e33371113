"""Statistics of a run as a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from semreg.core import UserError
from semreg.store.statistics import packed, read_statistics, write_statistics


def test_they_are_read_as_they_were_written(tmp_path: Path) -> None:
    kept = {
        'interpolator geodesic {"norm": "a/b"}': {"directions": torch.randn(3, 2).mT, "ring": torch.tensor(True)},
        "rows of z": {"images": torch.tensor([3, 0])},
    }
    write_statistics(tmp_path, kept)
    read = read_statistics(tmp_path)
    assert read.keys() == kept.keys()
    for owner, tensors in kept.items():
        assert read[owner].keys() == tensors.keys()
        assert all(torch.equal(read[owner][name], tensor) for name, tensor in tensors.items())
    write_statistics(tmp_path, {"other": {"x": torch.ones(1)}})
    assert read_statistics(tmp_path).keys() == {"other"}


def test_where_there_are_none_nothing_is_read_and_damage_is_told(tmp_path: Path) -> None:
    assert read_statistics(tmp_path) == {}
    (tmp_path / "statistics.safetensors").write_bytes(b"nonsense")
    with pytest.raises(UserError, match="cannot be read"):
        read_statistics(tmp_path)


@pytest.mark.parametrize(
    "wrong",
    [
        3, {3: {}}, {"a": 3}, {"a": {"b": 3}}, {"a": {3: torch.ones(1)}}, {"a": {"b": torch.ones(2).to_sparse()}},
        {"a": {"b": torch.ones(2, device="meta")}},
    ],
)  # fmt: skip
def test_what_can_not_be_stored_is_refused(wrong: Any, tmp_path: Path) -> None:
    with pytest.raises(ValueError):
        packed(wrong)
    with pytest.raises(ValueError):
        write_statistics(tmp_path, wrong)
    assert not list(tmp_path.iterdir())
