"""Optuna as a search of semreg: a study in a file of the sweep's folder."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, NopPruner, SuccessiveHalvingPruner
from optuna.samplers import BaseSampler, GPSampler, QMCSampler, RandomSampler, TPESampler
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.trial import FrozenTrial, TrialState

from semreg.core import Range, Suggestion, UserError, closest

__all__ = ["Optuna"]

JOURNAL, STUDY = "optuna.journal", "semreg"
"""The file of the storage, and the name of the study there."""
SAMPLERS: dict[str, Callable[..., BaseSampler]] = {
    "gp": GPSampler, "qmc": QMCSampler, "random": RandomSampler, "tpe": TPESampler,
}  # fmt: skip
PRUNERS: dict[str, Callable[[], BasePruner]] = {
    "halving": SuccessiveHalvingPruner, "hyperband": HyperbandPruner, "median": MedianPruner, "none": NopPruner,
}  # fmt: skip
_STATES: dict[TrialState, Any] = {
    TrialState.RUNNING: "asked", TrialState.COMPLETE: "told", TrialState.PRUNED: "pruned",
}  # fmt: skip


class Optuna:
    """`--search optuna:sampler=tpe,pruner=median`: values by one of Optuna's samplers, by default TPE.

    Samplers are tpe (Bergstra et al. 2011, Algorithms for Hyper-Parameter Optimization), gp, qmc and random, and
    pruners median, hyperband, halving and none, the default. The generator of each trial is seeded with the number of
    earlier suggestions, so that a killed search resumes without a difference. Raises ValueError for other words.
    """

    def __init__(
        self, words: str = "", *, space: Mapping[str, Range | Sequence[Any]], higher: bool, folder: Path
    ) -> None:
        chosen = _chosen(words)
        self._sampler, self._pruner = SAMPLERS[chosen["sampler"]], PRUNERS[chosen["pruner"]]
        self.prunes = chosen["pruner"] != "none"
        self._higher, self._folder = higher, folder
        self._values = {
            key: {json.dumps(value, default=str): value for value in values}
            for key, values in space.items()
            if not isinstance(values, Range)
        }
        self._space = {
            key: _numbers(values) if isinstance(values, Range) else CategoricalDistribution(list(self._values[key]))
            for key, values in space.items()
        }

    def suggestions(self) -> Sequence[Suggestion]:
        """All suggestions in this folder, in order, except one that a kill left incomplete."""
        trials = self._study.get_trials(deepcopy=False)
        return [self._suggestion(trial) for trial in trials if self._is_whole(trial)]

    def ask(self) -> Suggestion:
        """Make one more suggestion."""
        for trial in self._study.get_trials(deepcopy=False):
            if not (self._is_whole(trial) or trial.state.is_finished()):  # left by a kill
                self._study.tell(trial.number, state=TrialState.FAIL)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)  # about samplers that the user chose by name
            self._study.sampler = self._sampler(seed=len(self.suggestions()))
        return self._suggestion(self._trial(self._study.ask(self._space).number))

    def tell(self, number: int, figure: float | None) -> None:
        """Record the figure of a suggestion; None means that it was pruned."""
        self._study.tell(number, figure, TrialState.PRUNED if figure is None else TrialState.COMPLETE)

    def gives_up(self, number: int, epoch: int, loss: float) -> bool:
        """Return whether the pruner stops a trial. The study gets negated losses if a higher figure is better."""
        if epoch not in self._trial(number).intermediate_values:
            study = self._storage.get_study_id_from_name(STUDY)
            key = self._storage.get_trial_id_from_study_id_trial_number(study, number)
            self._storage.set_trial_intermediate_value(key, epoch, -loss if self._higher else loss)
        return bool(self._study.pruner.prune(self._study, self._trial(number)))

    @cached_property
    def _storage(self) -> JournalStorage:
        self._folder.mkdir(parents=True, exist_ok=True)
        file = str(self._folder / JOURNAL)
        return JournalStorage(JournalFileBackend(file, JournalFileOpenLock(file)))

    @cached_property
    def _study(self) -> optuna.Study:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        direction = "maximize" if self._higher else "minimize"
        try:
            return optuna.create_study(
                storage=self._storage,
                study_name=STUDY,
                pruner=self._pruner(),
                direction=direction,
                load_if_exists=True,
            )
        except (LookupError, TypeError, ValueError) as error:
            advice = f"remove {self._folder}, and the search starts again; finished runs are kept"
            said = f"is damaged ({type(error).__name__}: {error}); {advice}"
            raise UserError(str(self._folder / JOURNAL), said) from error

    def _is_whole(self, trial: FrozenTrial) -> bool:
        return trial.params.keys() == self._space.keys() and trial.state in _STATES

    def _trial(self, number: int) -> FrozenTrial:
        return self._study.get_trials(deepcopy=False)[number]

    def _suggestion(self, trial: FrozenTrial) -> Suggestion:
        values = {key: self._values[key][one] if key in self._values else one for key, one in trial.params.items()}
        return Suggestion(trial.number, values, _STATES[trial.state])


def _chosen(words: str) -> dict[str, str]:
    """Return the names of sampler and pruner in words. Raises ValueError."""
    known = {"sampler": SAMPLERS.keys(), "pruner": PRUNERS.keys()}
    chosen = {"sampler": "tpe", "pruner": "none"}
    said = words.split(",") if words else []
    for word in said:
        key, _, name = word.partition("=")
        if key not in known:
            raise ValueError(f"{word!r} is neither sampler=NAME nor pruner=NAME")
        if name not in known[key]:
            raise ValueError(f"no {key} is called {name!r}{closest(name, known[key])}")
        chosen[key] = name
    if len({word.partition("=")[0] for word in said}) < len(said):
        raise ValueError("it has one sampler and one pruner; name each once")
    return chosen


def _numbers(numbers: Range) -> BaseDistribution:
    if numbers.whole:
        return IntDistribution(int(numbers.low), int(numbers.high), log=numbers.log)
    return FloatDistribution(numbers.low, numbers.high, log=numbers.log)
