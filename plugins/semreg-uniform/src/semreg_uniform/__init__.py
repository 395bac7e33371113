"""Uniform disentanglement for semreg; equation, table and figure numbers in this package are the paper's.

Source: Oldfield, Panagakis and Nicolaou, *Adversarial Learning of Disentangled and Generalizable Representations of
Visual Attributes*.
"""

from typing import TYPE_CHECKING

from semreg.core import lazy_names

__all__ = [
    "MLPTailClassifier",
    "PatchCritic",
    "ResidualDecoder",
    "SpatialEncoder",
    "TailClassifier",
    "class_logits",
    "disentanglement",
    "disentanglement_loss",
    "gradient_penalty",
    "hopkins_statistic",
    "mix_codes",
    "shuffle_codes",
]

if TYPE_CHECKING:
    from semreg_uniform.classifiers import MLPTailClassifier, TailClassifier, class_logits
    from semreg_uniform.functional import (
        disentanglement_loss,
        gradient_penalty,
        hopkins_statistic,
        mix_codes,
        shuffle_codes,
    )
    from semreg_uniform.losses import disentanglement
    from semreg_uniform.networks import PatchCritic, ResidualDecoder, SpatialEncoder
else:
    __getattr__, __dir__ = lazy_names(__name__, "functional", "networks", "classifiers", "losses")
