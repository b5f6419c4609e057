"""Labels as they were known at a cut-off: a loan that was not yet charged off then is not yet a default.

A model that is to be used from the cut-off on can only have learned what had happened by then. Final
labels ("hindsight") know more: which of the loans approved in the months before the cut-off went bad
years after it. Figures of a model that was trained on them are not those of any model there could have been.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np

from bezant.types import AnyArray, BoolArray, FloatArray, InputError

DAYS_A_MONTH = 365.25 / 12
"""Durations are in months of this many days."""

_DAY = np.timedelta64(1, "D")


@dataclass(frozen=True, eq=False)
class LabelsAsOf:
    """What was known of n loans at a cut-off.

    Attributes
    ----------
    known : bool array, shape (n,)
        Whether the loan existed before the cut-off and can be learned from; use ``X[known]``. The other
        arrays hold False and NaN where it is not.
    event : bool array, shape (n,)
        Whether the event was known.
    duration : float64 array, shape (n,)
        Months from origination to the event, or to the end of what was observed.
    followed : float64 array, shape (n,)
        Months from origination to the end of what could be observed, event or not.
    notes : tuple of str
        What was left aside, with row counts.
    """

    known: BoolArray
    event: BoolArray
    duration: FloatArray
    followed: FloatArray
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        lengths = {len(self.known), len(self.event), len(self.duration), len(self.followed)}
        if len(lengths) > 1:
            raise ValueError(f"the parts of labels have different lengths: {sorted(lengths)}")
        inside = self.known
        if np.any(self.event & ~inside) or np.any(~(self.duration[inside] <= self.followed[inside])):
            raise ValueError("only known loans have events, and none ends after it was last observed")

    def within(self, months: float) -> tuple[BoolArray, BoolArray]:
        """Return whether the event came within so many months, and for which loans that is known.

        Parameters
        ----------
        months : float
            Length of the window from origination.

        Returns
        -------
        event, decided : bool arrays, shape (n,)
            A loan is decided if it was followed for the whole window. A young loan that has defaulted
            already is not: its year's others are still open, so counting it alone would make young loans
            look bad.
        """
        decided = self.known & (np.nan_to_num(self.followed, nan=-1.0) >= months)
        return self.event & decided & (np.nan_to_num(self.duration, nan=np.inf) <= months), decided


def labels_as_of(
    originated: Any,
    event_time: Any,
    *,
    cutoff: Any,
    observed_until: Any = None,
    lag: timedelta = timedelta(0),
) -> LabelsAsOf:
    """Return labels and durations as they were known at a cut-off.

    Parameters
    ----------
    originated : datetime64 array-like, shape (n,)
        When each loan began.
    event_time : datetime64 array-like, shape (n,)
        When its event came (a charge-off, say); missing where none ever did. What stands at or after the
        cut-off changes nothing.
    cutoff : datetime-like
        What was known strictly before this moment counts.
    observed_until : datetime64 array-like, shape (n,), optional
        When a loan was lost to view for a reason that says nothing of its risk, such as the sale of a
        whole portfolio; missing, or the cut-off if not given, where it was not. Beware of columns that
        the event itself rewrites: the ``Term`` of the SBA loans is cut short by charge-off, so an end
        computed from it tells who defaulted. A loan that was repaid is *not* lost to view: it is
        known that it will never default, and stays as such, so that probabilities are those of a default
        ever being seen (the cumulative incidence; Fine and Gray 1999), not of a default had nobody repaid.
    lag : timedelta, default 0
        Time from an event until it is known. Observation then ends that much before the cut-off.

    Raises
    ------
    InputError
        If lengths differ, a column is no time, the lag is negative, or nothing was originated by then.
    """
    start, event = _times("originated", originated), _times("event_time", event_time)
    if lag < timedelta(0):
        raise InputError(f"A lag of {lag} would make events known before they came; give 0 or more.")
    end = np.full(len(start), np.datetime64(cutoff, "us") - np.timedelta64(lag), "datetime64[us]")
    until = end if observed_until is None else _times("observed_until", observed_until)
    for name, column in (("event_time", event), ("observed_until", until)):
        if len(column) != len(start):
            raise InputError(
                f"There are {len(start)} originations but {len(column)} values of {name}; give one a loan."
            )
    end = np.fmin(end, until)
    present = start < end
    backwards = present & (event < start)
    known = present & ~backwards
    if not known.any():
        raise InputError(
            f"None of the {len(start)} loans was originated before {cutoff} (and a lag of {lag}); choose a "
            "later cut-off."
        )
    seen = known & (event < end)
    followed = _months(end - start, known)
    duration = np.where(seen, _months(event - start, seen), followed)
    return LabelsAsOf(known, seen, duration, followed, _notes(start, present, backwards, cutoff))


def _times(name: str, values: Any) -> AnyArray:
    array = np.asarray(values.to_numpy() if hasattr(values, "to_numpy") else values)
    if not np.issubdtype(array.dtype, np.datetime64):
        try:
            array = array.astype("datetime64[us]")
        except (TypeError, ValueError) as error:
            raise InputError(
                f"{name} holds {array.dtype} instead of times in its {array.size} rows; read it with a "
                "schema or pandas.to_datetime first."
            ) from error
    return array.astype("datetime64[us]")


def _months(spans: AnyArray, where: BoolArray) -> FloatArray:
    days = np.full(len(spans), np.nan)
    days[where] = spans[where] / _DAY
    return days / DAYS_A_MONTH


def _notes(start: AnyArray, present: BoolArray, backwards: BoolArray, cutoff: Any) -> tuple[str, ...]:
    notes = []
    later, undated = int((~present & ~np.isnat(start)).sum()), int(np.isnat(start).sum())
    if later:
        notes.append(f"{later} of {len(start)} loans did not exist yet before {cutoff}: left out.")
    if undated:
        notes.append(
            f"{undated} of {len(start)} loans {'has' if undated == 1 else 'have'} no time of origination: "
            "left out."
        )
    if backwards.any():
        notes.append(f"{int(backwards.sum())} of {len(start)} loans have their event before they began and "
                     "are left out.")  # fmt: skip
    return tuple(notes)
