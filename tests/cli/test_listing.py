"""Components as notebooks show them: the same as the commands print."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import catalogue
import pytest

import semreg
from semreg.core import UserError, registry
from semreg.core.kinds import KINDS


@pytest.fixture
def forget() -> Iterator[Callable[[str, str], None]]:
    taken: list[tuple[str, str]] = []
    yield lambda kind, name: taken.append((kind, name))
    for kind, name in taken:
        catalogue.REGISTRY.pop((*KINDS[kind].group.split("."), name), None)


def test_components_are_a_list_and_a_table() -> None:
    found = semreg.components("interpolator")
    assert list(found) == registry.components("interpolator")
    lines = repr(found).splitlines()
    assert lines[0].split() == ["kind", "name", "from"]
    assert [line.split() for line in lines[1:]] == [[one.kind, one.name, *one.origin.split()] for one in found]
    html = found._repr_html_()
    assert html.count("<tr>") == len(found) + 1
    assert "<td>linear</td>" in html
    with pytest.raises(UserError, match="did you mean 'loss'"):
        semreg.components("los")


def test_the_package_of_components_is_called_and_is_a_package() -> None:
    import semreg.components.losses

    assert semreg.components.losses.l2
    assert semreg.components() == registry.components()


def test_show_prints_what_the_command_prints(refused_or_done: Callable[..., tuple[int, str]]) -> None:
    shown = repr(semreg.show("kl_divergence"))
    assert shown.startswith("kl_divergence · loss · semreg")
    assert refused_or_done("show", "kl_divergence") == (0, f"{shown}\n")
    with pytest.raises(UserError, match="did you mean 'kl_divergence'"):
        semreg.show("kl_divergenc")


def test_a_cell_registers_a_component_as_often_as_it_is_run(forget: Callable[[str, str], None]) -> None:
    forget("loss", "halved")
    for factor in (0.5, 0.25):

        @semreg.register("loss", "halved")
        def halved(a: Any, *, factor: float = factor) -> Any:
            """A part of it."""
            return factor * a

        assert halved(4) == 4 * factor
    assert "factor: float = 0.25" in repr(semreg.show("halved"))
    assert "A part of it." in repr(semreg.show("halved"))
    for kind, name, said in (("loss", "l2", "'l2' is a loss of semreg"), ("los", "mine", "did you mean 'loss'")):
        with pytest.raises(UserError, match=said):
            semreg.register(kind, name)(halved)
