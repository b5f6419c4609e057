"""What models of demand learn from: days on which customers bought, and the summary of each up to a cut."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from bezant.traditional.events import refuse_unsound_events
from bezant.types import AnyArray, FloatArray, InputError, IntArray

DAYS = "datetime64[D]"


@dataclass(frozen=True, eq=False)
class Purchases:
    """Days with a purchase, sorted by customer, then day; several purchases of one day are one.

    Attributes
    ----------
    names : array of shape (n,)
        The customers, every one with at least one day.
    customer : int array of shape (m,)
        Number of each day's customer, 0 to n - 1.
    day : datetime64[D] array of shape (m,)
    amount : float array of shape (m,)
        Sum of the day's amounts.
    """

    names: AnyArray
    customer: IntArray
    day: AnyArray
    amount: FloatArray

    def __post_init__(self) -> None:
        if not len(self.customer) == len(self.day) == len(self.amount) or not len(self.day):
            raise InputError("Purchases need at least one day, and a customer and an amount for each.")
        key = self.customer.astype(np.int64), self.day.astype(np.int64)
        later = (np.diff(key[0]) > 0) | ((np.diff(key[0]) == 0) & (np.diff(key[1]) > 0))
        if not later.all():
            raise InputError("The days of purchases must rise within a customer and customers must rise.")

    def until(self, cut: np.datetime64) -> Purchases:
        """Return the days before the cut; customers who had none by then are left out."""
        kept = self.day < cut
        if not kept.any():
            raise InputError(f"Nobody bought before {cut}; give a later cut.")
        people, customer = np.unique(self.customer[kept], return_inverse=True)
        return Purchases(self.names[people], customer, self.day[kept], self.amount[kept])

    def between(
        self, start: np.datetime64, end: np.datetime64, names: AnyArray
    ) -> tuple[IntArray, FloatArray]:
        """Return how many days with a purchase, and what amount, these customers have from start to end.

        Parameters
        ----------
        start, end : datetime64
            The end is not included.
        names : array of shape (k,)
            Customers; one who is not there has 0.

        Returns
        -------
        int array of shape (k,), float array of shape (k,)
        """
        held = (self.day >= start) & (self.day < end)
        count = np.bincount(self.customer[held], minlength=len(self.names))
        spend = np.bincount(self.customer[held], self.amount[held], minlength=len(self.names))
        place = np.clip(np.searchsorted(self.names, names), 0, len(self.names) - 1)
        known = self.names[place] == names
        return np.where(known, count[place], 0), np.where(known, spend[place], 0.0)


def purchases(
    table: pa.Table, *, customer: str = "customer", time: str = "time", amount: str | None = None
) -> Purchases:
    """Read events of purchases; the order of the rows does not matter.

    Parameters
    ----------
    table : pyarrow.Table
        One row a purchase.
    customer, time : str
        Columns.
    amount : str, optional
        Column of the amounts; without it each purchase counts 1.

    Raises
    ------
    InputError
        If a column is not there, or a value of it is missing.
    """
    refuse_unsound_events(table, (customer, time, amount), amount)
    names, who = np.unique(table[customer].to_numpy(), return_inverse=True)
    day = table[time].cast(pa.timestamp("us")).to_numpy().astype(DAYS)
    paid = np.ones(len(who)) if amount is None else table[amount].cast(pa.float64()).to_numpy()
    key = np.stack([who, day.astype(np.int64)])
    unique, group = np.unique(key, axis=1, return_inverse=True)
    return Purchases(
        names,
        unique[0],
        unique[1].astype(DAYS),
        np.bincount(group.ravel(), np.asarray(paid, np.float64)).astype(np.float64),
    )


@dataclass(frozen=True, eq=False)
class Summary:
    """Recency, frequency and money of each customer up to a cut; all that buy-till-you-die models need.

    Attributes
    ----------
    names : array of shape (n,)
    frequency : float array of shape (n,)
        Days with a purchase after the first one.
    recency : float array of shape (n,)
        Weeks from the first day to the last one; 0 without a repeat.
    age : float array of shape (n,)
        Weeks from the first day to the last day before the cut.
    money : float array of shape (n,)
        Mean amount of a day after the first; 0 without a repeat.
    first : float array of shape (n,)
        Amount of the first day.
    """

    names: AnyArray
    frequency: FloatArray
    recency: FloatArray
    age: FloatArray
    money: FloatArray
    first: FloatArray

    def __post_init__(self) -> None:
        if ((self.recency > self.age + 1e-9) | (self.recency < 0) | (self.frequency < 0)).any():
            raise InputError(
                "A customer's recency lies between 0 and the age, and the frequency is not negative."
            )
        if ((self.frequency == 0) & (self.recency > 0)).any():
            raise InputError("A customer without a repeat purchase has the recency 0.")

    def __len__(self) -> int:
        """Return the number of customers."""
        return len(self.names)


def summarise(bought: Purchases, cut: np.datetime64) -> Summary:
    """Summarise each customer's purchases before the cut; nothing from the cut on is looked at.

    Parameters
    ----------
    bought : Purchases
    cut : datetime64
        The first day that is not known.

    References
    ----------
    Fader, Hardie and Lee (2005), "Counting your customers the easy way", Marketing Science 24(2).
    """
    known = bought.until(cut)
    starts = np.flatnonzero(np.diff(known.customer, prepend=-1))
    ends = np.append(starts[1:], len(known.customer))
    first, last = known.day[starts], known.day[ends - 1]
    frequency = (ends - starts - 1).astype(np.float64)
    spend = np.bincount(known.customer, known.amount)
    opening = known.amount[starts]
    week = np.timedelta64(7, "D")
    final = cut.astype(DAYS) - np.timedelta64(1, "D")
    return Summary(
        known.names,
        frequency,
        (last - first) / week,
        (final - first) / week,
        np.where(frequency > 0, (spend - opening) / np.maximum(frequency, 1.0), 0.0),
        opening,
    )
