"""The fields of a data set, known without loading an image; recipes read them by `@field.key`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["KNOWN", "AttributesField", "ClassField", "Field", "ImageField", "Order", "Specification", "VectorField"]

KNOWN = "_known"  # the suffix of the field, of equal shape, that marks the known values of a field of attributes
Order = Literal["ring", "line", "none"]


@dataclass(frozen=True)
class ImageField:
    """Images, uint8 in the cache, `(batch, channels, height, width)` float in the recipe's `range` in a batch."""

    channels: int
    height: int
    width: int

    def references(self) -> dict[str, Any]:
        """Return what `@image.key` may read; `size` only if the images are square."""
        keys: dict[str, Any] = {"channels": self.channels, "height": self.height, "width": self.width}
        return keys | ({"size": self.height} if self.height == self.width else {})


@dataclass(frozen=True)
class ClassField:
    """One class per image, int64 `(batch,)`. `order` states which classes are neighbours."""

    names: tuple[str, ...]
    order: Order = "none"

    def references(self) -> dict[str, Any]:
        return {"classes": len(self.names), "names": list(self.names), "order": self.order}


@dataclass(frozen=True)
class AttributesField:
    """Binary attributes, float32 0 or 1, `(batch, attributes)`. At most one of each group in `exclusive` is present."""

    names: tuple[str, ...]
    exclusive: tuple[tuple[str, ...], ...] = ()

    def references(self) -> dict[str, Any]:
        groups = [list(group) for group in self.exclusive]
        return {"count": len(self.names), "names": list(self.names), "exclusive": groups, "rivals": self.rivals()}

    def rivals(self) -> list[list[int]]:
        """Return for each attribute the indices of the others in its exclusive groups."""
        groups = [{self.names.index(name) for name in group if name in self.names} for group in self.exclusive]
        return [sorted({o for g in groups if own in g for o in g} - {own}) for own in range(len(self.names))]


@dataclass(frozen=True)
class VectorField:
    """Real vectors, float32 `(batch, size)`."""

    size: int

    def references(self) -> dict[str, Any]:
        return {"size": self.size}


Field = ImageField | ClassField | AttributesField | VectorField
Specification = dict[str, Field]
