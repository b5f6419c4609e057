"""Breaks and regimes of a market, seen in how surprising each return was to the forecast made before it.

A forecast turns each return into a standard normal move: the normal quantile of the probability at which the
return stood. If the forecast was right these moves are independent and normal, whatever the market did, so
that a statistic of them has a known law and an alarm a known rate of being false.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bezant.metrics.market.bands import REGIMES
from bezant.types import AnyArray, FloatArray, InputError

WILDER, CALMER = 1.5, 2 / 3
"""Spread of the moves, over what was forecast, that each side of the test is best at seeing."""
CAP = 3.0
"""Moves count up to here: one return beyond the outermost quantiles says little, several say much."""
BARS_PER_FALSE_ALARM = 2520
"""Ten years of trading days."""
CELLS = 300
"""States of the chain by which the rate of false alarms is computed."""
PAST, FEWEST, STAY = 1260, 250, 10
"""Bars of volatility that a regime is measured against; at least; bars until a change of regime counts."""


@dataclass(frozen=True)
class BreakRule:
    """A cumulative sum (CUSUM) for moves that are wilder or calmer than forecast.

    Attributes
    ----------
    ratio : float
        Spread of the moves over the forecast one that the sum looks for.
    threshold : float
        Sum, in units of log-likelihood, at which an alarm is given.
    bars_per_false_alarm : float
        Mean number of bars to an alarm while the forecast is right.
    """

    ratio: float
    threshold: float
    bars_per_false_alarm: float

    def __post_init__(self) -> None:
        if not (self.ratio > 0 and self.ratio != 1 and self.threshold > 0):
            raise InputError(f"A sum looks for a ratio above 0 other than 1, not {self.ratio:g}.")

    def steps(self, moves: npt.ArrayLike) -> FloatArray:
        """Return each move's log-likelihood under the other spread over that under the forecast one."""
        return _step(np.asarray(moves, np.float64) ** 2, self.ratio)


@dataclass(frozen=True)
class Alarm:
    """A break that was noticed.

    Attributes
    ----------
    kind : str
        "wilder" or "calmer" than forecast.
    since : int
        Bar from which on the sum rose: where the break most likely began.
    at : int
        Bar whose close gave the alarm.
    """

    kind: str
    since: int
    at: int


@dataclass(frozen=True, eq=False)
class SurpriseSignal:
    """How surprising each of n returns was to the forecast made before it.

    Attributes
    ----------
    time : datetime64 array of shape (n,)
        Close of the bar whose return it is.
    move : float array of shape (n,)
        The return as a standard normal move under its forecast.
    surprise : float array of shape (n,)
        Negative log-likelihood of the return in units of the volatility that was forecast, in nats.
    volatility : float array of shape (n,)
        Forecast before the return, of one bar.
    regime : text array of shape (n,)
        "calm", "middling" or "stormy", from what was known before the return.
    alarms : tuple of Alarm
    bars_per_false_alarm : float
        Of both sums together, while the forecast is right.
    """

    time: AnyArray
    move: FloatArray
    surprise: FloatArray
    volatility: FloatArray
    regime: npt.NDArray[np.str_]
    alarms: tuple[Alarm, ...]
    bars_per_false_alarm: float

    def __post_init__(self) -> None:
        if (
            len({len(self.time), len(self.move), len(self.surprise), len(self.volatility), len(self.regime)})
            != 1
        ):
            raise InputError("The parts of a signal have different lengths; give one of each a return.")

    @property
    def expected_false(self) -> float:
        """Number of false alarms to expect in so many bars."""
        return len(self.time) / self.bars_per_false_alarm

    @property
    def sentence(self) -> str:
        """Alarms, how many of them chance alone would give, and the last one."""
        rate = f"one in {self.bars_per_false_alarm:,.0f} bars"
        many = "break" if len(self.alarms) == 1 else "breaks"
        counts = (
            f"{len(self.alarms)} {many} in {len(self.time):,} bars, where {self.expected_false:.1f} false "
            f"ones are to be expected while the forecast is right ({rate})"
        )
        if not self.alarms:
            return f"{counts}."
        last = self.alarms[-1]
        day, since = (str(self.time[k].astype("datetime64[D]")) for k in (last.at, last.since))
        return f"{counts}; the last, {last.kind} than forecast, was noticed on {day} and began on {since}."


def _step(squares: FloatArray, ratio: float) -> FloatArray:
    capped = np.minimum(squares, CAP**2)
    found: FloatArray = capped / 2 * (1 - ratio**-2) - np.log(ratio)
    return found


def break_rule(ratio: float, bars_per_false_alarm: float = 2 * BARS_PER_FALSE_ALARM) -> BreakRule:
    """Return the rule whose mean number of bars to a false alarm is as asked.

    Parameters
    ----------
    ratio : float
        Above 1 for moves that are wilder than forecast, below for calmer ones.
    bars_per_false_alarm : float, default 5,040
        Two rules of this rate together give one false alarm in ten years of days.

    References
    ----------
    Page (1954), "Continuous inspection schemes", Biometrika 41; Brook and Evans (1972), "An approach to the
    probability distribution of CUSUM run length", Biometrika 59, for the run length by a Markov chain.
    """
    from scipy.optimize import brentq

    if bars_per_false_alarm < 20:
        raise InputError(f"A false alarm every {bars_per_false_alarm:g} bars is noise; allow 20 or more.")
    threshold = brentq(
        lambda h: np.log(_run_length(ratio, h)) - np.log(bars_per_false_alarm), 0.05, 30.0, xtol=1e-3
    )
    return BreakRule(ratio, float(threshold), float(bars_per_false_alarm))


def _run_length(ratio: float, threshold: float) -> float:
    """Return the mean number of bars to an alarm, from a sum of 0, if moves are standard normal."""
    width = threshold / (CELLS - 0.5)
    middles = width * np.arange(CELLS)  # the first cell stands for 0 and holds what would fall below
    edges = np.append(middles + width / 2, threshold)[:CELLS]
    below = _law(edges[None, :] - middles[:, None], ratio)  # (from, up to)
    chances = np.diff(below, axis=1, prepend=0.0)
    lengths = np.linalg.solve(np.eye(CELLS) - chances, np.ones(CELLS))
    return float(lengths[0]) if 0 < lengths[0] < 1e15 else 1e15


def _law(step: FloatArray, ratio: float) -> FloatArray:
    """Return the probability of a step up to each value, if the move is standard normal."""
    from scipy.stats import chi2

    slope = (1 - ratio**-2) / 2
    square = (step + np.log(ratio)) / slope
    inside = np.asarray(chi2.cdf(np.clip(square, 0, CAP**2 * (1 - 1e-12)), 1))
    if slope > 0:
        return np.where(square >= CAP**2, 1.0, np.where(square < 0, 0.0, inside))
    return np.where(square > CAP**2, 0.0, np.where(square <= 0, 1.0, 1.0 - inside))


def normal_moves(
    y: npt.ArrayLike, quantiles: npt.ArrayLike, levels: Sequence[float]
) -> tuple[FloatArray, FloatArray]:
    """Return returns as standard normal moves under their forecasts, and how fast the moves rise there.

    Between two quantiles the move rises in a straight line from one level's normal quantile to the next;
    beyond the outermost ones it goes on as between the last two.

    Parameters
    ----------
    y : array-like of shape (n,)
    quantiles : array-like of shape (n, q), not falling
    levels : sequence of q floats

    Returns
    -------
    move, slope : float arrays of shape (n,)
        The density of a return is that of the normal law at its move, times the slope.
    """
    from scipy.stats import norm

    came, bounds = np.asarray(y, np.float64), np.asarray(quantiles, np.float64)
    at = norm.ppf(np.asarray(levels, np.float64))
    if bounds.shape != (len(came), len(at)) or len(at) < 2:
        raise InputError(f"Quantiles of shape {bounds.shape} do not fit {len(came)} returns.")
    left = np.clip((bounds <= came[:, None]).sum(axis=1) - 1, 0, len(at) - 2)
    rows = np.arange(len(came))
    low, high = bounds[rows, left], bounds[rows, left + 1]
    least = 1e-6 * np.maximum(bounds[:, -1] - bounds[:, 0], 1e-300)  # two levels may share a quantile
    slope = (at[left + 1] - at[left]) / np.maximum(high - low, least)
    return at[left] + slope * (came - low), slope


def volatility_regime_path(volatility: npt.ArrayLike) -> npt.NDArray[np.str_]:
    """Name the regime of each bar by its volatility among that of the past: calm, middling or stormy.

    Thirds of the last 1,260 bars' volatility, each bar's own included and none after it; a regime changes
    when another third has been held for ten bars.

    Parameters
    ----------
    volatility : array-like of shape (n,)
        As forecast, in order of time.

    Returns
    -------
    array of str, shape (n,)
        "unknown" in the first 250 bars.
    """
    level = np.asarray(volatility, np.float64)
    names = np.full(len(level), "unknown", dtype="<U8")
    now, other, waiting = -1, -1, 0
    for t in range(min(FEWEST, len(level)), len(level)):
        past = level[max(t - PAST + 1, 0) : t + 1]
        third = min(int(3 * np.mean(past < level[t])), 2)
        waiting = (waiting + 1 if third == other else 1) if third != now else 0
        other = third
        if now < 0 or waiting >= STAY:
            now, waiting = third, 0
        names[t] = REGIMES[now]
    return names


def surprise_signal(
    time: AnyArray,
    y: npt.ArrayLike,
    quantiles: npt.ArrayLike,
    levels: Sequence[float],
    variance: npt.ArrayLike,
    *,
    bars_per_false_alarm: float = BARS_PER_FALSE_ALARM,
) -> SurpriseSignal:
    """Return the surprise of each return, regimes, and the breaks that two cumulative sums notice.

    Parameters
    ----------
    time : datetime64 array of shape (n,)
        Close of the bar whose return it is, rising.
    y : array-like of shape (n,)
        Returns of one asset.
    quantiles : array-like of shape (n, q)
        Forecast one bar before.
    levels : sequence of q floats
    variance : array-like of shape (n,)
        Forecast one bar before.
    bars_per_false_alarm : float, default 2,520
        Of both sums together: bars to a false alarm, on average, while the forecast is right. A forecast
        that is a little wrong all the time gives alarms too, and should.
    """
    spread = np.sqrt(np.asarray(variance, np.float64))
    move, slope = normal_moves(y, quantiles, levels)
    surprise = move**2 / 2 + np.log(2 * np.pi) / 2 - np.log(slope * spread)
    rules = {
        kind: break_rule(ratio, 2 * bars_per_false_alarm)
        for kind, ratio in (("wilder", WILDER), ("calmer", CALMER))
    }
    alarms = [a for kind, rule in rules.items() for a in _alarms(kind, rule, move)]
    return SurpriseSignal(
        np.asarray(time),
        move,
        surprise,
        spread,
        volatility_regime_path(spread),
        tuple(sorted(alarms, key=lambda a: (a.at, a.kind))),
        float(bars_per_false_alarm),
    )


def _alarms(kind: str, rule: BreakRule, moves: FloatArray) -> list[Alarm]:
    """Run a sum that starts anew at 0 after each alarm."""
    found, total, since = [], 0.0, 0
    for t, step in enumerate(rule.steps(moves)):
        if total == 0.0:
            since = t
        total = max(0.0, total + float(step))
        if total >= rule.threshold:
            found.append(Alarm(kind, since, t))
            total = 0.0
    return found
