"""Open a saved model, whichever desk it came from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bezant.artifacts import load_folder
from bezant.desks.credit.blend import Blend
from bezant.desks.credit.credit_risk import CreditRisk
from bezant.desks.customers.demand import CustomerDemand
from bezant.desks.customers.recommender import ProductRecommender
from bezant.desks.loss.expected_loss import ExpectedLoss
from bezant.desks.loss.severity import LossSeverity
from bezant.desks.markets.forecaster import MarketForecaster
from bezant.desks.over_time.term_structure import PDTermStructure
from bezant.desks.pretraining.history_model import HistoryModel
from bezant.types import ArtifactError

DESKS: dict[str, Any] = {
    desk.__name__: desk
    for desk in (
        Blend,
        CreditRisk,
        CustomerDemand,
        ExpectedLoss,
        HistoryModel,
        LossSeverity,
        MarketForecaster,
        PDTermStructure,
        ProductRecommender,
    )
}
"""Estimators by the kind that stands in a saved model."""


def load(path: str | Path) -> Any:
    """Open a saved model after checking every byte of it.

    Parameters
    ----------
    path : path
        The folder that ``save`` wrote.

    Returns
    -------
    estimator
        Fitted, of the class that was saved.

    Raises
    ------
    ArtifactError
        If a file is missing, foreign, or changed by as little as one byte; it names the file.
    """
    tensors, documents = load_folder(path)
    kind = documents.get("model", {}).get("kind")
    if kind not in DESKS:
        raise ArtifactError(
            f"The folder {str(path)!r} holds a model of the kind {kind!r}, which this version of bezant does "
            "not know; install a newer bezant."
        )
    return DESKS[kind].restore(tensors, documents)
