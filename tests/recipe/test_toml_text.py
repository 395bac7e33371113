"""A table as TOML is read as the same table, and looks as one would write it."""

from __future__ import annotations

import textwrap
import tomllib
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from semreg.recipe.toml_text import toml_text

texts = st.text(st.characters(exclude_categories=["Cs"]))
values = st.recursive(
    st.one_of(texts, st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False)),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(texts, inside, max_size=3),
)


@given(table=st.dictionaries(texts, values, max_size=4))
def test_what_is_written_is_read_again(table: dict[str, Any]) -> None:
    assert tomllib.loads(toml_text(table)) == table


def test_components_come_first_small_tables_stand_on_a_line_and_what_is_none_nowhere() -> None:
    table = {
        "seed": 1,
        "modules": {"a b": {"outputs": 4, "use": "mlp", "none": None}},
        "phases": {"main": {"train": {"encoder": {"rec": 1, "kl": 1e-4}}}},
        "model": {},
    }
    text = """\
        seed = 1

        [modules."a b"]
        use = "mlp"
        outputs = 4

        [phases.main]
        train = { encoder = { rec = 1, kl = 0.0001 } }

        [model]
        """
    assert toml_text(table) == textwrap.dedent(text)
