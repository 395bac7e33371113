"""Tables as a recipe may hold them, made up."""

from __future__ import annotations

from hypothesis import strategies as st

words = st.from_regex(r"[a-z_][a-z0-9_]{0,5}", fullmatch=True)
values = st.one_of(
    st.integers(-(2**63), 2**63 - 1), st.booleans(), st.text(max_size=6), words.map(lambda w: f"f({w}, g(x))")
)
keys = words.filter(lambda key: key not in {"each", "without", "fallback", "use"})
tables = st.recursive(
    st.dictionaries(keys, values, max_size=4),
    lambda inner: st.dictionaries(keys, st.one_of(values, inner, st.lists(values)), max_size=4),
    max_leaves=12,
)
"""Without the words of the language."""
