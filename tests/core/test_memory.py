"""Memory that ran out is told from other errors."""

from __future__ import annotations

import pytest
import torch

from semreg.core.memory import out_of_memory


def test_memory_that_ran_out_is_recognised() -> None:
    with pytest.raises(RuntimeError) as raised:
        torch.empty(2**60, dtype=torch.uint8)
    assert out_of_memory(raised.value)
    for error in (
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("cuDNN: not enough memory"),
    ):
        assert out_of_memory(error)


def test_other_errors_are_others() -> None:
    with pytest.raises(RuntimeError) as raised:
        torch.zeros(2, 3) @ torch.zeros(2, 3)
    for error in (raised.value, OSError("out of memory"), ValueError("not enough memory"), KeyboardInterrupt()):
        assert not out_of_memory(error)
