"""Lists and descriptions of components, which `semreg list`, `semreg show` and notebooks show."""

from __future__ import annotations

from semreg.cli.output import columns
from semreg.core import UserError, closest, registry
from semreg.core.registry import Component

TITLES = ("kind", "name", "from")


class Components(list[Component]):
    """A list of components that prints as a table."""

    def __repr__(self) -> str:
        return "\n".join(columns([TITLES, *self._rows()]))

    def _repr_html_(self) -> str:
        from semreg.pictures.html import table_html

        return table_html(TITLES, self._rows())

    def _rows(self) -> list[tuple[str, ...]]:
        return [(one.kind, one.name or repr(one.name), one.origin) for one in self]


class Description(str):
    """A text that prints without quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def components(kind: str | None = None) -> Components:
    """Return all components, or those of one kind, without importing them. Raises UserError for an unknown kind."""
    try:
        return Components(registry.components(kind))
    except LookupError as error:
        raise UserError("", str(error)) from None


def components_called(name: str) -> list[Component]:
    """Return the components of a name, of any kind. Raises UserError, with the closest names, if none exists."""
    known = registry.components()
    found = [component for component in known if component.name == name]
    if not found:
        raise UserError("", f"no component is called {name!r}{closest(name, (c.name for c in known))}")
    return found


def description(name: str) -> Description:
    """Return the descriptions of the components of a name. Raises UserError if none exists or one can't be imported."""
    from semreg.cli.describe import text_of

    return Description("\n\n".join(text_of(component) for component in components_called(name)))
