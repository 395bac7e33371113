"""What a recipe is about: its class, its code, its other codes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from semreg.core import ClassField, UserError
from semreg.recipe.plan import Plan
from semreg.tables.mixing.wiring import wiring_of

Plans = Callable[..., Plan]


def test_one_code_and_the_datas_only_classes(plan: Plans) -> None:
    wiring = wiring_of(plan())
    assert (wiring.code, wiring.label, wiring.others, wiring.output) == ("z", "kind", (), "reconstruction")
    assert wiring.shapes == {"z": (2,), "reconstruction": (1, 4, 4)}


def test_of_several_codes_that_which_a_loss_or_a_probe_reads_beside_the_class(two_codes: Plans, plan: Plans) -> None:
    wiring = wiring_of(two_codes())
    assert (wiring.code, wiring.others) == ("z_s", ("z_u",))
    assert wiring.shapes == {"z_s": (3,), "z_u": (2,), "reconstruction": (1, 4, 4)}
    probed = ('losses.near.use="pull(guess, kind)"', 'evaluate.probe.use="linear_probe(z_u, kind)"')
    assert wiring_of(two_codes(*probed)).code == "z_u"


def test_where_it_cannot_be_told_it_is_said_why(two_codes: Plans, plan: Plans) -> None:
    both = two_codes('evaluate.probe.use="linear_probe(z_u, kind)"')
    wiring = wiring_of(both)
    assert (wiring.code, wiring.others) == (None, ())
    assert wiring.reasons["code"] == ("the recipe has several codes, z_s, z_u; say which carries the class by --code")
    assert wiring_of(both, "z_u").others == ("z_s",)
    bare = plan('without = ["model"]')
    assert "has no [model]" in wiring_of(bare).reasons["code"]
    wiring = wiring_of(bare, "z", "kind")
    assert (wiring.code, wiring.label, wiring.output, wiring.shapes) == ("z", "kind", None, {"z": (2,)})


def test_several_fields_of_classes(plan: Plans) -> None:
    one = plan()
    one.fields["style"] = ClassField(("x", "y"))
    assert wiring_of(one).reasons["label"] == "there are several fields of classes, kind, style; say which by --label"
    assert wiring_of(one, label="style").label == "style"
    reads = plan('evaluate.probe.use = "linear_probe(z, kind)"')
    reads.fields["style"] = ClassField(("x", "y"))
    assert wiring_of(reads).label == "kind", "the only one that the recipe reads"
    del one.fields["style"], one.fields["kind"]
    assert wiring_of(one).reasons["label"] == "the data have no field of classes"


def test_names_that_do_not_exist_are_refused(plan: Plans) -> None:
    with pytest.raises(UserError, match="--code: the recipe has no tensor 'zz'; did you mean 'z'"):
        wiring_of(plan(), "zz")
    with pytest.raises(UserError, match="--label: the data have no field of classes 'marks'; there is: kind"):
        wiring_of(plan(), label="marks")


def test_shapes_are_left_out_where_a_component_cannot_be_built(plan: Plans) -> None:
    assert wiring_of(plan("modules.encoder.outputs = 3")).shapes == {}
