"""Masks as addresses hold them."""

from __future__ import annotations

import base64

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from semreg.trained.panels import Strip, painted, pictures_of, seen_by
from tests.trained.conftest import Train


@given(height=st.integers(1, 20), width=st.integers(1, 20), data=st.data())
def test_a_mask_comes_back_bit_by_bit(height: int, width: int, data: st.DataObject) -> None:
    bits = data.draw(st.lists(st.booleans(), min_size=height * width, max_size=height * width))
    text = base64.urlsafe_b64encode(np.packbits(bits).tobytes()).decode()
    assert torch.equal(painted(text, height, width), torch.tensor(bits).view(height, width))


def test_no_text_is_no_mask_and_another_is_refused() -> None:
    assert not painted("", 3, 5).any()
    for text in ("a", "AA==", "AAAA", "A A=", "é", "+/=="):
        with pytest.raises(ValueError, match="a mask of 3 × 5 pixels is 2 bytes in base64"):
            painted(text, 3, 5)


def test_an_image_is_seen_and_drawn_again(train: Train) -> None:
    run = train()
    image = run.tensor("image").read("test")[:1]
    seen = seen_by(run, image)
    assert torch.equal(seen.codes["z"], run.encode(image))
    assert torch.equal(pictures_of(run, Strip(codes=seen.codes)), run.decode(seen.codes["z"]).clamp(*run.value_range))
    assert pictures_of(run, Strip(images=image)) is image
    with pytest.raises(ValueError, match="this one has none"):
        pictures_of(run, Strip())


def test_a_run_is_told_the_class(train: Train) -> None:
    run = train("""
        [tensors]
        y = { use = "one_hot(kind)", classes = "@kind.classes" }
        reconstruction = "decoder(concatenate(z, y))"
    """)
    image = run.tensor("image").read("test")[:1]
    strip = Strip(codes=seen_by(run, image, kind="b").codes)
    by_name, by_number, other = (pictures_of(run, strip, kind=label) for label in ("b", 1, "c"))
    assert torch.equal(by_name, by_number)
    assert not torch.equal(by_name, other)
    with pytest.raises(ValueError, match="there is no class 'd'"):
        seen_by(run, image, kind="d")
