"""What is only tried out fetches no weights."""

from __future__ import annotations

import contextlib

from semreg.components.pretrained import weights_are_wanted, without_weights


def test_weights_are_wanted_but_where_a_network_is_only_tried_out() -> None:
    assert weights_are_wanted()
    with contextlib.suppress(RuntimeError), without_weights():
        assert not weights_are_wanted()
        raise RuntimeError
    assert weights_are_wanted()
