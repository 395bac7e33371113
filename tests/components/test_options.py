"""Every standard component's options, as a recipe gives them: resolvable, strict, and their defaults allowed."""

from __future__ import annotations

import importlib
import inspect
import tomllib
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from pydantic import TypeAdapter, ValidationError

ENTRY_POINTS = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]["entry-points"]
COMPONENTS = {
    name: target
    for group in ENTRY_POINTS.values()
    for name, target in group.items()
    if target.startswith("semreg.components.")
}
FILLED = {"input_shapes", "generator", "prior"}


def load(name: str) -> Any:
    module, attribute = COMPONENTS[name].split(":")
    return getattr(importlib.import_module(module), attribute)


def options(name: str) -> dict[str, tuple[Any, Any]]:
    component = load(name)
    hints = get_type_hints(component.__init__ if inspect.isclass(component) else component, include_extras=True)
    parameters = inspect.signature(component).parameters.values()
    keyword = inspect.Parameter.KEYWORD_ONLY
    return {p.name: (hints[p.name], p.default) for p in parameters if p.kind == keyword and p.name not in FILLED}


@pytest.mark.parametrize("name", COMPONENTS)
def test_defaults_are_valid_options(name: str) -> None:
    assert load(name).__doc__ or COMPONENTS[name].startswith("semreg.components.library_")
    for annotation, default in options(name).values():
        adapter = TypeAdapter(annotation)
        if default is not inspect.Parameter.empty:
            adapter.validate_python(default, strict=True)


@pytest.mark.parametrize(
    ("name", "option", "good", "bad"),
    [
        ("conv_encoder", "outputs", [64, [38, 32], 0], [-1, [], [0], "64", 1.5]),
        ("conv_encoder", "widths", [[32, 64]], [[], [0], 32, ["a"]]),
        ("conv_encoder", "kernel", [3, 4], [5, "3"]),
        ("conv_decoder", "size", [178], [0, 17.8]),
        ("conv_decoder", "hidden", [[], [64]], [[-1]]),
        ("sigmoid", "temperature", [2.0, 1], [0.0, -1.0]),
        ("cross_entropy", "label_smoothing", [0.0, 0.1], [1.0, -0.1]),
        ("l1", "reduction", ["mean", "sum"], ["none"]),
        ("permutation", "fixed_points", [True], ["no", 0]),
    ],
)
def test_options_are_checked(name: str, option: str, good: list[Any], bad: list[Any]) -> None:
    adapter = TypeAdapter(options(name)[option][0])
    for value in good:
        adapter.validate_python(value, strict=True)
    for value in bad:
        with pytest.raises(ValidationError):
            adapter.validate_python(value, strict=True)
