"""Documentation from sources, followed to where a name is defined."""

from __future__ import annotations

import inspect
from importlib import import_module
from pathlib import Path

import pytest

from semreg.cli.static import documentation_at


def test_a_name_is_followed_to_where_it_is_defined(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "static_toy"
    (package / "inner").mkdir(parents=True)
    (package / "__init__.py").write_text("from .inner import Made as Known\nraise RuntimeError('imported')\n")
    (package / "inner" / "__init__.py").write_text("from static_toy.inner.made import Made\n")
    (package / "inner" / "made.py").write_text('class Made:\n    """What is made.\n\n    And how."""\n')
    (package / "round.py").write_text("from static_toy.round import about\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert documentation_at("static_toy:Known") == "What is made.\n\nAnd how."
    assert documentation_at("static_toy.inner:Made") == "What is made.\n\nAnd how."
    for nothing in ("static_toy:Other", "static_toy.round:about", "static_toy.gone:Made", "no_such_thing:Made"):
        assert documentation_at(nothing) == ""


@pytest.mark.parametrize("name", ["losses:l2", "priors:StandardNormal"])
def test_what_is_written_is_what_python_reads(name: str) -> None:
    module, _, attribute = name.partition(":")
    value = getattr(import_module(f"semreg.components.{module}"), attribute)
    assert documentation_at(f"semreg.components.{name}") == inspect.getdoc(value)
