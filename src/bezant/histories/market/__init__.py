"""Bars of markets: read, checked, adjusted, measured, joined with covariates as they were known."""

from bezant.histories.market.bars import Bars, Change, sum_ahead
from bezant.histories.market.coarser import Period, coarser
from bezant.histories.market.covariates import with_covariates
from bezant.histories.market.features import (
    MEMORY,
    Features,
    latest_features,
    market_features,
    rolling_mean,
)
from bezant.histories.market.jumps import said_of_splits, suspected_splits
from bezant.histories.market.reading import read_bars
from bezant.histories.market.variance import (
    REALISED,
    best_variance,
    garman_klass,
    overnight,
    parkinson,
    rogers_satchell,
    squared_returns,
)

__all__ = [
    "MEMORY",
    "REALISED",
    "Bars",
    "Change",
    "Features",
    "Period",
    "best_variance",
    "coarser",
    "garman_klass",
    "latest_features",
    "market_features",
    "overnight",
    "parkinson",
    "read_bars",
    "rogers_satchell",
    "rolling_mean",
    "said_of_splits",
    "squared_returns",
    "sum_ahead",
    "suspected_splits",
    "with_covariates",
]
