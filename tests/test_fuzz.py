"""Every recipe of the repository, mutated five hundred times in all: see `benchmarks.fuzz`, which does more of it."""

from __future__ import annotations

import os
import pickle
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.fuzz import Ground, Outcome, recipes
from benchmarks.mutations import mutated
from tests.recipe.stand_ins import STAND_INS

MUTATIONS = 500
SERIES = {
    "autoencoders", "code_sizes", "disentanglement", "leakage", "mixes", "mnist", "olr_supervision", "optimizers",
    "poses", "priors", "quantized", "samplers", "strips", "toy",
}  # fmt: skip
"""Folders of recipes that differ in a few lines: one of each stands for all."""
RECIPES = {path.parent.name if path.parent.name in SERIES else path.stem: path for path in recipes()}
EACH = -(-MUTATIONS // len(RECIPES))


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Ground:
    return Ground(tmp_path_factory.mktemp("ground"))


def most_are_slow(each: int) -> list[Any]:
    """All recipes, of which one in `each` is checked in every run of the tests; `test_every_recipe_checks` has all."""
    return [pytest.param(name, marks=[pytest.mark.slow] * (at % each > 0)) for at, name in enumerate(RECIPES)]


@pytest.fixture(autouse=True)
def stand_ins(register: Callable[[str, str, Any], None]) -> None:
    for stand_in in STAND_INS:
        register(*stand_in)


def test_all_recipes_are_mutated() -> None:
    assert {"vae_digits", "olr_celeba", "olr_small", "uniform"} | SERIES <= RECIPES.keys()
    assert len(RECIPES) * EACH >= MUTATIONS


@pytest.mark.parametrize("name", most_are_slow(8))
def test_a_recipe_as_it_is_passes_in_little_time(name: str, ground: Ground) -> None:
    path = RECIPES[name]
    outcome = ground.check(path, path.read_bytes())
    if outcome.seconds >= 2:  # imports take their time once
        outcome = ground.check(path, path.read_bytes())
    assert (outcome.code, outcome.failure) == (0, ""), outcome.errors
    assert outcome.seconds < 2, "in earnest it takes under one; machines that test are busy"


@pytest.mark.parametrize("name", most_are_slow(4))
def test_a_mutated_recipe_ends_with_0_or_2_and_a_message(name: str, ground: Ground) -> None:
    path = RECIPES[name]
    failures = {}
    for number in range(EACH):
        seed = f"suite:{name}:{number}"
        outcome = ground.check(path, mutated(path, seed, ground.sentinel))
        if outcome.failure:
            failures[seed] = outcome.failure
    assert failures == {}


def test_mutations_follow_from_their_seed_and_are_mutations(tmp_path: Path) -> None:
    path = RECIPES["vae_digits"]
    first, again = ([mutated(path, str(seed), tmp_path) for seed in range(40)] for _ in range(2))
    assert first == again
    assert len(set(first)) > 30
    assert path.read_bytes() not in first


@pytest.mark.parametrize(
    ("outcome", "failure"),
    [
        (Outcome(0, "", 0.1, 0, ()), ""),
        (Outcome(2, "recipe.toml: 1 error", 0.1, 0, ()), ""),
        (Outcome(2, "", 0.1, 0, ()), "without a word"),
        (Outcome(1, "?", 0.1, 0, ()), "exit code 1"),
        (Outcome(None, "Traceback …", 0.1, 0, ()), "exit code None"),
        (Outcome(0, "", 5.1, 0, ()), "took 5.1 s"),
        (Outcome(0, "", 0.1, 2**31, ()), "took 2.0 GiB"),
        (Outcome(0, "", 0.1, 0, ("os.system",)), "did os.system"),
    ],
    ids=["passed", "refused", "wordless", "code", "exception", "slow", "large", "deed"],
)
def test_what_counts_as_a_failure(outcome: Outcome, failure: str) -> None:
    assert failure in outcome.failure
    assert bool(failure) == bool(outcome.failure)


DEEDS: dict[str, Callable[[Path], Any]] = {
    "process": lambda sentinel: os.system("true"),
    "file": lambda sentinel: sentinel.touch(),
    "unpickling": lambda sentinel: pickle.loads(pickle.dumps(Ground)),
    "connection": lambda sentinel: socket.getaddrinfo("127.0.0.1", 9),
}


@pytest.mark.parametrize("deed", DEEDS)
def test_code_that_runs_is_noticed(deed: str, ground: Ground, register: Callable[[str, str, Any], None]) -> None:
    def treacherous(a: Any, b: Any, *, reduction: str) -> Any:
        DEEDS[deed](ground.sentinel)
        return (a - b).square().mean()

    register("loss", "treacherous", treacherous)
    path = RECIPES["vae_digits"]
    outcome = ground.check(path, path.read_bytes().replace(b"l2(", b"treacherous("))
    assert "did " in outcome.failure
    assert ground.check(path, path.read_bytes()).failure == ""
