"""Components found by their names, their options checked, their `@` references replaced."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from torch import Tensor

from semreg.core import Problem, UserError
from semreg.core.errors import MOST_PROBLEMS
from semreg.recipe.plan import Plan
from semreg.recipe.resolve import Building, settle, with_reference

Toy = Callable[..., Path]
Register = Callable[[str, str, Any], None]
PlanOf = Callable[..., Plan]
Mistakes = Callable[..., dict[str, str]]


def test_references_read_the_specification(toy: Toy, register: Register, plan_of: PlanOf) -> None:
    seen: dict[str, Any] = {}

    def loss(
        a: Tensor, *, names: list[str], order: str, marks: list[str], count: int, size: int, groups: Any
    ) -> Tensor:
        raise NotImplementedError

    register("loss", "toy_loss", loss)
    path = toy(
        """
        [losses.x]
        use = "toy_loss(z)"
        names = "@kind.names"
        order = "@kind.order"
        marks = "@marks.names"
        count = "@marks.count"
        size = "@point.size"
        groups = "@marks.exclusive"
        """
    )
    seen = dict(plan_of(path).losses["x"].options)
    assert seen == {
        "names": ["a", "b", "c"],
        "order": "line",
        "marks": ["round", "dark"],
        "count": 2,
        "size": 3,
        "groups": [["round", "dark"]],
    }
    assert plan_of(path).modules["decoder"].node.options["size"] == 4


def test_references_that_lead_nowhere(toy: Toy, mistakes: Mistakes) -> None:
    found = mistakes(
        toy(),
        "modules.encoder.outputs=@kid.classes",
        "modules.decoder.channels=@image.chanels",
        "modules.decoder.size=@image",
        "losses.rec.reduction=@point.names",
    )
    assert "the data have no field 'kid'; did you mean 'kind'?" in found["modules.encoder.outputs"]
    assert "image has no 'chanels'; did you mean 'channels'?" in found["modules.decoder.channels"]
    assert "'@image': image has no ''" in found["modules.decoder.size"]
    assert "point has no 'names'" in found["losses.rec.reduction"]


def test_a_reference_to_what_does_not_fit_is_named(toy: Toy, mistakes: Mistakes) -> None:
    found = mistakes(toy(), "modules.encoder.outputs=@kind.order", "losses.rec.reduction=@kind.classes")
    assert "'line'" in found["modules.encoder.outputs"]
    assert found["modules.encoder.outputs"].endswith(" (read from '@kind.order')")
    assert found["losses.rec.reduction"].endswith(" (read from '@kind.classes')")
    assert "read from" not in mistakes(toy(), "modules.encoder.outputs=none")["modules.encoder.outputs"]


def test_a_component_of_another_kind_is_told_as_such(toy: Toy, mistakes: Mistakes) -> None:
    found = mistakes(toy('[modules.e]\nuse = "l2"\n[tensors]\na = "mlp_encoder(image)"'))
    assert "it is a loss of semreg" in found["modules.e"]
    assert "it is an encoder of semreg" in found["tensors.a"]
    assert found["tensors.a"].endswith('; write a table, `[modules.NAME]` with `use = "mlp_encoder"`, and call NAME')


def test_a_broken_plugin_is_named(toy: Toy, install: Callable[..., Path], mistakes: Mistakes) -> None:
    install("semreg-broken", {"semreg.losses": {"broken": "broken_module:loss"}}, broken_module="import nowhere_at_all")
    found = mistakes(toy(), "losses.rec.use=broken(z, z)")
    assert "semreg-broken 1.2" in found["losses.rec"]
    assert "pip uninstall semreg-broken" in found["losses.rec"]


def test_each_component_is_loaded_once_and_only_if_it_is_named(
    toy: Toy, install: Callable[..., Path], plan_of: PlanOf
) -> None:
    source = "loaded = []\ndef __getattr__(name):\n    loaded.append(name)\n    return lambda a, b: a.sum() + b.sum()"
    install("semreg-toy", {"semreg.losses": {"one": "toy_lazy:one", "other": "toy_lazy:other"}}, toy_lazy=source)
    plan_of(toy("[losses.a]\nuse = 'one(z, image)'\n[losses.b]\nuse = 'one(image, z)'"))
    import toy_lazy  # type: ignore[import-not-found]

    assert [name for name in toy_lazy.loaded if not name.startswith("_")] == ["one"]


def test_what_a_plugin_brings_must_be_callable(toy: Toy, install: Callable[..., Path], mistakes: Mistakes) -> None:
    install("semreg-toy", {"semreg.losses": {"three": "toy_three:three"}}, toy_three="three = 3")
    found = mistakes(toy(), "losses.rec.use=three(z, z)")
    assert found["losses.rec"] == "semreg-toy 1.2's loss 'three' is neither a function nor a class"


def building(count: int) -> Building[str]:
    for number in range(count):
        yield Problem(str(number), "is wrong")
        yield Problem(str(number), "is wrong")
    return "made"


def test_what_is_built_without_a_mistake_is_had() -> None:
    assert settle(building(0), "r.toml") == "made"


@pytest.mark.parametrize("count", [1, 3, MOST_PROBLEMS - 1, MOST_PROBLEMS, 10 * MOST_PROBLEMS])
def test_mistakes_are_gathered_once_each_until_they_are_too_many(count: int) -> None:
    with pytest.raises(UserError) as refused:
        settle(building(count), "r.toml")
    assert refused.value.source == "r.toml"
    assert [problem.where for problem in refused.value.problems] == [str(n) for n in range(min(count, MOST_PROBLEMS))]


@pytest.mark.parametrize(
    ("place", "written", "told"),
    [
        ("losses.a.size", {"size": "@image.size"}, " (read from '@image.size')"),
        ("losses.a.size", {"size": 3}, ""),
        ("losses.a.table.size", {"table": {"size": "@point.size"}}, " (read from '@point.size')"),
        ("losses.a.sizes", {"sizes": [1, "@image.width", "@image.height"]}, " (read from '@image.height')"),
        ("losses.a.sizes.0", {"sizes": ["@image.width"]}, ""),
        ("losses.a", {"size": "@image.size"}, ""),
    ],
)
def test_a_mistake_says_the_reference_that_its_value_was_read_from(
    place: str, written: dict[str, Any], told: str
) -> None:
    assert with_reference(Problem(place, "is wrong"), written, "losses.a") == Problem(place, f"is wrong{told}")


def test_a_component_without_a_signature_is_refused(toy: Toy, register: Register, mistakes: Mistakes) -> None:
    register("loss", "unsigned", type)
    found = mistakes(toy(), "losses.rec.use='unsigned(z)'")
    assert found["losses.rec"].startswith("this process's loss 'unsigned' has no signature: ")
