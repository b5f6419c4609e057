"""What is told of a row's records at a glance: how many, how long ago, how much, of which kind.

These stand among the numbers of the row itself, so that a few labels are enough to learn from them, while the
backbone reads the records one by one.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from bezant.types import BoolArray, FloatArray, IntArray

MICROSECONDS_A_DAY = 86_400_000_000

DAYS = (30, 90, 365)
"""Records of so many days before the row is looked at are counted."""

MOST_NUMBERS, MOST_CODES, MOST_VALUES = 16, 16, 6
"""So many columns of the records are told, the first ones; of a category so many of its commonest values."""

FIRST_KNOWN = 2
"""The first code that stands for a value; those before it say "missing" and "unknown"."""

How = Literal[
    "count",
    "since_last",
    "since_first",
    "recent",
    "mean",
    "last",
    "largest",
    "total",
    "spread",
    "recent_total",
    "share",
]


class Aggregate(BaseModel):
    """One number a row.

    Parameters
    ----------
    how : str
        "count" of records; days "since_last" and "since_first"; the count of "recent" ones; of a number the
        "mean", the "last", the "largest", the "total", the "spread" (standard deviation), the "recent_total";
        of a category's value the "share" of records.
    column : int
        Place of the number, or of the category, among those of the records.
    value : int
        Days that are recent, or the code whose share it is.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    how: How
    column: int = 0
    value: int = 0


def all_aggregates(numbers: int, cardinalities: tuple[int, ...]) -> tuple[Aggregate, ...]:
    """Return what is told of records with so many numbers, and categories of so many codes each."""
    chosen = [Aggregate(how="count"), Aggregate(how="since_last"), Aggregate(how="since_first")]
    chosen += [Aggregate(how="recent", value=days) for days in DAYS]
    for column in range(min(numbers, MOST_NUMBERS)):
        found: tuple[How, ...] = ("mean", "last", "largest", "total", "spread")
        chosen += [Aggregate(how=how, column=column) for how in found]
        chosen += [Aggregate(how="recent_total", column=column, value=days) for days in DAYS]
    for column, size in enumerate(cardinalities[:MOST_CODES]):
        values = range(FIRST_KNOWN, min(size, FIRST_KNOWN + MOST_VALUES))
        chosen += [Aggregate(how="share", column=column, value=value) for value in values]
    return tuple(chosen)


def aggregated(
    chosen: tuple[Aggregate, ...],
    numbers: npt.NDArray[np.float32],
    codes: npt.NDArray[np.int32],
    times: IntArray,
    offsets: IntArray,
    moments: IntArray,
) -> FloatArray:
    """Return the aggregates of each row, NaN where there is nothing to tell of.

    Parameters
    ----------
    chosen : tuple of Aggregate
        A of them.
    numbers, codes : arrays of shape (m, P) and (m, C)
        Of the records, as :class:`bezant.network.fields.encoding.EncodedRecords` has them.
    times, offsets, moments : int64 arrays of shape (m,), (n + 1,) and (n,)
        Likewise.

    Returns
    -------
    float64 array, shape (n, A)
    """
    rows = _Rows(times, offsets, moments)
    found = np.empty((len(moments), len(chosen)))
    for j, one in enumerate(chosen):
        found[:, j] = rows.tell(one, numbers, codes)
    return found


class _Rows:
    """Where the records of each row stand."""

    def __init__(self, times: IntArray, offsets: IntArray, moments: IntArray) -> None:
        self.times, self.offsets, self.moments = times, offsets, moments
        self.counts = np.diff(offsets)
        self.some = self.counts > 0
        self.ages = np.repeat(moments, self.counts) - times  # (m,)

    def tell(
        self, one: Aggregate, numbers: npt.NDArray[np.float32], codes: npt.NDArray[np.int32]
    ) -> FloatArray:
        """Return one aggregate of all rows, (n,)."""
        if one.how == "count":
            return self.counts.astype(np.float64)
        if one.how == "recent":
            return self._total(self._within(one.value).astype(np.float64))
        if one.how in ("since_last", "since_first"):
            place = self.offsets[1:] - 1 if one.how == "since_last" else self.offsets[:-1]
            return self._where_some((self.moments - self._at(self.times, place)) / MICROSECONDS_A_DAY)
        if one.how == "share":
            hits = self._total((codes[:, one.column] == one.value).astype(np.float64))
            return self._where_some(hits / np.maximum(self.counts, 1))
        return self._of_number(one, numbers[:, one.column].astype(np.float64))

    def _of_number(self, one: Aggregate, values: FloatArray) -> FloatArray:
        known = ~np.isnan(values)
        number = self._total(known.astype(np.float64))
        if one.how == "last":
            places = np.maximum.accumulate(np.where(known, np.arange(len(values)), -1))
            found = self._at(places, self.offsets[1:] - 1)
            return np.where(number > 0, self._at(values, np.maximum(found, 0)), np.nan)
        if one.how == "largest":
            largest = np.full(len(self.counts), np.nan)
            if self.some.any():
                filled = np.where(known, values, -np.inf)
                largest[self.some] = np.maximum.reduceat(filled, self.offsets[:-1][self.some])
            return np.where(number > 0, largest, np.nan)
        if one.how == "recent_total":
            return self._total(np.where(known & self._within(one.value), values, 0.0))
        total = self._total(np.where(known, values, 0.0))
        if one.how == "total":
            return np.where(number > 0, total, np.nan)
        mean = total / np.maximum(number, 1)
        if one.how == "mean":
            return np.where(number > 0, mean, np.nan)
        # around the mean, for squares of large numbers would leave nothing of a small spread
        apart = np.where(known, values - np.repeat(mean, self.counts), 0.0)
        return np.where(number > 0, np.sqrt(self._total(apart**2) / np.maximum(number, 1)), np.nan)

    def _within(self, days: int) -> BoolArray:
        """Tell which records are of so many days before their row is looked at, (m,)."""
        return np.asarray(self.ages <= days * MICROSECONDS_A_DAY)

    def _total(self, values: FloatArray) -> FloatArray:
        """Add up over the records of each row; each sum by itself, so that none depends on other rows."""
        found = np.zeros(len(self.counts))
        if self.some.any():
            found[self.some] = np.add.reduceat(values, self.offsets[:-1][self.some])
        return found

    def _at(self, values: npt.NDArray[Any], places: IntArray) -> npt.NDArray[Any]:
        if not len(values):
            return np.zeros(len(places), values.dtype)
        return values[np.clip(places, 0, len(values) - 1)]

    def _where_some(self, values: FloatArray) -> FloatArray:
        return np.where(self.some, values, np.nan)
