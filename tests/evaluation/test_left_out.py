"""Inputs that a recipe leaves out of its evaluations are those that its `[model]` says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from semreg.core import UserError
from semreg.core.options import signature_of
from semreg.core.registry import components, find, load
from semreg.recipe.check import check
from semreg.recipe.load import load_recipe

MODEL = """
[model]
target = "target"
code = ["z", "m", "u"]
sample = "drawn"
[model.prior]
z = "prior_z"
u = "prior"
[model.posterior]
u = "posterior"
[model.attributes]
kind = "z"
marks = "m"
[modules.prior_z]
use = "standard_normal"
size = 2
[tensors]
target = "detach(image)"
u = "sample(posterior)"
m = "detach(u)"
z = "average(u, u)"
drawn = "decoder(draw_like(prior_z, z))"
"""

LEFT_OUT = {
    "attribute_editing": "m, reconstruction, marks, target",
    "attribute_interpolation": "reconstruction, u, z, kind",
    "attribute_mixture": "image, reconstruction, u, z, kind",
    "attribute_transfer": "image, reconstruction, u, z, kind",
    "class_angles": "z, kind",
    "compression": "target, m, reconstruction, marks",
    "exchange": "image, z, u, reconstruction, kind",
    "expression_synthesis": "image, reconstruction, u, z, kind",
    "few_shot": "image, z, kind, reconstruction",
    "fid": "drawn, image",
    "fitted_samples": "z, prior_z, u, prior, reconstruction, kind, image",
    "inception_score": "drawn, kind",
    "inpainting": "image, reconstruction, kind",
    "interpolation_strip": "z, kind, reconstruction",
    "intra_class_diversity": "drawn, kind, image",
    "knn": "z, kind",
    "leakage": "u, kind",
    "linear_probe": "z, kind",
    "neighbor_synthesis": "z, kind, reconstruction",
    "norm_correlations": "m, marks",
    "principal_component": "m, marks, image",
    "reconstructions": "target, reconstruction",
    "row_norms": "m, marks",
    "semantic_order": "z, kind, reconstruction, image",
    "toy_spread": "image, drawn, kind",
    "traversal": "z, prior_z, u, prior, reconstruction, kind",
    "true_edits": "m, reconstruction, marks, target, image",
    "tsne": "z, kind",
}
ONE_PRIOR = {"divergence": "posterior, prior", "prior_samples": "prior, u, reconstruction"}
"""Those that are of the only code that has a prior."""
METRICS = {
    "beta_vae_score", "code_moments", "dci", "dci_es", "factor_vae_score", "infomec", "irs", "mig",
    "modularity_explicitness", "sap"
}  # fmt: skip
"""Those of factors, which are all classes unless a recipe says otherwise, and of the only code."""
TO_BE_NAMED = {"accuracy", "codebook_usage", "critic_on_mixtures", "hopkins", "linear_classifier", "posterior_entropy"}
"""Those that take what no role says."""


@pytest.fixture
def called(toy: Callable[..., Path]) -> Callable[..., str]:
    """`called("knn", "z")`: the call that a recipe has which says all roles, and so many of the inputs."""

    def called(name: str, given: str = "", overrides: Sequence[str] = ()) -> str:
        judge = 'judge = "base.toml"\n' if "judge" in signature_of(load(find(name, ["evaluation"]))).parameters else ""
        path = toy(f'{MODEL}[evaluate.it]\nuse = "{name}({given})"\n{judge}')
        return str(check(load_recipe(path, overrides)).evaluations["it"].node)

    return called


@pytest.mark.parametrize("name", LEFT_OUT)
def test_they_are_filled_by_the_roles(name: str, called: Callable[..., str]) -> None:
    assert called(name) == f"{name}({LEFT_OUT[name]})"


@pytest.mark.parametrize("name", ONE_PRIOR)
def test_of_several_priors_one_is_to_be_named(name: str, called: Callable[..., str]) -> None:
    assert called(name, overrides=["without=['model.prior.z']"]) == f"{name}({ONE_PRIOR[name]})"
    if name == "prior_samples":
        with pytest.raises(UserError, match=r"\[model\] says several, prior_z, prior; write which"):
            called(name)


@pytest.mark.parametrize("name", sorted(METRICS))
def test_metrics_are_of_the_only_code(name: str, called: Callable[..., str]) -> None:
    assert (
        called(name, overrides=['model.code=["z"]', "without=['model.attributes','model.prior','model.posterior']"])
        == f"{name}(z)"
    )


def test_what_is_given_decides_the_rest(called: Callable[..., str]) -> None:
    assert called("linear_probe", "u, kind") == "linear_probe(u, kind)"
    assert called("interpolation_strip", "z") == "interpolation_strip(z, kind, reconstruction)"
    assert called("inception_score", "drawn") == "inception_score(drawn)", "an input that need not be given is not"


@pytest.mark.parametrize(
    ("name", "without", "line"),
    [
        ("knn", "attributes", 'attributes = { label = "z" }'),
        ("row_norms", "attributes", 'attributes = { attributes = "z" }'),
        ("divergence", "prior", 'prior = { z = "prior" }'),
        ("divergence", "posterior", 'posterior = { z = "q" }'),
        ("traversal", "prior", 'prior = { z = "prior" }'),
        ("reconstructions", "output", 'output = "reconstruction"'),
        ("fid", "sample", 'sample = "generated"'),
    ],
)
def test_what_is_not_said_is_told_with_its_line(name: str, without: str, line: str, called: Callable[..., str]) -> None:
    with pytest.raises(UserError) as refused:
        called(name, overrides=[f"without=['model.{without}']"])
    [problem] = refused.value.problems
    assert problem.where == "evaluate.it"
    assert problem.message.endswith(f"add `{line}` there, with the recipe's own names")


def test_none_is_forgotten() -> None:
    known = {component.name for component in components("evaluation")}
    assert known == {*LEFT_OUT, *ONE_PRIOR, *METRICS, *TO_BE_NAMED}
