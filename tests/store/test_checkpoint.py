"""Checkpoints: everything comes back as it was, a damaged one gives way to the one before, nothing is unpickled."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from semreg.core import UserError
from semreg.store.checkpoint import KEPT, keep_last, read_checkpoint, read_latest, read_state, write_checkpoint

plain = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**60), 2**60), st.floats(allow_nan=False), st.text(max_size=5)
)
tensors = st.one_of(
    st.lists(st.floats(width=32, allow_nan=False), max_size=4).map(torch.tensor),
    st.lists(st.integers(-(2**62), 2**62), min_size=1, max_size=3).map(torch.tensor),
    st.booleans().map(torch.tensor),
    st.just(torch.arange(6.0).view(2, 3).t()),
    st.just(torch.zeros(0, 3)),
    st.just(torch.tensor([0.1, -2.0], dtype=torch.bfloat16)),
    st.just(torch.tensor(3.0, dtype=torch.float64)),
)
keys = st.one_of(st.text(alphabet="ab/.", max_size=4), st.integers(0, 9))
states = st.dictionaries(
    st.text(max_size=4),
    st.recursive(
        st.one_of(plain, tensors),
        lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(keys, inner, max_size=3)),
        max_leaves=8,
    ),
    max_size=4,
)


def equal(a: Any, b: Any) -> bool:
    if isinstance(a, torch.Tensor) or isinstance(b, torch.Tensor):
        both = isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor)
        return both and a.dtype == b.dtype and a.shape == b.shape and torch.equal(a, b)
    if isinstance(a, dict):
        return isinstance(b, dict) and list(a) == list(b) and all(equal(a[key], b[key]) for key in a)
    if isinstance(a, list):
        return isinstance(b, list) and len(a) == len(b) and all(map(equal, a, b))
    return type(a) is type(b) and bool(a == b)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(state=states)
def test_a_state_comes_back_as_it_was(tmp_path: Path, state: dict[str, Any]) -> None:
    write_checkpoint(tmp_path / "checkpoints", 1, state)
    found, notes = read_latest(tmp_path / "checkpoints")
    assert notes == []
    assert equal(found, state)


def test_an_optimizers_state_comes_back_as_it_was(tmp_path: Path) -> None:
    module = torch.nn.Linear(3, 2)
    optimizer = torch.optim.Adam(module.parameters(), betas=(0.5, 0.9))
    for _ in range(3):
        module(torch.ones(1, 3)).sum().backward()
        optimizer.step()
    state = {"optimizer": optimizer.state_dict()}
    write_checkpoint(tmp_path, 1, state)
    found, _ = read_latest(tmp_path)
    assert found is not None
    other = torch.optim.Adam(module.parameters())
    other.load_state_dict(found["optimizer"])
    for key, value in optimizer.state_dict()["state"].items():
        assert equal(dict(other.state_dict()["state"][key]), dict(value))
    assert list(other.param_groups[0]["betas"]) == [0.5, 0.9]


def test_tensors_that_share_memory(tmp_path: Path) -> None:
    weight = torch.arange(4.0)
    write_checkpoint(tmp_path, 1, {"a": weight, "b": weight, "view": weight[1:]})
    found, _ = read_latest(tmp_path)
    assert found is not None
    assert torch.equal(found["view"], weight[1:])
    found["a"].zero_()
    assert torch.equal(found["b"], weight)


def test_keys_with_slashes_are_not_mistaken_for_tables_in_tables(tmp_path: Path) -> None:
    state = {"a/b": torch.zeros(1), "a": {"b": torch.ones(1)}, "a/b'": torch.ones(2)}
    write_checkpoint(tmp_path, 1, state)
    assert equal(read_latest(tmp_path)[0], state)


def test_the_last_two_are_kept(tmp_path: Path) -> None:
    for number in range(1, 6):
        write_checkpoint(tmp_path, number, {"number": number})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["00000004", "00000005"]
    assert KEPT == 2
    assert read_latest(tmp_path) == ({"number": 5}, [])


def test_of_a_trained_run_the_last_is_kept_alone(tmp_path: Path) -> None:
    for number in (1, 2):
        write_checkpoint(tmp_path, number, {"number": number})
    keep_last(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["00000002"]
    keep_last(tmp_path)
    assert read_latest(tmp_path) == ({"number": 2}, [])


def test_a_trained_run_is_used_as_its_last_checkpoint_has_it_or_not_at_all(tmp_path: Path) -> None:
    for number in (1, 2):
        write_checkpoint(tmp_path / "checkpoints", number, {"number": number})
    assert read_state(tmp_path, {"trained": True}) == read_state(tmp_path, {}) == {"number": 2}
    damage_tensors(tmp_path / "checkpoints" / "00000002")
    assert read_state(tmp_path, {}) == {"number": 1}
    assert read_state(tmp_path, {"trained": True}) is None


def test_what_is_no_number_of_ours_is_no_checkpoint(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, 3, {"number": 3})
    for name in ("1²", "٣", "0000000٤", "9" * 200, "12", "00000009.old"):
        (tmp_path / name).mkdir()
    assert read_latest(tmp_path) == ({"number": 3}, [])


def test_no_checkpoint(tmp_path: Path) -> None:
    assert read_latest(tmp_path / "nowhere") == (None, [])
    (tmp_path / ".00000001.part").mkdir()
    assert read_latest(tmp_path) == (None, [])


def damage_tensors(path: Path) -> None:
    content = bytearray((path / "tensors.safetensors").read_bytes())
    content[-1] ^= 1
    (path / "tensors.safetensors").write_bytes(content)


DAMAGES = {
    "bit": damage_tensors,
    "cut": lambda path: (path / "tensors.safetensors").write_bytes((path / "tensors.safetensors").read_bytes()[:-5]),
    "empty": lambda path: (path / "tensors.safetensors").write_bytes(b""),
    "no tensors": lambda path: (path / "tensors.safetensors").unlink(),
    "no state": lambda path: (path / "state.json").unlink(),
    "cut state": lambda path: (path / "state.json").write_text((path / "state.json").read_text()[:-3]),
    "other state": lambda path: (path / "state.json").write_text("[1, 2]"),
    "binary state": lambda path: (path / "state.json").write_bytes(b"\xff\xfe"),
    "nothing": lambda path: [file.unlink() for file in path.iterdir()],
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_gives_way_to_the_one_before_with_a_note(tmp_path: Path, damage: str) -> None:
    for number in (1, 2):
        path = write_checkpoint(tmp_path, number, {"number": number, "weight": torch.ones(3)})
    DAMAGES[damage](path)
    found, [note] = read_latest(tmp_path)
    assert found is not None
    assert found["number"] == 1
    assert "00000002: damaged checkpoint" in note
    with pytest.raises(UserError, match="damaged checkpoint"):
        read_checkpoint(path)


def test_all_damaged_is_none_with_a_note_for_each(tmp_path: Path) -> None:
    for number in (1, 2):
        damage_tensors(write_checkpoint(tmp_path, number, {"weight": torch.ones(3)}))
    found, notes = read_latest(tmp_path)
    assert found is None
    assert len(notes) == 2


class Bomb:
    def __reduce__(self) -> Any:
        return (pytest.fail, ("something was unpickled",))


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    path = write_checkpoint(tmp_path, 1, {"weight": torch.ones(3)})
    bomb = pickle.dumps(Bomb())
    (path / "tensors.safetensors").write_bytes(bomb)
    with pytest.raises(UserError):
        read_checkpoint(path)
    (path / "state.json").write_bytes(bomb)
    with pytest.raises(UserError):
        read_checkpoint(path)
    good = write_checkpoint(tmp_path, 2, {"weight": torch.ones(3), "list": [1, {"a": None}]})
    assert {file.name for file in good.iterdir()} == {"tensors.safetensors", "state.json"}
    json.loads((good / "state.json").read_text())


def test_a_half_written_one_of_the_same_number_is_replaced(tmp_path: Path) -> None:
    (tmp_path / ".00000001.part").mkdir()
    (tmp_path / ".00000001.part" / "tensors.safetensors").write_bytes(b"half")
    (tmp_path / "00000001").mkdir()
    write_checkpoint(tmp_path, 1, {"number": 1})
    assert read_latest(tmp_path) == ({"number": 1}, [])
