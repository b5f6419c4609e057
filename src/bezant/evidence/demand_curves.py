"""Demand by cohort, by tenth of the expectation and by depth of a campaign: what the pictures show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from bezant.evidence.intervals import normal_quantile
from bezant.types import AnyArray, FloatArray, InputError, IntArray

DEPTHS = tuple(round(0.025 * step, 3) for step in range(1, 41))
"""Shares of the customers that a campaign reaches, at which its lift is told."""

TENTHS = 10

MOST_COHORTS = 16
"""Cohorts are the finest of weeks, months, quarters and years of which there are no more than these."""

Values = tuple[float, ...]


@dataclass(frozen=True)
class GroupedDemand:
    """Groups of customers: what each customer of a group was expected to do and did, on average.

    Attributes
    ----------
    labels : tuple of str
    customers : tuple of int
    observed, low, high : tuple of float
        Mean of what happened, with its 95 % interval (normal approximation).
    expected : mapping of str to tuple of float
        Mean expectation by model.
    """

    labels: tuple[str, ...]
    customers: tuple[int, ...]
    observed: Values
    low: Values
    high: Values
    expected: Mapping[str, Values]

    def __post_init__(self) -> None:
        columns = (self.customers, self.observed, self.low, self.high, *self.expected.values())
        if {len(column) for column in columns} != {len(self.labels)}:
            raise InputError(f"The {len(self.labels)} groups need a value each in every column.")


@dataclass(frozen=True)
class DemandCurves:
    """What held-out customers did beside what was expected of them, in groups.

    Attributes
    ----------
    cohorts : GroupedDemand or None
        Purchases by when customers came; None if that was not told.
    purchases, active, spend : GroupedDemand or None
        By tenth of what the large model expected, most first; its expectations alone. None for spend where
        nobody spent.
    lift : mapping of str to mapping of str to tuple of float
        Of "active", "purchases" and "spend", by model: how many times what customers did on average those
        with the greatest expectations did, at every depth of :data:`DEPTHS`.
    totals : mapping of str to tuple of three float
        Purchases, spend and active customers that each model expected; "" is what happened.
    """

    cohorts: GroupedDemand | None
    purchases: GroupedDemand
    active: GroupedDemand
    spend: GroupedDemand | None
    lift: Mapping[str, Mapping[str, Values]]
    totals: Mapping[str, Values]

    @classmethod
    def restore(cls, said: Mapping[str, Any]) -> DemandCurves:
        """Build them again from JSON-ready values."""
        groups = {name: _restored(said[name]) for name in ("cohorts", "purchases", "active", "spend")}
        lift = {what: {model: tuple(v) for model, v in by.items()} for what, by in said["lift"].items()}
        totals = {model: tuple(v) for model, v in said["totals"].items()}
        return cls(**groups, lift=lift, totals=totals)  # type: ignore[arg-type]


def _restored(said: Mapping[str, Any] | None) -> GroupedDemand | None:
    if said is None:
        return None
    plain = {name: tuple(value) for name, value in said.items() if name != "expected"}
    return GroupedDemand(**plain, expected={m: tuple(v) for m, v in said["expected"].items()})


def cohorts_of(first: AnyArray) -> AnyArray:
    """Return a label of when each customer came: the week (its Monday), month, quarter or year.

    Parameters
    ----------
    first : datetime64 array of shape (n,)
        Day of each customer's first purchase.

    Returns
    -------
    str array of shape (n,)
        Labels that sort by time.
    """
    days = np.asarray(first).astype("datetime64[D]")
    monday = days - ((days.astype(np.int64) + 3) % 7).astype("timedelta64[D]")
    months, years = days.astype("datetime64[M]"), days.astype("datetime64[Y]").astype(str)
    quarter = months.astype(np.int64) % 12 // 3 + 1
    quarters = np.array([f"{y} Q{q}" for y, q in zip(years, quarter, strict=True)])
    for labels in (monday.astype(str), months.astype(str), quarters):
        if len(np.unique(labels)) <= MOST_COHORTS:
            return np.asarray(labels)
    return np.asarray(years)


def grouped_demand(
    group: IntArray, labels: tuple[str, ...], happened: FloatArray, expected: Mapping[str, FloatArray]
) -> GroupedDemand:
    """Return the means of groups.

    Parameters
    ----------
    group : int array of shape (n,)
        Place of each customer's label; every label has a customer.
    labels : tuple of g str
    happened : float array of shape (n,)
    expected : mapping of str to float array of shape (n,)
    """
    size = np.bincount(group, minlength=len(labels))

    def mean(values: FloatArray) -> FloatArray:
        return np.bincount(group, values, minlength=len(labels)) / np.maximum(size, 1)

    observed = mean(happened)
    spread = np.sqrt(np.maximum(mean(happened**2) - observed**2, 0.0) / np.maximum(size - 1, 1))
    reach = normal_quantile(0.95) * spread
    return GroupedDemand(
        labels,
        tuple(int(n) for n in size),
        _values(observed),
        _values(np.maximum(observed - reach, 0.0)),
        _values(observed + reach),
        {model: _values(mean(values)) for model, values in expected.items()},
    )


def tenths(score: FloatArray) -> tuple[IntArray, tuple[str, ...]]:
    """Return the tenth in which each customer stands, greatest scores first, and the tenths' names."""
    groups = min(TENTHS, len(score))
    place = np.empty(len(score), np.int64)
    place[np.argsort(-score, kind="stable")] = np.arange(len(score))
    return place * groups // len(score), tuple(str(i + 1) for i in range(groups))


def lift_at(score: FloatArray, happened: FloatArray) -> Values:
    """Return how many times the average those with the greatest scores did, at :data:`DEPTHS`.

    Equal scores are taken in no order: of them, as many as are wanted are drawn at random in expectation.
    """
    total = float(happened.sum())
    if total <= 0:
        return ()
    _, tied, size = np.unique(-score, return_inverse=True, return_counts=True)
    reached = np.append(0.0, np.cumsum(np.bincount(tied, happened)) / total)
    depth = np.append(0.0, np.cumsum(size) / len(score))
    return _values(np.interp(DEPTHS, depth, reached) / np.asarray(DEPTHS))


def _values(array: AnyArray) -> Values:
    return tuple(float(v) for v in array)
