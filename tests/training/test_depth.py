"""How deep a loss is called: what stands between a user's call and the mathematics is a cost and a thing to read."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from torch import Tensor

import semreg
from semreg.components.functional import in_float32

MOST_FRAMES = 12
"""From `semreg.run` to the loss itself, both counted."""
PACKAGE = str(Path(semreg.__file__).parent)


@pytest.mark.parametrize("decorated", [False, True])
def test_a_loss_in_training_is_called_through_few_frames(
    toy: Callable[..., Path],
    register: Callable[[str, str, Any], None],
    no_hooks: None,
    tmp_path: Path,
    decorated: bool,
) -> None:
    depths: list[list[str]] = []

    def looking(a: Tensor, b: Tensor, *, weight: float = 1.0) -> Tensor:
        frame, names = sys._getframe(1), ["looking"]
        while frame is not None:
            if frame.f_code.co_filename.startswith(PACKAGE):
                names.append(frame.f_code.co_name)
            frame = frame.f_back  # type: ignore[assignment]
        depths.append(names)
        return weight * (a - b).square().mean()

    register("loss", "looking", in_float32(looking) if decorated else looking)
    path = toy('[losses.rec]\nuse = "looking(reconstruction, image)"\nweight = 2.0')
    semreg.run(path, out=tmp_path / "runs", device="cpu")
    in_training = [names for names in depths if "loop" in names]
    assert len(in_training) == 12, "two epochs of six batches"
    assert max(map(len, in_training)) <= MOST_FRAMES, in_training[0]
