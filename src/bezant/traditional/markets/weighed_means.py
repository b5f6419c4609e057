"""The mean change of values (growth, rates), from autoregressions that past origins weigh and shrink."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from bezant.histories.market import Bars
from bezant.traditional.markets.autoregression import Autoregression
from bezant.traditional.markets.forecast import HORIZONS, LEVELS, MarketForecast
from bezant.traditional.markets.model import fitted_for, last_origins, refuse_short, walk
from bezant.traditional.markets.tails import normal
from bezant.traditional.model import refuse_unfitted
from bezant.types import FloatArray, IntArray

ALONE: dict[str, Callable[[], Autoregression]] = {
    "autoregression": lambda: Autoregression(tightness=0.2),
}
TOGETHER: dict[str, Callable[[], Autoregression]] = {
    "VAR": lambda: Autoregression(joint=True, tightness=0.2),
    "VAR, looser": lambda: Autoregression(joint=True, tightness=0.3),
}
"""Of several assets whose times are the same."""
NAIVE = ("no change", "last change again")
SAID = (
    "an autoregression, no change and the last change again",
    "an autoregression of each series, two of all series together, no change and the last change again",
)
"""The parts in words, without and with vector autoregressions."""
FIRST = 44
"""Bars before the first origin that weights are learned from."""
REFITS = 30
"""Fits of each part over these origins."""
STEADY = 3.0
"""Pull to equal weights: this over the origins that do not overlap, in units of the best mean square."""
OWN = 0.75
"""Share of a series' own errors in its weights; the rest is what the errors of all series say."""
CHANCE = 1.645**2
"""A mean is believed by 1 - this times (error / slope)^2, so not at all where a test of 5 % finds nothing in
it."""
RECENT = 60
"""Errors, the last ones, that the spread is measured by."""


@dataclass(frozen=True, eq=False)
class _Believed:
    """What past origins said of one series over each of h horizons."""

    weights: FloatArray  # (h, p)
    share: FloatArray  # (h,), 0 is no change
    variance: FloatArray  # (h,)


class WeighedMeans:
    """Autoregressions, no change and the last change again, weighed by past origins; normal errors.

    Equal weights are hard to beat where there are few origins, so that weights are pulled to them, and to
    what is best for all series together. The weighed mean is then shrunk towards no change by how sure past
    origins are that it tells anything, which for most rates they are not.

    Parameters
    ----------
    lags : int, default 8
        Of the autoregressions, all under a prior against their effect.

    References
    ----------
    Bates and Granger (1969), "The combination of forecasts", Operational Research Quarterly 20(4); Diebold
    and Pauly (1990), "The use of prior information in forecast combination", International Journal of
    Forecasting 6(4), for weights that are pulled to equal ones.
    """

    key: ClassVar[str] = "weighed_means"
    name: ClassVar[str] = "Weighed means"

    def __init__(self, *, lags: int = 8) -> None:
        self.lags = lags

    def fit(
        self, bars: Bars, *, horizons: Sequence[int] = HORIZONS, levels: Sequence[float] = LEVELS
    ) -> Self:
        """Walk the parts over past origins, weigh them, and fit them on all bars.

        Raises
        ------
        InputError
            If an asset has too few bars.
        """
        refuse_short(bars, FIRST + 2 * max(horizons) + 8, self.name)
        self.horizons_, self.levels_ = tuple(horizons), tuple(levels)
        together = len(bars.assets) > 1 and _same_times(bars)
        makers = ALONE | (TOGETHER if together else {})
        means, rows = self._walked(bars, makers)
        outcome = np.stack([bars.ahead(h)[rows] for h in horizons], axis=1)
        self.believed_ = _believed(means, outcome, bars.owner[rows], [str(a) for a in bars.assets], horizons)
        self.parts_ = {
            name: self._made(make).fit(bars, horizons=horizons, levels=levels)
            for name, make in makers.items()
        }
        self.notes_: tuple[str, ...] = (
            f"The change to expect is an average of {SAID[together]}, weighed by how well each foretold "
            f"{len(np.unique(bars.time[rows]))} past changes, and drawn towards no change as far as these "
            f"were not foretold: {_said(self.believed_, self.horizons_)}.",
        )
        if len(bars.assets) > 1 and not together:
            self.notes_ += ("No vector autoregression: the assets have bars at different times.",)
        return self

    def forecast(self, bars: Bars, rows: IntArray) -> MarketForecast:
        """Answer from the last changes at each origin.

        Where an asset that was fitted has no bars here, or other times, the vector autoregressions are left
        out and the others share their weights.
        """
        refuse_unfitted(self, "parts_", self.name)
        rows = np.asarray(rows)
        fitted = set(self.believed_)
        whole = fitted == set(map(str, bars.assets)) and (len(fitted) == 1 or _same_times(bars))
        kept = [name for name in self.parts_ if whole or name in ALONE]
        means = np.stack(
            [*(self.parts_[n].forecast(bars, rows).mean for n in kept), *self._naive(bars, rows)]
        )
        used = [k for k, name in enumerate((*self.parts_, *NAIVE)) if name in kept or name in NAIVE]
        believed = [fitted_for(self.believed_, str(bars.assets[k]), self.name) for k in bars.owner[rows]]
        weights = np.stack([b.weights[:, used] for b in believed]) + 1e-12  # (n, h, p)
        weights /= weights.sum(axis=2, keepdims=True)
        mean = np.einsum("nhp,pnh->nh", weights, means) * np.stack([b.share for b in believed])
        variance = np.stack([b.variance for b in believed])
        quantiles, shortfall, up = normal(mean, np.sqrt(variance), self.levels_)
        return MarketForecast(rows, self.horizons_, self.levels_, mean, variance, quantiles, shortfall, up)

    def _made(self, make: Callable[[], Autoregression]) -> Autoregression:
        model = make()
        model.largest = self.lags
        return model

    def _walked(
        self, bars: Bars, makers: dict[str, Callable[[], Autoregression]]
    ) -> tuple[FloatArray, IntArray]:
        """Return the means of all parts at past origins, shape (p, n, h), and these origins."""
        fewest = int(np.diff(bars.offsets).min())
        rows = last_origins(bars, fewest - FIRST - 1)
        every = max(len(np.unique(bars.time[rows])) // REFITS, 1)
        walked = [
            walk(self._made(make), bars, rows, refit_every=every, horizons=self.horizons_, levels=(0.5,)).mean
            for make in makers.values()
        ]
        return np.stack([*walked, *self._naive(bars, rows)]), rows

    def _naive(self, bars: Bars, rows: IntArray) -> list[FloatArray]:
        """Return no change, and the change over the last as many bars (none where they are not known)."""
        local = rows - bars.offsets[bars.owner[rows]]
        last = [np.where(local >= h, bars.ahead(h)[np.maximum(rows - h, 0)], 0.0) for h in self.horizons_]
        again = np.stack(last, axis=1)
        return [np.zeros_like(again), again]


def _same_times(bars: Bars) -> bool:
    """Return whether all assets have the same times."""
    spans = list(bars.spans())
    return all(np.array_equal(bars.time[spans[0]], bars.time[span]) for span in spans[1:])


def _believed(
    means: FloatArray, outcome: FloatArray, owner: IntArray, assets: list[str], horizons: Sequence[int]
) -> dict[str, _Believed]:
    """Return weights, share and variance of each series from the means of p parts, shape (p, n, h)."""
    parts: dict[str, list[tuple[FloatArray, float, float]]] = {name: [] for name in assets}
    for k, horizon in enumerate(horizons):
        ended = np.isfinite(outcome[:, k])
        own = [np.flatnonzero(ended & (owner == j)) for j in range(len(assets))]
        squares = [_products(outcome[o, k] - means[:, o, k]) for o in own]
        everyone = np.mean(squares, axis=0)
        for name, rows, each in zip(assets, own, squares, strict=True):
            weights = _weights(OWN * each + (1 - OWN) * everyone, STEADY * horizon / len(rows))
            mean, came = weights @ means[:, rows, k], outcome[rows, k]
            share = shrunk_share(mean, came, horizon)
            spread = float(np.mean((came - share * mean)[-RECENT:] ** 2))
            parts[name].append((weights, share, max(spread, np.finfo(np.float64).tiny)))
    return {
        name: _Believed(*(np.array([of[j] for of in found]) for j in range(3)))
        for name, found in parts.items()
    }


def _products(errors: FloatArray) -> FloatArray:
    """Return mean products of the errors of p parts, in units of the best one's mean square, shape (p, p)."""
    found = errors @ errors.T / errors.shape[1]
    best = float(np.diag(found).min())
    return found / best if best > 0 else np.eye(len(found))


def _weights(products: FloatArray, pull: float) -> FloatArray:
    """Return weights of least squared error and squared distance to equal ones; at least 0, of sum 1."""
    from scipy.optimize import minimize

    equal = np.full(len(products), 1 / len(products))
    found = minimize(
        lambda w: w @ products @ w + pull * np.sum((w - equal) ** 2),
        equal,
        jac=lambda w: 2 * products @ w + 2 * pull * (w - equal),
        method="SLSQP",
        bounds=[(0.0, 1.0)] * len(equal),
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1.0},
    )
    weights = np.clip(found.x, 0.0, None) if np.isfinite(found.x).all() else equal
    total: FloatArray = weights / weights.sum()
    return total


def shrunk_share(mean: FloatArray, came: FloatArray, horizon: int) -> float:
    """Return how much of a mean change is believed, from 0 (no change) to 1.

    The slope of what came on what was forecast, times 1 - 2.7 (error / slope)^2 where that is positive;
    changes that overlap count once a horizon.

    Parameters
    ----------
    mean, came : float arrays of shape (n,)
        At past origins.
    horizon : int

    References
    ----------
    James and Stein (1961), "Estimation with quadratic loss", the positive part, with the factor of a test.
    """
    square = float(mean @ mean)
    if square <= 0:
        return 0.0
    slope = float(mean @ came) / square
    if slope <= 0:
        return 0.0
    error = horizon * float(np.sum((mean * (came - slope * mean)) ** 2)) / square**2
    return min(slope, 1.0) * max(1.0 - CHANCE * error / slope**2, 0.0)


def _said(believed: dict[str, _Believed], horizons: tuple[int, ...]) -> str:
    """Say how much of the average is forecast over each horizon, of the series for which it is any."""
    none = [name for name, b in believed.items() if not b.share.any()]
    if len(none) == len(believed):
        return "nothing of it held, so that no change is forecast"
    kept = []
    for k, horizon in enumerate(horizons):
        shares = [f"{b.share[k]:.0%}" for b in believed.values() if b.share.any()]
        least, most = min(shares, key=_percent), max(shares, key=_percent)
        some = least if least == most else f"{least} to {most}"
        kept.append(
            f"{some}{'' if k else ' of it is forecast'} over {horizon} {'bar' if horizon == 1 else 'bars'}"
        )
    named = f"{', '.join(none[:3])}{' and others' if len(none) > 3 else ''}"
    rest = f"; nothing of it held for {named}, where no change is forecast" if none else ""
    return f"{', '.join(kept)}{rest}"


def _percent(text: str) -> int:
    return int(text.rstrip("%"))
