"""Models that take part in the benchmark of markets, and how they are walked."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bezant.desks.markets.parts import LARGE, MarketModels
from bezant.histories.market import Bars
from bezant.traditional.markets import (
    LEVELS,
    Automatic,
    Autoregression,
    Ewma,
    Garch,
    Har,
    MarketBoosting,
    MarketForecast,
    MarketModel,
    PooledGamma,
    RollingQuantiles,
    WeighedMeans,
    combined,
    stacked,
    walk,
)
from bezant.types import InputError, IntArray, MissingExtraError

BASE, WALK, BEZANT = "GARCH-t", "random walk", "bezant"
ALONE = "bezant, large model alone"
MEANS = "bezant, weighed"


@dataclass(frozen=True)
class Entrant:
    """A model that takes part.

    Parameters
    ----------
    make : callable
        Returns it, not fitted.
    refit_every : int
        Origins from one fit to the next.
    """

    make: Callable[[], MarketModel]
    refit_every: int = 63

    def __post_init__(self) -> None:
        if self.refit_every < 1:
            raise InputError(f"A model is fitted anew every 1 origin or more, not {self.refit_every}.")


class Recorded(MarketModels):
    """The forecaster's models, which keep what the large one answers by itself."""

    def forecast(self, bars: Bars, rows: IntArray) -> MarketForecast:
        """Ask every part, keep the large one's answer and weigh all."""
        answer, parts = self.answers(bars, rows)
        self.kept_ = [
            *getattr(self, "kept_", ()),
            (bars.assets[bars.owner[rows]], bars.time[rows], parts[LARGE]),
        ]
        return answer

    def alone(self, bars: Bars, rows: IntArray) -> MarketForecast:
        """Return the large model's answers at the same origins, in another order perhaps."""
        names, times, forecasts = zip(*self.kept_, strict=True)
        kept = np.lexsort((np.concatenate(times), np.concatenate(names)))
        place = np.empty(len(rows), np.int64)
        place[np.lexsort((bars.time[rows], bars.assets[bars.owner[rows]]))] = kept
        return stacked(forecasts).take(place, rows=rows)


MODELS: dict[str, Entrant] = {
    WALK: Entrant(RollingQuantiles),
    "historical simulation, 500": Entrant(lambda: RollingQuantiles(window=500)),
    "EWMA": Entrant(Ewma),
    BASE: Entrant(Garch),
    "GJR-GARCH-t": Entrant(lambda: Garch(kind="gjr")),
    "EGARCH-t": Entrant(lambda: Garch(kind="egarch")),
    "HAR": Entrant(lambda: Har(form="linear")),
    "log-HAR": Entrant(Har),
    "gamma-HAR": Entrant(lambda: Har(form="gamma")),
    "gamma-HAR, 4 means": Entrant(lambda: Har(form="gamma", windows=(1, 5, 22, 66))),
    "LightGBM": Entrant(MarketBoosting, refit_every=500),
    "gamma regression, all assets": Entrant(PooledGamma),
    BEZANT: Entrant(Recorded, refit_every=750),
}
"""Models of daily prices by name; those of the GARCH kind and EWMA draw filtered residuals (FHS)."""

UNSEEN: dict[str, Entrant] = MODELS | {BEZANT: Entrant(Recorded)}
"""The same for markets that were looked at last, the forecaster fitted as often as ``backtest`` does unless
told otherwise."""

VIX_MODELS: dict[str, Entrant] = {
    BASE: MODELS[BASE],
    "log-HAR": MODELS["log-HAR"],
    "log-HAR with VIX": Entrant(lambda: Har(covariates=("vix",))),
    "gamma-HAR": MODELS["gamma-HAR"],
    "gamma-HAR with VIX": Entrant(lambda: Har(form="gamma", covariates=("vix",))),
    "gamma regression with VIX": Entrant(PooledGamma),
    BEZANT: Entrant(Recorded, refit_every=250),
}
"""Models of which some see the VIX; those of bezant see every covariate."""

ECONOMY: dict[str, Entrant] = {
    "autoregression": Entrant(Autoregression, refit_every=4),
    "VAR": Entrant(lambda: Autoregression(joint=True, largest=4), refit_every=4),
    "VAR, Minnesota prior": Entrant(lambda: Autoregression(joint=True, tightness=0.2), refit_every=4),
    MEANS: Entrant(WeighedMeans, refit_every=4),
    "AutoETS": Entrant(Automatic, refit_every=4),
    "AutoARIMA": Entrant(lambda: Automatic(kind="arima"), refit_every=80),
    "AutoTheta": Entrant(lambda: Automatic(kind="theta"), refit_every=4),
}
"""Models of quarterly and monthly values by name."""


def walked(
    entrants: Mapping[str, Entrant],
    bars: Bars,
    rows: IntArray,
    horizons: Sequence[int],
    levels: Sequence[float] = LEVELS,
) -> Iterator[tuple[str, MarketForecast | str, float]]:
    """Yield each model's name, its forecasts (or why it was left out), and the seconds it took."""
    for name, entrant in entrants.items():
        start, model = time.process_time(), entrant.make()
        try:
            found: MarketForecast | str = walk(
                model, bars, rows, refit_every=entrant.refit_every, horizons=horizons, levels=levels
            )
        except MissingExtraError as error:
            found = f"left out: {error}"
        yield name, found, time.process_time() - start
        if isinstance(model, Recorded):
            yield ALONE, model.alone(bars, rows), 0.0


def with_combination(
    found: Iterator[tuple[str, MarketForecast | str, float]], parts: Sequence[str]
) -> Iterator[tuple[str, MarketForecast | str, float]]:
    """Yield the same and, last, the mean of some of them, with the seconds of all parts."""
    kept: dict[str, tuple[MarketForecast, float]] = {}
    for name, forecast, seconds in found:
        if name in parts and isinstance(forecast, MarketForecast):
            kept[name] = forecast, seconds
        yield name, forecast, seconds
    if len(kept) > 1:
        seconds = sum(part for _, part in kept.values())
        yield f"equal weights of {len(kept)}", combined([forecast for forecast, _ in kept.values()]), seconds
