from __future__ import annotations

import gc
from contextlib import suppress

import pytest

from semreg.running.garbage import uncollected


@pytest.mark.parametrize("enabled", [True, False])
def test_collecting_goes_on_afterwards_as_before(enabled: bool) -> None:
    (gc.enable if enabled else gc.disable)()
    try:
        with suppress(KeyError), uncollected():
            assert not gc.isenabled()
            raise KeyError
        assert gc.isenabled() == enabled
    finally:
        gc.enable()
