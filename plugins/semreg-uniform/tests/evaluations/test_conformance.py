"""The plugin's evaluations pass the conformance kit."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conforming import conform, evaluation, names

CODES = "x_f z_0 z_shape z_tone shape tone"
EXAMPLES: dict[str, dict[str, Any]] = {
    "attribute_interpolation": {"names": CODES, "attribute": "shape", "pairs": 40, "pictures": 2},
    "attribute_mixture": {"names": f"image {CODES}", "attribute": "shape", "mixtures": 2},
    "attribute_transfer": {"names": f"image {CODES}", "judged": True, "pairs": 30, "pictures": 3},
    "expression_synthesis": {"names": f"image {CODES}", "judged": True, "attribute": "shape", "pictures": 2},
    "hopkins": {"names": "many_z_shape many_shape many_tone", "repeats": 5},
    "posterior_entropy": {"names": "z_0 z_shape z_tone reads_shape reads_tone shape tone"},
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_it_conforms(name: str, world: Any, reader: Any) -> None:
    for field in ("z_shape", "shape", "tone"):  # the statistic wants ten images of each
        splits = world.tensors[field].items()
        world.tensors[f"many_{field}"] = {split: rows.repeat(4, *[1] * (rows.ndim - 1)) for split, rows in splits}
        world.fields[f"many_{field}"] = world.fields.get(field)
    world.modules |= {"reads_shape": reader(3), "reads_tone": reader(2)}
    conform(name, "semreg-uniform", evaluation(world, **EXAMPLES[name]))


def test_none_is_forgotten() -> None:
    assert set(EXAMPLES) == names("semreg-uniform", kinds=("evaluation",))
