"""What a data set says of itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from semreg.data.cache import cached


def test_a_single_class_in_training_is_constant(toy: Any, tmp_path: Path) -> None:
    data = cached(toy, folder=tmp_path)
    split = torch.where(data.arrays["digit"] == 3, 0, 2).to(torch.uint8)
    assert replace(data, split=split).constant_attributes() == {"digit": ["digit"], "attributes": ["even", "never"]}
