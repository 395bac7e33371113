"""The conformance kit: one call for each kind of component, and for hooks and commands, for use in your own tests.

    from semreg.testing import check_loss

    def test_it_conforms() -> None:
        check_loss(my_loss, torch.randn(6, 4), torch.tensor([0, 0, 1, 1, 2, 2]), options={"margin": 0.5})

Each call runs all checks of its kind and raises one AssertionError that lists the failed ones. You supply example
inputs, such as a recipe would pass: a few rows, small sizes, float32, nothing special. `options` are the keys of a
recipe. `exempt` names checks to skip; explain each in a comment beside it. Device checks use a GPU if there is one, and
otherwise PyTorch's "meta" device, which holds no values. `FakeRun` is a run made of tensors, for evaluations and
comparisons, and `FakeObservedRun` is one for hooks. `check_recipe` checks a recipe that a plugin ships.
"""

from __future__ import annotations

from semreg.testing.calls import check_loss, check_operation
from semreg.testing.commands import check_command
from semreg.testing.comparisons import check_comparison
from semreg.testing.criteria import check_criterion
from semreg.testing.data import check_dataset, check_sampler
from semreg.testing.evaluations import check_evaluation
from semreg.testing.executors import check_executor
from semreg.testing.hooks import check_hook
from semreg.testing.interpolators import check_interpolator
from semreg.testing.networks import check_classifier, check_critic, check_decoder, check_encoder
from semreg.testing.panels import check_panel
from semreg.testing.priors import check_prior
from semreg.testing.recipes import check_recipe
from semreg.testing.runs import FakeObservedRun, FakeRun
from semreg.testing.schedules import check_schedule
from semreg.testing.searches import check_search
from semreg.testing.trackers import check_tracker

__all__ = [
    "FakeObservedRun",
    "FakeRun",
    "check_classifier",
    "check_command",
    "check_comparison",
    "check_criterion",
    "check_critic",
    "check_dataset",
    "check_decoder",
    "check_encoder",
    "check_evaluation",
    "check_executor",
    "check_hook",
    "check_interpolator",
    "check_loss",
    "check_operation",
    "check_panel",
    "check_prior",
    "check_recipe",
    "check_sampler",
    "check_schedule",
    "check_search",
    "check_tracker",
]
