"""How sure a figure is: DeLong for areas, the normal interval for means, the bootstrap for the rest."""

from __future__ import annotations

import math
from dataclasses import dataclass

from bezant.types import InputError


@dataclass(frozen=True)
class Estimate:
    """A figure and the interval around it.

    Parameters
    ----------
    value : float
        The figure; NaN where it does not exist (such as an AUC of rows of one class).
    low, high : float, default NaN
        The ends of the interval, in the figure's own unit; NaN where there is none.
    """

    value: float
    low: float = math.nan
    high: float = math.nan

    def __post_init__(self) -> None:
        for name in ("value", "low", "high"):
            object.__setattr__(self, name, float(getattr(self, name)))
        if self.low > self.value or self.value > self.high:
            raise InputError(
                f"An estimate of {self.value} cannot lie outside its interval {self.low} to {self.high}; "
                "widen the interval to hold it."
            )
