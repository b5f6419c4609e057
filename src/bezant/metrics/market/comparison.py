"""Is one forecast better than another, and which of many could be the best? By losses of the same days."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bezant.metrics.checks import Floats, as_vector
from bezant.types import InputError, MissingExtraError

ROUNDING = 10
"""Digits to which losses that are the same agree: sums in another order differ in the last ones."""


@dataclass(frozen=True)
class DieboldMariano:
    """Test of equal accuracy of two forecasts.

    Parameters
    ----------
    difference : float
        Mean loss of the first minus that of the second: below 0, the first is better.
    standard_error : float
        Of the difference, with autocorrelation and the correction for small samples.
    statistic, p_value : float
        Student's t with the days that do not overlap, less 1, as degrees of freedom; two-sided.
    rows, lags : int
        Days, and autocovariances that were counted.
    """

    difference: float
    standard_error: float
    statistic: float
    p_value: float
    rows: int
    lags: int

    def sentence(self, first: str, second: str, *, size: float = 0.05) -> str:
        """Say in one sentence who is better, or that this cannot be told.

        Parameters
        ----------
        first, second : str
            Names of the forecasts.
        size : float, default 0.05
            A p-value below it counts as a difference.
        """
        sure = f"t {self.statistic:.2f}, p {self.p_value:.3f}, {self.rows} days"
        figures = f"mean loss {self.difference:+.4g}, {sure}"
        if not self.p_value < size:
            return f"{first} and {second} cannot be told apart ({figures})."
        better, worse = (first, second) if self.difference < 0 else (second, first)
        return f"{better} forecasts better than {worse} ({figures})."


def newey_west_lags(rows: int) -> int:
    """Return how many autocovariances to count: the whole part of 4 (n/100)^(2/9).

    References
    ----------
    Newey and West (1994), "Automatic lag selection in covariance matrix estimation", Review of Economic
    Studies 61, for the Bartlett kernel.
    """
    return int(4 * (rows / 100) ** (2 / 9))


def diebold_mariano(
    first: npt.ArrayLike, second: npt.ArrayLike, *, horizon: int = 1, lags: int | None = None
) -> DieboldMariano:
    """Test whether two forecasts have the same expected loss.

    Parameters
    ----------
    first, second : array-like of shape (n,)
        Losses on the same days in order of time. Several assets share their days: average their losses day
        by day first, or the test takes one shock for many.
    horizon : int, default 1
        Steps ahead of the forecasts; losses of overlapping horizons depend on each other.
    lags : int, optional
        Autocovariances to count, by weights that fall (Newey-West). If not given, the larger of
        ``horizon - 1`` and :func:`newey_west_lags`, and then the error is no less than that of the first
        ``horizon - 1`` counted in full: falling weights take a third of what an overlap adds, and found
        differences of 5 % in 11 to 14 % of equal forecasts (simulated, 217 to 1,500 days of 21).

    Returns
    -------
    DieboldMariano
        With a p-value of 1 where the losses are the same day by day.

    Raises
    ------
    InputError
        If the lengths differ, a loss is missing, the horizon or the lags are out of range, or there are
        fewer days than three times the horizon.

    References
    ----------
    Diebold and Mariano (1995), JBES 13; Newey and West (1987), Econometrica 55; Harvey, Leybourne and
    Newbold (1997), "Testing the equality of prediction mean squared errors", International Journal of
    Forecasting 13, equation 8.
    """
    from scipy.stats import t

    a, b = as_vector(first, "The first loss"), as_vector(second, "The second loss")
    if len(a) != len(b):
        raise InputError(f"There are {len(a)} losses of the first and {len(b)} of the second; pair the days.")
    rows = len(a)
    if horizon < 1 or rows < max(3 * horizon, 3):
        raise InputError(
            f"{rows} days cannot judge a horizon of {horizon}; give at least three times as many."
        )
    count = min(max(horizon - 1, newey_west_lags(rows)), rows - 1) if lags is None else lags
    if not 0 <= count < rows:
        raise InputError(f"lags is {count} for {rows} days; give a number from 0 to {rows - 1}.")
    gap = a - b
    if np.all(np.abs(gap) <= 10.0**-ROUNDING * max(float(np.abs(a).max()), float(np.abs(b).max()))):
        return DieboldMariano(0.0, 0.0, 0.0, 1.0, rows, count)
    shrink = (rows + 1 - 2 * horizon + horizon * (horizon - 1) / rows) / rows
    variance = newey_west_variance(gap, count)
    if lags is None:
        variance = max(variance, _overlap_variance(gap, horizon))
    error = math.sqrt(variance / rows / shrink)
    statistic = float(gap.mean()) / error if error else math.copysign(math.inf, float(gap.mean()))
    p_value = float(2 * t.sf(abs(statistic), rows // horizon - 1))
    return DieboldMariano(float(gap.mean()), error, statistic, p_value, rows, count)


def newey_west_variance(values: npt.ArrayLike, lags: int) -> float:
    """Return the long-run variance of a series, Bartlett weights; n times the variance of its mean.

    Parameters
    ----------
    values : array-like of shape (n,)
    lags : int
        Autocovariances to count.
    """
    series = np.asarray(values, dtype=np.float64)
    centred = series - series.mean()
    covariances = [float(centred[k:] @ centred[: len(centred) - k]) / len(centred) for k in range(lags + 1)]
    weights = [2 * (1 - k / (lags + 1)) for k in range(1, lags + 1)]
    return covariances[0] + float(np.dot(weights, covariances[1:]))


def _overlap_variance(gap: Floats, horizon: int) -> float:
    """Return the long-run variance of differences that depend on each other by overlap alone."""
    centred = gap - gap.mean()
    sums = [float(centred[k:] @ centred[: len(centred) - k]) for k in range(horizon)]
    return (2 * sum(sums) - sums[0]) / len(centred)


@dataclass(frozen=True)
class ModelConfidenceSet:
    """The models that could be the best: all but those that the test throws out.

    Parameters
    ----------
    names : tuple of str
        All models, best mean loss first.
    mean_loss, p_value : float64 arrays, shape (k,)
        In the order of ``names``; a model is thrown out where its p-value is below ``size``.
    size : float
        The set holds the best model with a probability of ``1 - size``.
    """

    names: tuple[str, ...]
    mean_loss: Floats
    p_value: Floats
    size: float

    def __post_init__(self) -> None:
        if not len(self.names) == len(self.mean_loss) == len(self.p_value):
            raise InputError(
                "The parts of a model confidence set differ in length; give one of each a model."
            )

    @property
    def included(self) -> tuple[str, ...]:
        """Models that could be the best, best mean loss first."""
        return tuple(name for name, p in zip(self.names, self.p_value, strict=True) if p >= self.size)

    @property
    def sentence(self) -> str:
        """Who could be the best, and who cannot."""
        out = [name for name in self.names if name not in self.included]
        kept = f"With {100 * (1 - self.size):g} % confidence the best model is {_either(self.included)}"
        return f"{kept}; thrown out: {', '.join(out)}." if out else f"{kept}; none is thrown out."


def model_confidence_set(
    losses: Mapping[str, npt.ArrayLike],
    *,
    size: float = 0.1,
    block_size: int | None = None,
    resamples: int = 1000,
    random_state: int = 0,
) -> ModelConfidenceSet:
    """Return the models that cannot be told from the best, by the range statistic and stationary bootstrap.

    Parameters
    ----------
    losses : mapping of str to array-like of shape (n,)
        Each model's losses on the same days, in order of time.
    size : float, default 0.1
    block_size : int, optional
        Mean length of the bootstrap's blocks, in days; the square root of n if not given. At least the
        horizon of the forecasts.
    resamples : int, default 1000
    random_state : int, default 0

    Raises
    ------
    InputError
        If there are fewer than two models, lengths differ, or a loss is missing.
    MissingExtraError
        If the package arch is not installed.

    References
    ----------
    Hansen, Lunde and Nason (2011), "The model confidence set", Econometrica 79.
    """
    if len(losses) < 2:
        raise InputError(f"A model confidence set needs two models, not {len(losses)}; give their losses.")
    table = {name: as_vector(values, f"The loss of {name}") for name, values in losses.items()}
    if len({len(values) for values in table.values()}) != 1:
        rows = ", ".join(f"{name} {len(values)}" for name, values in table.items())
        raise InputError(f"The models have losses of different days ({rows}); keep the days all share.")
    try:
        from arch.bootstrap import MCS
    except ImportError as error:
        raise MissingExtraError("arch", "markets", "The model confidence set") from error
    columns = np.stack(list(table.values()), axis=1)  # (n, k)
    blocks = block_size or max(1, math.isqrt(len(columns)))
    # A model that is day by day the same as another, to rounding, has a difference without variance.
    unit = float(np.abs(columns).mean()) or 1.0
    alike = np.round(columns / unit, ROUNDING)
    _, first, of = np.unique(alike, axis=1, return_index=True, return_inverse=True)
    distinct = columns[:, first]
    p_values = np.ones(distinct.shape[1])
    if distinct.shape[1] > 1:
        test = MCS(distinct, size, reps=resamples, block_size=blocks, method="R", seed=random_state)
        test.compute()
        p_values = test.pvalues["Pvalue"].sort_index().to_numpy()
    order = np.argsort(columns.mean(axis=0), kind="stable")
    names = tuple(np.array(list(table), dtype=object)[order])
    return ModelConfidenceSet(names, columns.mean(axis=0)[order], p_values[of.ravel()][order], size)


def _either(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else f"one of {', '.join(names[:-1])} and {names[-1]}"
