"""Inputs that a call takes from the recipe's `[model]`: the roles that a component asks for, and their tensors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import get_args

from semreg.core import AttributesField, ClassField, Role, Roles, Specification
from semreg.core.options import Signature

LINES = {
    Role.INPUT: 'input = "image"',
    Role.TARGET: 'target = "image"',
    Role.CODE: 'code = ["z"]',
    Role.OUTPUT: 'output = "reconstruction"',
    Role.PRIOR: 'prior = { z = "prior" }',
    Role.POSTERIOR: 'posterior = { z = "q" }',
    Role.LABEL: 'attributes = { label = "z" }',
    Role.ATTRIBUTES: 'attributes = { attributes = "z" }',
    Role.REST: 'code = ["z", "rest"]',
    Role.SAMPLE: 'sample = "generated"',
}
"""A line of `[model]` for each role, with names that a recipe may have."""


def roles_of(signature: Signature, parameter: str) -> tuple[Role, ...]:
    """Return the roles in a parameter's annotation."""
    return tuple(one for one in get_args(signature.types.get(parameter)) if isinstance(one, Role))


def roles_of_inputs(signature: Signature) -> list[tuple[Role, ...]]:
    """Return the roles of each input of a call, in order."""
    return [roles_of(signature, parameter.name) for parameter in signature.inputs()]


def priors_asked(signature: Signature) -> list[str]:
    """Return the options of an interpolator that receive the code's prior from `[model]`."""
    return [name for name in signature.parameters if Role.PRIOR in roles_of(signature, name)]


class Unsaid(Exception):  # noqa: N818  a finding rather than a failure
    """A role that `[model]` doesn't settle, and the line that would."""


def left_to_roles(signature: Signature, given: Sequence[str], roles: Roles, fields: Specification) -> tuple[str, ...]:
    """Return the inputs of a call beyond those `given`, by the roles of their parameters.

    Without any given input, these are all inputs whose roles are known, otherwise only the required ones. Raises Unsaid
    if the role of a required input is unknown or has several names.
    """
    asking = _Asking(signature, given, roles, fields)
    found: list[str] = []
    for parameter in signature.inputs()[len(given) :]:
        wanted = roles_of(signature, parameter.name)
        needed = parameter.default is parameter.empty
        if not wanted or (given and not needed):
            break
        try:
            found.append(asking.one(wanted[0]))
        except Unsaid:
            if needed:
                raise
            break
    else:
        for parameter in signature.parameters.values():
            if parameter.kind is parameter.VAR_POSITIONAL and len(given) <= len(signature.inputs()):
                found += [name for role in roles_of(signature, parameter.name) for name in asking.all(role)]
    return tuple(found)


class _Asking:
    """Finds the names for the parameters of one call, in their order."""

    def __init__(self, signature: Signature, given: Sequence[str], roles: Roles, fields: Specification) -> None:
        self.roles, self.current = roles, ""
        wanted = roles_of_inputs(signature)
        self.asked = {role for name in signature.parameters for role in roles_of(signature, name)}
        kinds = {Role.LABEL: ClassField, Role.ATTRIBUTES: AttributesField}
        fit = tuple(kinds[role] for role in kinds if role in self.asked) or tuple(kinds.values())
        self.pairs = [(label, code) for label, code in roles.attributes.items() if isinstance(fields.get(label), fit)]
        for name, own in zip(given, wanted, strict=False):
            if own and own[0] in kinds:
                self.pairs = [pair for pair in self.pairs if pair[0] == name]
            if own == (Role.CODE,):
                self.pairs = [pair for pair in self.pairs if pair[1] == name]
            if own and own[0] in (Role.CODE, Role.REST):
                self.current = name

    def one(self, role: Role) -> str:
        """Return the only name of a role. Raises Unsaid."""
        names = self.all(role)
        if len(names) == 1:
            if role in (Role.CODE, Role.REST):
                self.current = names[0]
            return names[0]
        if names:
            raise Unsaid(f"[model] says several, {', '.join(names)}; write which")
        role = self._unsaid(role)
        raise Unsaid(f"[model] doesn't say its {role.value}; add `{LINES[role]}` there, with the recipe's own names")

    def all(self, role: Role) -> tuple[str, ...]:
        """Return the names of a role."""
        match role:
            case Role.LABEL | Role.ATTRIBUTES:
                return _different(label for label, _ in self.pairs)
            case Role.CODE:
                return self._codes()
            case Role.REST:
                return self.roles.rest
            case Role.PRIOR | Role.POSTERIOR:
                table = self.roles.prior if role is Role.PRIOR else self.roles.posterior
                codes = [self.current] if self.current else self._codes()
                return _different(table[code] for code in codes if code in table)
            case Role.INPUT | Role.TARGET | Role.OUTPUT | Role.SAMPLE:
                name: str = getattr(self.roles, role.value)
                return (name,) if name else ()
        return ()

    def _unsaid(self, role: Role) -> Role:
        """Return the missing role; if no code has the required prior, it is the prior."""
        if role not in (Role.CODE, Role.PRIOR, Role.POSTERIOR):
            return role
        said = {
            Role.CODE: self.roles.code, Role.LABEL: self.pairs, Role.ATTRIBUTES: self.pairs,
            Role.PRIOR: self.roles.prior, Role.POSTERIOR: self.roles.posterior,
        }  # fmt: skip
        return next((one for one, names in said.items() if one in self.asked and not names), role)

    def _codes(self) -> tuple[str, ...]:
        """Return the codes that have everything that the call asks for."""
        labelled = Role.LABEL in self.asked or Role.ATTRIBUTES in self.asked
        codes = _different(code for _, code in self.pairs) if labelled else self.roles.code
        for role, table in ((Role.PRIOR, self.roles.prior), (Role.POSTERIOR, self.roles.posterior)):
            if role in self.asked and not labelled:
                codes = tuple(code for code in codes if code in table)
        return codes


def _different(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))
