"""A trained run, opened, and functions of tensors that use it. Commands only wrap these functions.

Plugins import the names below from `semreg.trained`.
"""

from semreg.trained.attributes import has_unknown, read_attributes
from semreg.trained.classes import (
    CHUNK,
    accuracies,
    class_field,
    decoded,
    draw_pairs,
    image_batches,
    judge_sees,
    judged,
    probabilities,
    read_codes,
    read_images,
    require_two_classes,
    rows_by_class,
    synthesised,
    vary,
    verdicts,
)
from semreg.trained.directions import better
from semreg.trained.draws import drawn_by
from semreg.trained.embedding import embed
from semreg.trained.features import feature_extractors, features_of, frechet_distance
from semreg.trained.images import image_field, load_images, write_images
from semreg.trained.input_checks import expected_images
from semreg.trained.interpolating import interpolate, path_of
from semreg.trained.opening import open_run
from semreg.trained.panels import Choice, Mask, Panel, Seen, Slider, Strip, painted, pictures_of, seen_by
from semreg.trained.paths import InterpolatorChoice, chosen_interpolators, prior_of, strips
from semreg.trained.prerequisites import before_training
from semreg.trained.probes import ITERATIONS, PENALTY, linear_predictions, mlp_predictions
from semreg.trained.roles import labels_of, need, only_attribute
from semreg.trained.rows import Gathered, gathered, in_parts, mean_of, picked, regrouped, selected
from semreg.trained.run import Run
from semreg.trained.sampling import class_number, sample, sampled_classes
from semreg.trained.similarity import mean_dissimilarity, scales_and_window

__all__ = [
    "CHUNK",
    "ITERATIONS",
    "PENALTY",
    "Choice",
    "Gathered",
    "InterpolatorChoice",
    "Mask",
    "Panel",
    "Run",
    "Seen",
    "Slider",
    "Strip",
    "accuracies",
    "before_training",
    "better",
    "chosen_interpolators",
    "class_field",
    "class_number",
    "decoded",
    "draw_pairs",
    "drawn_by",
    "embed",
    "expected_images",
    "feature_extractors",
    "features_of",
    "frechet_distance",
    "gathered",
    "has_unknown",
    "image_batches",
    "image_field",
    "in_parts",
    "interpolate",
    "judge_sees",
    "judged",
    "labels_of",
    "linear_predictions",
    "load_images",
    "mean_dissimilarity",
    "mean_of",
    "mlp_predictions",
    "need",
    "only_attribute",
    "open_run",
    "painted",
    "path_of",
    "picked",
    "pictures_of",
    "prior_of",
    "probabilities",
    "read_attributes",
    "read_codes",
    "read_images",
    "regrouped",
    "require_two_classes",
    "rows_by_class",
    "sample",
    "sampled_classes",
    "scales_and_window",
    "seen_by",
    "selected",
    "strips",
    "synthesised",
    "vary",
    "verdicts",
    "write_images",
]
