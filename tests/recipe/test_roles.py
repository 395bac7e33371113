"""What [model] says is checked, key by key."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from semreg.components.priors import StandardNormal
from semreg.recipe.plan import Plan, Read
from semreg.recipe.roles import contents

Toy = Callable[..., Path]
Mistakes = Callable[..., dict[str, str]]
PlanOf = Callable[..., Plan]


class Fitted(StandardNormal):
    """A prior that is fitted, to classes if it has any."""

    def __init__(self, *, size: int, classes: int = 0) -> None:
        super().__init__(size=size)

    def fit(self, codes: Any, *labels: Any) -> None:
        """Nothing is."""


WHOLE = """
[model]
target = "image"
prior = { z = "prior" }
posterior = { z = "posterior" }
attributes = { kind = "z", marks = "z" }
sample = "drawn"
interpolator = { use = "spherical", norm = "interpolated" }
[tensors]
drawn = "decoder(draw_like(prior, z))"
"""


def test_all_that_can_be_said(toy: Toy, plan_of: PlanOf) -> None:
    roles = plan_of(toy(WHOLE)).roles
    assert (roles.input, roles.target, roles.code, roles.output) == ("image", "image", ("z",), "reconstruction")
    assert (roles.prior, roles.posterior, roles.sample) == ({"z": "prior"}, {"z": "posterior"}, "drawn")
    assert roles.attributes == {"kind": "z", "marks": "z"}
    assert roles.interpolator == {"use": "spherical", "norm": "interpolated"}
    named = plan_of(toy(WHOLE), "model.interpolator=linear", "without=['model.target']").roles
    assert (named.interpolator, named.target) == ({"use": "linear"}, "image"), "the target is the input if left out"


def test_without_model_nothing_is_said(toy: Toy, plan_of: PlanOf) -> None:
    roles = plan_of(toy('without = ["model"]')).roles
    assert not any(vars(roles).values())


@pytest.mark.parametrize(
    ("change", "where", "said"),
    [
        ("model.target=imge", "model.target", "did you mean 'image'?"),
        ("model.input=kind", "model.input", "is a field of the data (ClassField), not a field of images or vectors"),
        ("model.code=['encoder']", "model.code.0", "is an encoder, not a tensor"),
        (
            "model.prior={ z = 'encoder' }",
            "model.prior.z",
            "'encoder' is an encoder, not a prior; expected one of: prior",
        ),
        ("model.prior={ zz = 'prior' }", "model.prior.zz", "'zz' is none of `code`; did you mean 'z'?"),
        ("model.posterior={ z = 'prior' }", "model.posterior.z", "is a prior, not a tensor"),
        ("model.attributes={ knd = 'z' }", "model.attributes.knd", "is not a label of the data; did you mean 'kind'?"),
        ("model.attributes={ image = 'z' }", "model.attributes.image", "is not a label of the data"),
        ("model.attributes={ kind = 'image' }", "model.attributes.kind", "'image' is none of `code`"),
        ("model.sample=reconstruction", "model.sample", "computed from 'image' of the data; a sample depends only on"),
        ("model.interpolator=sphericl", "model.interpolator", "did you mean 'spherical'?"),
        ("model.interpolator={ use = 'spherical', nrm = 1 }", "model.interpolator.nrm", "did you mean 'norm'?"),
        ("model.code='z'", "model.code", "valid list"),
        ("model.prior=prior", "model.prior", "should be a table"),
    ],
)
def test_names_of_nothing_and_of_what_something_is_not_are_refused(
    toy: Toy, mistakes: Mistakes, change: str, where: str, said: str
) -> None:
    assert said in mistakes(toy(WHOLE), change)[where]


def test_a_model_that_says_nothing_is_refused(toy: Toy, mistakes: Mistakes) -> None:
    empty = 'without = ["model.input", "model.code", "model.output"]'
    assert "is empty; leave it out" in mistakes(toy(empty))["model"]


def test_what_lends_its_shape_alone_is_no_content(toy: Toy, plan_of: PlanOf) -> None:
    more = """
    [tensors]
    by_label = "draw(prior, kind)"
    like_image = "draw_like(prior, image)"
    both = "concatenate(like_image, by_label)"
    """
    plan = plan_of(toy(more))

    def of(name: str) -> set[Any]:
        return contents(plan.tensors, plan.fields, Read(name))

    assert (of("by_label"), of("like_image"), of("both"), of("z")) == ({"kind"}, set(), {"kind"}, {"image"})


def test_a_path_through_a_prior_needs_one(toy: Toy, mistakes: Mistakes, plan_of: PlanOf) -> None:
    found = mistakes(toy('[model]\ninterpolator = "base_space"'))
    assert found["model.interpolator"] == 'base_space needs the prior of a code; name it by `prior = { z = "prior" }`'
    assert plan_of(toy(WHOLE), "model.interpolator=base_space").roles.interpolator == {"use": "base_space"}


def test_a_prior_that_is_fitted_to_classes_is_told_which(
    toy: Toy, register: Callable[[str, str, Any], None], mistakes: Mistakes, plan_of: PlanOf
) -> None:
    register("prior", "fitted", Fitted)
    path = toy('[model]\ncode = ["z"]\nprior = { z = "prior" }\n[modules.prior]\nuse = "fitted"\nsize = 2\nclasses = 3')
    said = "'prior' is fitted to the classes of one label of 'z', and `attributes` names none; name one, or leave out"
    for attributes in ("", "marks = 'z'"):
        assert said in mistakes(path, f"model.attributes={{ {attributes} }}")["model.prior.z"]
    plan_of(path, "model.attributes={ kind = 'z' }")
    plan_of(path, "modules.prior.classes=0")
