"""All tests of one series of VaR and ES at once, as a table and a sentence."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from bezant.evidence.var_backtests.exceptions import (
    LAGS,
    RiskTest,
    christoffersen,
    conditional_coverage,
    dynamic_quantile,
    exceptions_of,
    kupiec,
)
from bezant.evidence.var_backtests.shortfall import SIMULATIONS, acerbi_szekely
from bezant.evidence.var_backtests.traffic_light import LEVEL, WINDOW, TrafficLight, traffic_light
from bezant.metrics.curves import wilson_interval
from bezant.metrics.market import fz0
from bezant.metrics.market.losses import tail_of
from bezant.types import BoolArray, InputError

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class RiskBacktest:
    """What the days said about VaR and ES.

    Parameters
    ----------
    name : str
        Whose VaR and ES, such as "GARCH-t".
    level : float
        Of VaR and ES.
    exceptions : bool array, shape (n,)
        Days on which the loss went beyond the VaR.
    tests : tuple of RiskTest
    light : TrafficLight or None
        Of the last 250 days, for the 99 % VaR alone.
    mean_fz0 : float or None
        Mean joint score of VaR and ES, in the unit of the returns; None without ES.
    notes : tuple of str
        Tests that were left out, and why.
    """

    name: str
    level: float
    exceptions: BoolArray
    tests: tuple[RiskTest, ...]
    light: TrafficLight | None = None
    mean_fz0: float | None = None
    notes: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        tail_of(self.level)
        if not len(self.exceptions):
            raise InputError("A backtest has no days; give at least one.")

    @property
    def days(self) -> int:
        """Days that were judged."""
        return len(self.exceptions)

    @property
    def rate(self) -> float:
        """Share of days beyond the VaR."""
        return float(np.mean(self.exceptions))

    @property
    def rejected(self) -> tuple[RiskTest, ...]:
        """Tests that reject at 5 %, each by itself."""
        return tuple(test for test in self.tests if test.rejects())

    def as_table(self) -> pd.DataFrame:
        """Return a row a test: test, asks, statistic, p_value, rejected."""
        import pandas as pd

        rows = [(t.name, t.asks, t.statistic, t.p_value, t.rejects()) for t in self.tests]
        return pd.DataFrame(rows, columns=["test", "asks", "statistic", "p_value", "rejected"])

    @property
    def sentence(self) -> str:
        """Exceptions, their interval, and what was rejected, in a few plain words."""
        found, tail = int(self.exceptions.sum()), tail_of(self.level)
        low, high = (float(end) for end in wilson_interval(found, self.days))
        counts = (
            f"{self.name}: {found} of {self.days} days went beyond the {100 * self.level:g} % VaR, "
            f"{100 * self.rate:.2f} % (95 % interval {100 * low:.2f} to {100 * high:.2f}) where "
            f"{100 * tail:g} % are promised"
        )
        rejected = ", ".join(test.name for test in self.rejected)
        verdict = f"rejected at 5 % by {rejected}" if rejected else f"none of {len(self.tests)} tests rejects"
        light = f" {self.light.sentence}" if self.light else ""
        return f"{counts}; {verdict}.{light}"


def backtest_risk(
    y: npt.ArrayLike,
    var: npt.ArrayLike,
    es: npt.ArrayLike | None = None,
    *,
    level: float,
    name: str = "The model",
    scenarios: npt.ArrayLike | None = None,
    shape: float = 0.0,
    simulations: int = SIMULATIONS,
    random_state: int = 0,
) -> RiskBacktest:
    """Run every test that the days allow: Kupiec, Christoffersen, dynamic quantile, traffic light, Z2, FZ0.

    Parameters
    ----------
    y : array-like of shape (n,)
        Returns or gains that came, in order of time, one step ahead: overlapping horizons would make
        exceptions follow each other even in a right model.
    var : array-like of shape (n,)
        Forecast before each day, losses positive. A VaR that saw its own day proves nothing.
    es : array-like of shape (n,), optional
        At the same level.
    level : float
        Such as 0.99.
    name : str, default "The model"
    scenarios, shape, simulations, random_state
        As in :func:`~bezant.evidence.var_backtests.acerbi_szekely`.

    Raises
    ------
    InputError
        If lengths differ, a value is missing, the level is out of range, or an ES is below its VaR.
    """
    hits, bounds = exceptions_of(y, var), np.asarray(var, dtype=np.float64)
    notes: list[str] = []
    tests = [kupiec(hits, level)]
    needed = 3 * LAGS + 4
    if len(hits) > needed:
        tests += [christoffersen(hits), conditional_coverage(hits, level)]
        tests += [dynamic_quantile(hits, bounds, level)]
    else:
        notes.append(f"{len(hits)} days are too few for tests of clustering, which need more than {needed}.")
    light = None
    if abs(level - LEVEL) < 1e-9:
        if len(hits) >= WINDOW:
            light = traffic_light(hits)
        else:
            notes.append(f"The traffic light needs {WINDOW} days, and there are {len(hits)}.")
    score = None
    if es is not None:
        tests.append(
            acerbi_szekely(
                y, var, es, level, scenarios=scenarios, shape=shape, simulations=simulations,
                random_state=random_state,
            )
        )  # fmt: skip
        score = float(fz0(y, var, es, level).mean())
    return RiskBacktest(name, level, hits, tuple(tests), light, score, tuple(notes))
