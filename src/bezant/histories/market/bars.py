"""Bars of many assets in one frozen container: rows by asset, then time."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any, Literal

import numpy as np

from bezant.types import AnyArray, FloatArray, InputError, IntArray

Change = Literal["log", "difference"]

SERIES = ("close", "open", "high", "low", "volume", "factor")
"""The columns of numbers; all but ``close`` may be absent."""


@dataclass(frozen=True, eq=False)
class Bars:
    """Bars of n assets, m rows in all: every asset's rows stand together, in rising order of time.

    Arrays are never changed. What is absent is None; a single value (a rate, an index) is a close alone.

    Parameters
    ----------
    assets : text array of shape (n,)
    offsets : int64 array of shape (n + 1,)
        Rows ``offsets[i]`` to ``offsets[i + 1] - 1`` are those of asset i; each has at least one.
    time : datetime64[us] array of shape (m,)
        When the bar closed, in UTC where the source had a zone.
    close : float64 array of shape (m,)
        Raw prices, as quoted on the day; or values.
    open, high, low : float64 arrays of shape (m,), optional
        NaN where a row has none. All three or none.
    volume : float64 array of shape (m,), optional
    factor : float64 array of shape (m,), optional
        Adjusted over raw close. Returns are those of adjusted prices; only ratios of neighbours are used,
        so that a factor that was made with later dividends tells nothing of them.
    covariates : mapping of str to float64 array of shape (m,)
        What was known when the bar closed (:func:`~bezant.histories.market.with_covariates`).
    change : {"log", "difference"}, default "log"
        What a return is: the change of the logarithm, or of the value itself (rates, spreads).
    notes : tuple of str
        What was left out, sorted, replaced or looks wrong.

    Raises
    ------
    InputError
        If lengths, order or signs are not as said.
    """

    assets: AnyArray
    offsets: IntArray
    time: AnyArray
    close: FloatArray
    open: FloatArray | None = None
    high: FloatArray | None = None
    low: FloatArray | None = None
    volume: FloatArray | None = None
    factor: FloatArray | None = None
    covariates: Mapping[str, FloatArray] = field(default_factory=dict)
    change: Change = "log"
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "covariates", MappingProxyType(dict(self.covariates)))
        rows = len(self.time)
        arrays = {name: getattr(self, name) for name in SERIES} | dict(self.covariates)
        for name, values in arrays.items():
            if values is not None and values.shape != (rows,):
                raise InputError(f"Column {name!r} has the shape {values.shape} for {rows} bars.")
        if self.change not in ("log", "difference"):
            raise InputError(f"A change is 'log' or 'difference', not {self.change!r}.")
        if (self.open is None) != (self.high is None) or (self.high is None) != (self.low is None):
            raise InputError("Open, high and low of bars come together; give all three or none.")
        sizes = np.diff(self.offsets)
        if len(sizes) != len(self.assets) or self.offsets[0] or self.offsets[-1] != rows or (sizes < 1).any():
            raise InputError(f"The offsets do not divide {rows} bars among {len(self.assets)} assets.")
        inner = np.diff(self.time) <= np.timedelta64(0, "us")
        inner[self.offsets[1:-1] - 1] = False
        if inner.any():
            raise InputError(f"Times do not rise in {int(inner.sum())} of {rows} bars; sort them by asset.")
        _refuse_unsound(self)

    def __len__(self) -> int:
        """Return the number of rows, of all assets together."""
        return len(self.time)

    @property
    def has_ranges(self) -> bool:
        """Whether there are opens, highs and lows."""
        return self.high is not None

    def spans(self) -> Iterator[slice]:
        """Yield the rows of each asset."""
        for start, end in zip(self.offsets[:-1], self.offsets[1:], strict=True):
            yield slice(int(start), int(end))

    @cached_property
    def owner(self) -> IntArray:
        """Number of each row's asset, int64, shape (m,)."""
        return np.repeat(np.arange(len(self.assets)), np.diff(self.offsets))

    @cached_property
    def returns(self) -> FloatArray:
        """Change from the bar before, shape (m,): of adjusted prices; NaN in each asset's first row."""
        values = self.close if self.factor is None else self.close * self.factor
        level = np.log(values) if self.change == "log" else values
        change = np.diff(level, prepend=np.nan)
        change[self.offsets[:-1]] = np.nan
        return change

    def ahead(self, horizon: int) -> FloatArray:
        """Return the change over the next ``horizon`` bars, shape (m,): what is to be forecast at a row.

        It looks ahead, for learning from the past and for judging; NaN where the bars end before.
        """
        parts = [sum_ahead(np.nan_to_num(self.returns[span]), horizon) for span in self.spans()]
        return np.concatenate(parts)

    def take(self, rows: AnyArray, *, notes: tuple[str, ...] | None = None) -> Bars:
        """Return some rows, given in rising order; assets without any are left out."""
        counts = np.bincount(self.owner[rows], minlength=len(self.assets))
        held = np.flatnonzero(counts)
        if not len(held):
            raise InputError(f"None of the {len(self)} bars is left; ask for a later or longer time.")
        series: dict[str, Any] = {
            n: None if getattr(self, n) is None else getattr(self, n)[rows] for n in SERIES
        }
        return dataclasses.replace(
            self,
            assets=self.assets[held],
            offsets=np.concatenate([[0], np.cumsum(counts[held])]).astype(np.int64),
            time=self.time[rows],
            covariates={name: values[rows] for name, values in self.covariates.items()},
            notes=self.notes if notes is None else notes,
            **series,
        )

    def until(self, time: np.datetime64) -> Bars:
        """Return the bars that had closed by a time, it included."""
        return self.take(np.flatnonzero(self.time <= time))

    def tail(self, count: int) -> Bars:
        """Return the last ``count`` bars of every asset, or all it has."""
        return self.take(np.flatnonzero(np.arange(len(self)) >= self.offsets[1:][self.owner] - count))

    def only(self, *assets: str) -> Bars:
        """Return the bars of these assets, in the order they have here.

        Raises
        ------
        InputError
            If there is no such asset.
        """
        unknown = [name for name in assets if name not in set(self.assets.tolist())]
        if unknown:
            raise InputError(f"There are no bars of the asset {unknown[0]!r} among {len(self.assets)}.")
        return self.take(np.flatnonzero(np.isin(self.assets, assets)[self.owner]))

    def append(self, later: Bars) -> Bars:
        """Return these bars with later ones behind them; new assets come last.

        Raises
        ------
        InputError
            If a bar is not later than the last one here of its asset, or the columns differ.
        """
        _refuse_other_columns(self, later)
        assets = np.concatenate([self.assets, later.assets[~np.isin(later.assets, self.assets)]])
        place = {name: i for i, name in enumerate(assets.tolist())}
        owner = np.array([place[name] for name in later.assets.tolist()], np.int64)[later.owner]
        _refuse_earlier(self, later, owner)
        order = np.argsort(np.concatenate([self.owner, owner]), kind="stable")
        counts = np.bincount(np.concatenate([self.owner, owner]), minlength=len(assets))

        def both(name: str) -> FloatArray | None:
            one, other = getattr(self, name), getattr(later, name)
            return None if one is None else np.concatenate([one, other])[order]

        series: dict[str, Any] = {name: both(name) for name in SERIES}

        return dataclasses.replace(
            self,
            assets=assets,
            offsets=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
            time=np.concatenate([self.time, later.time])[order],
            covariates={
                name: np.concatenate([values, later.covariates[name]])[order]
                for name, values in self.covariates.items()
            },
            notes=tuple(dict.fromkeys((*self.notes, *later.notes))),
            **series,
        )


def sum_ahead(values: FloatArray, horizon: int) -> FloatArray:
    """Return the sum of the next ``horizon`` values of one asset, the row's own not included.

    Parameters
    ----------
    values : float array of shape (m,)
        None missing.
    horizon : int
        At least 1.

    Returns
    -------
    float array of shape (m,)
        NaN in the last ``horizon`` rows, whose sum is not known yet.
    """
    total = np.cumsum(values)
    ahead = np.full(len(values), np.nan)
    ahead[: max(len(total) - horizon, 0)] = total[horizon:] - total[:-horizon]
    return ahead


def _refuse_unsound(bars: Bars) -> None:
    rows = len(bars)
    if not np.isfinite(bars.close).all():
        lost = int((~np.isfinite(bars.close)).sum())
        raise InputError(f"Column 'close' is missing or infinite in {lost} of {rows} bars; leave them out.")
    if bars.change == "difference":
        return
    for name in ("close", "open", "high", "low", "factor"):
        values = getattr(bars, name)
        if values is not None and (values <= 0).any():
            wrong = np.flatnonzero(values <= 0)
            raise InputError(
                f"Column {name!r} is not positive in {len(wrong)} of {rows} bars, such as "
                f"{values[wrong[0]]:g} of {str(bars.assets[bars.owner[wrong[0]]])!r} at "
                f"{bars.time[wrong[0]].astype('datetime64[s]')}; leave those bars out, or give "
                "change='difference' where a value may be 0 or less."
            )
    if bars.high is not None and bars.low is not None and (bars.high < bars.low).any():
        wrong = np.flatnonzero(bars.high < bars.low)
        raise InputError(
            f"The high lies below the low in {len(wrong)} of {rows} bars, such as "
            f"{str(bars.assets[bars.owner[wrong[0]]])!r} at {bars.time[wrong[0]].astype('datetime64[s]')}; "
            "see whether the columns are swapped, and mend or leave out those bars."
        )


def _refuse_other_columns(one: Bars, other: Bars) -> None:
    for name in SERIES:
        if (getattr(one, name) is None) != (getattr(other, name) is None):
            raise InputError(f"Column {name!r} stands in one part of the bars only; give it in both.")
    if one.change != other.change or set(one.covariates) != set(other.covariates):
        raise InputError(
            f"The bars hold changes by {one.change!r} and the covariates {sorted(one.covariates)}, those to "
            f"append {other.change!r} and {sorted(other.covariates)}; read both the same way."
        )


def _refuse_earlier(bars: Bars, later: Bars, owner: IntArray) -> None:
    last = bars.time[bars.offsets[1:] - 1]
    known = owner < len(bars.assets)
    early = np.zeros(len(later), bool)
    early[known] = later.time[known] <= last[owner[known]]
    if early.any():
        first = int(np.flatnonzero(early)[0])
        raise InputError(
            f"{int(early.sum())} of {len(later)} bars to append are not later than the last one of their "
            f"asset, such as {str(later.assets[later.owner[first]])!r} at "
            f"{later.time[first].astype('datetime64[s]')}; leave them out."
        )
