"""A model card says what a run tells of itself, in which nobody's names are markup."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import torch

from semreg.core import Result
from semreg.exporting.card import card_of, strip_of
from semreg.trained.display import Results
from semreg.trained.run import Run

CONFIG: dict[str, Any] = {
    "modules": {
        "decoder.pt2": {
            "inputs": [{"name": "z`", "shape": ["batch", 2], "type": "float32"}],
            "outputs": [{"name": "image", "shape": ["batch", 1, 4, 4], "type": "float32"}],
        }
    },
    "labels": {"marks": {"kind": "attributes", "names": ["<b>", "a|b"], "order": "none", "code": "z"}},
    "priors": {"z": {}},
}
RECORD = {"data": {"name": 'digits"\nlicense: mit', "counts": {"train": 1200, "test": 0}}, "fallback": None}
TOLD: dict[str, Any] = {
    "example": "example.py", "model": "model.safetensors", "config_file": "config.json", "strip_file": "strip.png",
    "reads_images": True, "modules": ["encoder", "decoder"], "left_out": {"encoder": "no\n# heading"}, "reading": None,
    "differences": {"decoder.pt2": "1e-07"}, "rounded": None, "real": True, "script": "import torch\n",
}  # fmt: skip


def page(run: Run, **more: Any) -> str:
    return card_of(run, CONFIG, RECORD, run.recipe, shown=None, license="unknown", **TOLD | more)


def test_its_head_is_read_as_yaml(run: Run) -> None:
    head = page(run).split("---\n")[1]
    lines = dict(line.split(": ", 1) for line in head.strip().splitlines())
    assert lines.keys() == {"license", "library_name", "datasets", "metrics", "tags"}
    assert json.loads(lines["license"]) == "unknown"
    assert json.loads(lines["datasets"]) == ['digits"\nlicense: mit'], "JSON is YAML, on one line"
    assert "semreg" in json.loads(lines["tags"])
    assert json.loads(lines["metrics"]) == ["samples"]


def test_what_reads_a_user_s_files_is_no_name_of_data(run: Run) -> None:
    recipe = run.recipe | {"data": {"use": "image_folder", "path": "faces"}}
    text = card_of(run, CONFIG, RECORD, recipe, shown=None, license="mit", **TOLD)
    assert text.split("---\n")[1].splitlines()[:3] == ['license: "mit"', "library_name: semreg", 'metrics: ["samples"]']


def test_figures_stand_beside_the_paper_s(run: Run) -> None:
    accuracy = run.results["samples"].figures["accuracy"]
    row = next(line for line in page(run).splitlines() if line.startswith("| samples | accuracy "))
    assert row.split(" | ")[2:] == [f"{accuracy:.3g}", "0.5 |"]


def test_names_of_strangers_are_no_markup(run: Run) -> None:
    text = page(run)
    body = text.split("---\n", 2)[2]
    assert "\n# than that" not in body.split("```toml")[0]
    assert "Digits \\| and \\`more\\` \\# than that" in body
    assert "\\<b\\>, a\\|b; its code is `z`, a row for each" in body
    assert "* `encoder` is missing: no \\# heading." in body
    assert "`z'` float32 (batch, 2)" in body
    assert re.findall(r"^#+ .*", body.split("```toml")[0], re.MULTILINE) == [
        "# digits", "## Use", "## Data", "## Figures", "## Intended use and limits", "## Compared with the run",
        "## Training recipe",
    ]  # fmt: skip


def test_files_for_onnxruntime_are_told_of(run: Run) -> None:
    assert "onnx" not in page(run)
    two = {"encoder.onnx": "1e-06", "decoder.onnx": "1e-06"}
    assert "* For onnxruntime there are `encoder.onnx`, `decoder.onnx`.\n" in page(run, differences=two)


def test_what_the_files_can_do_is_said_and_no_more(run: Run) -> None:
    assert "interpolates" not in page(run)
    both = CONFIG | {"modules": dict.fromkeys(("encoder.pt2", "decoder.pt2"), CONFIG["modules"]["decoder.pt2"])}
    text = card_of(run, both, RECORD, run.recipe, shown=None, license="mit", **TOLD)
    assert "encodes, decodes, samples and interpolates, and commands such as\n`semreg interpolate FOLDER" in text
    assert "1e-07 at most on real images" in text
    assert "1e-07 at most on made-up inputs" in page(run, real=False)


def test_a_run_that_was_not_evaluated_says_so(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Run, "results", Results({}))
    assert "The run was not evaluated." in page(run)
    monkeypatch.setattr(Run, "results", Results({"probe": Result(figures={"accuracy": 0.25})}))
    assert "| probe | accuracy | 0.25 |\n" in page(run)
    assert "paper" not in page(run).split("## Figures")[1].split("##")[0]


def test_a_strip_shows_what_the_decoder_makes(run: Run) -> None:
    images = run.tensor("image").read("test", count=3)
    shown = strip_of(run, images, None)
    assert shown is not None
    assert shown.png.startswith(b"\x89PNG")
    assert torch.allclose(shown.first, run.decode(run.encode(images[:1]))[0].clamp(0, 1), atol=1e-6)
    assert f"![{shown.says}](strip.png)" in card_of(run, CONFIG, RECORD, run.recipe, shown=shown, license="mit", **TOLD)
    decoded = torch.rand(2, 1, 8, 8)
    made = strip_of(run, None, decoded)
    assert made is not None
    assert torch.equal(made.first, decoded[0])
    assert strip_of(run, None, torch.rand(2, 5)) is None
