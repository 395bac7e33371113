"""A plan as text: its modules, tensors and losses counted, and for each step which loss trains which module."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from semreg.recipe.plan import Course, PhasePlan, Plan, StepPlan, Weight


def text(plan: Plan, data: Sequence[str] = ()) -> str:
    """Return the output of `semreg check` for a recipe without errors; `data` are lines about its data."""
    distributions = ", ".join(f"{name} {version}" for name, version in sorted(plan.distributions().items()))
    found = "the fallback" if plan.fallback else "found" if plan.missing is None else "not found"
    head = [
        plan.name,
        _count(len(plan.modules), "module"),
        _count(len(plan.tensors), "tensor"),
        _count(len(plan.losses), "loss", "losses"),
        distributions,
        f"data {plan.data.use} ({found})",
    ]
    lines = [" · ".join(head), *(f"  {line}" for line in data)]
    for phase in plan.phases:
        lines += _phase(phase)
    if plan.evaluations:
        lines.append("evaluations: " + ", ".join(plan.evaluations))
    if plan.comparisons:
        lines.append("comparisons: " + ", ".join(plan.comparisons))
    return "\n".join(lines)


def _phase(phase: PhasePlan) -> list[str]:
    lines = [f"{phase.name} · {_count(phase.epochs, 'epoch')} · batch {phase.batch_size}"]
    names = [f"{step.name} ×{step.repeat}" if step.repeat > 1 else step.name for step in phase.steps]
    first = max(len(name) for name in [*names, *("  " + module for step in phase.steps for module in step.rows)]) + 2
    for name, step in zip(names, phase.steps, strict=True):
        lines += _step(name, step, first)
    return lines


def _step(name: str, step: StepPlan, first: int) -> list[str]:
    widths = [max(len(loss), *(len(_weight(row.get(loss))) for row in step.rows.values())) for loss in step.losses]
    header = _row(name, step.losses, first, widths)
    batches = f" · {step.accumulate} batches an update" if step.accumulate > 1 else ""
    lines = [f"{header}    {_count(len(step.backwards), 'backward')}{batches}"]
    for module, row in step.rows.items():
        lines.append(_row("  " + module, [_weight(row.get(loss)) for loss in step.losses], first, widths).rstrip())
    return lines


def _row(head: str, cells: Sequence[str], first: int, widths: Sequence[int]) -> str:
    return f"  {head:<{first}}" + "  ".join(f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True))


def _weight(weight: Weight | None) -> str:
    return "" if weight is None else weight_text(weight.written if isinstance(weight, Course) else weight)


def weight_text(written: float | Mapping[str, Any]) -> str:
    """Return a weight as the recipe has it, in short."""
    if not isinstance(written, Mapping):
        return f"{written:g}"
    options = ", ".join(f"{key}={value}" for key, value in written.items() if key not in ("weight", "use"))
    return f"{written['weight']:g}·{written['use']}({options})"


def _count(number: int, noun: str, plural: str | None = None) -> str:
    return f"{number} {noun if number == 1 else plural or noun + 's'}"
