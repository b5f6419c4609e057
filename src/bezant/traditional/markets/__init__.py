"""Models of markets that the large one must beat; one file each, one protocol for all."""

from bezant.traditional.markets.automatic import Automatic
from bezant.traditional.markets.autoregression import Autoregression
from bezant.traditional.markets.boosting import MarketBoosting
from bezant.traditional.markets.ewma import Ewma
from bezant.traditional.markets.forecast import ARRAYS, HORIZONS, LEVELS, MarketForecast, combined, stacked
from bezant.traditional.markets.garch import Garch
from bezant.traditional.markets.har import Har
from bezant.traditional.markets.horizons import at_horizon
from bezant.traditional.markets.model import MarketModel, last_origins, walk
from bezant.traditional.markets.pooled import PooledGamma
from bezant.traditional.markets.random_walk import RollingQuantiles
from bezant.traditional.markets.weighed_means import WeighedMeans

__all__ = [
    "ARRAYS",
    "HORIZONS",
    "LEVELS",
    "Automatic",
    "Autoregression",
    "Ewma",
    "Garch",
    "Har",
    "MarketBoosting",
    "MarketForecast",
    "MarketModel",
    "PooledGamma",
    "RollingQuantiles",
    "WeighedMeans",
    "at_horizon",
    "combined",
    "last_origins",
    "stacked",
    "walk",
]
