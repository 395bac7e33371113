"""What `semreg show` tells of a component: its signature as written, its documentation, its paper."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from semreg.cli.describe import signature_text
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
