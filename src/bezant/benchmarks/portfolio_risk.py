"""VaR and ES of twenty shares together, the last 1,500 days, each from the 1,000 days before it.

``python -m bezant.benchmarks.portfolio_risk`` prints it. Every method sees the same days and only the past;
volatility is exponentially weighted (0.94), so that what differs is the tail and how shares hang together.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bezant.datasets import load
from bezant.evidence.var_backtests import RiskBacktest, backtest_risk
from bezant.metrics.checks import Floats
from bezant.metrics.market import diebold_mariano, fz0, model_confidence_set
from bezant.risk import (
    VarianceRecursion,
    expected_shortfall,
    fit_tail,
    normal_risk,
    student_risk,
    value_at_risk,
)
from bezant.types import FloatArray

DAYS, WINDOW = 1500, 1000
"""Days that are judged, and days before each that a method may use."""

SMOOTHING = VarianceRecursion(omega=0.0, alpha=0.06, beta=0.94)
"""The exponentially weighted variance of RiskMetrics (1996)."""

Pair = tuple[float, float]


@dataclass(frozen=True)
class Past:
    """What is known on the eve of a day.

    Parameters
    ----------
    returns, volatility : float64 arrays, shape (t, k)
        Log returns of the shares, and the volatility that was forecast for each.
    ahead : float64 array, shape (k,)
        Volatility forecast for the day.
    gains, gains_volatility : float64 arrays, shape (t,)
        The same of the portfolio's simple returns.
    gains_ahead : float
    """

    returns: Floats
    volatility: Floats
    ahead: Floats
    gains: Floats
    gains_volatility: Floats
    gains_ahead: float


def volatilities(returns: Floats) -> Floats:
    """Return the volatility forecast for each day and the one after the last, shape (T + 1, k)."""
    variance = np.empty((len(returns) + 1, returns.shape[1]))
    variance[0] = returns[:250].var(axis=0)  # long forgotten when the judged days begin
    for day, shock in enumerate(returns):
        variance[day + 1] = SMOOTHING.next(variance[day], shock)
    return np.sqrt(variance)


def _sample(gains: Floats, level: float) -> Pair:
    return value_at_risk(gains, level), expected_shortfall(gains, level)


def historical(past: Past, level: float) -> Pair:
    """Historical simulation: the past days as they were."""
    return _sample(past.gains, level)


def filtered(past: Past, level: float) -> Pair:
    """Filtered historical simulation: residuals of all shares of a past day at today's volatilities."""
    return _sample(np.expm1(past.returns / past.volatility * past.ahead).mean(axis=1), level)


def normal(past: Past, level: float) -> Pair:
    """Normal distribution at the portfolio's own volatility."""
    var, es = normal_risk(past.gains_ahead, level)
    return float(var), float(es)


def student(past: Past, level: float) -> Pair:
    """Student's t with 5 degrees of freedom at the portfolio's own volatility."""
    var, es = student_risk(past.gains_ahead, level, degrees=5)
    return float(var), float(es)


def extreme_value(past: Past, level: float) -> Pair:
    """Generalised Pareto tail of the portfolio's residuals (McNeil and Frey)."""
    tail = fit_tail(-past.gains / past.gains_volatility)
    return past.gains_ahead * tail.value_at_risk(level), past.gains_ahead * tail.expected_shortfall(level)


Method = Callable[[Past, float], Pair]
"""What is known and a level, to VaR and ES."""

METHODS: dict[str, Method] = {
    "historical simulation": historical,
    "normal": normal,
    "Student's t, 5": student,
    "extreme-value tail": extreme_value,
    "filtered historical": filtered,
}
"""By name; the first is the baseline."""


def closes() -> pd.DataFrame:
    """Return the closes of the twenty shares, a column a share, in the days that all have."""
    table = load("us-stocks-20")
    return table.pivot(index="time", columns="asset", values="close").astype(float).dropna()


def eves(returns: Floats, days: int = DAYS) -> Iterator[Past]:
    """Yield what is known on the eve of each of the last days.

    Parameters
    ----------
    returns : float64 array, shape (T, k)
        Log returns in order of time, at least ``WINDOW`` plus ``days``.
    days : int, default 1500
    """
    gains = np.expm1(returns).mean(axis=1)
    sd, whole = volatilities(returns), volatilities(gains[:, None])[:, 0]
    for day in range(len(returns) - days, len(returns)):
        past = slice(day - WINDOW, day)
        yield Past(returns[past], sd[past], sd[day], gains[past], whole[past], float(whole[day]))


def walk(returns: Floats, level: float, days: int = DAYS) -> tuple[Floats, dict[str, tuple[Floats, Floats]]]:
    """Return what the equally weighted portfolio gained each day, and each method's VaR and ES before it."""
    known = list(eves(returns, days))
    found = {name: np.array([method(past, level) for past in known]) for name, method in METHODS.items()}
    gains = np.expm1(returns[-days:]).mean(axis=1)
    return gains, {name: (pairs[:, 0], pairs[:, 1]) for name, pairs in found.items()}


def table_of(
    gains: FloatArray, risks: dict[str, tuple[Floats, Floats]], level: float
) -> tuple[pd.DataFrame, list[RiskBacktest]]:
    """Return a row a method, best score first, and the backtests."""
    in_percent = {name: fz0(100 * gains, 100 * var, 100 * es, level) for name, (var, es) in risks.items()}
    kept = model_confidence_set(in_percent).included
    base = in_percent[next(iter(METHODS))]
    tests = [backtest_risk(gains, var, es, level=level, name=name) for name, (var, es) in risks.items()]
    rows = []
    for test in tests:
        p = {each.name: each.p_value for each in test.tests}
        loss = in_percent[test.name]
        rows.append(
            {
                "method": test.name,
                "fz0": loss.mean(),
                "against_base_p": diebold_mariano(loss, base).p_value,
                "could_be_best": test.name in kept,
                "exceptions_%": 100 * test.rate,
                "kupiec_p": p["Kupiec"],
                "independence_p": p["Christoffersen"],
                "dq_p": p["Dynamic quantile"],
                "z2_p": p["Acerbi-Szekely Z2"],
                "light": test.light.zone if test.light else "",
            }
        )
    return pd.DataFrame(rows).sort_values("fz0", ignore_index=True), tests


def main() -> None:
    """Print the tables of 99 % and 97.5 %."""
    prices = closes()
    returns = np.diff(np.log(prices.to_numpy()), axis=0)
    first, last = prices.index[-DAYS], prices.index[-1]
    write = sys.stdout.write
    write(
        f"us-stocks-20, equally weighted, {DAYS} days, {first:%Y-%m-%d} to {last:%Y-%m-%d}, each from the "
        f"{WINDOW} days before\n"
    )
    for level in (0.99, 0.975):
        table, tests = table_of(*walk(returns, level), level)
        write(f"\nVaR and ES {100 * level:g} % (FZ0 of returns in per cent)\n")
        write(table.to_string(index=False, float_format=lambda value: f"{value:.3f}") + "\n")
        write("".join(f"{test.sentence}\n" for test in tests))


if __name__ == "__main__":
    main()
