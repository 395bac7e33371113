"""Seeds: one range, and one message, whoever gives them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from semreg.core import UserError
from semreg.data.seeds import LARGEST_SEED, WHAT_FITS, chosen_seed, is_seed
from semreg.data.splitting import split_as
from semreg.recipe.load import load_recipe
from semreg.recipe.schema import parse_tables
from semreg.running.choices import Choices
from semreg.tables.making import chosen_seeds
from semreg.trained import drawn_by

VAE = Path(__file__).parents[2] / "recipes" / "vae_digits.toml"
FIT = [0, 3, LARGEST_SEED]
DO_NOT = [-1, LARGEST_SEED + 1, 10**30, True, 1.0, None, [1]]
DO_NOT_AS_TEXT = ["-1", str(LARGEST_SEED + 1), "9" * 99, "1.0", "x", "1e3", "٣", "9" * 10_000]


def test_the_message_says_what_fits() -> None:
    assert WHAT_FITS == "a seed is a whole number from 0 to 2147483648"


@pytest.mark.parametrize("seed", [*FIT, np.int64(5)])
def test_seeds_fit_everywhere(seed: Any) -> None:
    assert is_seed(seed)
    assert chosen_seed(seed) == chosen_seed(str(seed)) == Choices(seed=seed).seed == seed
    assert type(chosen_seed(seed)) is int
    assert chosen_seeds([seed]) == chosen_seeds(f"{seed},") == [seed]
    assert parse_tables(load_recipe(VAE, [f"seed={seed}"]).resolve(), "").seed == seed
    drawn_by(seed, "test")


@pytest.mark.parametrize("seed", DO_NOT)
def test_what_is_no_seed_is_refused_everywhere(seed: Any) -> None:
    with pytest.raises(UserError, match=f"^--seed: .*: {WHAT_FITS}$"):
        chosen_seed(seed)
    with pytest.raises(UserError, match=f"^--seeds: .*: {WHAT_FITS}$"):
        chosen_seeds([0, seed])
    with pytest.raises(UserError, match=f"^--seed: .*: {WHAT_FITS}$"):
        drawn_by(seed, "test")
    with pytest.raises(UserError, match=f"seed +.*: {WHAT_FITS}$"):
        parse_tables({**load_recipe(VAE).resolve(), "seed": seed}, "")
    with pytest.raises(UserError, match=f"data.split.seed +.*: {WHAT_FITS}$"):
        split_as(None, {"seed": seed})  # type: ignore[arg-type]  which is looked at before the data
    if seed is not None:  # the recipe's own
        with pytest.raises(UserError, match=f"^--seed: .*: {WHAT_FITS}$"):
            Choices(seed=seed)


@pytest.mark.parametrize("text", DO_NOT_AS_TEXT)
def test_texts_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(UserError, match=f"^--seed: .{{1,40}}: {WHAT_FITS}$"):
        chosen_seed(text)
    with pytest.raises(UserError, match=f"^--seeds: .{{1,40}}: {WHAT_FITS}$"):
        chosen_seeds(f"0,{text},1")


@pytest.mark.parametrize(("seed", "shown"), [(-1, "-1"), ("-1", "-1"), ("x", "'x'"), (None, "None")])
def test_a_number_is_named_as_it_is_written(seed: Any, shown: str) -> None:
    with pytest.raises(UserError) as refused:
        chosen_seed(seed)
    assert refused.value.text() == f"--seed: {shown}: {WHAT_FITS}"
