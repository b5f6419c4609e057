"""The Basel traffic light: exceptions of the 99 % VaR in 250 days, and what they cost in capital."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bezant.types import InputError, IntArray

WINDOW = 250
"""Days that the rule counts: about one year."""

LEVEL = 0.99
"""The VaR that the rule counts."""

MULTIPLIERS = (1.50, 1.50, 1.50, 1.50, 1.50, 1.70, 1.76, 1.83, 1.88, 1.92, 2.00)
"""Multiplier of capital by the number of exceptions, 10 standing for 10 or more."""

FIRST_AMBER, FIRST_RED = 5, 10
"""Exceptions at which each zone begins."""


@dataclass(frozen=True)
class TrafficLight:
    """Zone and multiplier of one window of 250 days.

    Parameters
    ----------
    exceptions : int
        Days in the window on which the loss went beyond the 99 % VaR.
    """

    exceptions: int

    def __post_init__(self) -> None:
        if not 0 <= self.exceptions <= WINDOW:
            raise InputError(f"{WINDOW} days cannot have {self.exceptions} exceptions; count them again.")

    @property
    def zone(self) -> str:
        """ "green" up to 4 exceptions, "amber" up to 9, else "red"."""
        return zone_of(self.exceptions)

    @property
    def multiplier(self) -> float:
        """Multiplier of the capital requirement."""
        return MULTIPLIERS[min(self.exceptions, FIRST_RED)]

    @property
    def cumulative_probability(self) -> float:
        """Probability that a right model has at most so many exceptions."""
        from scipy.stats import binom

        return float(binom.cdf(self.exceptions, WINDOW, 1 - LEVEL))

    @property
    def sentence(self) -> str:
        """Zone, exceptions and multiplier in one sentence."""
        days = "exception" if self.exceptions == 1 else "exceptions"
        return (
            f"Basel traffic light {self.zone}: {self.exceptions} {days} of the 99 % VaR in the last {WINDOW} "
            f"days, multiplier {self.multiplier:.2f} (a right model has as many or fewer in "
            f"{100 * self.cumulative_probability:.2f} % of years)."
        )


def zone_of(exceptions: int) -> str:
    """Return the zone of a number of exceptions in 250 days: "green", "amber" or "red"."""
    return "green" if exceptions < FIRST_AMBER else "amber" if exceptions < FIRST_RED else "red"


def exceptions_in_window(exceptions: npt.ArrayLike) -> IntArray:
    """Count the exceptions of the 250 days up to and with each day, from the 250th on; shape (n - 249,).

    Raises
    ------
    InputError
        If there are fewer than 250 days.
    """
    hits = np.asarray(exceptions).astype(np.int64)
    if hits.ndim != 1 or len(hits) < WINDOW:
        raise InputError(
            f"The traffic light counts {WINDOW} days and there are {hits.size}; give at least {WINDOW}."
        )
    total = np.append(0, np.cumsum(hits))
    return np.asarray(total[WINDOW:] - total[:-WINDOW])


def traffic_light(exceptions: npt.ArrayLike) -> TrafficLight:
    """Return zone and multiplier of the last 250 days.

    Parameters
    ----------
    exceptions : array-like of bool, shape (n,), n at least 250
        Of the one-day 99 % VaR, in order of time.

    References
    ----------
    Basel Committee on Banking Supervision, MAR32.9 (backtesting dependent multiplier; MAR99 for the zones).
    """
    return TrafficLight(int(exceptions_in_window(exceptions)[-1]))
