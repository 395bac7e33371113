"""What a data set says of itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from semreg.core import AttributesField
from semreg.data.cache import cached


def test_a_single_class_in_training_is_constant(toy: Any, tmp_path: Path) -> None:
    data = cached(toy, folder=tmp_path)
    split = torch.where(data.arrays["digit"] == 3, 0, 2).to(torch.uint8)
    assert replace(data, split=split).constant_attributes() == {"digit": ["digit"], "attributes": ["even", "never"]}


def test_an_attribute_is_constant_among_the_images_of_which_it_is_known(toy: Any, tmp_path: Path) -> None:
    data = cached(toy, folder=tmp_path)
    known = torch.stack([data.arrays["digit"] % 2 == 0, data.arrays["digit"] > 0], 1).to(torch.uint8)
    names = data.fields["attributes"].references()["names"]
    partly = replace(
        data,
        fields=data.fields | {"attributes_known": AttributesField(tuple(names))},
        arrays=data.arrays | {"attributes_known": known, "attributes": data.arrays["attributes"] * known},
    )
    assert partly.constant_attributes() == {"attributes": ["even", "never"]}, "even are all of which it is known"
