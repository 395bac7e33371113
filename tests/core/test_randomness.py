from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from semreg.core import seed_of

parts = st.lists(st.one_of(st.integers(), st.text(max_size=8)), max_size=4).map(tuple)


def test_seeds_are_the_same_on_every_machine() -> None:
    assert seed_of(0, "main", "joint", 3) == 7191156222167826736
    assert seed_of("größe") == 6751804067165562352


@given(parts, parts)
def test_different_parts_have_different_seeds(one: tuple[int | str, ...], other: tuple[int | str, ...]) -> None:
    assert (seed_of(*one) == seed_of(*other)) == (one == other)
    assert 0 <= seed_of(*one) < 2**63


def test_parts_are_kept_apart() -> None:
    assert len({seed_of("ab", "c"), seed_of("a", "bc"), seed_of("abc"), seed_of("ab', 'c")}) == 4
    assert seed_of(1) != seed_of("1")
