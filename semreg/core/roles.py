"""Roles: what tensors of a recipe are for, said once in its `[model]`, and how components ask for them."""

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
    """What an input of a component is, by its annotation: `code: Annotated[Handle, Role.CODE]`.

    An evaluation's inputs that a recipe leaves out are then those that its `[model]` says, and `semreg mix` knows what
    to give to a loss. Of a parameter `*inputs` several roles mean all tensors of the first, then all of the second.
    CODE is the code of the LABEL or ATTRIBUTES, REST a code of neither, PRIOR and POSTERIOR are those of the code
    before them. CLASSES and ORDER are of options: those of the label; beside LABEL, ORDER wants classes in an order.
    SHAPE is an input whose values don't matter.
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
    """A recipe's `[model]`: names of its tensors, fields and modules by what they are for; empty where it says none.

    `prior` and `posterior` are by the name of their code, `attributes` holds the code of each label, and `interpolator`
    is a table with `use` and options.
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
        """The codes of no attribute."""
        return tuple(name for name in self.code if name not in self.attributes.values())
