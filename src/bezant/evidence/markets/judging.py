"""Forecasts of the same origins, judged by what came: variance, quantiles, tails and coverage."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bezant.evidence.markets.direction import Direction, direction_of
from bezant.evidence.markets.scores import WORDS, MarketScores, MarketTask
from bezant.evidence.markets.words import bars_in_words
from bezant.evidence.var_backtests import RiskBacktest, backtest_risk
from bezant.histories.market import Bars, best_variance, sum_ahead
from bezant.metrics.market import (
    Coverage,
    coverage_by,
    fz0,
    pinball,
    qlike,
    volatility_regimes,
)
from bezant.metrics.market.bands import REGIMES
from bezant.traditional.markets import MarketForecast
from bezant.types import AnyArray, BoolArray, FloatArray, InputError, IntArray

BAND = (0.05, 0.95)
"""Ends of the band whose coverage is counted."""
TAILS = (0.01, 0.05)
VARIANCE_BASELINES = ("GARCH-t", "GJR-GARCH-t", "random walk")
QUANTILE_BASELINES = ("random walk",)
FEWEST_ENDED = 10
"""Origins whose horizon has ended, in horizons: fewer say nothing of it."""


def judge_forecasts(bars: Bars, forecasts: Mapping[str, MarketForecast], large: str) -> MarketScores:
    """Score forecasts of the same origins against what came.

    Variance by QLIKE (the sharpest measure that the bars have, at the level of squared returns), quantiles by
    the pinball loss, VaR and ES by FZ0 of returns in percent.

    Parameters
    ----------
    bars : Bars
    forecasts : mapping of model to MarketForecast
        Of the same origins, horizons and levels; made from the past alone.
    large : str
        The model that is judged.

    Raises
    ------
    InputError
        If no horizon has ended often enough.
    """
    first = forecasts[large]
    notes: list[str] = []
    tasks: list[MarketTask] = []
    regimes: dict[int, Mapping[str, Coverage]] = {}
    assets: dict[int, Coverage] = {}
    directions: list[Direction] = []
    for place, horizon in enumerate(first.horizons):
        ended = np.isfinite(bars.ahead(horizon)[first.rows])
        if len(np.unique(bars.time[first.rows[ended]])) < max(FEWEST_ENDED, 3 * horizon):
            notes.append(
                f"{bars_in_words(horizon)} ahead are not judged: only {int(ended.sum())} origins have ended."
            )
            continue
        asked = _Asked.of(bars, forecasts, place, ended)
        tasks += asked.tasks(notes, variance=not tasks)
        regimes[horizon], assets[horizon] = asked.coverages(large)
        directions.append(direction_of(horizon, asked.parts[large].up[:, place], asked.change, asked.days))
    if not tasks:
        raise InputError(
            f"None of the {len(first)} origins can be judged; begin earlier, so that "
            f"{max(FEWEST_ENDED, 3 * first.horizons[0])} of them have ended."
        )
    tasks.sort(key=lambda task: list(WORDS).index(task.measure))
    return MarketScores(
        large, tuple(tasks), regimes, assets, tuple(directions), _tails(bars, first, notes), tuple(notes)
    )


@dataclass(frozen=True, eq=False)
class _Asked:
    """One horizon: the origins whose end is known, and what came."""

    bars: Bars
    parts: Mapping[str, MarketForecast]
    place: int
    horizon: int
    change: FloatArray
    days: AnyArray

    @classmethod
    def of(cls, bars: Bars, forecasts: Mapping[str, MarketForecast], place: int, ended: BoolArray) -> _Asked:
        kept = np.flatnonzero(ended)
        parts = {name: found.take(kept) for name, found in forecasts.items()}
        one = next(iter(parts.values()))
        horizon = one.horizons[place]
        return cls(bars, parts, place, horizon, bars.ahead(horizon)[one.rows], bars.time[one.rows])

    @property
    def rows(self) -> IntArray:
        return next(iter(self.parts.values())).rows

    def tasks(self, notes: list[str], variance: bool) -> list[MarketTask]:
        """Return the tasks of this horizon; variance and tails at the shortest one alone."""
        found = [self._quantiles()]
        if variance:
            found = [self._variance(), *found]
            if self.horizon == 1:
                asked = [self._tail(t, notes) for t in TAILS if t in self._one.levels]
                found += [task for task in asked if task is not None]
        return found

    @property
    def _one(self) -> MarketForecast:
        return next(iter(self.parts.values()))

    def _variance(self) -> MarketTask:
        came = realised_variance(self.bars, self.rows, self.horizon)
        relative = bool((came > 0).all())
        losses = {
            name: qlike(came, found.variance[:, self.place], centred=relative)
            for name, found in self.parts.items()
        }
        return self._task(
            f"variance, {bars_in_words(self.horizon)}", "QLIKE", losses, VARIANCE_BASELINES, relative
        )

    def _quantiles(self) -> MarketTask:
        losses = {
            name: pinball(self.change, found.quantiles[:, self.place], found.levels).mean(axis=1)
            for name, found in self.parts.items()
        }
        return self._task(
            f"quantiles, {bars_in_words(self.horizon)}",
            "pinball loss",
            losses,
            QUANTILE_BASELINES,
            relative=True,
        )

    def _tail(self, tail: float, notes: list[str]) -> MarketTask | None:
        """Return the task of a tail; None, and a note, where a shortfall is no loss: FZ0 cannot judge it."""
        losses = {}
        for name, found in self.parts.items():
            k = found.at(tail)
            var, es = (-100 * part[:, self.place, k] for part in (found.quantiles, found.shortfall))
            if (es <= 0).any():
                notes.append(
                    f"VaR and ES at {100 * (1 - tail):g} % are not compared by FZ0: the shortfall that "
                    f"{name} forecast is no loss at {int((es <= 0).sum())} of {len(es)} origins."
                )
                return None
            losses[name] = fz0(100 * self.change, var, es, 1 - tail)
        return self._task(
            f"VaR and ES, {100 * (1 - tail):g} %", "FZ0", losses, VARIANCE_BASELINES, relative=False
        )

    def _task(
        self,
        name: str,
        measure: str,
        losses: Mapping[str, FloatArray],
        baselines: Sequence[str],
        relative: bool,
    ) -> MarketTask:
        baseline = next((b for b in baselines if b in losses), list(losses)[-1])
        daily = {model: by_time(self.days, values) for model, values in losses.items()}
        return MarketTask(name, measure, self.horizon, daily, baseline, relative)

    def coverages(self, large: str) -> tuple[dict[str, Coverage], Coverage]:
        """Return coverage by regime of all models, and by asset of the judged one."""
        variance = self.parts[large].variance[:, self.place]
        regime = regimes_by_asset(variance, self.bars.owner[self.rows])
        regimes = {name: coverage_by(self.change, *self._band(name), regime) for name in self.parts}
        names = self.bars.assets[self.bars.owner[self.rows]]
        return regimes, coverage_by(self.change, *self._band(large), names, order=sorted(set(names.tolist())))

    def _band(self, name: str) -> tuple[FloatArray, FloatArray]:
        found = self.parts[name]
        low, high = (found.quantiles[:, self.place, nearest_level(found.levels, b)] for b in BAND)
        return low, high


def nearest_level(levels: Sequence[float], level: float) -> int:
    """Return the place of the level that is nearest."""
    return int(np.abs(np.asarray(levels) - level).argmin())


def regimes_by_asset(variance: FloatArray, owner: IntArray) -> AnyArray:
    """Return whether each asset was forecast calm, middling or stormy for itself, shape (n,)."""
    found = np.empty(len(variance), f"<U{max(map(len, REGIMES))}")
    for k in np.unique(owner):
        found[owner == k] = volatility_regimes(variance[owner == k])
    return found


def by_time(times: AnyArray, values: FloatArray) -> FloatArray:
    """Return the mean of values at each distinct time, in order, shape (t,)."""
    _, place = np.unique(times, return_inverse=True)
    mean: FloatArray = np.bincount(place, values) / np.bincount(place)
    return mean


def realised_variance(bars: Bars, rows: IntArray, horizon: int) -> FloatArray:
    """Return the variance that came after some rows, by the sharpest measure that the bars have.

    Ranges miss what happens overnight, so that it is brought to the level of squared returns by the ratio of
    both in each asset's bars before the first of its rows, or in those of all assets where it has none.

    Parameters
    ----------
    bars : Bars
    rows : int array of shape (n,)
    horizon : int
        Bars that it is summed over.

    Returns
    -------
    float array of shape (n,)
        NaN where the horizon has not ended.
    """
    variance, squares = np.nan_to_num(best_variance(bars)), np.nan_to_num(bars.returns**2)
    ahead = np.concatenate([sum_ahead(variance[span], horizon) for span in bars.spans()])
    owner = bars.owner[rows]
    first = bars.offsets[1:].copy()
    np.minimum.at(first, owner, rows)
    asked = np.isin(bars.owner, owner) & (np.arange(len(bars)) < first[bars.owner])
    sums = [np.bincount(bars.owner[asked], part[asked], len(bars.assets)) for part in (squares, variance)]
    whole = float(sums[0].sum() / sums[1].sum()) if sums[1].sum() > 0 else 1.0
    scale = np.where(sums[1] > 0, sums[0] / np.where(sums[1] > 0, sums[1], 1.0), whole)
    found: FloatArray = ahead[rows] * scale[owner]
    return found


def is_daily(bars: Bars) -> bool:
    """Return whether bars are of a day, for which alone the traffic light is made."""
    steps = np.diff(bars.time)[np.diff(bars.owner) == 0]
    return bool(len(steps)) and 0.5 < float(np.median(steps) / np.timedelta64(1, "D")) < 4


def _tails(bars: Bars, found: MarketForecast, notes: list[str]) -> dict[str, dict[float, RiskBacktest]]:
    if found.horizons[0] != 1:
        notes.append("VaR is judged one bar ahead, which is not among the horizons.")
        return {}
    came = bars.ahead(1)[found.rows]
    tests: dict[str, dict[float, RiskBacktest]] = {}
    for k in np.unique(bars.owner[found.rows]):
        own = np.flatnonzero((bars.owner[found.rows] == k) & np.isfinite(came))
        levels = {}
        for tail in (t for t in TAILS if t in found.levels and len(own)):
            at = found.at(tail)
            var, es = (-part[own, 0, at] for part in (found.quantiles, found.shortfall))
            known = es if (es > 0).all() else None
            test = backtest_risk(came[own], var, known, level=1 - tail, name=str(bars.assets[k]))
            levels[1 - tail] = test if is_daily(bars) else dataclasses.replace(test, light=None)
        tests[str(bars.assets[k])] = levels
    return tests
