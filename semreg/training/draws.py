"""Where random calls draw from: each from a seed of its own for each execution."""

from __future__ import annotations

from dataclasses import dataclass

import torch


def mixed(seed: int, index: int) -> int:
    """The seed of draw number `index` of those seeded by `seed`, 0 ≤ seed < 2⁶³: splitmix64, under a microsecond.

    Every bit depends on the whole index, since PyTorch's CPU generator uses the low 32 alone.
    """
    value = (seed + (index + 1) * 0x9E3779B97F4A7C15) % 2**64
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) % 2**64
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) % 2**64
    return (value ^ (value >> 31)) >> 1


class GlobalDraws:
    """PyTorch's own generators on a device, from which dropout draws.

    Once `seed` is set they are seeded for each execution: `torch.manual_seed` takes a hundred times as long.
    """

    def __init__(self, device: torch.device) -> None:
        self.generators = [torch.default_generator]
        if device.type == "cuda":
            number = torch.cuda.current_device() if device.index is None else device.index
            self.generators.append(torch.cuda.default_generators[number])
        self.seed: int | None = None

    def reseed(self, index: int) -> None:
        """Seed them for execution `index`, if anything draws from them."""
        if self.seed is not None:
            for generator in self.generators:
                generator.manual_seed(mixed(self.seed, index))

    def states(self) -> list[list[int]]:
        """Where they stand: other numbers after a draw."""
        return [generator.get_state().tolist() for generator in self.generators]


@dataclass
class Draws:
    """Where a random call draws from: a generator that is seeded for each execution, on the host before it begins."""

    generator: torch.Generator
    base: int

    def seed(self, index: int) -> None:
        """Seed the generator for execution `index`."""
        self.generator.manual_seed(mixed(self.base, index))

    def renew(self) -> None:
        """Take another generator, in the place of one that a failed capture holds."""
        self.generator = torch.Generator(self.generator.device)
