"""Inputs that a recipe leaves to [model]: filled in by the roles that parameters ask for."""

from __future__ import annotations

from typing import Annotated, Any

import pytest

from semreg.core import AttributesField, ClassField, ImageField, Role, Roles
from semreg.core.options import signature_of
from semreg.recipe.inputs import Unsaid, left_to_roles, roles_of

FIELDS = {
    "image": ImageField(1, 4, 4),
    "digit": ClassField(("0", "1")),
    "style": ClassField(("a", "b")),
    "marks": AttributesField(("m",)),
}
ROLES = Roles(
    input="image", target="crop", code=("z_0", "z_d", "z_s", "z_m"), output="x", sample="drawn",
    prior={"z_0": "p_0", "z_d": "p_d"}, posterior={"z_0": "q_0"},
    attributes={"digit": "z_d", "style": "z_s", "marks": "z_m"},
)  # fmt: skip
ONE = Roles(input="image", code=("z_0", "z_d"), output="x", prior=ROLES.prior, attributes={"digit": "z_d"})

Code, Label, Rest = Annotated[Any, Role.CODE], Annotated[Any, Role.LABEL], Annotated[Any, Role.REST]
Prior, Posterior = Annotated[Any, Role.PRIOR], Annotated[Any, Role.POSTERIOR]


def left(function: Any, roles: Roles, *given: str) -> tuple[str, ...]:
    return left_to_roles(signature_of(function), given, roles, FIELDS)


def probe(code: Code, label: Label, *, penalty: float = 1.0) -> None: ...
def many(image: Annotated[Any, Role.INPUT], *handles: Annotated[Any, Role.REST, Role.CODE, Role.LABEL]) -> None: ...
def rows(code: Code, marks: Annotated[Any, Role.ATTRIBUTES], target: Annotated[Any, Role.TARGET]) -> None: ...
def walk(code: Code, prior: Prior, rest: Rest, other: Prior, label: Label) -> None: ...
def nats(posterior: Posterior, prior: Prior) -> None: ...
def scores(drawn: Annotated[Any, Role.SAMPLE], label: Annotated[Any, Role.LABEL] = None) -> None: ...
def unmarked(code: Code, probability: Any) -> None: ...


def test_what_only_one_tensor_can_be_is_that() -> None:
    assert left(probe, ONE) == ("z_d", "digit")
    assert left(rows, ROLES) == ("z_m", "marks", "crop")
    assert left(walk, ONE) == ("z_d", "p_d", "z_0", "p_0", "digit")
    assert left(nats, ROLES) == ("q_0", "p_0")


def test_what_is_given_says_which_of_several() -> None:
    assert left(probe, ROLES, "z_s") == ("style",)
    assert left(probe, ROLES, "z_s", "style") == ()
    assert left(many, ROLES, "image") == ("z_0", "z_d", "z_s", "digit", "style")
    assert left(many, ROLES) == ("image", "z_0", "z_d", "z_s", "digit", "style")


def test_what_may_be_left_out_is_filled_in_only_where_nothing_is_given() -> None:
    assert left(scores, Roles(sample="drawn", code=("z",), attributes={"digit": "z"})) == ("drawn", "digit")
    assert left(scores, Roles(sample="drawn")) == ("drawn",)
    assert left(scores, ROLES, "x") == ()


@pytest.mark.parametrize(
    ("function", "roles", "said"),
    [
        (probe, ROLES, "several, z_d, z_s; write which"),
        (
            probe,
            Roles(code=("z",)),
            r"doesn't say its field of classes .*; add `attributes = \{ label = \"z\" \}`",
        ),
        (probe, Roles(), "doesn't say its code"),
        (nats, ONE, r"doesn't say its posterior; add `posterior = \{ z = \"q\" \}`"),
        (scores, ONE, "doesn't say its sample"),
    ],
)
def test_what_is_not_said_or_said_of_several_can_not_be_told(function: Any, roles: Roles, said: str) -> None:
    with pytest.raises(Unsaid, match=said):
        left(function, roles)


def test_an_input_that_asks_for_no_role_ends_what_is_filled_in() -> None:
    assert left(unmarked, Roles(code=("z",))) == ("z",)
    assert roles_of(signature_of(unmarked), "probability") == ()
    assert roles_of(signature_of(many), "handles") == (Role.REST, Role.CODE, Role.LABEL)
