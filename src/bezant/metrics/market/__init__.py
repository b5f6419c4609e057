"""Figures of forecasts of markets: of variances, quantiles, VaR and ES, and tests of who is better."""

from bezant.metrics.market.bands import Coverage, coverage, coverage_by, volatility_regimes
from bezant.metrics.market.comparison import (
    DieboldMariano,
    ModelConfidenceSet,
    diebold_mariano,
    model_confidence_set,
)
from bezant.metrics.market.losses import fz0, pinball, qlike

__all__ = [
    "Coverage",
    "DieboldMariano",
    "ModelConfidenceSet",
    "coverage",
    "coverage_by",
    "diebold_mariano",
    "fz0",
    "model_confidence_set",
    "pinball",
    "qlike",
    "volatility_regimes",
]
