"""Baselines of the papers. Autoencoders, VAEs and AAEs need only the core's components, and are recipes."""

from typing import TYPE_CHECKING

from semreg.core import lazy_names

__all__ = [
    "DomainCritic",
    "acai_critic",
    "acai_regularizer",
    "domain_logits",
    "interpolation_weight",
    "label_maps",
    "triplet_loss",
]

if TYPE_CHECKING:
    from semreg_baselines.acai import acai_critic, acai_regularizer, interpolation_weight
    from semreg_baselines.stargan import DomainCritic, domain_logits, label_maps
    from semreg_baselines.triplet import triplet_loss
else:
    __getattr__, __dir__ = lazy_names(__name__, "acai", "stargan", "triplet")
