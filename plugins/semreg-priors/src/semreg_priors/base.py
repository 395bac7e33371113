"""The base of the priors in this package: the length of their codes, and the device of their draws."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from semreg.core import require_classes, shape_error


class SizedPrior(nn.Module):
    """A prior of codes `(batch, size)`. `title` is its name in recipes, for messages."""

    title: str
    classes: int = 0
    """The number of classes of the label that it depends on."""
    zero: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size
        # follows .to(device) and .double(), so that draws do; not part of a checkpoint
        self.register_buffer("zero", torch.zeros(()), persistent=False)

    @property
    def ignores_labels(self) -> bool:
        """Whether the prior doesn't depend on a label."""
        return not self.classes

    def extra_repr(self) -> str:
        return f"size={self.size}"

    def require_size(self, call: str, codes: Tensor) -> None:
        """Raise ValueError unless codes are `(batch, size)`."""
        if codes.ndim != 2 or codes.shape[1] != self.size:
            raise shape_error(f"{self.title}.{call}", f"batch {self.size}", f"its size is {self.size}", codes)

    def label_of(self, method: str, labels: tuple[Tensor, ...], *, rows: int) -> Tensor | None:
        """Return the label `(rows,)` that the prior depends on, None for a prior without classes, and without a label.

        Raises ValueError for several labels, and for a label outside the classes.
        """
        if not self.classes or not labels:
            return None
        if len(labels) > 1:
            raise ValueError(f"{self.title}.{method} takes one label, the class; found {len(labels)}")
        require_classes(f"{self.title}.{method}", labels[0], rows=rows, classes=self.classes)
        return labels[0]
