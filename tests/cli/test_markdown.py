"""`semreg list --markdown`, and the page in docs/ that it makes of the repository's own components."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from semreg.cli.main import app
from semreg.cli.markdown import as_markdown
from semreg.core.registry import OWN_DISTRIBUTION, components
from tests.projects import ALL, ROOT

COMMAND = "semreg list --markdown > docs/components.md"
PAPERS = {
    "semreg-atnl", "semreg-baselines", "semreg-disentanglement", "semreg-gmprior", "semreg-olr", "semreg-priors",
    "semreg-uniform", "semreg-vae",
}  # fmt: skip


@pytest.fixture(scope="module")
def own() -> str:
    """The page of semreg and of all that `semreg[all]` brings, whatever else is installed."""
    names = {OWN_DISTRIBUTION, *ALL}
    text, problems = as_markdown(component for component in components() if component.distribution in names)
    assert problems == []
    return text


def rows(text: str) -> list[list[str]]:
    """The cells of each component: name, options, what it is, source, distribution."""
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in text.split("\n") if "| `" in line]


def test_the_page_in_docs_is_current(own: str) -> None:
    assert (ROOT / "docs" / "components.md").read_text() == own, f"run `{COMMAND}`, without plugins of others"


def test_here_which_is_no_component_stands_beside_the_executors(own: str) -> None:
    assert "`here`" in own.partition("## Executors")[2].partition("|")[0]


def test_every_component_says_what_it_is_and_those_of_papers_where_they_are_from(own: str) -> None:
    found = rows(own)
    assert len(found) > 100
    assert [cells[0] for cells in found if not cells[2].endswith((".", ", as it is"))] == []
    assert [cells[0] for cells in found if cells[4] in PAPERS and not cells[3]] == []


def test_a_row_has_inputs_options_and_the_place_in_the_paper(own: str) -> None:
    by_name = {cells[0]: cells for cells in rows(own)}
    assert by_name["`gm(codes, labels, prior)`"][1:] == [
        "`likelihood = 0.1`, `margin = 0.0`",
        "Compute the GM loss: classification by the mixture plus `likelihood` times the negative log-density (Eq. 9).",
        "Zheng and Sun (2019), Eq. 9",
        "semreg-gmprior",
    ]
    assert by_name["`leakage(code, label, [logits])`"][4] == "semreg"
    assert by_name["`balanced(labels)`"][1] == "`classes`?", "what the engine fills in is no option"
    assert by_name["`average(*tensors)`"][1] == "`weights`?"
    assert by_name["`adam`"][2] == "`torch.optim.Adam`, as it is", "its documentation changes with PyTorch's version"
    assert (
        "* Zheng and Sun, *Disentangling Latent Space for VAE by Label Relevant/Irrelevant Dimensions* (2019)\n" in own
    )


LOSS = '''
"""Toys.

Source: Doe, *A Paper About Toys* (2020).
"""
def loss(a, *, p: float = 2.0):
    """The norm |a| of
    a toy (Eq. 3). It has more sentences."""
'''


def test_a_stranger_s_component_has_a_row_and_a_broken_one_a_warning(install: Callable[..., Path]) -> None:
    groups = {"semreg.losses": {"toy": "toy_markdown:loss", "broken": "toy_markdown:no_such_loss"}}
    install("semreg-toy", groups, toy_markdown=LOSS)
    result = CliRunner().invoke(app, ["list", "losses", "--markdown"])
    assert result.exit_code == 0
    row = "| `toy(a)` | `p = 2.0` | The norm \\|a\\| of a toy (Eq. 3). | Doe (2020), Eq. 3 | semreg-toy |"
    assert row in result.stdout.split("\n")
    assert "`broken" not in result.stdout
    assert "## Losses" in result.stdout
    assert "## Encoders" not in result.stdout
    assert "warning: semreg-toy 1.2: its loss 'broken' cannot be imported" in result.stderr


def test_two_forms_at_once_are_refused() -> None:
    result = CliRunner().invoke(app, ["list", "--markdown", "--json"])
    assert result.exit_code == 2
    assert "choose one" in result.output
