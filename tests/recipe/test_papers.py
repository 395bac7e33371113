"""Two of the papers on paper: the language carries them, with stand-ins for what their plugins will bring."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from semreg.data.specification import ClassField, ImageField, Specification
from semreg.recipe.check import check
from semreg.recipe.load import load_recipe
from semreg.recipe.plan import Plan
from semreg.training.build import build_modules, synthetic_batch
from semreg.training.phase import PhaseRunner, Setting
from semreg.training.trial import check_on_nothing

PAPERS = Path(__file__).parent / "papers"
ATTRIBUTES = ("identity", "expression", "illumination")


# --- stand-ins ---


class Mixture(nn.Module):
    """A Gaussian mixture with learned means and diagonal variances."""

    def __init__(self, *, classes: int, size: int) -> None:
        super().__init__()
        self.means = nn.Parameter(torch.randn(classes, size))
        self.log_variances = nn.Parameter(torch.zeros(classes, size))

    def log_densities(self, codes: Tensor) -> Tensor:
        distances = (codes[:, None] - self.means).square() / self.log_variances.exp()
        return -0.5 * (distances + self.log_variances).sum(-1)

    def sample(self, count: int, labels: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
        noise = torch.randn(count, self.means.shape[1], generator=generator)
        return self.means[labels] + (self.log_variances[labels] / 2).exp() * noise


class ProjectionCritic(nn.Module):
    def __init__(self, *, classes: int, input_shapes: list[tuple[int, ...]]) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Flatten(), nn.LazyLinear(8), nn.ReLU())
        self.classes, self.score = nn.Embedding(classes, 8), nn.Linear(8, 1)
        self(torch.zeros(1, *input_shapes[0]), torch.zeros(1, dtype=torch.int64))

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        features = self.features(images)
        scores: Tensor = self.score(features).squeeze(1) + (features * self.classes(labels)).sum(1)
        return scores


class ClassifierWithTail(nn.Module):
    """Images are brought to the shape of a code first; the tail goes from there to the classes."""

    def __init__(self, *, classes: int, code_channels: int, input_shapes: list[tuple[int, ...]]) -> None:
        super().__init__()
        self.body = nn.Conv2d(input_shapes[0][0], code_channels, 4, stride=4)
        self.tail = nn.Sequential(nn.Flatten(), nn.LazyLinear(classes))
        self(torch.zeros(1, *input_shapes[0]))

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.tail(self.body(images))
        return logits


def mixture_likelihood(codes: Tensor, labels: Tensor, prior: Mixture) -> Tensor:
    return -prior.log_densities(codes).gather(1, labels[:, None]).mean()


def mixture_loss(codes: Tensor, labels: Tensor, prior: Mixture, *, likelihood: float) -> Tensor:
    return F.cross_entropy(prior.log_densities(codes), labels) + likelihood * mixture_likelihood(codes, labels, prior)


def uniform(*logits: Tensor) -> Tensor:
    return torch.stack([-F.log_softmax(one, dim=1).mean() for one in logits]).mean()


def hinge_critic(real: Tensor, fake: Tensor) -> Tensor:
    return F.relu(1 - real).mean() + F.relu(1 + fake).mean()


def generator_loss(fake: Tensor) -> Tensor:
    return -fake.mean()


def wasserstein_critic(
    critic: nn.Module, real: Tensor, fake: Tensor, *, penalty: float, generator: torch.Generator | None = None
) -> Tensor:
    weight = torch.rand(len(real), 1, 1, 1, generator=generator)
    between = (weight * real + (1 - weight) * fake).requires_grad_()
    [slope] = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    return critic(fake).mean() - critic(real).mean() + penalty * (slope.flatten(1).norm(dim=1) - 1).square().mean()


def tail(classifier: ClassifierWithTail, codes: Tensor) -> Tensor:
    logits: Tensor = classifier.tail(codes)
    return logits


def average(*terms: Tensor) -> Tensor:
    return torch.stack(terms).mean()


def total(*terms: Tensor) -> Tensor:
    return torch.stack(terms).sum()


class Faces:
    """Faces with three labels, of which only the specification is known."""

    def specification(self) -> Specification:
        labels = {name: ClassField(tuple("abc"[: 2 + index % 2])) for index, name in enumerate(ATTRIBUTES)}
        return {"image": ImageField(3, 16, 16), **labels}

    def locate(self) -> None:
        pass


@pytest.fixture(autouse=True)
def stand_ins(register: Callable[[str, str, Any], None]) -> None:
    register("dataset", "toy_faces", Faces)
    register("prior", "toy_mixture", Mixture)
    register("critic", "toy_projection_critic", ProjectionCritic)
    register("classifier", "toy_classifier_with_tail", ClassifierWithTail)
    for name, operation in {"tail": tail, "average": average, "sum": total}.items():
        register("operation", f"toy_{name}", operation)
    losses: dict[str, Callable[..., Tensor]] = {
        "mixture_loss": mixture_loss,
        "mixture_likelihood": mixture_likelihood,
        "uniform": uniform,
        "hinge_generator": generator_loss,
        "hinge_critic": hinge_critic,
        "wasserstein_generator": generator_loss,
        "wasserstein_critic": wasserstein_critic,
    }
    for name, loss in losses.items():
        register("loss", f"toy_{name}", loss)


def plan_of(recipe: str, *overrides: str) -> Plan:
    return check(load_recipe(PAPERS / recipe, overrides))


def moved_by_one_iteration(plan: Plan) -> set[str]:
    """The modules whose parameters change in the first iteration of the first phase, on a made-up batch."""
    modules = build_modules(plan, seed=0)
    setting = Setting(plan, modules, seed=0, device=torch.device("cpu"), precision="fp32")

    class Same:
        per_epoch = 1

        def batch(self, count: int) -> dict[str, Any]:
            return synthetic_batch(plan.fields, plan.value_range)

    runner = PhaseRunner(setting, plan.phases[0], lambda step: Same(), None)
    before = {name: [p.detach().clone() for p in module.parameters()] for name, module in modules.items()}
    runner.iterate(0)
    return {
        name
        for name, module in modules.items()
        if any(not torch.equal(p, old) for p, old in zip(module.parameters(), before[name], strict=True))
    }


# --- Zheng and Sun ---

ALGORITHM_1 = {
    "gm": {
        "encoder_s": {"gm": 1},
        "prior_s": {"gm": 1},
    },
    "joint": {
        "encoder_s": {"rec": 10, "lkd": 1},
        "encoder_u": {"rec": 10, "kl": 1, "adv_e": 1},
        "classifier": {"adv_c": 1},
        "decoder": {"rec": 10, "adv_g": 1},
        "critic": {"adv_d": 1},
    },
}


def test_the_gm_prior_paper_trains_whom_its_algorithm_says() -> None:
    plan = plan_of("gm_prior.toml")
    assert plan.matrix() == {"main": ALGORITHM_1}
    trained = {module for step in ALGORITHM_1.values() for module in step}
    assert trained == {"encoder_s", "prior_s", "encoder_u", "classifier", "decoder", "critic"}
    assert set(plan.modules) == trained | {"prior_u"}
    assert set(plan.losses) == {"gm", "rec", "lkd", "kl", "adv_e", "adv_c", "adv_g", "adv_d"}
    assert plan.warnings == []


def test_the_gm_prior_papers_steps_take_three_backwards_in_all() -> None:
    """One for the inner step, two for the joint one."""
    [phase] = plan_of("gm_prior.toml").phases
    inner, joint = phase.steps
    assert (inner.repeat, joint.repeat) == (3, 1)
    assert [backward.modules for backward in inner.backwards] == [("encoder_s", "prior_s")]
    # By its expression adv_g reaches encoder_u too, since draw_like reads z_u (its number of rows alone).
    assert [backward.modules for backward in joint.backwards] == [
        ("encoder_s", "encoder_u", "critic"),
        ("classifier", "decoder"),
    ]
    groups = phase.optimizers["prior_s"].groups
    assert [(pattern, schedule is not None) for pattern, _, schedule in groups] == [("log_variances", True)]


def test_the_gm_prior_paper_runs_on_nothing() -> None:
    plan = plan_of("gm_prior.toml")
    assert check_on_nothing(plan) == []
    assert moved_by_one_iteration(plan) == {"encoder_s", "prior_s", "encoder_u", "classifier", "decoder", "critic"}


# --- Oldfield, Panagakis and Nicolaou ---

GENERATOR = {"rec": 10, "shuffled": 1, "adv_g": 1}


def equation_8(*attributes: str) -> dict[str, dict[str, float]]:
    return {
        **{f"encoder_{m}": {**GENERATOR, f"code_{m}": 1, "dis": 1} for m in attributes},
        "encoder_0": {**GENERATOR, "dis": 1},
        "decoder": GENERATOR,
        **{f"classifier_{m}": {f"real_{m}": 1} for m in attributes},
        "critic": {"adv_d": 1},
    }


def test_the_uniform_paper_trains_whom_its_equation_8_says() -> None:
    plan = plan_of("uniform.toml")
    assert plan.matrix() == {"main": {"step": equation_8(*ATTRIBUTES)}}
    assert plan.warnings == []
    assert plan.tables.model is not None
    assert plan.tables.model.code == ["z_0", "z_identity", "z_expression", "z_illumination"]
    assert str(plan.tensors["x_s"].expression) == "decoder(z_0, zs_identity, zs_expression, zs_illumination)"
    assert str(plan.tensors["spread_expression"].expression) == (
        "toy_uniform(told_expression_identity, told_expression_illumination)"
    )


def test_the_uniform_papers_step_takes_two_backwards() -> None:
    [step] = plan_of("uniform.toml").phases[0].steps
    assert [set(backward.modules) for backward in step.backwards] == [
        {"encoder_0", "decoder", *(f"encoder_{m}" for m in ATTRIBUTES)},
        {"critic", *(f"classifier_{m}" for m in ATTRIBUTES)},
    ]


def test_the_uniform_paper_runs_on_nothing() -> None:
    plan = plan_of("uniform.toml")
    assert check_on_nothing(plan) == []
    assert moved_by_one_iteration(plan) == set(plan.modules)


@pytest.mark.parametrize("attributes", [ATTRIBUTES[:2], ATTRIBUTES])
def test_one_more_attribute_is_one_more_word(attributes: tuple[str, ...]) -> None:
    plan = plan_of("uniform.toml", f"each.m={list(attributes)}")
    assert plan.matrix() == {"main": {"step": equation_8(*attributes)}}
    others = len(attributes) - 1
    assert sum(name.startswith("told_") for name in plan.tensors) == len(attributes) * (others + 1)


def test_the_classifiers_weights_do_not_move_for_the_encoders_losses() -> None:
    adversaries = ["phases.main.train.classifier_{m}", "phases.main.train.critic"]
    plan = plan_of("uniform.toml", f"without={adversaries}")
    assert moved_by_one_iteration(plan) == {"encoder_0", "decoder", *(f"encoder_{m}" for m in ATTRIBUTES)}
