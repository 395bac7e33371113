"""What values are computed from, and what a plan tells of itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semreg.recipe.plan import Node, Plan, Read, calls_in, reads_in, uses

Toy = Callable[..., Path]
Register = Callable[[str, str, Any], None]
PlanOf = Callable[..., Plan]


def test_a_tensor_may_have_the_name_of_the_component_that_it_calls(toy: Toy, plan_of: PlanOf) -> None:
    path = toy('[tensors]\nsample = "sample(posterior)"\n[losses.s]\nuse = "l2(sample, z)"')
    plan = plan_of(path)
    found = uses([plan.losses["s"]], plan.tensors)
    assert found.read == {"sample", "z", "posterior", "image"}
    assert found.modules == {"encoder"}
    assert {call.name for call in found.calls if call.component} == {"l2", "sample", "diagonal_gaussian"}
    assert plan.fields_of([plan.losses["s"]]) == {"image"}


def test_tensors_read_twice_over_many_levels_are_looked_at_once(toy: Toy, plan_of: PlanOf) -> None:
    levels = "\n".join(f't{k} = "multiply(t{k - 1}, t{k - 1})"' for k in range(1, 60))
    text = f'[tensors]\nt0 = "detach(z)"\n{levels}\n[losses.s]\nuse = "l2(t59, z)"\n[phases.main.train]\nencoder.s = 1'
    plan = plan_of(toy(text))
    assert plan.fields_of([plan.losses["s"]]) == {"image"}
    assert plan.modules_of(plan.losses["s"]) == ["encoder"]


def call(name: str, *inputs: Node | Read) -> Node:
    """A call of a module."""
    return Node(name, None, {}, inputs, "tensors.x")


names = st.sampled_from(["a", "b", "c", "d", "image"])
some_values = st.recursive(
    names.map(Read),
    lambda inner: st.tuples(names, st.lists(inner, max_size=2)).map(lambda drawn: call(drawn[0], *drawn[1])),
    max_leaves=4,
)


@given(st.dictionaries(names, some_values), some_values, st.frozensets(names))
def test_what_is_used_is_what_a_search_from_name_to_name_finds(
    tensors: dict[str, Node | Read], value: Node | Read, leaves: frozenset[str]
) -> None:
    """Also where tensors read each other in circles."""
    read: set[str] = set()
    pending = [value]
    modules: set[str] = set()
    for one in pending:
        modules |= {call.name for call in calls_in(one)}
        for name in set(reads_in(one)) - read:
            read.add(name)
            pending += [tensors[name]] if name in tensors and name not in leaves else []
    found = uses([value], tensors, leaves)
    assert (found.read, found.modules) == (read, modules)
    assert {id(call) for call in found.calls} == {id(call) for one in pending for call in calls_in(one)}


def test_inner_calls_come_first_and_names_in_the_order_that_they_are_read() -> None:
    inner = call("inner", Read("b"), Read("a"))
    outer = call("outer", inner, Read("b"))
    assert str(outer) == "outer(inner(b, a), b)"
    assert list(calls_in(outer)) == [inner, outer]
    assert list(reads_in(outer)) == ["b", "a", "b"]
    with pytest.raises(LookupError, match=r"tensors\.x: outer is a module of the recipe"):
        _ = outer.loaded


def test_a_plan_knows_every_call_and_whose_components_they_are(
    toy: Toy, plan_of: PlanOf, register: Register, install: Callable[..., Path]
) -> None:
    install("semreg-toy", {"semreg.schedules": {"late": "toy_late:late"}}, toy_late="def late(epoch, epochs): return 1")
    register("evaluation", "looking", lambda code: None)
    schedules = 'optimizer.schedule = { use = "cosine" }\n[[modules.encoder.optimizer.groups]]\nparameters = "*bias"\n'
    path = toy(f'{schedules}schedule = {{ use = "late" }}\n[evaluate.look]\nuse = "looking(z)"\n')
    plan = plan_of(path, "data.sampler='shuffled'", "losses.rec.use=l2(sigmoid(reconstruction), image)")
    found = {component.name for component in plan.components()}
    assert found == {
        "toy", "mlp_encoder", "mlp_decoder", "standard_normal", "diagonal_gaussian", "sample", "kl_divergence", "l2",
        "sigmoid", "shuffled", "adam", "cosine", "late", "looking",
    }  # fmt: skip
    assert set(map(str, plan.calls_of("decoder"))) == {"decoder(z)"}
    assert set(plan.distributions()) == {"semreg", "semreg-toy", "this process"}
    assert {component.name for component in plan.components() if component.random} == {"sample", "shuffled"}


def test_fields_and_modules_behind_values_are_those_beyond_what_is_known(toy: Toy, plan_of: PlanOf) -> None:
    plan = plan_of(toy('[tensors]\nmixed = "multiply(reconstruction, point)"'))
    mixed = plan.tensors["mixed"]
    assert plan.fields_of([mixed]) == {"image", "point"}
    assert plan.fields_of([mixed], frozenset({"z"})) == {"point"}
    assert plan.fields_of([mixed], frozenset({"z", "point"})) == set()
    assert plan.modules_of(mixed) == ["encoder", "decoder"]
    assert plan.modules_of(plan.losses["kl"]) == ["encoder", "prior"]
