"""What recommenders learn from: which customer met which product, in order of time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bezant.traditional.events import refuse_unsound_events
from bezant.types import AnyArray, BoolArray, FloatArray, InputError, IntArray


@dataclass(frozen=True, eq=False)
class Interactions:
    """Events sorted by customer, then time; products are numbered 0 to p - 1.

    Attributes
    ----------
    offsets : int array of shape (n + 1,)
        Customer i owns the events ``offsets[i]`` to ``offsets[i + 1]``, the last not included.
    product : int array of shape (m,)
        Number of the product, rising in time within a customer.
    day : float array of shape (m,)
        Time in days; only differences matter. Equal days keep the order of the rows.
    products : array of shape (p,)
        Names of the products.
    """

    offsets: IntArray
    product: IntArray
    day: FloatArray
    products: AnyArray

    def __post_init__(self) -> None:
        lengths = np.diff(self.offsets)
        if not len(self.offsets) or self.offsets[0] != 0 or (lengths < 0).any():
            raise InputError("The offsets of the customers must begin at 0 and must not fall.")
        if not len(self.product) == len(self.day) == self.offsets[-1]:
            raise InputError(
                f"There are {len(self.product)} products and {len(self.day)} days for "
                f"{int(self.offsets[-1])} events; give one of each an event."
            )
        if len(self.product) and not 0 <= self.product.min() <= self.product.max() < len(self.products):
            raise InputError(f"Products are numbered 0 to {len(self.products) - 1}; another number is there.")
        later = np.diff(self.day) >= 0
        if not (later | (np.diff(self.customer) > 0)).all():
            raise InputError("The events of a customer are out of order; sort them by time.")

    def __len__(self) -> int:
        """Return the number of customers n."""
        return len(self.offsets) - 1

    @property
    def customer(self) -> IntArray:
        """Number of each event's customer, shape (m,)."""
        return np.repeat(np.arange(len(self)), np.diff(self.offsets))

    @property
    def place(self) -> IntArray:
        """Place of each event from its customer's end, 0 for the last, shape (m,)."""
        return np.repeat(self.offsets[1:], np.diff(self.offsets)) - 1 - np.arange(len(self.product))

    def owned(self) -> BoolArray:
        """Return which customer has met which product, shape (n, p)."""
        met = np.zeros((len(self), len(self.products)), bool)
        met[self.customer, self.product] = True
        return met

    def weighted(self, half_life: float | None = None) -> Any:
        """Return the sparse matrix (n, p) of customers and products, the latest events weighing most.

        Parameters
        ----------
        half_life : float, optional
            Events after which the weight is half; default all weigh 1. Of several events with one product
            the latest counts.
        """
        from scipy.sparse import csr_array

        weights = np.ones(len(self.product)) if half_life is None else 0.5 ** (self.place / half_life)
        key = self.customer * len(self.products) + self.product
        _, last = np.unique(key[::-1], return_index=True)
        kept = len(key) - 1 - last
        shape = (len(self), len(self.products))
        return csr_array((weights[kept], (self.customer[kept], self.product[kept])), shape=shape)

    def without_last(self) -> tuple[Interactions, IntArray]:
        """Split off each customer's last event: what came before, and the products, shape (n,).

        Raises
        ------
        InputError
            If a customer has fewer than two events.
        """
        short = int((np.diff(self.offsets) < 2).sum())
        if short:
            raise InputError(
                f"{short} of {len(self)} customers have fewer than two events; leave them out before one is "
                "taken from each."
            )
        kept = self.place > 0
        offsets = self.offsets - np.arange(len(self.offsets))
        before = Interactions(offsets, self.product[kept], self.day[kept], self.products)
        return before, self.product[~kept]


def interactions(
    table: pa.Table, *, customer: str = "customer", product: str = "product", time: str | None = "time"
) -> tuple[Interactions, AnyArray]:
    """Read events; customers are numbered in the order of their names, and so are products.

    Parameters
    ----------
    table : pyarrow.Table
        One row an event.
    customer, product, time : str
        Columns. Where times tie, the order of the rows decides. Without a time (None) the order of the
        rows is all there is.

    Returns
    -------
    Interactions
    array of shape (n,)
        Names of the customers.

    Raises
    ------
    InputError
        If a column is not there, or a value of it is missing.
    """
    refuse_unsound_events(table, (customer, product, time))
    people, who = np.unique(table[customer].to_numpy(), return_inverse=True)
    things, what = np.unique(table[product].to_numpy(), return_inverse=True)
    day = np.zeros(len(who)) if time is None else _days(table[time])
    order = np.lexsort((day, who))  # stable: rows of equal times stay in their order
    offsets = np.append(0, np.cumsum(np.bincount(who, minlength=len(people))))
    return Interactions(offsets, what[order], day[order], things), people


def _days(column: pa.ChunkedArray) -> FloatArray:
    if pa.types.is_temporal(column.type):
        column = pc.divide(column.cast(pa.timestamp("us")).cast(pa.int64()).cast(pa.float64()), 86_400e6)
    return np.asarray(column.cast(pa.float64()).to_numpy())


def from_sets(owned: BoolArray, products: AnyArray) -> Interactions:
    """Return sets of products as events without an order: all on one day.

    Parameters
    ----------
    owned : bool array of shape (n, p)
    products : array of shape (p,)
        Names.
    """
    customer, product = np.nonzero(owned)
    offsets = np.append(0, np.cumsum(np.bincount(customer, minlength=len(owned))))
    return Interactions(offsets, product, np.zeros(len(product)), np.asarray(products))
