"""What an iteration of recipes/gm_mnist.toml costs beside the same algorithm written by hand.

Algorithm 1 of Zheng and Sun: three steps of the GM loss on batches of their own, then a joint step in which seven
losses train five modules. By hand each module's gradient is one `torch.autograd.grad` of the losses that train it, on
one forward pass; the same modules and losses in both, and one Adam. Ours has the hooks, records and progress bar of
every run. Full MNIST from the folder that SEMREG_DATA names, of which 100 images of each digit are used; without it the
bundled digits.
"""

from __future__ import annotations

from benchmarks.by_hand import gm_mnist
from benchmarks.loop import BARE
from benchmarks.measure import ROOT, Effort, Findings, Goal, median_ratio
from benchmarks.training import FULL, measured_beside, open_work, table

RECIPE = ROOT / "recipes" / "gm_mnist.toml"
IMAGES = 100
MOST = 0.85
"""How many times as long as by hand an iteration may take."""


def measure(effort: Effort) -> Findings:
    """Milliseconds per iteration, against the hand-written algorithm."""
    work = open_work(RECIPE, IMAGES, effort)
    measured, losses = measured_beside(gm_mnist, work, effort.rounds, {FULL: {}})
    ratio = median_ratio(measured[FULL], measured[BARE])
    goal = Goal("algorithm: gm_mnist", f"at most {MOST:.2f} times by hand", f"{ratio:.3f}", ratio <= MOST)
    return Findings([table("Algorithm", __doc__ or "", work, measured, losses, effort.rounds)], [goal])
