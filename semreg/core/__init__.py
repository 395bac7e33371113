"""The core: interfaces of every kind of component, the registry of their names, and what all rooms say things with.

It imports no other room, and neither PyTorch nor NumPy: `semreg list` answers from here alone. Plugins import what is
named below from `semreg.core`, and events from `semreg.core.hookspecs`.
"""

from semreg.core.errors import DataMissing, Problem, UserError, closest
from semreg.core.interfaces import (
    Classifier,
    ClosedFormPrior,
    Critic,
    Dataset,
    Decoder,
    Encoder,
    Evaluation,
    FittedInterpolator,
    Handle,
    Interpolator,
    Loss,
    ObservedRun,
    Operation,
    Prior,
    Sampler,
    Schedule,
    TrainedRun,
)
from semreg.core.posteriors import DiagonalGaussian, map_tensors, require_posterior, tensors_of
from semreg.core.randomness import seed_of
from semreg.core.results import Cell, Picture, Result, Scatter, Table
from semreg.core.shapes import require_classes, require_equal_shapes, shape_error
from semreg.core.source import EXCLUDED, SPLITS, TEST, TRAIN, VALIDATION, ImageReader, Source
from semreg.core.specification import (
    AttributesField,
    ClassField,
    Field,
    ImageField,
    Order,
    Specification,
    VectorField,
)

__all__ = [
    "EXCLUDED", "SPLITS", "TEST", "TRAIN", "VALIDATION", "AttributesField", "Cell", "ClassField", "Classifier",
    "ClosedFormPrior", "Critic", "DataMissing", "Dataset", "Decoder", "DiagonalGaussian", "Encoder", "Evaluation",
    "Field", "FittedInterpolator", "Handle", "ImageField", "ImageReader", "Interpolator", "Loss", "ObservedRun",
    "Operation", "Order", "Picture", "Prior", "Problem", "Result", "Sampler", "Scatter", "Schedule", "Source",
    "Specification", "Table", "TrainedRun", "UserError", "VectorField", "closest", "map_tensors", "require_classes",
    "require_equal_shapes", "require_posterior", "seed_of", "shape_error", "tensors_of",
]  # fmt: skip
