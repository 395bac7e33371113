"""Detection of exhausted memory, which PyTorch reports by three kinds of error."""

from __future__ import annotations

_SAYINGS = ("can't allocate memory", "not enough memory", "out of memory", "alloc_failed")


def out_of_memory(error: BaseException) -> bool:
    """Return whether an error means that memory ran out, on a GPU or on the CPU."""
    import torch  # here, since the core is imported by commands that answer without it

    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(saying in str(error).lower() for saying in _SAYINGS)
