"""Exported modules as ONNX files, compared in onnxruntime, if both are installed."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.export import ExportedProgram

from semreg.core import UserError
from semreg.core.errors import cause_of
from semreg.core.memory import out_of_memory
from semreg.exporting.modules import LONGEST_CAUSE, Part

TOLERANCE = 1e-4
"""The largest difference between onnxruntime's values and the run's, absolute and relative."""
PACKAGES = ("onnx", "onnxscript", "onnxruntime")


def require_onnx() -> None:
    """Raise UserError that names the missing packages and the command that installs them."""
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        several = "aren't" if len(missing) > 1 else "isn't"
        raise UserError("--onnx", f"{', '.join(missing)} {several} installed; `pip install 'semreg[onnx]'`")


def write_onnx(program: ExportedProgram, part: Part, path: Path) -> Callable[..., list[Tensor]]:
    """Write the program of a part as an ONNX file, and open it in onnxruntime: return a function of tensors.

    Inputs and outputs have the part's names; those of a single module, which may take more than tensors, have none.
    Raises UserError with the cause if ONNX or onnxruntime doesn't support the program.
    """
    import onnxruntime

    told: dict[str, Any] = {} if part.called else {"input_names": part.inputs, "output_names": part.outputs}
    try:
        with warnings.catch_warnings(action="ignore"):
            torch.onnx.export(program, (), path, dynamo=True, external_data=False, verbose=False, **told)
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    except Exception as error:  # whatever its converter of anyone's operation raises
        if isinstance(error, OSError) or out_of_memory(error):  # of a full disk
            raise
        path.unlink(missing_ok=True)
        raise UserError("", f"ONNX can't say it: {cause_of(error)[:LONGEST_CAUSE]}") from error
    names = [one.name for one in session.get_inputs()]

    def call(*values: Tensor) -> list[Tensor]:
        given: Sequence[Any] = [value.contiguous().numpy() for value in values]
        return [torch.from_numpy(one) for one in session.run(None, dict(zip(names, given, strict=True)))]

    return call
