"""A plan in text, as `semreg check` prints it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from semreg.recipe.matrix import text
from semreg.recipe.plan import Plan

Toy = Callable[..., Path]
PlanOf = Callable[..., Plan]


def test_who_trains_whom_stands_in_columns(toy: Toy, plan_of: PlanOf) -> None:
    path = toy(
        """
        without = ["phases.main.train"]
        [phases.main.steps.inner]
        repeat = 2
        train = { encoder = { kl = 1 } }
        [phases.main.steps.joint.train]
        encoder = { rec = 1, kl = 0.0625 }
        decoder = { rec = 12.5 }
        [phases.later]
        epochs = 1
        data.batch_size = 4
        train = { decoder = { rec = 1 } }
        """
    )
    head, *lines = text(plan_of(path)).splitlines()
    assert head.startswith("recipe · 3 modules · 3 tensors · 2 losses · semreg ")
    assert head.endswith(" · data toy (found)")
    assert lines == [
        "main · 2 epochs · batch 8",
        "  inner ×2   kl    1 backward",
        "    encoder   1",
        "  joint       rec      kl    2 backwards",
        "    encoder     1  0.0625",
        "    decoder  12.5",
        "later · 1 epoch · batch 4",
        "  step       rec    1 backward",
        "    decoder    1",
    ]


def test_data_that_are_missing_evaluations_and_comparisons_are_said(
    toy: Toy, plan_of: PlanOf, register: Callable[..., None]
) -> None:
    register("evaluation", "looking", lambda code: None)
    path = toy('[evaluate.one]\nuse = "looking(z)"\n[evaluate.two]\nuse = "looking(z)"')
    shown = text(plan_of(path, "data.missing=true")).splitlines()
    assert shown[0].endswith("data toy (not found)")
    assert shown[-1] == "evaluations: one, two"
    register("comparison", "apart", lambda *codes: None)
    assert text(plan_of(path, "compare.three.use=apart(z)")).splitlines()[-2:] == [shown[-1], "comparisons: three"]
    assert text(plan_of(path, fallback=True)).splitlines()[0].endswith("data toy (the fallback)")
