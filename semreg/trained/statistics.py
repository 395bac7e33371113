"""Statistics of its training data that uses of a run need, stored with the run after training, so that it needs no
data."""

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
    """Return the state that an interpolator learnt from the run's training codes; None if it was not stored."""
    return run.statistics.get(_key(run, name, options))


def fitted_interpolators(run: Run) -> dict[str, Mapping[str, Tensor]]:
    """Return the states that interpolators learn from the run's training codes and classes, by their names and options.

    These are the interpolator of `[model]`, and, with their defaults, all installed ones with a fit. A run needs
    exactly one field of classes among its attributes; interpolators that reject the codes are left out.
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
        except BaseException:  # as for classes without an order: a requested interpolator reports it itself
            continue
    return found


def fitted_priors(run: Run, warn: Callable[[str], None]) -> dict[str, Mapping[str, Tensor]]:
    """Fit the run's priors that have a method `fit` on its training codes, and return their states by name.

    Codes are random as in training; a code's prior also receives the classes in its attributes in `[model]`. A prior
    that rejects them does not change, and `warn` receives the reason.
    """
    found: dict[str, Mapping[str, Tensor]] = {}
    for key, name, code, labels in _priors_to_fit(run):
        prior: Any = run.modules[name]
        try:
            codes = read_codes(run.tensor(code), "train", draws=True)
            prior.fit(codes, *(run.tensor(label).read("train") for label in labels))
        except Exception as error:  # a plugin's error must not lose the training
            warn(f"modules.{name} was not fitted to {code!r}, and keeps its initial values: {cause_of(error)}")
            continue
        found[key] = prior.state()
    return found


def load_fitted_priors(run: Run) -> None:
    """Load the states of the run's priors that were fitted after its training."""
    fitted: dict[str, Any] = {key: run.modules[name] for key, name, _, _ in _priors_to_fit(run)}
    kept = read_statistics(run.folder) if fitted else {}
    for key in fitted.keys() & kept.keys():
        fitted[key].load_state(kept[key])


def lacks_fits(run: Run) -> bool:
    """Return whether a prior of the run has no stored fit: recipes that train alike share the run, not the fits."""
    keys = [key for key, *_ in _priors_to_fit(run)]
    return bool(keys) and not set(keys) <= read_statistics(run.folder).keys()


def _priors_to_fit(run: Run) -> Iterator[tuple[str, str, str, list[str]]]:
    """Yield the run's priors with a method `fit`, each once: the key of its state, its name, its code, and the classes
    in the code's attributes."""
    seen = set()
    for code, name in run.roles.prior.items():
        prior = run.modules.get(name)
        if name in seen or not all(hasattr(prior, method) for method in ("fit", "state", "load_state")):
            continue
        seen.add(name)
        labels = [label for label, own in labels_of(run, ClassField).items() if own == code]
        said = [run.plan.table["modules"][name], code, labels]
        yield f"prior {name} {json.dumps(said, sort_keys=True, default=str)}", name, code, labels


def _choices(run: Run) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the interpolators that may be fitted, by name and options."""
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
    """Return the key of a state that was learnt from the codes of the run's one field of classes."""
    said = [options, *labels_of(run, ClassField).items()]
    return f"interpolator {name} {json.dumps(said, sort_keys=True, default=str)}"
