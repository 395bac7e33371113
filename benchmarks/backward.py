"""Recipes whose modules share backward passes, against the same models written by hand.

One step on one batch of 8×8 digits. *VAE*: recipes/vae_digits.toml, the divergence training the encoder alone, the
reconstruction both; by hand one backward pass. *Joint step*: the wiring of Algorithm 1 of Zheng and Sun (two encoders,
a classifier that one of them deceives, a critic, a decoder) on one forward pass, in which losses train some of the
modules that they reach and not others; by hand with one autograd.grad for each module, as it is commonly written, and
with the fewest passes, as a careful author would. By hand means PyTorch's own functions, and one Adam for each module.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import catalogue
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.measure import ROOT, Effort, Findings, Goal, Table, in_turns, median_ratio, milliseconds, seconds
from benchmarks.work import Work
from semreg.core.kinds import KINDS
from semreg.core.registry import register
from semreg.recipe.check import check
from semreg.recipe.load import load_recipe
from semreg.recipe.plan import Plan
from semreg.trained.opening import open_data
from semreg.training.build import build_modules

STEPS = 150
RATE = 1e-3

JOINT = """
[data]
use = "digits"
batch_size = 64

[model]
input = "image"
code = ["z_s", "z_u"]
output = "x_f"

[modules]
prior_s = { use = "standard_normal", size = 8 }
prior_u = { use = "standard_normal", size = 8 }
encoder_s = { use = "mlp_encoder", outputs = 8, hidden = [256] }
encoder_u = { use = "mlp_encoder", outputs = 16, hidden = [256] }
classifier = { use = "mlp_encoder", outputs = "@digit.classes", hidden = [256] }
critic = { use = "mlp_encoder", outputs = 1, hidden = [256] }
decoder = { use = "mlp_decoder", channels = "@image.channels", size = "@image.size", hidden = [256] }

[tensors]
z_s = "encoder_s(image)"
q_u = "diagonal_gaussian(encoder_u(image))"
z_u = "sample(q_u)"
c_u = "classifier(z_u)"
x_f = "decoder(z_s, z_u)"
x_p = "decoder(draw_like(prior_s, z_s), draw_like(prior_u, z_u))"

[losses]
rec.use = "l2(x_f, image)"
kl.use = "kl_divergence(q_u, prior_u)"
adv_c.use = "cross_entropy(c_u, digit)"
adv_e.use = "benchmark_uniform(c_u)"
adv_g.use = "benchmark_generator(critic(x_p))"
adv_d.use = "benchmark_critic(critic(image), critic(detach(x_p)))"

[optimizer]
use = "adam"
lr = 1e-3

[phases.main]
epochs = 1

[phases.main.train]
encoder_s = { rec = 10 }
encoder_u = { rec = 10, kl = 1, adv_e = 1 }
classifier = { adv_c = 1 }
decoder = { rec = 10, adv_g = 1 }
critic = { adv_d = 1 }
"""

Step = Callable[[], object]


def uniform(logits: Tensor) -> Tensor:
    """How far a classifier's answer is from undecided."""
    return -F.log_softmax(logits, dim=1).mean()


def generator_loss(scores: Tensor) -> Tensor:
    """The hinge loss of what is judged."""
    return -scores.mean()


def critic_loss(real: Tensor, fake: Tensor) -> Tensor:
    """The hinge loss of the judge."""
    return F.relu(1 - real).mean() + F.relu(1 + fake).mean()


@contextmanager
def own_losses() -> Iterator[None]:
    """The joint step's losses that semreg does not bring, for this process and for as long as the context lasts."""
    losses = {"uniform": uniform, "generator": generator_loss, "critic": critic_loss}
    for name, loss in losses.items():
        register("loss", f"benchmark_{name}", loss)
    try:
        yield
    finally:
        for name in losses:
            del catalogue.REGISTRY[(*KINDS["loss"].group.split("."), f"benchmark_{name}")]


# --- by hand ---


class ByHand:
    """Modules with an Adam each."""

    def __init__(self, plan: Plan) -> None:
        self.modules = build_modules(plan, seed=0)
        trained = plan.phases[0].trained
        self.parameters = {name: list(self.modules[name].parameters()) for name in self.modules if name in trained}
        self.optimizers = [torch.optim.Adam(parameters, lr=RATE) for parameters in self.parameters.values()]

    def step(self) -> None:
        for optimizer in self.optimizers:
            optimizer.step()
        for optimizer in self.optimizers:
            optimizer.zero_grad()


def code(features: Tensor) -> tuple[Tensor, Tensor]:
    """A draw from the posterior, and the elements of its divergence from the standard normal."""
    mean, log_variance = features.chunk(2, dim=1)
    divergence = 0.5 * (mean.square() + torch.expm1(log_variance) - log_variance)
    return mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean), divergence


def vae_by_hand(plan: Plan, image: Tensor) -> Step:
    """One backward pass of the sum: the divergence does not depend on the decoder anyway."""
    hand = ByHand(plan)
    encoder, decoder = hand.modules["encoder"], hand.modules["decoder"]

    def step() -> None:
        z, divergence = code(encoder(image))
        reconstruction = F.mse_loss(decoder(z), image, reduction="sum") / len(image)
        (reconstruction + 0.2 * divergence.sum() / len(image)).backward()
        hand.step()

    return step


def joint_losses(modules: Mapping[str, nn.Module], image: Tensor, digit: Tensor) -> dict[str, Tensor]:
    """All losses of the joint step, on one forward pass."""
    z_s = modules["encoder_s"](image)
    z_u, divergence = code(modules["encoder_u"](image))
    answer = modules["classifier"](z_u)
    drawn = modules["decoder"](torch.randn_like(z_s), torch.randn_like(z_u))
    critic = modules["critic"]
    return {
        "rec": F.mse_loss(modules["decoder"](z_s, z_u), image),
        "kl": divergence.mean(),
        "adv_c": F.cross_entropy(answer, digit),
        "adv_e": uniform(answer),
        "adv_g": generator_loss(critic(drawn)),
        "adv_d": critic_loss(critic(image), critic(drawn.detach())),
    }


def joint_by_module(plan: Plan, image: Tensor, digit: Tensor) -> Step:
    """One autograd.grad for each module."""
    hand = ByHand(plan)
    rows = plan.phases[0].steps[0].rows

    def step() -> None:
        losses = joint_losses(hand.modules, image, digit)
        for name, row in rows.items():
            total = sum((weight * losses[loss] for loss, weight in row.items()), torch.zeros(()))
            gradients = torch.autograd.grad(total, hand.parameters[name], retain_graph=True)
            for parameter, gradient in zip(hand.parameters[name], gradients, strict=True):
                parameter.grad = gradient
        hand.step()

    return step


def joint_in_two(plan: Plan, image: Tensor, digit: Tensor) -> Step:
    """Two passes: what trains encoders and decoder, and what trains classifier and critic."""
    hand = ByHand(plan)
    first = [parameter for name in ("encoder_s", "encoder_u", "decoder") for parameter in hand.parameters[name]]
    second = [parameter for name in ("classifier", "critic") for parameter in hand.parameters[name]]

    def step() -> None:
        losses = joint_losses(hand.modules, image, digit)
        total = 10 * losses["rec"] + losses["kl"] + losses["adv_e"] + losses["adv_g"]
        total.backward(inputs=first, retain_graph=True)
        (losses["adv_c"] + losses["adv_d"]).backward(inputs=second)
        hand.step()

    return step


# --- semreg ---


def ours(plan: Plan, folder: Path) -> tuple[Step, int]:
    """An iteration of the recipe's phase, always on its first batch, and how many backward passes it has."""
    runner, phase = Work(plan, open_data(plan)).runner(folder), plan.phases[0]
    return lambda: runner.iterate(0), len(phase.steps[0].backwards)


def first_batch(plan: Plan) -> tuple[Tensor, Tensor]:
    """Images and classes."""
    data = open_data(plan)
    rows = data.rows("train")[: plan.phases[0].batch_size]
    return data.arrays["image"].index_select(0, rows).float() / 255, data.arrays["digit"].index_select(0, rows)


def measure(effort: Effort) -> Findings:
    """Milliseconds per step, against the careful author's."""
    torch.set_flush_denormal(True)
    with own_losses(), TemporaryDirectory() as temporary:
        folder = Path(temporary)
        vae = check(load_recipe(ROOT / "recipes" / "vae_digits.toml"))
        (folder / "joint.toml").write_text(JOINT)
        joint = check(load_recipe(folder / "joint.toml"))
        images, digits = first_batch(vae)
        vae_step, vae_passes = ours(vae, folder / "vae")
        joint_step, joint_passes = ours(joint, folder / "joint")
        groups: dict[str, dict[str, tuple[Step, int]]] = {
            "VAE": {"by hand": (vae_by_hand(vae, images), 1), "semreg": (vae_step, vae_passes)},
            "Joint step": {
                "by hand, fewest passes": (joint_in_two(joint, images, digits), 2),
                "by hand, one autograd.grad for each module": (joint_by_module(joint, images, digits), 5),
                "semreg": (joint_step, joint_passes),
            },
        }
        steps = effort.of(STEPS)
        contestants = {
            f"{group}: {name}": repeated(step, steps) for group, of in groups.items() for name, (step, _) in of.items()
        }
        measured = in_turns(contestants, effort.rounds)
    rows, goals = [], []
    for group, of in groups.items():
        base = measured[f"{group}: {next(iter(of))}"]
        for name, (_, passes) in of.items():
            values = measured[f"{group}: {name}"]
            ratio = median_ratio(values, base)
            rows.append([group, name, str(passes), milliseconds(statistics.median(values)), f"{ratio:.2f}"])
        goals.append(Goal(f"backward: {group}, semreg", "at most 1.2 of by hand", f"{ratio:.2f}", ratio <= 1.2))
    columns = ["recipe", "written", "backward passes", "ms per step", "ratio"]
    note = f"{' '.join((__doc__ or '').split())} Medians of {effort.rounds} rounds of {steps} steps, in turns."
    return Findings([Table("Shared backward passes", columns, rows, note)], goals)


def repeated(step: Step, steps: int) -> Callable[[], float]:
    """The seconds that one of many steps takes."""

    def run(numbers: Sequence[int] = range(steps)) -> None:
        for _ in numbers:
            step()

    return lambda: seconds(run) / steps
