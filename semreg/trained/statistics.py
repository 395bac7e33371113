"""What uses of a run need of its training data, kept with the run when it is trained: it then serves without them."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from torch import Tensor

from semreg.core import ClassField, UserError
from semreg.core.errors import cause_of
from semreg.core.registry import components, load
from semreg.store.statistics import packed, read_statistics
from semreg.trained.classes import class_field, read_codes
from semreg.trained.paths import parts_of, unfitted
from semreg.trained.roles import labels_of
from semreg.trained.run import Run


def fitted_state(run: Run, name: str, options: Mapping[str, Any]) -> Mapping[str, Tensor] | None:
    """What an interpolator learnt of the run's training codes, None where that was not kept."""
    return run.statistics.get(_key(run, name, options))


def fitted_interpolators(run: Run) -> dict[str, Mapping[str, Tensor]]:
    """What interpolators learn of the class in the run's training codes, by their names and options.

    These are the interpolator of `[model]`, and with their defaults all that are installed and are fitted. None for a
    run without exactly one field of classes among its attributes, and none for an interpolator that refuses the codes.
    """
    attributes = labels_of(run, ClassField)
    if len(attributes) != 1:
        return {}
    [(label, code)] = attributes.items()
    found = {}
    for name, options in _choices(run):
        try:
            path: Any = unfitted(name, options)
            if hasattr(path, "fit") and hasattr(path, "state"):
                codes, labels = read_codes(run.tensor(code), "train", flat=True), run.tensor(label)
                path.fit(codes, labels.read("train"), class_field(labels).order)
                learnt = path.state()
                packed({name: learnt})
                found[_key(run, name, options)] = learnt
        except KeyboardInterrupt:
            raise
        except BaseException:  # as for classes without an order: an interpolator that is asked for says so itself
            continue
    return found


def fitted_priors(run: Run, warn: Callable[[str], None]) -> dict[str, Mapping[str, Tensor]]:
    """What the run's priors with a method `fit` learn of its training codes, by their names; they are fitted in place.

    Codes are random as in training, and go with the classes that `[model]` calls attributes of the code. A prior that
    refuses them stays as it was, of which `warn` is told.
    """
    found: dict[str, Mapping[str, Tensor]] = {}
    for code, name in run.roles.prior.items():
        prior: Any = run.modules.get(name)
        if not _is_fitted(prior) or _prior_key(run, name) in found:
            continue
        labels = [label for label, own in labels_of(run, ClassField).items() if own == code]
        try:
            codes = read_codes(run.tensor(code), "train", draws=True)
            prior.fit(codes, *(run.tensor(label).read("train") for label in labels))
        except Exception as error:  # a plugin's: what was trained is not lost by it
            warn(f"modules.{name} was not fitted to {code!r}, and stays as it began: {cause_of(error)}")
            continue
        found[_prior_key(run, name)] = prior.state()
    return found


def load_fitted_priors(run: Run) -> None:
    """Have the run's priors that were fitted after its training what they learnt then."""
    fitted: dict[str, Any] = {name: run.modules.get(name) for name in run.roles.prior.values()}
    fitted = {_prior_key(run, name): prior for name, prior in fitted.items() if _is_fitted(prior)}
    kept = read_statistics(run.folder) if fitted else {}
    for key in fitted.keys() & kept.keys():
        fitted[key].load_state(kept[key])


def keeps_fitted_priors(run: Run) -> bool:
    """Whether the run keeps what each of its fitted priors learnt, with the options that these have."""
    wanted = {_prior_key(run, name) for name in run.roles.prior.values() if _is_fitted(run.modules.get(name))}
    return not wanted or wanted <= read_statistics(run.folder).keys()


def _is_fitted(prior: Any) -> bool:
    return all(hasattr(prior, method) for method in ("fit", "state", "load_state"))


def _prior_key(run: Run, name: str) -> str:
    """Of a prior with its options: one run may have several recipes, each with a prior of this name."""
    node = run.plan.modules[name].node
    return f"prior {name} {json.dumps([node.name, node.options], sort_keys=True, default=str)}"


def _choices(run: Run) -> Iterator[tuple[str, dict[str, Any]]]:
    """The interpolators that may be fitted, by name and options."""
    if run.roles.interpolator:
        yield parts_of(run.roles.interpolator)
    for component in components("interpolator"):
        try:
            value = load(component)
        except UserError:
            continue
        if inspect.isclass(value) and hasattr(value, "fit"):
            yield component.name, {}


def _key(run: Run, name: str, options: Mapping[str, Any]) -> str:
    """Of what is learnt of the codes of the run's one field of classes."""
    said = [options, *labels_of(run, ClassField).items()]
    return f"interpolator {name} {json.dumps(said, sort_keys=True, default=str)}"
