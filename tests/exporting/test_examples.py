"""The example of an export is a short script that PyTorch alone is enough for."""

from __future__ import annotations

import ast
import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from semreg.core import UserError
from semreg.exporting.examples import DECODED, EXAMPLE, example_of, example_of_modules, image_file, run_alone
from semreg.exporting.modules import decoder_of, encoder_of
from semreg.trained.run import Run
from tests.trained.conftest import Train


def imported(text: str) -> set[str]:
    return {name.name for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Import) for name in node.names}


def test_it_has_fifteen_lines_and_imports_pytorch(run: Run) -> None:
    text = example_of(run, [encoder_of(run), decoder_of(run)], pictures=True)
    assert len([line for line in text.splitlines() if line.strip()]) <= 15
    assert imported(text) == {"torch"}


def test_without_an_encoder_codes_are_made_up(train: Train) -> None:
    run = train()
    alone = example_of(run, [decoder_of(run)], pictures=False)
    assert 'torch.export.load("decoder.pt2").module()(torch.zeros(1, 2))\n' in alone
    assert "decoder.pt2" not in example_of(run, [encoder_of(run)], pictures=False)


def test_modules_alone_are_called_on_what_they_take() -> None:
    inputs = [{"shape": ["batch", 2], "type": "float32"}, {"shape": ["batch"], "type": "int64"}]
    text = example_of_modules({"modules/critic.pt2": {"inputs": inputs}})
    assert imported(text) == {"torch"}
    assert "(torch.zeros(1, 2, dtype=torch.float32), torch.zeros(1, dtype=torch.int64))\n" in text


def test_an_image_needs_no_library() -> None:
    pixels = torch.randint(0, 256, (5, 7, 3), dtype=torch.uint8)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(image_file(pixels)))), pixels.numpy())


@pytest.mark.slow
def test_it_is_run_where_pytorch_is_all_there_is(tmp_path: Path) -> None:
    (tmp_path / EXAMPLE).write_text(f"import torch; open({DECODED!r}, 'w').write(str(torch.ones(2).sum()))")
    run_alone(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [EXAMPLE]
    for name in ("semreg", "numpy", "safetensors", "PIL", "semreg_olr"):
        (tmp_path / EXAMPLE).write_text(f"import torch\nimport {name}")
        with pytest.raises(UserError, match=f"No module named '{name}'; nothing is written"):
            run_alone(tmp_path)
