"""Stress: what the positions would lose in the crises of the past, or under shocks that one names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from bezant.metrics.checks import Floats, as_vector
from bezant.risk.words import amount, asset_names, counted
from bezant.types import AnyArray, InputError

if TYPE_CHECKING:
    import pandas as pd

CRISES: dict[str, tuple[str, str]] = {
    "Black Monday, 1987": ("1987-10-13", "1987-10-19"),
    "Lehman, 2008": ("2008-09-12", "2008-10-10"),
    "Covid, 2020": ("2020-02-19", "2020-03-23"),
}
"""First close before the fall and last close of it, as the S&P 500 had them."""

MOST = 3.0
"""The largest rise that a shock may be; what is larger was meant in percent."""


@dataclass(frozen=True)
class StressReport:
    """Gains of the positions in each scenario of stress.

    Parameters
    ----------
    scenarios : tuple of str
        Names of the s scenarios.
    assets : tuple of str
        Names of the k positions.
    gains : float64 array, shape (s, k)
        Gain of each position, in money; losses below 0.
    capital : float
        Sum of the positions' sizes, long and short, which losses are compared with.
    notes : tuple of str
        Scenarios that were left out, and what was assumed.
    """

    scenarios: tuple[str, ...]
    assets: tuple[str, ...]
    gains: Floats
    capital: float
    notes: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        if self.gains.shape != (len(self.scenarios), len(self.assets)) or not np.isfinite(self.gains).all():
            raise InputError(
                f"Gains of shape {self.gains.shape} do not fit {counted(len(self.scenarios), 'scenario')} "
                f"and {counted(len(self.assets), 'position')}, or have gaps; give one of each."
            )

    @property
    def totals(self) -> Floats:
        """Gain of the portfolio in each scenario, shape (s,)."""
        return np.asarray(self.gains.sum(axis=1))

    def as_table(self) -> pd.DataFrame:
        """Return a row a scenario, the worst first: scenario, gain, share, worst_position, its gain."""
        import pandas as pd

        order = np.argsort(self.totals, kind="stable")
        worst = self.gains.argmin(axis=1)
        return pd.DataFrame(
            {
                "scenario": [self.scenarios[i] for i in order],
                "gain": self.totals[order],
                "share": self.totals[order] / (self.capital or 1.0),
                "worst_position": [self.assets[worst[i]] for i in order],
                "worst_gain": [float(self.gains[i, worst[i]]) for i in order],
            }
        )

    @property
    def sentence(self) -> str:
        """The worst scenario and its loss, then the notes."""
        if not self.scenarios:
            return " ".join(("No scenario of stress could be computed.", *self.notes))
        at = int(np.argmin(self.totals))
        gain = float(self.totals[at])
        verb = "lose" if gain < 0 else "gain"
        share = 100 * abs(gain) / (self.capital or 1.0)
        worst = (
            f"The worst of {counted(len(self.scenarios), 'scenario')} is {self.scenarios[at]}: the "
            f"positions {verb} {amount(abs(gain))}, {share:.1f} % of their size."
        )
        return " ".join((worst, *self.notes))


def historical_stress(
    dates: npt.ArrayLike,
    prices: npt.ArrayLike,
    positions: npt.ArrayLike,
    *,
    assets: Sequence[str] | None = None,
    crises: Mapping[str, tuple[str, str]] = CRISES,
    worst_steps: Sequence[int] = (1, 10),
) -> StressReport:
    """Return what today's positions would have lost in past crises, and in the worst stretches of the data.

    Parameters
    ----------
    dates : array-like of datetime64, shape (T,)
        Rising.
    prices : array-like of shape (T, k)
        Adjusted for splits and dividends; NaN before an asset began.
    positions : array-like of shape (k,)
        In money, held unchanged.
    assets : sequence of str, optional
    crises : mapping of str to (first, last), default 1987, 2008 and 2020
        ISO dates of the closes before and at the end of the fall; the last closes up to them are taken. A
        crisis that the prices of one position or more do not reach is left out and named in the notes.
    worst_steps : sequence of int, default (1, 10)
        Lengths in steps; the worst stretch of the whole portfolio of each is added.

    Raises
    ------
    InputError
        If shapes do not fit, dates do not rise, or a price is not above 0.
    """
    days, table, held = _history(dates, prices, positions)
    names = asset_names(assets, len(held))
    found: dict[str, Floats] = {}
    notes: list[str] = []
    for crisis, (first, last) in crises.items():
        rows = np.searchsorted(days, np.array([first, last], "datetime64[ns]"), side="right") - 1
        start, end = table[max(rows[0], 0)], table[max(rows[1], 0)]
        late = [name for name, a, b in zip(names, start, end, strict=True) if not np.isfinite(a + b)]
        if rows[0] < 0 or days[-1] < np.datetime64(last, "ns"):
            notes.append(f"{crisis} is left out: the prices run from {_day(days[0])} to {_day(days[-1])}.")
        elif late:
            notes.append(f"{crisis} is left out: {', '.join(late[:3])} had no price yet.")
        else:
            found[crisis] = held * (end / start - 1)
    whole = np.isfinite(table).all(axis=1)
    for steps in worst_steps:
        if steps < 1:
            raise InputError(f"A stretch has at least 1 step, not {steps}; write worst_steps=(1, 10).")
        if int(whole.sum()) <= steps:
            notes.append(
                f"The worst {steps} steps are left out: all prices are there on "
                f"{counted(int(whole.sum()), 'day')}."
            )
            continue
        label, gains = _worst_stretch(days[whole], table[whole], held, steps)
        found[label] = gains
    gains = np.stack(list(found.values())) if found else np.zeros((0, len(held)))
    return StressReport(tuple(found), names, gains, float(np.abs(held).sum()), tuple(notes))


def _worst_stretch(days: AnyArray, table: Floats, held: Floats, steps: int) -> tuple[str, Floats]:
    gains = held * (table[steps:] / table[:-steps] - 1)  # (T - steps, k)
    at = int(gains.sum(axis=1).argmin())
    name = "Worst day" if steps == 1 else f"Worst {steps} days"
    return f"{name}, to {_day(days[at + steps])}", gains[at]


def hypothetical_stress(
    positions: npt.ArrayLike,
    shocks: Mapping[str, Mapping[str, float]],
    assets: Sequence[str],
    *,
    returns: npt.ArrayLike | None = None,
) -> StressReport:
    """Return what the positions lose under shocks that one names.

    Parameters
    ----------
    positions : array-like of shape (k,)
        In money.
    shocks : mapping of scenario to mapping of asset to simple return
        Such as ``{"tech halves": {"AAPL": -0.5, "MSFT": -0.5}}``.
    assets : sequence of str
        Names of the k assets.
    returns : array-like of shape (S, k), optional
        Returns of the assets. With them, assets that a scenario does not name move by what is expected
        given those it names (linear regression on them); without, they stay where they are.

    Raises
    ------
    InputError
        If a shock names an unknown asset, is a fall of more than all or a rise of more than :data:`MOST`, or
        shapes do not fit.

    References
    ----------
    Kupiec (1998), "Stress testing in a value at risk framework", Journal of Derivatives 6, for the
    conditional scenario.
    """
    held = as_vector(positions, "The position")
    names = asset_names(assets, len(held))
    moves = np.zeros((len(shocks), len(held)))
    for row, (scenario, named) in enumerate(shocks.items()):
        unknown = [asset for asset in named if asset not in names]
        if unknown or not named:
            what = f"names {unknown[0]}, which is not held" if unknown else "names no asset"
            raise InputError(f"The scenario {scenario!r} {what}; name one of the {len(names)} assets.")
        at, size = [names.index(asset) for asset in named], np.array(list(named.values()), np.float64)
        if not (size >= -1).all():
            raise InputError(f"The scenario {scenario!r} falls by more than all; write -0.3 for -30 %.")
        if (size > MOST).any():
            raise InputError(
                f"The scenario {scenario!r} rises by {100 * size.max():,.0f} %; write 0.3 for 30 %, at most "
                f"{MOST:g}."
            )
        moves[row] = _given(at, size, len(held), returns)
    others = "stay where they are" if returns is None else "move as is expected given those"
    note = f"Assets that a scenario does not name {others}."
    return StressReport(tuple(shocks), names, moves * held, float(np.abs(held).sum()), (note,))


def _given(at: list[int], size: Floats, count: int, returns: npt.ArrayLike | None) -> Floats:
    """Return the move of every asset given that of some, shape (k,)."""
    moves = np.zeros(count)
    if returns is not None:
        table = np.asarray(returns, dtype=np.float64)
        if table.ndim != 2 or table.shape[1] != count or not np.isfinite(table).all():
            raise InputError(f"Returns of shape {table.shape} do not fit {count} assets, or have gaps.")
        centred = table - table.mean(axis=0)
        slopes = np.linalg.lstsq(centred[:, at], centred, rcond=None)[0]  # (named, k)
        moves = np.clip(size @ slopes, -1.0, None)
    moves[at] = size
    return np.asarray(moves)


def _history(
    dates: npt.ArrayLike, prices: npt.ArrayLike, positions: npt.ArrayLike
) -> tuple[AnyArray, Floats, Floats]:
    days, table = np.asarray(dates).astype("datetime64[ns]"), np.asarray(prices, dtype=np.float64)
    held = as_vector(positions, "The position")
    if table.shape != (len(days), len(held)) or not len(days):
        raise InputError(
            f"Prices of shape {table.shape} do not fit {counted(len(days), 'date')} and "
            f"{counted(len(held), 'position')}; give one row a date and one column a position."
        )
    if not (np.diff(days) > np.timedelta64(0)).all():
        raise InputError("The dates do not rise from row to row; sort the prices and drop doubles.")
    wrong = int((table <= 0).sum())
    if wrong:
        raise InputError(f"{wrong} prices are not above 0; a stress needs relative moves.")
    return days, table, held


def _day(date: np.datetime64) -> str:
    return str(date.astype("datetime64[D]"))
