"""The generators of random calls, each seeded separately for each execution."""

from __future__ import annotations

from dataclasses import dataclass

import torch


def mixed(seed: int, index: int) -> int:
    """Return the seed of draw number `index` under `seed`, 0 ≤ seed < 2⁶³: splitmix64, under a microsecond.

    Every bit depends on the whole index, since PyTorch's CPU generator uses only the low 32.
    """
    value = (seed + (index + 1) * 0x9E3779B97F4A7C15) % 2**64
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) % 2**64
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) % 2**64
    return (value ^ (value >> 31)) >> 1


class GlobalDraws:
    """PyTorch's global generators on a device, which dropout uses.

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
        """Return their states, which change with a draw."""
        return [generator.get_state().tolist() for generator in self.generators]


@dataclass
class Draws:
    """The generator of a random call, seeded on the host before each execution."""

    generator: torch.Generator
    base: int

    def seed(self, index: int) -> None:
        """Seed the generator for execution `index`."""
        self.generator.manual_seed(mixed(self.base, index))

    def renew(self) -> None:
        """Take a new generator, to replace one that a failed capture holds."""
        self.generator = torch.Generator(self.generator.device)
