"""Options are those of the library's constructors."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

pytest.importorskip("semreg_metric_learning.parts", reason="optional: `make test-optional` installs it")
from semreg_metric_learning.parts import BASES, REFUSED, classes, made, part
from semreg_metric_learning.signatures import SIZES, options_of

NEEDED: dict[str, Any] = {
    "Tn": 1.0, "centers_per_class": 2, "loss": "contrastive", "margin": 0.4, "num_classes": 3, "reducers": {},
    "weights": [1.0, 2.0, 3.0], **dict.fromkeys(SIZES, 4),
}  # fmt: skip
EVERY = [(category, name) for category in (*BASES, "loss") for name in classes(category)]


@pytest.mark.parametrize(("category", "name"), EVERY)
def test_each_class_takes_each_of_its_options_by_name(category: str, name: str) -> None:
    kind = classes(category)[name]
    if kind.__name__ in REFUSED:
        with pytest.raises(ValueError, match=f"{name}.*: it (takes|gives|calls)"):
            part(category, name)
        return
    options = options_of(kind)
    needed = {key: NEEDED[key] for key, one in options.items() if one.default is inspect.Parameter.empty}
    if kind.__name__ == "ThresholdReducer":
        needed = {"low": 0.0}
    for key, option in options.items():
        given = {} if option.default is inspect.Parameter.empty else {key: option.default}
        made(kind, needed | {one: value for one, value in given.items() if value is not None})
    part(category, {"use": name, **needed})


def test_a_whole_number_as_default_stands_for_any_number() -> None:
    margin = options_of(classes("loss")["contrastive"])["pos_margin"]
    assert (margin.type, margin.text, margin.default) == (float, "float", 0)
