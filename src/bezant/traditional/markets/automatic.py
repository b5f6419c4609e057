"""AutoETS, AutoARIMA and AutoTheta of the package statsforecast, on the level of each series."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, ClassVar, Literal, Self

import numpy as np

from bezant.histories.market import Bars
from bezant.traditional.markets.forecast import HORIZONS, LEVELS, MarketForecast, by_asset
from bezant.traditional.markets.model import fitted_for, refuse_short
from bezant.traditional.markets.tails import normal
from bezant.traditional.model import refuse_unfitted
from bezant.types import FloatArray, InputError, IntArray, MissingExtraError

FEWEST = 30
INTERVAL = 90
"""Percent of the interval whose width gives the deviation."""
WIDTH = 2 * 1.6448536269514722
"""Deviations that such an interval of a normal law is wide."""

Kind = Literal["ets", "arima", "theta"]
CLASSES = {"ets": "AutoETS", "arima": "AutoARIMA", "theta": "AutoTheta"}


class Automatic:
    """A model whose form is chosen by an information criterion; normal errors.

    It is fitted to the level (the logarithm of the adjusted price, or the value), keeps its form and
    parameters until the next fit and takes in later bars one by one.

    Parameters
    ----------
    kind : {"ets", "arima", "theta"}, default "ets"
    season : int, default 1
        Bars of a season; 1 for none.

    References
    ----------
    Hyndman and Khandakar (2008), Journal of Statistical Software 27(3); Fiorucci and others (2016),
    International Journal of Forecasting 32(4).
    """

    key: ClassVar[str] = "automatic"
    name: ClassVar[str] = "AutoETS, AutoARIMA, AutoTheta"

    def __init__(self, *, kind: Kind = "ets", season: int = 1) -> None:
        self.kind, self.season = kind, season

    def fit(
        self, bars: Bars, *, horizons: Sequence[int] = HORIZONS, levels: Sequence[float] = LEVELS
    ) -> Self:
        """Choose and estimate a model for each asset.

        Raises
        ------
        MissingExtraError
            If statsforecast is not installed.
        """
        if self.kind not in CLASSES:
            raise InputError(f"The kinds are {', '.join(CLASSES)}, not {self.kind!r}.")
        refuse_short(bars, FEWEST, CLASSES[self.kind])
        self.horizons_, self.levels_ = tuple(horizons), tuple(levels)
        self.models_ = {}
        for asset, span in zip(bars.assets, bars.spans(), strict=True):
            own = bars.take(np.arange(span.start, span.stop))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # candidates that fail are not chosen
                self.models_[str(asset)] = self._made().fit(_levels(own))
        self.notes_: tuple[str, ...] = ("Intervals are those of normal errors.",)
        return self

    def forecast(self, bars: Bars, rows: IntArray) -> MarketForecast:
        """Take in the bars up to each origin and forecast from there."""
        refuse_unfitted(self, "models_", CLASSES[self.kind])
        return by_asset(bars, rows, self._of_asset)

    def _made(self) -> Any:
        try:
            from statsforecast import models
        except ImportError as error:
            raise MissingExtraError("statsforecast", "forecasting", CLASSES[self.kind]) from error
        return getattr(models, CLASSES[self.kind])(season_length=self.season)

    def _of_asset(self, asset: str, bars: Bars, rows: IntArray) -> MarketForecast:
        model, level = fitted_for(self.models_, asset, CLASSES[self.kind]), _levels(bars)
        places = np.asarray(self.horizons_) - 1
        mean, deviation = np.empty((2, len(rows), len(places)))
        for k, row in enumerate(rows):
            found = model.forward(level[: row + 1], h=int(places.max()) + 1, level=[INTERVAL])
            mean[k] = found["mean"][places] - level[row]
            wide = found[f"hi-{INTERVAL}"] - found[f"lo-{INTERVAL}"]
            deviation[k] = np.maximum(wide[places] / WIDTH, 1e-12)
        quantiles, shortfall, up = normal(mean, deviation, self.levels_)
        return MarketForecast(
            rows, self.horizons_, self.levels_, mean, deviation**2, quantiles, shortfall, up
        )


def _levels(bars: Bars) -> FloatArray:
    """Return the level of one asset: 0 at its first bar, then the sum of its changes."""
    return np.nancumsum(bars.returns)
