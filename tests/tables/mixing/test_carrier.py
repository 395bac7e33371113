"""What a recipe is about, by its roles: its class, its code, its other codes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from semreg.core import UserError
from semreg.recipe.plan import Plan
from semreg.tables.mixing.carrier import class_carrier
from tests.tables.mixing.conftest import of_two_classes

Plans = Callable[..., Plan]


def test_the_only_field_of_classes_among_the_attributes_and_its_code(plan: Plans, two_codes: Plans) -> None:
    carrier = class_carrier(plan())
    assert (carrier.label, carrier.code, carrier.roles.rest, carrier.reason) == ("kind", "z", (), "")
    assert carrier.shapes == {"z": (2,), "reconstruction": (1, 4, 4)}
    carrier = class_carrier(two_codes())
    assert (carrier.label, carrier.code, carrier.roles.rest) == ("kind", "z_s", ("z_u",))
    assert carrier.shapes == {"z_s": (3,), "z_u": (2,), "reconstruction": (1, 4, 4)}


def test_nothing_but_the_model_tells_it(plan: Plans, two_codes: Plans) -> None:
    """Neither what the recipe's losses and evaluations read, nor that the data have one field of classes."""
    assert class_carrier(two_codes('model.attributes.kind="z_u"')).code == "z_u"
    silent = '[model] names no field of classes among its attributes; add `attributes = { label = "z" }` there'
    for text in (
        'without = ["model"]',
        'without = ["model.attributes"]',
        'without = ["model.attributes.kind"]\nmodel.attributes.marks = "z"',
    ):
        carrier = class_carrier(plan(text, 'evaluate.probe.use="linear_probe(z, kind)"'))
        assert (carrier.label, carrier.code) == (None, None)
        assert carrier.reason.startswith(silent)


def test_binary_labels_are_no_class(plan: Plans) -> None:
    both = plan('model.attributes.marks = "z"')
    assert class_carrier(both).label == "kind"
    assert class_carrier(both).roles.attributes == {"kind": "z"}


def test_of_several_fields_of_classes_one_is_chosen(two_codes: Plans) -> None:
    plan = of_two_classes(two_codes(), "z_u")
    carrier = class_carrier(plan)
    assert (carrier.label, carrier.code) == (None, None)
    assert carrier.reason == "[model] names several fields of classes, kind, style; choose one by --label"
    carrier = class_carrier(plan, "style")
    assert (carrier.label, carrier.code, carrier.roles.rest) == ("style", "z_u", ("z_s",))
    assert carrier.roles.attributes == {"style": "z_u"}


def test_a_label_that_is_none_of_them_is_refused(plan: Plans) -> None:
    with pytest.raises(UserError, match=r"--label: 'knd' is not a field of classes among the .*; did you mean 'kind'"):
        class_carrier(plan(), "knd")
    with pytest.raises(UserError, match=r"--label: 'marks' is not a field of classes .*; expected one of: kind"):
        class_carrier(plan('model.attributes.marks = "z"'), "marks")


def test_shapes_are_left_out_where_a_component_cannot_be_built(plan: Plans) -> None:
    assert class_carrier(plan("modules.encoder.outputs = 3")).shapes == {}
