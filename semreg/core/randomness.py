"""Seeds as pure functions of what they are for, so that one draw never shifts another."""

from __future__ import annotations

__all__ = ["seed_of"]


def seed_of(*parts: int | str) -> int:
    """A 63-bit seed, a pure function of `parts` (integers and strings, such as seed, phase, step, iteration, name).

    The same on every machine and in every version of Python; `1` and `"1"`, or `("ab", "c")` and `("a", "bc")`, differ.
    """
    import hashlib  # which loads OpenSSL: only for those who draw

    # ascii() writes strings quoted and escaped, so no two sequences of parts share one text.
    return int.from_bytes(hashlib.blake2b(ascii(parts).encode(), digest_size=8).digest(), "little") >> 1


def mixed(seed: int, index: int) -> int:
    """The seed of draw number `index` of those seeded by `seed`, 0 ≤ seed < 2⁶³: splitmix64, under a microsecond.

    Every bit depends on the whole index, since PyTorch's CPU generator uses the low 32 alone.
    """
    value = (seed + (index + 1) * 0x9E3779B97F4A7C15) % 2**64
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) % 2**64
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) % 2**64
    return (value ^ (value >> 31)) >> 1
