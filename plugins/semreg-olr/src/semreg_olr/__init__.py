"""Occlusion-based latent representations (OLR) for semreg.

Source: Karatsiolis and Kamilaris, *Converting Image Labels to Meaningful and Information-Rich Embeddings*.
"""

from typing import TYPE_CHECKING

from semreg.core import lazy_names

__all__ = [
    "LabelEmbeddingEncoder",
    "LabelStatistics",
    "ReconstructionDecoder",
    "add_labels",
    "crop",
    "draw_embedding",
    "edit_embedding",
    "joint_probability",
    "joint_probability_loss",
    "joint_probability_over_pairs",
    "label_statistics",
    "labels_to_add",
    "occlude",
    "reconstruction_loss",
    "rescale",
    "row_leakage",
    "structural_dissimilarity",
    "structural_similarity",
]

if TYPE_CHECKING:
    from semreg_olr.additions import add_labels, labels_to_add
    from semreg_olr.functional import (
        LabelStatistics,
        crop,
        draw_embedding,
        edit_embedding,
        joint_probability,
        joint_probability_loss,
        joint_probability_over_pairs,
        label_statistics,
        occlude,
        reconstruction_loss,
        rescale,
    )
    from semreg_olr.leakage import row_leakage
    from semreg_olr.networks import LabelEmbeddingEncoder, ReconstructionDecoder
    from semreg_olr.ssim import structural_dissimilarity, structural_similarity
else:
    __getattr__, __dir__ = lazy_names(__name__, "functional", "ssim", "networks", "additions", "leakage")
