"""Roles: the purposes of a recipe's tensors, stated once in its `[model]`, and the annotations that ask for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

__all__ = ["Reads", "Role", "Roles"]


@dataclass(frozen=True)
class Reads:
    """A tensor that a judge must have: `judge: Annotated[TrainedRun, Reads("probability")]`."""

    tensor: str


class Role(Enum):
    """The role of a component's input, as its annotation: `code: Annotated[Handle, Role.CODE]`.

    If a recipe omits an evaluation's inputs, semreg takes them from `[model]` by their roles; `semreg mix` wires losses
    the same way. For a parameter `*inputs`, several roles mean all tensors of the first, then all of the second. CODE
    is the code of the LABEL or ATTRIBUTES, REST a code of neither; PRIOR and POSTERIOR belong to the code before them.
    CLASSES and ORDER are for options: those of the label; beside LABEL, ORDER requires ordered classes. SHAPE is an
    input whose values don't matter.
    """

    INPUT = "input"
    TARGET = "target"
    OUTPUT = "output"
    SAMPLE = "sample"
    CODE = "code"
    REST = "code of no attribute"
    PRIOR = "prior"
    POSTERIOR = "posterior"
    LABEL = "field of classes among the attributes"
    ATTRIBUTES = "field of binary labels among the attributes"
    CLASSES = "classes"
    ORDER = "order"
    SHAPE = "shape"


@dataclass(frozen=True)
class Roles:
    """A recipe's `[model]`: names of its tensors, fields and modules by role; empty for roles that it omits.

    `prior` and `posterior` have the name of their code as the key, `attributes` maps each label to its code, and
    `interpolator` is a table with `use` and options.
    """

    input: str = ""
    target: str = ""
    code: tuple[str, ...] = ()
    output: str = ""
    prior: Mapping[str, str] = field(default_factory=dict)
    posterior: Mapping[str, str] = field(default_factory=dict)
    attributes: Mapping[str, str] = field(default_factory=dict)
    sample: str = ""
    interpolator: Mapping[str, Any] = field(default_factory=dict)

    @property
    def rest(self) -> tuple[str, ...]:
        """The codes that belong to no attribute."""
        return tuple(name for name in self.code if name not in self.attributes.values())
