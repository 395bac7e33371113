"""ONNX files, where what makes and runs them is installed."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
import torch
from torch import nn

from semreg.core import UserError
from semreg.exporting.comparing import difference, real_images, values_for
from semreg.exporting.modules import Part, decoder_of, encoder_of, program_of
from semreg.exporting.onnx_files import PACKAGES, TOLERANCE, require_onnx, write_onnx
from semreg.trained.run import Run


def test_what_is_missing_is_said_with_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {"onnx"}
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name if name in found else None)
    with pytest.raises(UserError, match=r"onnxscript, onnxruntime aren't installed; `pip install 'semreg\[onnx\]'`"):
        require_onnx()
    found |= set(PACKAGES)
    require_onnx()


@pytest.mark.slow
@pytest.mark.skipif(not all(map(importlib.util.find_spec, PACKAGES)), reason="semreg[onnx] is not installed")
def test_onnxruntime_agrees(run: Run, tmp_path: Path) -> None:
    images = real_images(run, None)
    for part in (encoder_of(run), decoder_of(run)):
        call = write_onnx(program_of(part, values_for(run, part, None)), part, tmp_path / "part.onnx")
        assert difference(run, part, call, values_for(run, part, images), TOLERANCE) <= TOLERANCE
    smaller = torch.zeros(2, 5, 9, 3, dtype=torch.uint8)
    encoder = encoder_of(run)
    call = write_onnx(program_of(encoder, values_for(run, encoder, None)), encoder, tmp_path / "part.onnx")
    import onnxruntime

    session = onnxruntime.InferenceSession(tmp_path / "part.onnx")
    assert [one.name for one in (*session.get_inputs(), *session.get_outputs())] == ["image", "z"]
    assert torch.allclose(call(smaller)[0], encoder.module(smaller)[0], atol=TOLERANCE)


class Fourier(nn.Module):
    def forward(self, *values: torch.Tensor) -> tuple[torch.Tensor]:
        return (torch.linalg.eigvals(values[0] @ values[0].mT).real,)


@pytest.mark.slow
@pytest.mark.skipif(not all(map(importlib.util.find_spec, PACKAGES)), reason="semreg[onnx] is not installed")
def test_what_onnx_can_t_say_leaves_no_file(tmp_path: Path) -> None:
    part = Part("encoder", Fourier(), ("a",), ("b",))
    program = program_of(part, [torch.rand(2, 3, 3)])
    with pytest.raises(UserError, match="ONNX can't say it: "):
        write_onnx(program, part, tmp_path / "part.onnx")
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.skipif(not all(map(importlib.util.find_spec, PACKAGES)), reason="semreg[onnx] is not installed")
def test_a_full_disk_is_not_what_onnx_can_t_say(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*given: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    part = decoder_of(run)
    program = program_of(part, values_for(run, part, None))
    monkeypatch.setattr(torch.onnx, "export", full)
    with pytest.raises(OSError, match="No space left"):
        write_onnx(program, part, tmp_path / "part.onnx")
