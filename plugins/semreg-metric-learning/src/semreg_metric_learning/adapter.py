"""The library's losses as components: built from a recipe's options, called on codes, with their state in the run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from textwrap import fill
from typing import Annotated, Any, ClassVar

import torch
from pytorch_metric_learning import losses
from torch import Tensor, nn

from semreg.components.functional import in_float32
from semreg.components.layers import Shapes
from semreg.core import Role, require_classes, require_equal_shapes, shape_error
from semreg_metric_learning.names import Entry
from semreg_metric_learning.parts import REFUSED, made, part
from semreg_metric_learning.signatures import SIZES, Option, Part, constructed_by, options_of, takes_a_miner


class Adapted(nn.Module):
    """A loss of the library as a component; `adapted` makes a class for each."""

    couples_rows = True
    """Always true: pairs couple rows, and reducers may."""
    component: ClassVar[str]
    library: ClassVar[type[nn.Module]]
    size: ClassVar[str | None]
    """The name of the code's length in the library's constructor, if it has one."""
    mined: ClassVar[bool]
    """Whether a miner chooses triplets or pairs before the library's loss is called."""

    def build(self, options: Mapping[str, Any], input_shapes: Shapes | None) -> None:
        """Make the library's loss. Raises ValueError for options that don't fit."""
        given = dict(options)
        miner = given.pop("miner", None) if self.mined else None
        if self.size is not None:
            given[self.size] = self._length(given.pop("embedding_size", None), input_shapes)
        self.classes = given.get("num_classes")
        self.loss = made(self.library, given)
        self.miner = None if miner is None else part("miner", miner)
        for module in self.modules():  # tensors among the attributes follow the device and are kept with a run
            for name, value in [*vars(module).items()]:
                if isinstance(value, Tensor):
                    delattr(module, name)
                    module.register_buffer(name, value)

    def _length(self, said: int | None, input_shapes: Shapes | None) -> int:
        """Return the length of a code from the shapes of the inputs, or the option if there are none."""
        if input_shapes is None:
            if said is None:
                raise ValueError(f"{self.component} needs the option 'embedding_size' where no recipe tells it")
            return said
        shape = tuple(input_shapes[0])
        if len(shape) != 1:
            raise ValueError(f"{self.component} takes codes (batch, code), found {len(shape) + 1} axes")
        if said not in (None, shape[0]):
            raise ValueError(f"embedding_size is {said}, and the codes have {shape[0]} numbers; leave it out")
        return shape[0]

    def value(self, codes: Tensor, *others: Any, **named: Any) -> Tensor:
        """Return the library's result; a connected zero for an empty batch."""
        if not len(codes):
            return 0 * sum([parameter.sum() for parameter in self.parameters()], codes.sum())
        with self._state_kept():
            result: Tensor = self.loss(codes, *others, **named)
        return result.reshape(())

    @contextmanager
    def _state_kept(self) -> Iterator[None]:
        """Store the library's replacement of a buffer in that buffer; in eval mode buffers don't change."""
        buffers = [(m, name, buffer) for m in self.modules() for name, buffer in m.named_buffers(recurse=False)]
        if not self.training:
            for module, name, buffer in buffers:
                setattr(module, name, buffer.clone())
        try:
            yield
            for module, name, buffer in buffers if self.training else ():
                new = getattr(module, name)
                if new is not buffer and new.dtype == buffer.dtype:
                    buffer.copy_(new.detach())
        finally:
            for module, name, buffer in buffers:
                setattr(module, name, buffer)


class OfLabels(Adapted):
    """A loss of codes and their classes."""

    @in_float32
    def forward(self, codes: Annotated[Tensor, Role.CODE], labels: Annotated[Tensor, Role.LABEL]) -> Tensor:
        """Compute the loss of codes `(batch, code)` and their classes, integers `(batch,)`."""
        call = f"{self.component}(codes, labels)"
        if codes.ndim != 2 or labels.shape != codes.shape[:1]:
            raise shape_error(call, "batch code, batch", "one class for each code", codes, labels)
        require_classes(call, labels, rows=len(codes), classes=self.classes)
        labels = labels.long()
        chosen = () if self.miner is None or not len(codes) else (self.miner(codes, labels),)
        return self.value(codes, labels, *chosen)


class OfMemory(OfLabels):
    """A loss of codes and those of earlier batches."""

    place: Tensor

    def build(self, options: Mapping[str, Any], input_shapes: Shapes | None) -> None:
        super().build(options, input_shapes)
        self.register_buffer("place", torch.zeros(2, dtype=torch.int64))  # in the memory, and whether it is full

    def value(self, codes: Tensor, *others: Any, **named: Any) -> Tensor:
        memory: Any = self.loss
        if len(codes) > memory.memory_size:
            raise ValueError(f"memory_size is {memory.memory_size}, less than the {len(codes)} codes of a batch")
        memory.queue_idx, memory.has_been_filled = int(self.place[0]), bool(self.place[1])
        result = super().value(codes, *others, **named)
        if self.training:
            self.place.copy_(torch.tensor([memory.queue_idx, memory.has_been_filled]))
        return result


class OfViews(Adapted):
    """A loss of the codes of two views of each image."""

    @in_float32
    def forward(self, codes: Tensor, others: Tensor) -> Tensor:
        """Compute the loss of the codes of two views of each image, `(batch, code)` each."""
        call, pattern = f"{self.component}(codes, others)", "batch code, batch code"
        require_equal_shapes(call, pattern, codes, others)
        if codes.ndim != 2:
            raise shape_error(call, pattern, "these are not vectors", codes, others)
        return self.value(codes, ref_emb=others)


FORMS: Mapping[str, type[Adapted]] = {"codes, labels": OfLabels, "codes, others": OfViews}


def adapted(name: str, entry: Entry) -> type[Adapted]:
    """Make the class of a component: its signature is that of the library's constructor, its documentation
    the entry's."""
    library: type[nn.Module] = getattr(losses, entry.library)
    options = options_of(library)
    size = next((one for one in SIZES if one in options), None)
    if size is not None:
        del options[size]
        options["embedding_size"] = Option(int | None, "int | None", None)
        options["input_shapes"] = Option(Shapes | None, "Shapes | None", None)
    mined = entry.takes == "codes, labels" and "miner" not in options and takes_a_miner(library)
    if mined:
        options["miner"] = Option(Part | None, "str | dict | None", None)

    def construct(self: Adapted, *, input_shapes: Shapes | None = None, **options: Any) -> None:
        nn.Module.__init__(self)
        self.build(options, input_shapes)

    form = OfMemory if entry.library == "CrossBatchMemory" else FORMS[entry.takes]
    own = {
        "component": name, "library": library, "size": size, "mined": mined,
        "__doc__": _documentation(entry), "__module__": "semreg_metric_learning.losses",
    }  # fmt: skip
    return type(entry.library, (form,), {**own, **constructed_by(construct, options)})


def _documentation(entry: Entry) -> str:
    """Return the documentation of a component for `semreg show`."""
    inputs = {
        "codes, labels": "Codes `(batch, code)` and classes, integers `(batch,)`",
        "codes, others": "Codes of two views of each image, `(batch, code)` each",
    }[entry.takes]
    owns = " As a module it has parameters or state of its own." if entry.owns else ""
    refused = f" Refused: {REFUSED[entry.library]}." if entry.library in REFUSED else ""
    paragraphs = (
        f"{entry.sentence}.{refused}",
        f"`{entry.library}` of pytorch-metric-learning, with its options and their defaults.{owns} {inputs}, to a "
        "scalar in the codes' dtype, at least float32; a connected zero of an empty batch. `distance`, `reducer`, "
        '`miner` and regularizers are names, as `distance = "cosine"`, or tables, `distance = { use = "lp", p = 1 }`. '
        "Raises ValueError for shapes or classes that don't fit, and for options that the library refuses.",
        f"Source: {entry.source}.",
    )
    return "\n\n".join(fill(paragraph, 120) for paragraph in paragraphs)
