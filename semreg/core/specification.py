"""What a data set holds, field by field, known without loading one image; recipes read it by `@field.key`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

__all__ = ["AttributesField", "ClassField", "Field", "ImageField", "Order", "Specification", "VectorField"]

Order = Literal["ring", "line", "none"]


@dataclass(frozen=True)
class ImageField:
    """Images, uint8 in the cache, `(batch, channels, height, width)` float in the recipe's `range` in a batch."""

    channels: int
    height: int
    width: int

    def references(self) -> dict[str, Any]:
        """What `@image.key` may read; `size` only where the images are square."""
        keys: dict[str, Any] = {"channels": self.channels, "height": self.height, "width": self.width}
        return keys | ({"size": self.height} if self.height == self.width else {})


@dataclass(frozen=True)
class ClassField:
    """One class per image, int64 `(batch,)`. `order` says how the classes neighbour each other."""

    names: tuple[str, ...]
    order: Order = "none"

    def references(self) -> dict[str, Any]:
        return {"classes": len(self.names), "names": list(self.names), "order": self.order}


@dataclass(frozen=True)
class AttributesField:
    """Binary attributes, float32 0 or 1, `(batch, attributes)`. Of each group in `exclusive` at most one is present."""

    names: tuple[str, ...]
    exclusive: tuple[tuple[str, ...], ...] = ()

    def references(self) -> dict[str, Any]:
        return {"count": len(self.names), "names": list(self.names), "exclusive": [list(g) for g in self.exclusive]}

    def rivals(self) -> list[list[int]]:
        """For each attribute the indices of the others in its exclusive groups."""
        position = {name: index for index, name in enumerate(self.names)}
        found: list[set[int]] = [set() for _ in self.names]
        for group in self.exclusive:
            members = [position[name] for name in group if name in position]
            for member in members:
                found[member].update(other for other in members if other != member)
        return [sorted(others) for others in found]


@dataclass(frozen=True)
class VectorField:
    """Real vectors, float32 `(batch, size)`."""

    size: int

    def references(self) -> dict[str, Any]:
        return {"size": self.size}


Field = ImageField | ClassField | AttributesField | VectorField
Specification = dict[str, Field]

_MOST = {"channels": 8192, "height": 8192, "width": 8192, "size": 2**24}
"""How large a field may be that is read from a file, which may be anyone's."""
_KINDS: dict[type[Field], str] = {
    ImageField: "image",
    ClassField: "class",
    AttributesField: "attributes",
    VectorField: "vector",
}


def described(field: Field) -> dict[str, Any]:
    """A field for JSON: its kind ("image", "class", "attributes" or "vector") and its properties."""
    return {"kind": _KINDS[type(field)], **asdict(field)}


def restored(described: Mapping[str, Mapping[str, Any]]) -> Specification:
    """The fields that `described` made these of. Raises ValueError, KeyError or TypeError for anything else."""
    import json

    from pydantic import TypeAdapter

    kinds = {word: kind for kind, word in _KINDS.items()}
    fields: Specification = {}
    for name, values in described.items():
        field = TypeAdapter(kinds[values["kind"]]).validate_json(json.dumps(dict(values)), strict=True)
        for key, most in _MOST.items():
            if not 1 <= getattr(field, key, 1) <= most:
                raise ValueError(f"{name}: {key} is {getattr(field, key)}; 1 to {most} fits")
        fields[name] = field
    return fields
