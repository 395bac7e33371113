"""What a recipe is about: its class, its code, its other codes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from semreg.core import ClassField, UserError
from semreg.recipe.plan import Plan
from semreg.tables.mixing.carrier import class_carrier

Plans = Callable[..., Plan]


def test_one_code_and_the_datas_only_classes(plan: Plans) -> None:
    carrier = class_carrier(plan())
    assert (carrier.code, carrier.label, carrier.others, carrier.output) == ("z", "kind", (), "reconstruction")
    assert carrier.shapes == {"z": (2,), "reconstruction": (1, 4, 4)}


def test_of_several_codes_that_which_a_loss_or_a_probe_reads_beside_the_class(two_codes: Plans, plan: Plans) -> None:
    carrier = class_carrier(two_codes())
    assert (carrier.code, carrier.others) == ("z_s", ("z_u",))
    assert carrier.shapes == {"z_s": (3,), "z_u": (2,), "reconstruction": (1, 4, 4)}
    probed = ('losses.near.use="pull(guess, kind)"', 'evaluate.probe.use="linear_probe(z_u, kind)"')
    assert class_carrier(two_codes(*probed)).code == "z_u"


def test_where_it_cannot_be_told_it_is_said_why(two_codes: Plans, plan: Plans) -> None:
    both = two_codes('evaluate.probe.use="linear_probe(z_u, kind)"')
    carrier = class_carrier(both)
    assert (carrier.code, carrier.others) == (None, ())
    assert carrier.reasons["code"] == ("the recipe has several codes, z_s, z_u; say which carries the class by --code")
    assert class_carrier(both, "z_u").others == ("z_s",)
    bare = plan('without = ["model"]')
    assert "has no [model]" in class_carrier(bare).reasons["code"]
    carrier = class_carrier(bare, "z", "kind")
    assert (carrier.code, carrier.label, carrier.output, carrier.shapes) == ("z", "kind", None, {"z": (2,)})


def test_several_fields_of_classes(plan: Plans) -> None:
    one = plan()
    one.fields["style"] = ClassField(("x", "y"))
    assert (
        class_carrier(one).reasons["label"] == "there are several fields of classes, kind, style; say which by --label"
    )
    assert class_carrier(one, label="style").label == "style"
    reads = plan('evaluate.probe.use = "linear_probe(z, kind)"')
    reads.fields["style"] = ClassField(("x", "y"))
    assert class_carrier(reads).label == "kind", "the only one that the recipe reads"
    del one.fields["style"], one.fields["kind"]
    assert class_carrier(one).reasons["label"] == "the data have no field of classes"


def test_names_that_do_not_exist_are_refused(plan: Plans) -> None:
    with pytest.raises(UserError, match="--code: the recipe has no tensor 'zz'; did you mean 'z'"):
        class_carrier(plan(), "zz")
    with pytest.raises(UserError, match="--label: the data have no field of classes 'marks'; there is: kind"):
        class_carrier(plan(), label="marks")


def test_shapes_are_left_out_where_a_component_cannot_be_built(plan: Plans) -> None:
    assert class_carrier(plan("modules.encoder.outputs = 3")).shapes == {}
