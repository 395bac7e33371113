"""Roles: what a recipe's [model] may say."""

from __future__ import annotations

from semreg.core import Role, Roles


def test_the_rest_are_the_codes_of_no_attribute() -> None:
    roles = Roles(code=("z_0", "z_a", "z_b"), attributes={"a": "z_a", "b": "z_b"})
    assert roles.rest == ("z_0",)
    assert Roles().rest == ()


def test_the_roles_that_name_a_key_of_model_are_called_like_it() -> None:
    keys = {role.value for role in Role} & vars(Roles()).keys()
    assert keys == {"input", "target", "output", "sample", "code", "prior", "posterior"}
