"""Masks as addresses hold them."""

from __future__ import annotations

import base64

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from semreg.trained.panels import painted


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
