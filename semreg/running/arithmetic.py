"""How numbers are computed while a run is made: TF32, deterministic algorithms, denormal numbers. All of it belongs to
the process, and is put back afterwards."""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Iterator
from typing import Any

import torch

from semreg.core import UserError
from semreg.running.choices import Choices

WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"
WORKSPACES = (":4096:8", ":16:8")
"""Those with which cuBLAS gives the same bits each time (NVIDIA, cuBLAS Library, "Results Reproducibility")."""


@contextlib.contextmanager
def arithmetic(choices: Choices) -> Iterator[None]:
    """Inside, numbers are computed as chosen; a process that sets TF32 or determinism by itself keeps what is stricter.

    It is entered before CUDA is first used. Raises UserError where deterministic algorithms come too late for that.
    """
    with contextlib.ExitStack() as entered:
        entered.enter_context(denormals_flushed())
        if not choices.tf32:
            entered.enter_context(_without_tf32())
        if choices.deterministic:
            entered.enter_context(_deterministic())
        yield


def tf32_in_convolutions() -> bool:
    """Whether convolutions on a GPU may multiply in TF32 at the moment."""
    cudnn: Any = torch.backends.cudnn
    return bool(cudnn.conv.fp32_precision == "tf32" if hasattr(cudnn, "conv") else cudnn.allow_tf32)


def matrix_precision() -> str:
    """In what precision matrix products of float32 are computed at the moment: "highest", which is float32, or less."""
    try:
        return torch.get_float32_matmul_precision()
    except RuntimeError:  # PyTorch's newer settings were used, which have other words
        matmul: Any = torch.backends.cuda.matmul
        return str(matmul.fp32_precision)


@contextlib.contextmanager
def denormals_flushed() -> Iterator[None]:
    """Denormal numbers are zero meanwhile: nets that collapse make them, and they slow a CPU severalfold."""
    before = not float(torch.tensor(1e-39) * 1)  # PyTorch doesn't tell
    torch.set_flush_denormal(True)  # threads inherit this where they are made
    try:
        yield
    finally:
        torch.set_flush_denormal(before)


@contextlib.contextmanager
def _without_tf32() -> Iterator[None]:
    """Nothing multiplies in TF32 meanwhile, nor in bfloat16 for float32.

    PyTorch 2.9 has settings for each operation beside the older ones. They must not contradict each other, since
    reading the older ones would fail then: the older are set first, which sets both, and the newer made as strict.
    """
    cudnn: Any = torch.backends.cudnn
    each: list[Any] = [cudnn.conv, cudnn.rnn, torch.backends.cuda.matmul] if hasattr(cudnn, "conv") else []
    before = [one.fp32_precision for one in each]
    products, convolutions = matrix_precision(), tf32_in_convolutions()
    _set_older("highest", False)
    for one in each:
        one.fp32_precision = "ieee"
    try:
        yield
    finally:
        _set_older(products if products in ("high", "medium") else "highest", convolutions)
        for one, value in zip(each, before, strict=True):
            if one.fp32_precision != value:
                one.fp32_precision = value


def _set_older(products: str, convolutions: bool) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch 2.9 recommends its newer settings, which older versions lack
        torch.set_float32_matmul_precision(products)
        torch.backends.cudnn.allow_tf32 = convolutions


@contextlib.contextmanager
def _deterministic() -> Iterator[None]:
    """Operations give the same bits each time meanwhile, and raise RuntimeError where they can't.

    `CUBLAS_WORKSPACE_CONFIG` stays set, since cuBLAS reads it once in a process.
    """
    if os.environ.get(WORKSPACE) not in WORKSPACES:
        if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
            said = f"{WORKSPACE}={WORKSPACES[0]} must be set before the process first uses the GPU, and it has used it"
            raise UserError("--deterministic", f"{said}; set it in the shell, or before anything is put on the GPU")
        os.environ[WORKSPACE] = WORKSPACES[0]
    cudnn = torch.backends.cudnn
    before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    kept = cudnn.deterministic, cudnn.benchmark
    torch.use_deterministic_algorithms(True)
    cudnn.deterministic, cudnn.benchmark = True, False
    try:
        yield
    finally:
        cudnn.deterministic, cudnn.benchmark = kept
        torch.use_deterministic_algorithms(before[0], warn_only=before[1])
