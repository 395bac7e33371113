"""What a docstring says: its first sentence, and the paper, with the place in it."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from semreg.core.registry import find, load
from semreg.recipe.documentation import first_sentence, source_of


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("One thing. Another.", "One thing."),
        ("One thing, i.e. this\none. `code` follows.", "One thing, i.e. this one."),
        ("No end\n\nA paragraph.", "No end"),
        ("Of 1.5 metres. Θ is an angle.", "Of 1.5 metres."),
        ("", ""),
    ],
)
def test_the_first_sentence_is_on_one_line(text: str, sentence: str) -> None:
    assert first_sentence(text) == sentence


@pytest.mark.parametrize(
    ("own", "module", "package", "source"),
    [
        ("A loss.\n\nSource: Doe, *Toys* (2020). More.", "Source: Roe.", "", "Doe, *Toys* (2020)."),
        ("A loss.", "Losses.\n\nSource: Roe (2019).", "Source: Poe.", "Roe (2019)."),
        ("A loss (Eq. 3).", "Losses.\n\nSource: Roe (2019).", "", "Roe (2019), Eq. 3."),
        ("A loss: section 4.1 and Table II. Then Eq. 9.", "", "Source throughout: Poe.", "Poe, section 4.1, Table II."),
        ("A loss.", "Losses of section 2.", "Paper: Poe.", "Poe, section 2."),
        ("A loss.\nArgs:\n    x: of Eq. 3.", "Source: Roe.", "", "Roe."),
        ("A loss.", "Losses.", "A package.", None),
    ],
)
def test_the_source_is_the_components_own_or_its_modules_with_the_place_that_it_names(
    own: str, module: str, package: str, source: str | None, install: Callable[..., Path]
) -> None:
    site = install("semreg-toy", {"semreg.losses": {"toy": "toy_described.losses:toy"}})
    (site / "toy_described").mkdir()
    (site / "toy_described" / "__init__.py").write_text(f"{package!r}\n")
    (site / "toy_described" / "losses.py").write_text(f"{module!r}\ndef toy(a):\n    {own!r}\n")
    for name in [name for name in sys.modules if name.startswith("toy_described")]:
        del sys.modules[name]
    toy = load(find("toy", ["loss"]))
    assert source_of(toy, inspect.getdoc(toy) or "") == source
