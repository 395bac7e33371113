"""What `semreg show` tells of a component: its signature as written, its documentation, its paper."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest

from semreg.cli.describe import describe, first_sentence, signature_text
from semreg.core.registry import find
from tests.cli.test_main import output

if TYPE_CHECKING:
    from torch import Tensor

LOSS = '''
"""Toy losses.

Source throughout: Doe and Roe, *A Paper About
Toys*, 2020.
More text.
"""
from __future__ import annotations

def loss(
    a: Tensor, b: Tensor, *, margin: float = 1.0, spelling_out_a_very_long_name_for_this_option: bool = False
) -> Tensor:
    """How far a toy is from a toy."""
'''


def test_show_prints_signature_documentation_source_plugin_and_version(install: Callable[..., Path]) -> None:
    install("semreg-toy", {"semreg.losses": {"toy": "toy_show:loss"}}, toy_show=LOSS)
    text = output("show", "toy")
    assert text.startswith("toy · loss · semreg-toy 1.2\n\n  toy(\n      a: Tensor,\n      b: Tensor,\n      *,\n")
    assert "  ) -> Tensor\n\nHow far a toy is from a toy.\n" in text
    assert "source  Doe and Roe, *A Paper About Toys*, 2020." in text
    (shown,) = json.loads(output("show", "toy", "--json"))
    assert (shown["kind"], shown["distribution"], shown["version"]) == ("loss", "semreg-toy", "1.2")
    assert shown["source"] == "Doe and Roe, *A Paper About Toys*, 2020."


def test_show_shows_a_network_with_its_forward_and_all_of_one_name(install: Callable[..., Path]) -> None:
    source = (
        "class Net:\n    def __init__(self, *, size: int): ...\n    def forward(self, images): ...\ndef loss(a): ..."
    )
    groups = {"semreg.encoders": {"toy": "toy_net:Net"}, "semreg.losses": {"toy": "toy_net:loss"}}
    install("semreg-toy", groups, toy_net=source)
    text = output("show", "toy")
    assert "toy · encoder" in text
    assert "  toy(*, size: int)\n  forward(images)\n" in text
    assert "toy · loss" in text


def function(codes: Tensor, *labels: Tensor, margin: float = 1.0, mode: Literal["a", "b"] = "a") -> Tensor:
    raise NotImplementedError


class Net:
    def __init__(self, *, outputs: int) -> None: ...


def test_a_signature_stands_as_it_is_written() -> None:
    written = "(codes: Tensor, *labels: Tensor, margin: float = 1.0, mode: Literal['a', 'b'] = 'a') -> Tensor"
    assert signature_text("f", function).replace('"', "'") == f"f{written}"
    assert signature_text("net", Net) == "net(*, outputs: int)"
    assert signature_text("odd", dict.fromkeys) == "odd(iterable, value=None, /)"
    assert signature_text("odd", type("Odd", (), {"__signature__": 3})) == "odd(…)"


def test_a_long_signature_has_a_line_for_each_parameter() -> None:
    lines = signature_text("a_function_of_a_longer_name", function).splitlines()
    assert [line.partition(":")[0].partition(" =")[0] for line in lines] == [
        "a_function_of_a_longer_name(", "    codes", "    *labels", "    margin", "    mode", ") -> Tensor"
    ]  # fmt: skip


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
    described = describe(find("toy", ["loss"]))
    assert described["source"] == source
    assert described["documentation"].startswith("A loss")
    assert (described["signatures"], described["target"]) == (["toy(a)"], "toy_described.losses:toy")
