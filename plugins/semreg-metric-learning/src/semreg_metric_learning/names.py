"""The names of the library's losses in recipes, with a sentence and a source for each; it imports no PyTorch."""

from __future__ import annotations

from typing import Literal, NamedTuple


class Entry(NamedTuple):
    """A loss of the library: its class, a sentence about it, its source, and its inputs.

    `owns` marks one with parameters or state, which makes it a criterion.
    """

    library: str
    sentence: str
    source: str
    owns: bool = False
    takes: Literal["codes, labels", "codes, others"] = "codes, labels"


ENTRIES: dict[str, Entry] = {
    "angular": Entry(
        "AngularLoss",
        "The angle at the negative of the triangle with an anchor and its positive, over all negatives of the batch",
        "Wang et al., *Deep Metric Learning with Angular Loss* (2017)",
    ),
    "arcface": Entry(
        "ArcFaceLoss",
        "Cross-entropy of the cosines with learned class directions, a margin added to the angle of the own class",
        "Deng et al., *ArcFace: Additive Angular Margin Loss for Deep Face Recognition* (2019)",
        owns=True,
    ),
    "circle": Entry(
        "CircleLoss",
        "Similarities within and between classes, each weighted by how far it is from its optimum",
        "Sun et al., *Circle Loss: A Unified Perspective of Pair Similarity Optimization* (2020)",
    ),
    "contrastive": Entry(
        "ContrastiveLoss",
        "Distances of pairs: those of one class above a margin, and those of two classes below another",
        "Hadsell et al., *Dimensionality Reduction by Learning an Invariant Mapping* (2006)",
    ),
    "cosface": Entry(
        "CosFaceLoss",
        "Cross-entropy of the cosines with learned class directions, a margin taken from the cosine of the own class",
        "Wang et al., *CosFace: Large Margin Cosine Loss for Deep Face Recognition* (2018)",
        owns=True,
    ),
    "cross_batch_memory": Entry(
        "CrossBatchMemory",
        "Another loss between a batch's codes and those of earlier batches",
        "Wang et al., *Cross-Batch Memory for Embedding Learning* (2020)",
        owns=True,
    ),
    "dynamic_soft_margin": Entry(
        "DynamicSoftMarginLoss",
        "Triplets weighted by the share of triplets, over the training so far, that are easier",
        "Zhang and Rusinkiewicz, *Learning Local Descriptors With a CDF-Based Dynamic Soft Margin* (2019)",
        owns=True,
    ),
    "fast_ap": Entry(
        "FastAPLoss",
        "One minus the average precision of each code as a query, from a soft histogram of distances",
        "Cakir et al., *Deep Metric Learning to Rank* (2019)",
    ),
    "generalized_lifted_structure": Entry(
        "GeneralizedLiftedStructureLoss",
        "Soft maxima of the distances to all positives and, negated, to all negatives of each anchor",
        "Hermans et al., *In Defense of the Triplet Loss for Person Re-Identification* (2017)",
    ),
    "histogram": Entry(
        "HistogramLoss",
        "The probability that a pair of two classes is more similar than a pair of one, from soft histograms",
        "Ustinova and Lempitsky, *Learning Deep Embeddings with Histogram Loss* (2016)",
    ),
    "instance": Entry(
        "InstanceLoss",
        "Cross-entropy of the similarities within a batch against the place of the own class",
        "Zheng et al., *Dual-Path Convolutional Image-Text Embeddings with Instance Loss* (2020)",
    ),
    "intra_pair_variance": Entry(
        "IntraPairVarianceLoss",
        "How much the similarities of positive pairs, and of negative pairs, vary",
        "Yu and Tao, *Deep Metric Learning with Tuplet Margin Loss* (2019)",
    ),
    "large_margin_softmax": Entry(
        "LargeMarginSoftmaxLoss",
        "Cross-entropy of learned class directions, the angle of the own class multiplied",
        "Liu et al., *Large-Margin Softmax Loss for Convolutional Neural Networks* (2016)",
        owns=True,
    ),
    "lifted_structure": Entry(
        "LiftedStructureLoss",
        "Each positive pair against a soft maximum over the negatives of both its ends",
        "Song et al., *Deep Metric Learning via Lifted Structured Feature Embedding* (2016)",
    ),
    "manifold": Entry(
        "ManifoldLoss",
        "Similarities along the manifold of a batch, by random walks between codes and learned proxies",
        "Aziere and Todorovic, *Ensemble Deep Manifold Similarity Learning Using Hard Proxies* (2019)",
        owns=True,
    ),
    "margin": Entry(
        "MarginLoss",
        "Distances of pairs against a boundary, which may be learned, for all or for each class",
        "Wu et al., *Sampling Matters in Deep Embedding Learning* (2017)",
        owns=True,
    ),
    "multi_similarity": Entry(
        "MultiSimilarityLoss",
        "Pairs weighted by their similarity itself and relative to that of the anchor's other pairs",
        "Wang et al., *Multi-Similarity Loss with General Pair Weighting for Deep Metric Learning* (2019)",
    ),
    "n_pairs": Entry(
        "NPairsLoss",
        "Cross-entropy of one positive pair of each class against those of all other classes",
        "Sohn, *Improved Deep Metric Learning with Multi-class N-pair Loss Objective* (2016)",
    ),
    "nca": Entry(
        "NCALoss",
        "The log-probability that a random neighbour of a code is of its class",
        "Goldberger et al., *Neighbourhood Components Analysis* (2004)",
    ),
    "normalized_softmax": Entry(
        "NormalizedSoftmaxLoss",
        "Cross-entropy of the products with learned class directions, by a temperature",
        "Zhai and Wu, *Classification is a Strong Baseline for Deep Metric Learning* (2019)",
        owns=True,
    ),
    "nt_xent": Entry(
        "NTXentLoss",
        "Each positive pair against all negatives of its anchor, by a softmax with a temperature",
        "Chen et al., *A Simple Framework for Contrastive Learning of Visual Representations* (2020)",
    ),
    "p2s_grad": Entry(
        "P2SGradLoss",
        "The squared difference of the cosines with learned class directions from 1 for the own class and 0",
        "Zhang et al., *P2SGrad: Refined Gradients for Optimizing Deep Face Models* (2019)",
        owns=True,
    ),
    "pnp": Entry(
        "PNPLoss",
        "How many negatives come before each positive, penalised",
        "Li et al., *Rethinking the Optimization of Average Precision: Only Penalizing Negative Instances before "
        "Positive Ones is Enough* (2022)",
    ),
    "proxy_anchor": Entry(
        "ProxyAnchorLoss",
        "Each learned proxy as an anchor: a soft maximum over its positives in the batch, and one over its negatives",
        "Kim et al., *Proxy Anchor Loss for Deep Metric Learning* (2020)",
        owns=True,
    ),
    "proxy_nca": Entry(
        "ProxyNCALoss",
        "The log-probability that a random proxy of those learned for the classes is the own one",
        "Movshovitz-Attias et al., *No Fuss Distance Metric Learning using Proxies* (2017)",
        owns=True,
    ),
    "ranked_list": Entry(
        "RankedListLoss",
        "Positives within a sphere of each anchor and negatives beyond a boundary, weighted by how they violate it",
        "Wang et al., *Ranked List Loss for Deep Metric Learning* (2019)",
    ),
    "self_supervised": Entry(
        "SelfSupervisedLoss",
        "Another loss between two views of each image, each image a class of its own",
        "Chen et al., *A Simple Framework for Contrastive Learning of Visual Representations* (2020)",
        takes="codes, others",
    ),
    "signal_to_noise_ratio_contrastive": Entry(
        "SignalToNoiseRatioContrastiveLoss",
        "The contrastive loss of distances relative to the variance of the anchor",
        "Yuan et al., *Signal-to-Noise Ratio: A Robust Distance Metric for Deep Metric Learning* (2019)",
    ),
    "smooth_ap": Entry(
        "SmoothAPLoss",
        "One minus the average precision of each code as a query, its ranks smoothed by sigmoids",
        "Brown et al., *Smooth-AP: Smoothing the Path Towards Large-Scale Image Retrieval* (2020)",
    ),
    "soft_triple": Entry(
        "SoftTripleLoss",
        "Cross-entropy of the similarities with several learned centres of each class",
        "Qian et al., *SoftTriple Loss: Deep Metric Learning Without Triplet Sampling* (2019)",
        owns=True,
    ),
    "sphereface": Entry(
        "SphereFaceLoss",
        "Cross-entropy of learned class directions of unit length, the angle of the own class multiplied",
        "Liu et al., *SphereFace: Deep Hypersphere Embedding for Face Recognition* (2017)",
        owns=True,
    ),
    "subcenter_arcface": Entry(
        "SubCenterArcFaceLoss",
        "ArcFace with several directions of each class; the nearest one counts",
        "Deng et al., *Sub-center ArcFace: Boosting Face Recognition by Large-scale Noisy Web Faces* (2020)",
        owns=True,
    ),
    "supervised_contrastive": Entry(
        "SupConLoss",
        "The log-probability of the codes of one class among all codes of the batch, by a softmax with a temperature",
        "Khosla et al., *Supervised Contrastive Learning* (2020), Eq. 2",
    ),
    "threshold_consistent_margin": Entry(
        "ThresholdConsistentMarginLoss",
        "Similarities of positives below one margin and of negatives above another, to be used beside a main loss",
        "Zhang et al., *Threshold-Consistent Margin Loss for Open-World Deep Metric Learning* (2024)",
    ),
    "triplet_margin": Entry(
        "TripletMarginLoss",
        "The distance to a positive, less that to a negative, plus a margin, where that is above 0",
        "Schroff et al., *FaceNet: A Unified Embedding for Face Recognition and Clustering* (2015)",
    ),
    "tuplet_margin": Entry(
        "TupletMarginLoss",
        "Each positive pair, its angle lessened by a margin, against all negatives of its anchor",
        "Yu and Tao, *Deep Metric Learning with Tuplet Margin Loss* (2019)",
    ),
    "vicreg": Entry(
        "VICRegLoss",
        "Two views of each image: their difference, the variance of each element of the code, and the covariances",
        "Bardes et al., *VICReg: Variance-Invariance-Covariance Regularization for Self-Supervised Learning* (2022)",
        takes="codes, others",
    ),
}
"""By their names in recipes."""
