"""A trained run, opened: its modules, its tensors as handles, encode and decode."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from itertools import chain
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from semreg.components.values import on_cpu
from semreg.core import Field, Problem, Result, Roles, Specification, UserError, closest
from semreg.data.batches import sequential
from semreg.data.dataset import Cached
from semreg.data.gathering import Batch
from semreg.data.splitting import judging_on_validation
from semreg.recipe.plan import Plan, Read, uses
from semreg.store.recipes import evaluations_of, kept_as, report_path
from semreg.store.results import read_result
from semreg.store.statistics import read_statistics
from semreg.trained.display import Results, ShownResult, run_html, run_text
from semreg.trained.input_checks import expected_codes, expected_images, shape_of
from semreg.trained.metrics import Metrics, metrics_of
from semreg.trained.read_cache import ReadCache, bytes_of
from semreg.trained.roles import need
from semreg.trained.rows import BATCH, Gathered, gathered, regrouped, rows_in
from semreg.training.program import Program, evaluating


def seen_by_evaluations(data: Cached, plan: Plan, judge_on: str) -> Cached:
    """Return the data of a plan as its evaluations see them. Raises UserError if there are no images to judge on."""
    try:
        return judging_on_validation(data) if judge_on == "validation" else data
    except UserError as error:
        raise UserError(str(plan.recipe.path), error.problems) from None


class TensorHandle:
    """A named tensor of a run, for evaluations: read over a split, or recomputed from given values."""

    def __init__(self, run: Run, name: str) -> None:
        self.run, self.name = run, name

    @property
    def field(self) -> Field | None:
        """Its field in the data's specification, if it is a field of the data."""
        return self.run.fields.get(self.name)

    def read(self, split: str = "train", *, count: int | None = None, draws: bool = False) -> Any:
        """Return its values for the first `count` rows of a split (all by default), on the CPU, floats as float32.

        This is a tensor `(rows, …)`, or a posterior of tensors. Modules are in eval mode; random operations take their
        evaluation form (a posterior's mean), or with `draws` are random as in training. Raises UserError for a split
        that does not exist or is empty.
        """
        parts, rows = self._parts(split, count, draws, {}), len(self._rows(split, count))
        first = next(parts)
        return first if rows_in(first) == rows else gathered(chain([first], parts), rows)

    def batches(
        self,
        split: str = "train",
        *,
        size: int = BATCH,
        count: int | None = None,
        draws: bool = False,
        given: Mapping[str, Tensor] | None = None,
    ) -> Iterator[Any]:
        """Yield its values as `read` returns them, `size` rows at a time, so that they need not be in memory at once.

        `given` has other values for tensors or fields than the data's, a row for each row that is read. Values that fit
        into the run's cache are kept, as by `read`. Raises as `read` does, and ValueError for batches of less than a
        row, and for a wrong number of given rows.
        """
        if size < 1:
            raise ValueError(f"size is {size}; expected at least 1 row")
        rows = len(self._rows(split, count))
        for name, values in (given or {}).items():
            if len(values) != rows:
                raise ValueError(f"{name!r} is given with {len(values)} rows, and {rows} of the {split} split are read")
        return regrouped(self._parts(split, count, draws, given or {}), size)

    def _parts(self, split: str, count: int | None, draws: bool, given: Mapping[str, Tensor]) -> Iterator[Any]:
        """Yield its values in order: cached values, or those that may be cached, as one part, else a part for each
        batch."""
        key, kept = (self.name, split, count, draws), self.run.kept
        value = None if given else kept.get(key)
        if value is None:
            rows = self._rows(split, count)
            batches = enumerate(self.run.in_order(self.name, rows, given))
            computed = (self.run.compute(self.name, batch, index, draws) for index, batch in batches)
            first = next(computed)
            parts = chain([first], computed)
            if given or bytes_of(first) * len(rows) > kept.budget * min(BATCH, len(rows)):
                del first  # the variable would hold it as long as the others are read
                yield from parts
                return
            value = gathered(parts, len(rows))
            kept.keep(key, value)
        yield value

    def _rows(self, split: str, count: int | None = None) -> Tensor:
        """Return the rows of the data in a split, int64, or the first of them.

        Raises UserError for a split that does not exist or is empty, ValueError for less than a row of it.
        """
        counts = self.run.counts
        if split not in counts:
            raise UserError(str(self.run.folder), f"the data have no split {split!r}{closest(split, counts)}")
        rows = self.run.data.rows(split)
        if not len(rows):
            raise UserError(
                str(self.run.folder), f"the {split} split of the data is empty, and {self.name!r} is read on it"
            )
        if count is not None and count < 1:
            raise ValueError(f"count is {count}; expected at least 1")
        return rows[:count]

    def needs(self, *given: str) -> set[str]:
        """Return the fields of the data that it depends on beyond the tensors and fields that are `given`."""
        return self.run.leaves(self.name, frozenset(given))

    def at(self, split: str, rows: Tensor) -> Any:
        """Return its values as `read` does, for only some rows of a split, by their positions in it, int64
        `(rows,)`."""
        batches = self.run.in_order(self.name, self._rows(split)[rows])
        return gathered((self.run.compute(self.name, batch, index) for index, batch in enumerate(batches)), len(rows))

    def given(self, **values: Tensor) -> Any:
        """Return its values for given values of the named tensors or fields, `(rows, …)` each.

        Raises ValueError if it needs a field of the data that is not given, or the numbers of rows differ.
        """
        rows = self._rows_given(values)
        found = Gathered(rows)
        for index, start in enumerate(range(0, rows, BATCH)):
            batch = {name: value[start : start + BATCH].to(self.run.device) for name, value in values.items()}
            found.add(self.run.compute(self.name, batch, index))
        return found.value

    def differentiable(self, **values: Tensor) -> Any:
        """Return the same as `given`, for all rows at once, on the run's device and with gradients to the values.

        The caller chooses the gradients: `torch.autograd.grad` with respect to some values leaves none in the modules.
        """
        self._rows_given(values)
        batch = {name: value.to(self.run.device) for name, value in values.items()}
        with evaluating(self.run.modules), torch.enable_grad():
            program = self.run.programs[False]
            return program.value(self.name, program.execution(batch, 0))

    def _rows_given(self, values: Mapping[str, Tensor]) -> int:
        missing = sorted(self.needs(*values))
        if missing:
            raise ValueError(f"{self.name!r} cannot be computed from only {sorted(values)}; also give {missing}")
        rows = {name: len(value) for name, value in values.items()}
        if len(set(rows.values())) != 1:
            raise ValueError(f"{self.name!r} is computed row by row, and the values given have {rows} rows")
        return next(iter(rows.values()))


class Run:
    """A trained run: `modules` in eval mode, tensors by name, `encode` and `decode` by the recipe's `[model]`.

    `data` are its data, read on first use. If its evaluations `judge_on` "validation", the validation images are its
    test images, and the others can't be read.
    """

    def __init__(
        self,
        folder: Path,
        plan: Plan,
        modules: dict[str, nn.Module],
        data: Cached | Callable[[], Cached],
        device: torch.device,
        seed: int,
        judge_on: str = "test",
    ) -> None:
        self.folder, self.plan, self.modules, self.device, self.seed = folder, plan, modules, device, seed
        self.judge_on, self._data = judge_on, data
        self._statistics: Mapping[str, Mapping[str, Tensor]] | None = None
        self.kept = ReadCache()
        self.programs = {
            draws: Program(plan, modules, key=(seed, "evaluation"), training=draws, device=device)
            for draws in (False, True)
        }

    @functools.cached_property
    def data(self) -> Cached:
        """The data set as evaluations see it.

        Raises UserError if it is missing, differs from the data that trained the run, or has no images to judge on.
        """
        data = self._data if isinstance(self._data, Cached) else self._data()
        return seen_by_evaluations(data, self.plan, self.judge_on)

    @property
    def fields(self) -> Specification:
        """The specification of its data's fields."""
        return self.plan.fields

    @property
    def value_range(self) -> tuple[float, float]:
        """The range of its images."""
        return self.plan.value_range

    @property
    def counts(self) -> dict[str, int]:
        """How many images each split has. Raises UserError if the data are missing."""
        return self.data.counts

    def tensor(self, name: str) -> TensorHandle:
        """Return the handle of a tensor or field.

        Raises UserError, with the closest names, if there is none, and with the reason if a part of it, such as a
        plugin's operation, is missing here.
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
        """Return a module of the recipe, in eval mode.

        Raises UserError, with the closest names, if there is none, and with the reason if a part of it is missing here.
        """
        if name in self.modules:
            return self.modules[name]
        if name in self.plan.tables.modules:
            raise self._lacking(f"module {name!r}")
        raise UserError(str(self.folder), f"this run has no module {name!r}{closest(name, self.modules)}")

    def _lacking(self, what: str) -> UserError:
        """Return the error for a use that needs a missing part."""
        return UserError(
            str(self.folder), [Problem("", f"{what} needs components that are missing:"), *self.plan.lacking]
        )

    @property
    def roles(self) -> Roles:
        """The roles in the recipe's `[model]`."""
        return self.plan.roles

    @property
    def shots(self) -> Mapping[str, Mapping[str, int]]:
        """How many training images the recipe leaves of some classes, by their label and name (`data.split.shots`)."""
        return self.plan.data.split.shots

    @property
    def statistics(self) -> Mapping[str, Mapping[str, Tensor]]:
        """The statistics of the training data that were kept for its uses, by their users. Raises UserError if they are
        damaged."""
        if self._statistics is None:
            self._statistics = read_statistics(self.folder)
        return self._statistics

    def encode(self, images: Any) -> Any:
        """Return the code of images `(batch, channels, height, width)` in the recipe's range; a tuple of several codes.

        Images may also be in memory, of any size, and are then read as those in files: uint8 NumPy arrays,
        `(n, height, width)` or `(n, height, width, 1, 3 or 4)` in [0, 255], or a Pillow image; or a list of images,
        each with its own size.

        Raises UserError if `[model]` lacks an input or a code, ValueError for images of another shape or range.
        """
        roles = need(self, "input", "code")
        given = {roles.input: expected_images(self, images)}
        codes = tuple(self.tensor(name).given(**given) for name in roles.code)
        return codes[0] if len(codes) == 1 else codes

    def decode(self, *codes: Tensor) -> Any:
        """Return the output for codes, in the order of the recipe's `code`.

        Raises UserError if `[model]` lacks a code or an output, ValueError for codes of another number or shape.
        """
        roles = need(self, "code", "output")
        given = expected_codes(roles.code, self.code_shapes, codes)
        return self.tensor(roles.output).given(**dict(zip(roles.code, given, strict=True)))

    @functools.cached_property
    def code_shapes(self) -> list[tuple[int, ...] | None]:
        """The shape of each code of one image; None if the code needs more than an image."""
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
        """Return images decoded from draws of the priors, as `semreg.trained.sample` does."""
        from semreg.trained.sampling import sample

        return sample(self, count, label=label, seed=seed)

    def interpolate(
        self, a: Any, b: Any, *, steps: int = 10, interpolator: str | Mapping[str, Any] | None = None
    ) -> Tensor:
        """Return images between `a` and `b`, as `semreg.trained.interpolate` does; both may be anything that `encode`
        takes."""
        from semreg.trained.interpolating import interpolate

        return interpolate(self, a, b, steps=steps, interpolator=interpolator)

    def result(self, evaluation: str) -> Result | None:
        """Return the result of the evaluation of that name, if it has run. Raises UserError if the stored result is
        damaged."""
        folder = evaluations_of(self.folder, self._kept_as).get(evaluation)
        return None if folder is None else ShownResult(**vars(read_result(folder)))

    @property
    def results(self) -> Results:
        """The results of the recipe's evaluations that have run, by their names. Raises as `result` does."""
        folders = evaluations_of(self.folder, self._kept_as)
        return Results({name: read_result(folder) for name, folder in folders.items()})

    @property
    def metrics(self) -> Metrics:
        """The losses that training recorded: `metrics["main"]["kl"]` is an array."""
        return metrics_of(self.folder)

    @property
    def report(self) -> Path:
        """The path of its report, which exists once it is written."""
        return report_path(self.folder, self._kept_as)

    @property
    def _kept_as(self) -> str:
        """The name of its stored results and report."""
        return kept_as(self.plan.name, self.judge_on)

    @property
    def recipe(self) -> dict[str, Any]:
        """A copy of its recipe merged with all that it extends."""
        return deepcopy(self.plan.table)

    def __repr__(self) -> str:
        return run_text(self)

    def _repr_html_(self) -> str:
        return run_html(self)

    # --- for handles ---

    def in_order(self, name: str, rows: Tensor, given: Mapping[str, Tensor] | None = None) -> Iterator[Batch]:
        """Yield batches of rows of the data, with the fields that a tensor reads, some of them given, row for row."""
        extra = given or {}
        fields = self.leaves(name, frozenset(extra))
        return sequential(
            self.data, rows, BATCH, fields=fields, extra=extra, value_range=self.value_range, device=self.device
        )

    def compute(self, name: str, batch: Mapping[str, Any], index: int, draws: bool = False) -> Any:
        """Return the value of a tensor on one batch, on the CPU."""
        with evaluating(self.modules):
            program = self.programs[draws]
            return on_cpu(program.value(name, program.execution(batch, index)))

    def leaves(self, name: str, given: frozenset[str]) -> set[str]:
        """Return the fields of the data that a tensor needs beyond the given ones."""
        return self.plan.fields_of([Read(name)], given)
