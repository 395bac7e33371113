"""What a run's recipe gave its evaluations."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import semreg
from semreg.core import Result, UserError
from semreg.trained.inputs import evaluation_inputs, first_evaluation_inputs

pytestmark = pytest.mark.usefixtures("no_hooks")

RECIPE = """
[evaluate.first]
use = "measured(z, prior, kind, marks)"
scale = 2.0
[evaluate.other]
use = "other(image)"
[evaluate.second]
use = "measured(image, prior)"
"""


def test_inputs_by_position_and_by_name_and_all_options(
    toy: Callable[..., Path], tmp_path: Path, register: Callable[[str, str, Any], None]
) -> None:
    def measured(
        code: Any, law: Any, *labels: Any, scale: float = 1.0, style: str = "plain", generator: torch.Generator
    ) -> Result:
        return Result()

    register("evaluation", "measured", measured)
    register("evaluation", "other", lambda image, *, judge=None: Result())
    run = semreg.run(toy(RECIPE), out=tmp_path / "runs", device="cpu")
    found = first_evaluation_inputs(run, "measured", says="which code is which", recipe="recipes/x.toml")
    assert (found.name, found.component) == ("first", "measured")
    assert found.named["code"].name == "z"
    assert found.named["law"] is run.modules["prior"]
    assert [label.name for label in found.named["labels"]] == ["kind", "marks"]
    assert found.inputs == (found.named["code"], found.named["law"], *found.named["labels"])
    assert found.options == {"scale": 2.0, "style": "plain"}
    assert [one.name for one in evaluation_inputs(run)] == ["first", "other", "second"]
    assert [one.name for one in evaluation_inputs(run, "other", "measured")] == ["other", "first", "second"]
    assert evaluation_inputs(run, "other")[0].options == {}
    with pytest.raises(UserError) as refused:
        first_evaluation_inputs(run, "missing", "absent", says="which code is which", recipe="recipes/x.toml")
    said = "this run has no evaluation missing or absent, which says which code is which; recipes/x.toml has one"
    assert refused.value.text() == f"{run.folder}: {said}"
