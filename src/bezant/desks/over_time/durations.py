"""Durations in, probabilities at ages out: the borders of a model of when an event comes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bezant.types import AnyArray, BoolArray, FloatArray, InputError


def at_months(by_then: FloatArray, months: Sequence[float], period: float) -> FloatArray:
    """Return probabilities at rising ages, shape (n, ages), of those at the ends of the periods (n, T)."""
    survived = np.log1p(-np.clip(by_then, 0, 1 - 1e-12))
    survived = np.concatenate([np.zeros((len(by_then), 1)), survived], axis=1)
    place = np.asarray(months, np.float64) / period
    left = np.minimum(np.floor(place).astype(int), by_then.shape[1] - 1)
    share = place - left
    at = (1 - share) * survived[:, left] + share * survived[:, left + 1]
    return np.asarray(np.maximum.accumulate(-np.expm1(at), axis=1))  # rounding must not let it fall


def read_durations(duration: Any, event: Any, rows: int) -> tuple[FloatArray, BoolArray]:
    """Return durations in months and whether each ended in the event, shape (n,) both.

    Raises
    ------
    InputError
        If one is missing, negative or infinite, there are not as many as rows, or events are not 0/1.
    """
    months, seen = _column("duration", duration, rows), _column("event", event, rows)
    bad = int((~(np.isfinite(months) & (months >= 0))).sum())
    if bad:
        raise InputError(
            f"The duration is missing, infinite or below 0 in {bad} of {rows} rows; leave those rows out."
        )
    other = int((~np.isin(seen, (0.0, 1.0))).sum())
    if other:
        raise InputError(
            f"The event is neither true nor false in {other} of {rows} rows; give 1 where the default was "
            "seen and 0 where the loan had none so far."
        )
    return months, seen.astype(bool)


def _column(name: str, values: Any, rows: int) -> FloatArray:
    array: AnyArray = np.asarray(values.to_numpy() if hasattr(values, "to_numpy") else values)
    if array.shape != (rows,):
        raise InputError(f"The {name} has the shape {array.shape} for {rows} rows; give one value a row.")
    try:
        return array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"The {name} holds {array.dtype} in its {rows} rows; give numbers.") from error


def refuse_one_outcome(events: FloatArray, horizon: float) -> None:
    """Raise an InputError if no loan, or every loan, defaulted within the horizon."""
    if events.min() == events.max():
        which = "None" if not events.max() else "Each"
        raise InputError(
            f"{which} of the {len(events)} loans is seen to default within the horizon of {horizon} months; "
            "a model needs both, so add rows or lengthen the horizon."
        )
