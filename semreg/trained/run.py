"""A trained run, opened: its modules, its tensors as handles, encode and decode."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from semreg.components.values import is_posterior, on_cpu
from semreg.core import Field, Problem, Result, Roles, Specification, UserError, closest
from semreg.data.batches import Batch, sequential
from semreg.data.dataset import Cached
from semreg.recipe.plan import Plan, Read, uses
from semreg.store.recipes import evaluations_of, report_path
from semreg.store.results import read_result
from semreg.store.statistics import read_statistics
from semreg.trained.input_checks import expected_codes, expected_images, shape_of
from semreg.trained.metrics import Metrics, metrics_of
from semreg.trained.roles import need
from semreg.trained.shown import Results, ShownResult, run_html, run_text
from semreg.training.program import Execution, Program, evaluating

BATCH = 256


class TensorHandle:
    """A named tensor of a run, for evaluations: read over a split, or recomputed from other values."""

    def __init__(self, run: Run, name: str) -> None:
        self.run, self.name = run, name

    @property
    def field(self) -> Field | None:
        """What the data say of it, if it is a field of the data."""
        return self.run.fields.get(self.name)

    def read(self, split: str = "train", *, count: int | None = None, draws: bool = False) -> Any:
        """Its values for the first `count` rows of a split (all by default), on the CPU, floats as float32.

        A tensor `(rows, …)`, or a posterior of such. Modules are in eval mode; random operations take their
        evaluation form (a posterior's mean), or with `draws` are random as in training.
        """
        key = (self.name, split, count, draws)
        if key not in self.run.kept:
            parts = []
            for index, batch in enumerate(self.run.in_order(self.name, split, count)):
                parts.append(self.run.compute(self.name, batch, index, draws))
            if not parts:
                raise UserError(
                    str(self.run.folder), f"the {split} split of the data is empty, and {self.name!r} is read on it"
                )
            self.run.kept[key] = _joined(parts)
        return self.run.kept[key]

    def batches(self, split: str = "train") -> Iterator[Any]:
        """Its values of a split as `read` gives them, a batch at a time, for what need not be in memory at once."""
        for index, batch in enumerate(self.run.in_order(self.name, split, None)):
            yield self.run.compute(self.name, batch, index)

    def needs(self, *given: str) -> set[str]:
        """The fields of the data that it is computed from beyond the tensors and fields that are `given`."""
        return self.run.leaves(self.name, frozenset(given))

    def at(self, split: str, rows: Tensor) -> Any:
        """Its values as `read` gives them, of some rows of a split alone, by their places in it, int64 `(rows,)`."""
        batches = self.run.in_order(self.name, split, None, rows)
        return _joined([self.run.compute(self.name, batch, index) for index, batch in enumerate(batches)])

    def given(self, **values: Tensor) -> Any:
        """Its values where the named tensors or fields have the values given, `(rows, …)` each.

        Raises ValueError if it needs a field of the data that is not given, or the numbers of rows differ.
        """
        missing = sorted(self.needs(*values))
        if missing:
            raise ValueError(f"{self.name!r} cannot be computed from {sorted(values)} alone; give {missing} too")
        rows = {name: len(value) for name, value in values.items()}
        if len(set(rows.values())) != 1:
            raise ValueError(f"{self.name!r} is computed row by row, and the values given have {rows} rows")
        parts = []
        for index, start in enumerate(range(0, next(iter(rows.values())), BATCH)):
            batch = {name: value[start : start + BATCH].to(self.run.device) for name, value in values.items()}
            parts.append(self.run.compute(self.name, batch, index))
        return _joined(parts)


class Run:
    """A trained run: `modules` in eval mode, tensors by name, `encode` and `decode` as the recipe's `[model]` says.

    `data` are its data, or what reads them once something asks for them.
    """

    def __init__(
        self,
        folder: Path,
        plan: Plan,
        modules: dict[str, nn.Module],
        data: Cached | Callable[[], Cached],
        device: torch.device,
        seed: int,
    ) -> None:
        self.folder, self.plan, self.modules, self.device, self.seed = folder, plan, modules, device, seed
        self._data = data
        self._statistics: Mapping[str, Mapping[str, Tensor]] | None = None
        self.kept: dict[tuple[str, str, int | None, bool], Any] = {}
        self.programs = {
            draws: Program(plan, modules, key=(seed, "evaluation"), training=draws, device=device)
            for draws in (False, True)
        }

    @property
    def data(self) -> Cached:
        """The data set. Raises UserError if it is not there, or another than the run was trained on."""
        if not isinstance(self._data, Cached):
            self._data = self._data()
        return self._data

    @property
    def fields(self) -> Specification:
        """What the data say of their fields."""
        return self.plan.fields

    @property
    def value_range(self) -> tuple[float, float]:
        """The range of its images."""
        return self.plan.value_range

    @property
    def counts(self) -> dict[str, int]:
        """How many images each split has. Raises UserError where the data are not there."""
        return self.data.counts

    def tensor(self, name: str) -> TensorHandle:
        """The handle of a tensor or field.

        Raises UserError, with the closest names, if there is none, and with the reason if what it is computed from is
        not here, such as a plugin's operation.
        """
        known = {*self.plan.tables.tensors, *self.plan.fields}
        if name not in known:
            raise UserError(str(self.folder), f"this run has no tensor {name!r}{closest(name, known)}")
        found = uses([Read(name)], self.plan.tensors)
        here = {*self.modules, *self.plan.tensors, *self.plan.fields}
        if not {name, *found.read, *found.modules} <= here:
            raise self._lacking(f"tensor {name!r}")
        return TensorHandle(self, name)

    def module(self, name: str) -> nn.Module:
        """A module of the recipe, in eval mode.

        Raises UserError, with the closest names, if there is none, and with the reason if what it is made of is not
        here.
        """
        if name in self.modules:
            return self.modules[name]
        if name in self.plan.tables.modules:
            raise self._lacking(f"module {name!r}")
        raise UserError(str(self.folder), f"this run has no module {name!r}{closest(name, self.modules)}")

    def _lacking(self, what: str) -> UserError:
        """The error of something that needs what is not here."""
        return UserError(str(self.folder), [Problem("", f"{what} needs what is not here:"), *self.plan.lacking])

    @property
    def roles(self) -> Roles:
        """What the recipe's `[model]` says."""
        return self.plan.roles

    @property
    def shots(self) -> Mapping[str, Mapping[str, int]]:
        """How many training images the recipe leaves of some classes, by their label and name (`data.split.shots`)."""
        return self.plan.data.split.shots

    @property
    def statistics(self) -> Mapping[str, Mapping[str, Tensor]]:
        """What was kept of the training data for its use, by who wants it. Raises UserError if it is damaged."""
        if self._statistics is None:
            self._statistics = read_statistics(self.folder)
        return self._statistics

    def encode(self, images: Any) -> Any:
        """The code of images `(batch, channels, height, width)` in the recipe's range; a tuple of several codes.

        Also of images in memory, of any size, which are read as those of files are: uint8 arrays of NumPy's,
        `(n, height, width)` or `(n, height, width, 1, 3 or 4)` in [0, 255], or an image of Pillow's; or a list of
        images, each its own size.

        Raises UserError if `[model]` says no input or no code, ValueError for images of another shape or range.
        """
        roles = need(self, "input", "code")
        given = {roles.input: expected_images(self, images)}
        codes = tuple(self.tensor(name).given(**given) for name in roles.code)
        return codes[0] if len(codes) == 1 else codes

    def decode(self, *codes: Tensor) -> Any:
        """The output for codes, in the order of the recipe's `code`.

        Raises UserError if `[model]` says no code or no output, ValueError for codes of another number or shape.
        """
        roles = need(self, "code", "output")
        given = expected_codes(roles.code, self._code_shapes, codes)
        return self.tensor(roles.output).given(**dict(zip(roles.code, given, strict=True)))

    @functools.cached_property
    def _code_shapes(self) -> list[tuple[int, ...] | None]:
        """The shape of each code of one image; None where an image alone has none."""
        shape = shape_of(self.fields.get(self.roles.input))
        given = {} if shape is None else {self.roles.input: torch.full((1, *shape), self.value_range[0])}
        return [self._code_shape(name, given) for name in self.roles.code]

    def _code_shape(self, name: str, given: Mapping[str, Tensor]) -> tuple[int, ...] | None:
        try:
            code = self.tensor(name).given(**given)
        except (UserError, ValueError, RuntimeError):
            return None
        return tuple(code.shape[1:]) if isinstance(code, Tensor) else None

    def sample(self, count: int, *, label: str | int | None = None, seed: int = 0) -> Tensor:
        """Images decoded from draws of the priors, as `semreg.trained.sample` draws them."""
        from semreg.trained.sampling import sample

        return sample(self, count, label=label, seed=seed)

    def interpolate(
        self, a: Any, b: Any, *, steps: int = 10, interpolator: str | Mapping[str, Any] | None = None
    ) -> Tensor:
        """Images on the way from `a` to `b`, as `semreg.trained.interpolate` makes them; both may be all that `encode`
        takes."""
        from semreg.trained.interpolating import interpolate

        return interpolate(self, a, b, steps=steps, interpolator=interpolator)

    def result(self, evaluation: str) -> Result | None:
        """What the evaluation of that name left, if it is done. Raises UserError if what is stored is damaged."""
        folder = evaluations_of(self.folder, self.plan.name).get(evaluation)
        return None if folder is None else ShownResult(**vars(read_result(folder)))

    @property
    def results(self) -> Results:
        """What the recipe's evaluations left, by their names, as far as they are done. Raises as `result` does."""
        folders = evaluations_of(self.folder, self.plan.name)
        return Results({name: read_result(folder) for name, folder in folders.items()})

    @property
    def metrics(self) -> Metrics:
        """The losses that were recorded while it was trained: `metrics["main"]["kl"]` is an array."""
        return metrics_of(self.folder)

    @property
    def report(self) -> Path:
        """Where its report is, once it is written."""
        return report_path(self.folder, self.plan.name)

    @property
    def recipe(self) -> dict[str, Any]:
        """A copy of its recipe with all that it extends."""
        return deepcopy(self.plan.table)

    def __repr__(self) -> str:
        return run_text(self)

    def _repr_html_(self) -> str:
        return run_html(self)

    # --- for handles ---

    def in_order(self, name: str, split: str, count: int | None, places: Tensor | None = None) -> Iterator[Batch]:
        """The batches of the first `count` rows of a split, or of those at some places, with what a tensor reads."""
        rows = self.data.rows(split)[:count] if places is None else self.data.rows(split)[places]
        fields = self.leaves(name, frozenset())
        return sequential(self.data, rows, BATCH, fields=fields, value_range=self.plan.value_range, device=self.device)

    def compute(self, name: str, batch: Mapping[str, Any], index: int, draws: bool = False) -> Any:
        """The value of a tensor on one batch, on the CPU."""
        with evaluating(self.modules):
            return on_cpu(self.programs[draws].value(name, Execution(batch, index)))

    def leaves(self, name: str, given: frozenset[str]) -> set[str]:
        """The fields of the data that a tensor needs beyond what is given."""
        return self.plan.fields_of([Read(name)], given)


def _joined(parts: list[Any]) -> Any:
    first = parts[0]
    if is_posterior(first):
        return type(first)(*(torch.cat(list(values)) for values in zip(*parts, strict=True)))
    return torch.cat(parts)
