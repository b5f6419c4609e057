"""Autoregression of changes, of each asset by itself or of all together (VAR), lags chosen by BIC."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from bezant.histories.market import Bars
from bezant.traditional.markets.forecast import HORIZONS, LEVELS, MarketForecast
from bezant.traditional.markets.model import refuse_short
from bezant.traditional.markets.tails import normal
from bezant.traditional.model import refuse_unfitted
from bezant.types import FloatArray, InputError, IntArray

ACROSS = 0.5
"""Deviation of the prior of another series' effect, as a share of that of the series' own."""


@dataclass(frozen=True, eq=False)
class Lagged:
    """A fitted vector autoregression of k series.

    Attributes
    ----------
    constant : float array of shape (k,)
    lags : float array of shape (p, k, k)
        ``lags[i, a, b]``: effect of series b, i + 1 bars ago, on series a.
    covariance : float array of shape (k, k)
        Of the residuals, over the degrees of freedom.
    """

    constant: FloatArray
    lags: FloatArray
    covariance: FloatArray

    def ahead(self, past: FloatArray, horizons: Sequence[int]) -> tuple[FloatArray, FloatArray]:
        """Return means and variances of the sums over the next bars.

        Parameters
        ----------
        past : float array of shape (n, p, k)
            The last p changes at each of n origins, the latest first.
        horizons : sequence of h int

        Returns
        -------
        mean : float array of shape (n, h, k)
        variance : float array of shape (h, k)
            The same at every origin.

        References
        ----------
        Luetkepohl (2005), "New introduction to multiple time series analysis", eq. 2.2.11; the response of a
        sum is the sum of the responses.
        """
        order, width = self.lags.shape[:2]
        known = list(past.transpose(1, 0, 2))
        response, summed = [np.eye(width)], [np.eye(width)]
        total, spread = np.zeros(past[:, 0].shape), np.zeros(width)
        mean, variance = {}, {}
        for step in range(1, max(horizons) + 1):
            value = self.constant + sum(known[i] @ self.lags[i].T for i in range(order))
            known = [value, *known][: max(order, 1)]
            total = total + value
            spread = spread + np.diag(summed[-1] @ self.covariance @ summed[-1].T)
            following = sum(
                (self.lags[i] @ response[-1 - i] for i in range(min(order, len(response)))),
                np.zeros((width, width)),
            )
            response.append(following)
            summed.append(summed[-1] + following)
            mean[step], variance[step] = total, spread
        return np.stack([mean[h] for h in horizons], 1), np.stack([variance[h] for h in horizons])


def fit_lags(series: FloatArray, largest: int) -> Lagged:
    """Estimate by least squares, with the number of lags that BIC prefers on the same bars.

    Parameters
    ----------
    series : float array of shape (m, k)
    largest : int
        Most lags tried; 0 is tried too.
    """
    rows = len(series) - largest
    best: tuple[float, int] | None = None
    for order in range(largest + 1):
        x, y = _design(series[largest - order :], order)
        residual = y - x @ np.linalg.lstsq(x, y, rcond=None)[0]
        _, logarithm = np.linalg.slogdet(residual.T @ residual / rows)
        score = float(logarithm) + np.log(rows) * order * series.shape[1] ** 2 / rows
        if best is None or score < best[0]:
            best = (score, order)
    assert best is not None
    order = best[1]
    x, y = _design(series, order)
    found = np.linalg.lstsq(x, y, rcond=None)[0]
    residual = y - x @ found
    width = series.shape[1]
    lags = found[1:].reshape(order, width, width).transpose(0, 2, 1)
    return Lagged(found[0], lags, residual.T @ residual / max(len(y) - x.shape[1], 1))


def fit_shrunk(series: FloatArray, order: int, tightness: float) -> Lagged:
    """Estimate all lags at once, pulled towards no effect: the prior of Minnesota, for changes.

    The standard deviation of a coefficient's prior, in units of the series' own, is the tightness over the
    lag, and half of that for the effect of another series.

    Parameters
    ----------
    series : float array of shape (m, k)
    order : int
        Lags p.
    tightness : float
        0.2 is usual; larger ones come nearer to least squares.

    References
    ----------
    Litterman (1986), "Forecasting with Bayesian vector autoregressions: five years of experience", Journal
    of Business & Economic Statistics 4(1), section 2; the errors' variance is taken to be that of the series.
    """
    width = series.shape[1]
    spread = series.std(axis=0)
    spread = np.where(spread > 0, spread, 1.0)
    x, y = _design(series / spread, order)
    lag = np.repeat(np.arange(1, order + 1), width)
    of = np.tile(np.arange(width), order)
    lags = np.zeros((order, width, width))
    constant = np.zeros(width)
    for k in range(width):
        deviation = tightness / lag * np.where(of == k, 1.0, ACROSS)
        penalty = np.concatenate([[0.0], deviation**-2])
        found = np.linalg.solve(x.T @ x + np.diag(penalty), x.T @ y[:, k])
        constant[k] = found[0] * spread[k]
        lags[:, k] = found[1:].reshape(order, width) * spread[k] / spread
    plain, came = _design(series, order)
    answers = constant + plain[:, 1:] @ lags.transpose(0, 2, 1).reshape(order * width, width)
    residual = came - answers
    return Lagged(constant, lags, residual.T @ residual / len(came))


def _design(series: FloatArray, order: int) -> tuple[FloatArray, FloatArray]:
    rows = len(series) - order
    past = [series[order - i - 1 : order - i - 1 + rows] for i in range(order)]
    return np.column_stack([np.ones(rows), *past]), series[order:]


class Autoregression:
    """Least squares on past changes, or a prior against their effect; normal errors.

    Parameters
    ----------
    joint : bool, default False
        All assets in one vector autoregression, which needs them to have the same times; or each by itself.
    largest : int, default 8
        Most lags that BIC chooses from; all are used where there is a prior.
    tightness : float, optional
        Of a prior that lags have no effect (:func:`fit_shrunk`), which lets many series answer to each other;
        0.2 is usual. Least squares if not given.
    """

    key: ClassVar[str] = "autoregression"
    name: ClassVar[str] = "Autoregression"

    def __init__(self, *, joint: bool = False, largest: int = 8, tightness: float | None = None) -> None:
        self.joint, self.largest, self.tightness = joint, largest, tightness

    def fit(
        self, bars: Bars, *, horizons: Sequence[int] = HORIZONS, levels: Sequence[float] = LEVELS
    ) -> Self:
        """Choose the lags and estimate.

        Raises
        ------
        InputError
            If an asset has too few bars, or, where they are joint, other times or another number of them.
        """
        if self.tightness is not None and not self.tightness > 0:
            raise InputError(f"tightness is a number above 0 such as 0.2, not {self.tightness!r}.")
        # A prior does with as many bars as there are lags; least squares needs more than coefficients.
        count = len(bars.assets) if self.joint and self.tightness is None else 1
        refuse_short(bars, 2 * (self.largest * count + 1) + 2, self.name)
        self.horizons_, self.levels_ = tuple(horizons), tuple(levels)
        if self.joint:
            _refuse_unequal(bars)
        self.groups_ = _groups(bars, self.joint)
        changes = [_changes(bars, group)[1:] for group in self.groups_]
        if self.tightness is not None:
            self.fitted_ = [fit_shrunk(own, self.largest, self.tightness) for own in changes]
            self.notes_: tuple[str, ...] = (f"{self.largest} lags under a prior of {self.tightness:g}.",)
            return self
        self.fitted_ = [fit_lags(own, self.largest) for own in changes]
        chosen = sorted({len(fitted.lags) for fitted in self.fitted_})
        self.notes_ = (f"Lags by BIC: {', '.join(map(str, chosen))}.",)
        return self

    def forecast(self, bars: Bars, rows: IntArray) -> MarketForecast:
        """Answer from the last changes at each origin."""
        refuse_unfitted(self, "fitted_", self.name)
        flat = (len(rows), len(self.horizons_))
        mean, variance = np.full(flat, np.nan), np.full(flat, np.nan)
        names = bars.assets[bars.owner[rows]]
        for group, fitted in zip(self.groups_, self.fitted_, strict=True):
            if not np.isin(group, bars.assets).any():
                continue
            changes = _changes(bars, group)
            for place, asset in enumerate(group):
                asked = np.flatnonzero(names == asset)
                local = rows[asked] - bars.offsets[int(np.flatnonzero(bars.assets == asset)[0])]
                order = max(len(fitted.lags), 1)
                if len(local) and local.min() < order:
                    raise InputError(f"{asset!r} has an origin with fewer than {order} changes; begin later.")
                past = changes[local[:, None] - np.arange(order)]
                means, variances = fitted.ahead(past, self.horizons_)
                mean[asked], variance[asked] = means[:, :, place], variances[:, place]
        if np.isnan(mean).any():
            raise InputError(f"{self.name} was fitted without an asset that is asked for; fit it again.")
        quantiles, shortfall, up = normal(mean, np.sqrt(variance), self.levels_)
        return MarketForecast(rows, self.horizons_, self.levels_, mean, variance, quantiles, shortfall, up)


def _groups(bars: Bars, joint: bool) -> list[tuple[str, ...]]:
    names = [str(asset) for asset in bars.assets]
    return [tuple(names)] if joint else [(name,) for name in names]


def _refuse_unequal(bars: Bars) -> None:
    sizes = np.diff(bars.offsets)
    short, long = int(np.argmin(sizes)), int(np.argmax(sizes))
    if sizes[short] < sizes[long]:
        raise InputError(
            "One vector autoregression needs the same bars of every asset but "
            f"{str(bars.assets[short])!r} has {sizes[short]} and {str(bars.assets[long])!r} has "
            f"{sizes[long]}; cut them to their common time."
        )


def _changes(bars: Bars, group: tuple[str, ...]) -> FloatArray:
    """Return the changes of some assets side by side, shape (m, k); their times must be the same."""
    own = [bars.only(name) for name in group]
    for other in own[1:]:
        shorter = min(len(own[0]), len(other))
        if not np.array_equal(own[0].time[:shorter], other.time[:shorter]):
            raise InputError(
                f"{group[0]!r} and {str(other.assets[0])!r} have bars at other times; one vector "
                f"autoregression needs the same ones."
            )
    longest = max(len(part) for part in own)
    return np.column_stack([np.pad(p.returns, (0, longest - len(p)), constant_values=np.nan) for p in own])
