"""What the evaluations share: attributes by name, shares of what is kept, rows at random."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from semreg_uniform.evaluations.common import agreement, attributes_of, draw_rows, kept


@pytest.mark.parametrize("rest", [[], ["z_0"]])
def test_codes_come_first_and_belong_to_the_labels_in_their_order(rest: list[str], world: Any) -> None:
    names = [*rest, "z_shape", "z_tone", "shape", "tone"]
    attributes = attributes_of("call", [world.tensor(name) for name in names])
    assert attributes.names == ["shape", "tone"]
    assert {name: code.name for name, code in attributes.codes.items()} == {"shape": "z_shape", "tone": "z_tone"}
    assert [handle.name for handle in attributes.rest] == rest
    rows = torch.tensor([5, 2])
    read = attributes.read("test", rows)
    assert list(read) == names[:-2]
    assert all(codes.equal(world.tensors[name]["test"][rows]) for name, codes in read.items())
    assert attributes.field("tone").names == ("dark", "light")
    assert attributes.read_labels("train")["shape"].equal(world.tensors["shape"]["train"])


def test_agreement_is_a_share_of_images_and_what_is_kept_its_mean() -> None:
    labels = {"shape": torch.tensor([0, 1, 2, 0]), "tone": torch.tensor([1, 1, 1, 1])}
    seen = {"shape": torch.tensor([0, 1, 2, 1]), "tone": torch.tensor([0, 0, 0, 1]), "pose": torch.zeros(4)}
    assert agreement(seen, labels) == {"shape": 0.75, "tone": 0.25}
    shares = [{"shape": 0.75, "tone": 0.25}, {"shape": 0.25, "tone": 0.25}]
    assert kept(shares, "_here") == {"kept_here_shape": 0.5, "kept_here_tone": 0.25}
    assert kept([]) == kept([{}, {}]) == {}


def test_rows_are_drawn_at_random_and_none_twice_while_there_are_enough() -> None:
    candidates = torch.arange(100, 140)
    generator = torch.Generator().manual_seed(0)
    few, all_, many = (draw_rows(candidates, count, generator) for count in (30, 40, 2000))
    assert len(few.unique()) == len(few) == 30
    assert not few.equal(candidates[:30])
    assert all_.sort().values.equal(candidates)
    assert len(many) == 2000
    assert many.unique().equal(candidates)
    assert int((many - 100).bincount().max()) < 100  # 50 each on average
