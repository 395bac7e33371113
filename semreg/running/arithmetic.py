"""Arithmetic during a run: TF32, deterministic algorithms, denormal numbers. All of these are settings of the process,
restored afterwards."""

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
"""Workspaces with which cuBLAS gives the same bits each time (NVIDIA, cuBLAS Library, "Results Reproducibility")."""


@contextlib.contextmanager
def arithmetic(choices: Choices) -> Iterator[None]:
    """Compute as chosen inside; a process that already sets TF32 or determinism keeps the stricter setting.

    Enter it before the first use of CUDA. Raises UserError if that was too early for deterministic algorithms.
    """
    with contextlib.ExitStack() as entered:
        entered.enter_context(denormals_flushed())
        if not choices.tf32:
            entered.enter_context(_without_tf32())
        if choices.deterministic:
            entered.enter_context(_deterministic())
        yield


def tf32_in_convolutions() -> bool:
    """Return whether convolutions on a GPU may currently multiply in TF32."""
    cudnn: Any = torch.backends.cudnn
    return bool(cudnn.conv.fp32_precision == "tf32" if hasattr(cudnn, "conv") else cudnn.allow_tf32)


def matrix_precision() -> str:
    """Return the current precision of float32 matrix products: "highest", which is float32, or less."""
    try:
        return torch.get_float32_matmul_precision()
    except RuntimeError:  # PyTorch's newer settings were used, which have other words
        matmul: Any = torch.backends.cuda.matmul
        return str(matmul.fp32_precision)


@contextlib.contextmanager
def denormals_flushed() -> Iterator[None]:
    """Flush denormal numbers to zero inside: collapsing networks produce them, and they slow a CPU severalfold."""
    before = not float(torch.tensor(1e-39) * 1)  # PyTorch doesn't tell
    torch.set_flush_denormal(True)  # threads inherit this where they are made
    try:
        yield
    finally:
        torch.set_flush_denormal(before)


@contextlib.contextmanager
def _without_tf32() -> Iterator[None]:
    """Forbid products in TF32 inside, and in bfloat16 for float32.

    PyTorch 2.9 has settings for each operation besides the older ones. If they contradict each other, reading the older
    ones fails. So this sets the older ones first, which sets both, and then makes the newer ones as strict.
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
    """Make operations give the same bits each time inside, and raise RuntimeError if they can't.

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
