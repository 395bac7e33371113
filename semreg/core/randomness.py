"""Seeds as pure functions of their purpose, so that one draw never shifts another."""

from __future__ import annotations

__all__ = ["seed_of"]


def seed_of(*parts: int | str) -> int:
    """Return a 63-bit seed, a pure function of `parts` (integers, strings: seed, phase, step, iteration, name).

    All machines and versions of Python give one seed; `1` and `"1"`, or `("ab", "c")` and `("a", "bc")`, differ.
    """
    import hashlib  # which loads OpenSSL: only for those who draw

    # ascii() writes strings quoted and escaped, so no two sequences of parts share one text.
    return int.from_bytes(hashlib.blake2b(ascii(parts).encode(), digest_size=8).digest(), "little") >> 1
