"""Metrics with predictors of factors: DCI, DCI-ES and SAP."""

from __future__ import annotations

from functools import partial
from typing import Annotated, get_args

import torch

from semreg.core import Handle, Result, Role
from semreg.trained import before_training, better
from semreg_disentanglement.evaluations.common import Draws, Split, evaluated, require_factors
from semreg_disentanglement.functional.common import Count
from semreg_disentanglement.functional.dci import Regressor
from semreg_disentanglement.functional.dci import dci as dci_of
from semreg_disentanglement.functional.dci_es import dci_es as dci_es_of
from semreg_disentanglement.functional.sap import sap as sap_of

IMPORTANCES = "importance of the dimension to tell the factor"


def _figures(regressor: Regressor) -> dict[str, str]:
    """Return the figures of DCI, which name their regressor."""
    return {name: f"{name}_{regressor}" for name in ("disentanglement", "completeness", "informativeness")}


OF_DCI = [name for regressor in get_args(Regressor) for name in _figures(regressor).values()]


@better(higher=OF_DCI, units={"*": "share"})
def dci(
    code: Annotated[Handle, Role.CODE],
    *factors: Handle,
    regressor: Regressor = "extra_trees",
    split: Split = "test",
    count: Count = 5_000,
    draws: Draws = 5,
    generator: torch.Generator | None = None,
) -> Result:
    """Measure disentanglement, completeness and informativeness with trees that predict each factor from the code.

    Source: Eastwood and Williams, *A Framework for the Quantitative Evaluation of Disentangled Representations* (2018).

    Figures, which name the regressor: `disentanglement_extra_trees`, `completeness_extra_trees` and
    `informativeness_extra_trees`, the accuracy on images held out; each with `_chance`, and `_low` and `_high`, an
    interval of 95 %.

    Args:
        code: `(batch, code)`; a spatial one `(batch, channels, height, width)` is averaged over positions.
        factors: fields of classes, of binary labels or vectors; by default all fields of classes.
        regressor: "extra_trees", or the literature's "gradient_boosting", which takes minutes for each draw.
        split: whose images.
        count: the most images, drawn at random.
        draws: shuffles for the chance level, and half samples for the interval.
        generator: source of all draws.

    Raises ValueError if codes are not finite, no factor varies, or there are fewer images than dimensions.
    """
    return evaluated(
        partial(dci_of, regressor=regressor),
        code,
        factors,
        figures=_figures(regressor),
        entries=IMPORTANCES,
        how=f"By {regressor.replace('_', ' ')}; a third of the images is held out.",
        split=split,
        count=count,
        draws=draws,
        generator=generator,
    )


@better(higher=[*OF_DCI, "explicitness"], units={"size": "factors by dimensions", "*": "share"})
def dci_es(
    code: Annotated[Handle, Role.CODE],
    *factors: Handle,
    regressor: Regressor = "extra_trees",
    split: Split = "test",
    count: Count = 2_000,
    draws: Draws = 5,
    generator: torch.Generator | None = None,
) -> Result:
    """Compute DCI, with how little capacity a probe needs to predict the factors, and the size of the code.

    Source: Eastwood et al., *DCI-ES: An Extended Disentanglement Framework with Connections to Identifiability* (2023).

    Figures: those of `dci`; `explicitness`, which is 1 if a linear probe loses no more than larger ones, also if none
    predicts anything; `size`, factors by dimensions of the code that vary.

    Args:
        code: `(batch, code)`; a spatial one `(batch, channels, height, width)` is averaged over positions.
        factors: fields of classes, of binary labels or vectors; by default all fields of classes.
        regressor: "extra_trees", or the literature's "gradient_boosting", which takes minutes for each draw.
        split: whose images.
        count: the most images, drawn at random.
        draws: shuffles for the chance level, and half samples for the interval.
        generator: source of all draws.

    Raises ValueError if codes are not finite, no factor varies, or there are fewer images than dimensions.
    """
    return evaluated(
        partial(dci_es_of, regressor=regressor),
        code,
        factors,
        figures={**_figures(regressor), "explicitness": "explicitness", "size": "size"},
        entries=IMPORTANCES,
        how=f"By {regressor.replace('_', ' ')}; a third of the images is held out.",
        split=split,
        count=count,
        draws=draws,
        generator=generator,
        exact=["size"],
    )


@better(higher=["sap"], units={"*": "share"})
def sap(
    code: Annotated[Handle, Role.CODE],
    *factors: Handle,
    split: Split = "test",
    count: Count = 10_000,
    draws: Draws = 10,
    generator: torch.Generator | None = None,
) -> Result:
    """Measure how much better one dimension of the code predicts a factor by itself than any other does.

    Source: Kumar et al., *Variational Inference of Disentangled Latent Concepts from Unlabeled Observations* (2018),
    section 3.

    Figures: `sap`, with `sap_chance`, and `sap_low` and `sap_high`, an interval of 95 %.

    Args:
        code: `(batch, code)`; a spatial one `(batch, channels, height, width)` is averaged over positions.
        factors: fields of classes, of binary labels or vectors; by default all fields of classes.
        split: whose images.
        count: the most images, drawn at random.
        draws: shuffles for the chance level, and half samples for the interval.
        generator: source of all draws.

    Raises ValueError if codes are not finite, no factor varies, or there are fewer images than dimensions.
    """
    return evaluated(
        sap_of,
        code,
        factors,
        figures={"sap": "sap"},
        entries="accuracy of a linear support vector machine on only this dimension",
        how="A third of the images is held out.",
        split=split,
        count=count,
        draws=draws,
        generator=generator,
    )


before_training(dci, dci_es, sap)(require_factors)
