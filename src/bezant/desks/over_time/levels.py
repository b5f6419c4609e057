"""The level of default as it has been of late: a period life table's answer to a changing world.

Hazards that are learned from all loans at hand are a mean over all years at hand: the loans of ten years ago
count for as much as last year's. What they know of ages and of loans apart is worth having; their level
belongs to the past. So the hazards are multiplied by one factor, that of the defaults seen in the last
months of calendar time over those expected in them (indirect standardisation, as actuaries set a period life
table against an old one).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from bezant.histories.labels_as_of import DAYS_A_MONTH
from bezant.types import BoolArray, FloatArray

FEWEST = 20
"""Fewest recent defaults that may set a level: the factor's standard error is then about a fifth of it."""


@dataclass(frozen=True, eq=False)
class RecentExposure:
    """How long each loan was under risk of late, and whether it defaulted then.

    Attributes
    ----------
    at_risk : float64 array, shape (n, T)
        Share of each period of each loan's age that lay in the last months of calendar time.
    event : bool array, shape (n,)
        Whether the loan defaulted in them.
    recent : float
        How many these last months are.
    """

    at_risk: FloatArray
    event: BoolArray
    recent: float

    def __post_init__(self) -> None:
        if self.at_risk.shape[:1] != self.event.shape or np.any((self.at_risk < 0) | (self.at_risk > 1)):
            raise ValueError(f"no exposure: {self.at_risk.shape} and {self.event.shape}")

    @classmethod
    def of(
        cls,
        originated: Any,
        targets: FloatArray,
        months: FloatArray,
        period: float,
        recent: float,
        periods: int,
    ) -> RecentExposure:
        """Find what lay in the last ``recent`` months before the end of all observation.

        Parameters
        ----------
        originated : datetime64 array, shape (n,)
        targets : float64 array, shape (n, 2)
            Of :func:`bezant.network.heads.hazard.hazard_targets`.
        months : float64 array, shape (n,)
            Durations in months.
        period, recent : float
            Months in a period, and months that count as recent.
        periods : int
            Number T of periods.
        """
        begun = np.asarray(originated).astype("datetime64[D]").astype(np.float64) / DAYS_A_MONTH
        end = (begun + months).max()
        since = (end - recent - begun) / period  # age in periods when the recent months began
        starts = np.arange(periods)
        low = np.maximum(starts, since[:, None])
        at_risk = np.clip(np.minimum(starts + 1, targets[:, :1]) - low, 0, 1)
        at_risk[begun + months < end - recent] = 0  # what ended earlier in its last period is not under risk
        return cls(at_risk, (targets[:, 1] == 1) & (begun + months >= end - recent), recent)

    def factor(self, by_then: FloatArray) -> float | None:
        """Return defaults seen over those expected; None if they are too few to tell.

        Parameters
        ----------
        by_then : float64 array, shape (n, T)
            Probability of default by the end of each period.
        """
        hazard = np.diff(-np.log1p(-np.clip(by_then, 0, 1 - 1e-12)), axis=1, prepend=0.0)
        # A period with a default counts whole among those at risk, so the hazard is that of a whole period.
        expected = float((-np.expm1(-hazard) * self.at_risk).sum())
        seen = int(self.event.sum())
        return seen / expected if seen >= FEWEST and expected > 0 else None


def at_level(by_then: FloatArray, factor: float) -> FloatArray:
    """Return probabilities of default by then with hazards multiplied by a factor, shape (n, T).

    They rise with age as before: ``1 - (1 - p) ** factor``.
    """
    return (
        by_then if factor == 1 else np.asarray(-np.expm1(factor * np.log1p(-np.clip(by_then, 0, 1 - 1e-12))))
    )


def recent_levels(
    by_then: Mapping[str, FloatArray], of_late: RecentExposure | None, large: str
) -> tuple[dict[str, float], str]:
    """Return the factor of each model's hazards, and what there is to say of them.

    Parameters
    ----------
    by_then : mapping of str to float64 array of shape (n, T)
        By model, its probabilities of default by the end of each period.
    of_late : RecentExposure, optional
        If not given, every factor is 1.
    large : str
        The large model's name, of which the sentence is.
    """
    unmoved, mean = dict.fromkeys(by_then, 1.0), "The level of the hazards is the mean of all years given"
    if of_late is None:
        return unmoved, f"{mean}: recent is None, or without time nothing is recent."
    seen, when = int(of_late.event.sum()), f"in the last {of_late.recent:g} months of observation"
    factors = {name: of_late.factor(p) for name, p in by_then.items()}
    if (own := factors[large]) is None:
        return unmoved, f"{mean}, for only {seen} defaults, fewer than {FEWEST}, came {when}."
    return {name: factor or 1.0 for name, factor in factors.items()}, (
        f"The hazards were multiplied by {own:.2f} to expect the {seen} defaults that came {when}; "
        "the held-out figures are of all years and their level."
    )
