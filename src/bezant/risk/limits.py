"""Risk limits with early warning: how much of each limit is used, and which are near or beyond."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bezant.risk.words import amount
from bezant.types import InputError

if TYPE_CHECKING:
    import pandas as pd

STATUSES = ("ok", "warning", "breach")
"""From good to bad."""

WARNING = 0.8
"""Share of a limit from which on one is warned."""


@dataclass(frozen=True)
class RiskLimit:
    """The most that one figure may be.

    Parameters
    ----------
    figure : str
        Name of the figure, such as "ES 97.5 %, 10 days".
    limit : float
        Above 0, in the figure's unit; the figure may equal it.
    warning : float, default 0.8
        Share of the limit from which on one is warned, above 0 and up to 1.
    """

    figure: str
    limit: float
    warning: float = WARNING

    def __post_init__(self) -> None:
        if not (0 < self.limit < math.inf):
            raise InputError(f"The limit of {self.figure} is {self.limit:g}; give a number above 0.")
        if not 0 < self.warning <= 1:
            raise InputError(
                f"The warning of {self.figure} is at {self.warning:g} of its limit; write 0.8 for 80 %."
            )

    def check(self, value: float) -> LimitUse:
        """Return how much of the limit a value uses."""
        return LimitUse(self, float(value))


@dataclass(frozen=True)
class LimitUse:
    """A figure against its limit.

    Parameters
    ----------
    limit : RiskLimit
    value : float
        The figure as it is.
    """

    limit: RiskLimit
    value: float

    def __post_init__(self) -> None:
        if not math.isfinite(self.value):
            raise InputError(f"{self.limit.figure} is {self.value}; compute it before its limit is checked.")

    @property
    def share(self) -> float:
        """Share of the limit that is used."""
        return self.value / self.limit.limit

    @property
    def status(self) -> str:
        """ "ok", "warning" or "breach"."""
        if self.value > self.limit.limit:
            return "breach"
        return "warning" if self.value >= self.limit.warning * self.limit.limit else "ok"

    @property
    def sentence(self) -> str:
        """Figure, limit and what is left or too much, in one sentence."""
        room = self.limit.limit - self.value
        left = f"{amount(room)} left" if room >= 0 else f"{amount(-room)} too much"
        return (
            f"{self.status.capitalize()}: {self.limit.figure} is {amount(self.value)}, "
            f"{100 * self.share:.0f} % of its limit of {amount(self.limit.limit)} ({left})."
        )


@dataclass(frozen=True)
class LimitReport:
    """All limits at one time.

    Parameters
    ----------
    uses : tuple of LimitUse
    """

    uses: tuple[LimitUse, ...]

    def __post_init__(self) -> None:
        if not self.uses:
            raise InputError("There are no limits to report; give at least one.")

    @property
    def status(self) -> str:
        """The worst status of all."""
        return max((use.status for use in self.uses), key=STATUSES.index)

    def as_table(self) -> pd.DataFrame:
        """Return a row a limit, the most used first: figure, value, limit, share, status."""
        import pandas as pd

        ordered = sorted(self.uses, key=lambda use: -use.share)
        rows = [(u.limit.figure, u.value, u.limit.limit, u.share, u.status) for u in ordered]
        return pd.DataFrame(rows, columns=["figure", "value", "limit", "share", "status"])

    @property
    def sentence(self) -> str:
        """What needs attention: breaches, else warnings, else the limit that is used most."""
        found = [use.sentence for use in self.uses if use.status == self.status]
        if self.status != "ok":
            return " ".join(found)
        most = max(self.uses, key=lambda use: use.share)
        if len(self.uses) == 1:
            return f"The limit holds; {most.limit.figure} uses {100 * most.share:.0f} % of it."
        return f"All {len(self.uses)} limits hold; {most.limit.figure} uses most, {100 * most.share:.0f} %."


@dataclass(frozen=True)
class RiskLimits:
    """A set of limits, one a figure.

    Parameters
    ----------
    limits : tuple of RiskLimit
    """

    limits: tuple[RiskLimit, ...]

    def __post_init__(self) -> None:
        names = [limit.figure for limit in self.limits]
        twice = sorted({name for name in names if names.count(name) > 1})
        if not names or twice:
            what = f"{twice[0]} has {names.count(twice[0])} limits" if twice else "There are no limits"
            raise InputError(f"{what}; give one limit a figure.")

    @classmethod
    def of(cls, limits: Mapping[str, float], *, warning: float = WARNING) -> RiskLimits:
        """Return limits by figure, all with the same early warning.

        Parameters
        ----------
        limits : mapping of str to float
        warning : float, default 0.8
        """
        return cls(tuple(RiskLimit(name, float(limit), warning) for name, limit in limits.items()))

    def check(self, figures: Mapping[str, float]) -> LimitReport:
        """Return how the figures stand against their limits.

        Parameters
        ----------
        figures : mapping of str to float
            A value for every limit; figures without a limit are passed over.

        Raises
        ------
        InputError
            If a limit has no figure: a limit that is not checked is worse than none.
        """
        missing = [limit.figure for limit in self.limits if limit.figure not in figures]
        if missing:
            raise InputError(f"{missing[0]} has a limit and no figure; compute it, or drop its limit.")
        return LimitReport(tuple(limit.check(figures[limit.figure]) for limit in self.limits))
