"""Customers' events as the recommender reads them: products in order of time, other fields, profiles."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch

from bezant.network.batch import Batch
from bezant.network.fields.encoding import Encoded
from bezant.network.records import Records
from bezant.traditional.recommendation import Interactions
from bezant.types import BoolArray, IntArray

MICROSECONDS_A_DAY = 86_400e6


@dataclass(frozen=True, eq=False)
class CustomerEvents:
    """Events of n customers with what else is known of them.

    Attributes
    ----------
    events : Interactions
        Who took what, when.
    fields : Encoded
        Other fields of the m events, in their order.
    profile : Encoded
        Of the n customers.
    """

    events: Interactions
    fields: Encoded
    profile: Encoded

    def __post_init__(self) -> None:
        if len(self.fields) != len(self.events.product) or len(self.profile) != len(self.events):
            raise ValueError("events, their fields and the profiles do not fit together")

    def __len__(self) -> int:
        return len(self.events)

    @classmethod
    def plain(cls, events: Interactions) -> CustomerEvents:
        """Return events of which nothing else is known."""
        return cls(events, _nothing(len(events.product)), _nothing(len(events)))

    def rows(self, index: IntArray) -> CustomerEvents:
        """Return the customers at these places, in this order; a place may come more than once."""
        lengths = np.diff(self.events.offsets)[index]
        offsets = np.append(0, np.cumsum(lengths))
        shift = np.repeat(self.events.offsets[:-1][index] - offsets[:-1], lengths)
        chosen = np.arange(offsets[-1]) + shift
        return CustomerEvents(
            Interactions(offsets, self.events.product[chosen], self.events.day[chosen], self.events.products),
            _taken(self.fields, chosen),
            _taken(self.profile, index),
        )

    def kept(self, events: BoolArray) -> CustomerEvents:
        """Return all customers with these of their events, bool (m,)."""
        counts = np.bincount(self.events.customer[events], minlength=len(self))
        offsets = np.append(0, np.cumsum(counts))
        own = self.events
        fewer = Interactions(offsets, own.product[events], own.day[events], own.products)
        return replace(self, events=fewer, fields=_taken(self.fields, np.flatnonzero(events)))

    def only(self, taken: BoolArray) -> CustomerEvents:
        """Return the same with the products that somebody has taken, bool (p,), numbered anew."""
        return self.with_products((np.cumsum(taken) - 1)[self.events.product], int(taken.sum()))

    def with_products(self, product: IntArray, number: int) -> CustomerEvents:
        """Return the same events with other numbers (m,) of their products, of which there are so many."""
        own = self.events
        return replace(self, events=Interactions(own.offsets, product, own.day, np.arange(number)))

    def with_stranger(self) -> CustomerEvents:
        """Return all customers and one more, of whom nothing is known."""
        own = self.events
        offsets = np.append(own.offsets, own.offsets[-1])
        blank = Encoded(
            np.full((1, self.profile.numbers.shape[1]), np.nan, np.float32),
            np.zeros((1, self.profile.codes.shape[1]), np.int32),
        )
        profile = Encoded(
            np.concatenate([self.profile.numbers, blank.numbers]),
            np.concatenate([self.profile.codes, blank.codes]),
        )
        return CustomerEvents(Interactions(offsets, own.product, own.day, own.products), self.fields, profile)

    def before_last(self, number: int) -> CustomerEvents:
        """Return all customers without so many of their last events."""
        return self.kept(self.events.place >= number)

    def asked(self, back: int) -> tuple[CustomerEvents, IntArray, IntArray]:
        """Return what came before the ``back``-th event from the end, of customers that took something new.

        Returns
        -------
        CustomerEvents
            Those customers' events before it.
        int array of shape (q,)
            The products they took then, none of which they had before.
        int array of shape (q,)
            The customers' places.
        """
        enough = np.flatnonzero(np.diff(self.events.offsets) > back)
        before = self.rows(enough).before_last(back)
        taken = self.events.product[self.events.offsets[1:][enough] - back]
        new = ~before.events.owned()[np.arange(len(enough)), taken]
        return before.rows(np.flatnonzero(new)), taken[new], enough[new]

    def batch(self) -> Batch:
        """Return the customers as a batch whose records are their events; product numbers are codes."""
        own = self.events
        codes = np.concatenate([own.product[:, None].astype(np.int32), self.fields.codes], axis=1)
        times = np.round(own.day * MICROSECONDS_A_DAY).astype(np.int64)
        offsets = torch.from_numpy(own.offsets.astype(np.int64))
        last = np.append(times, 0)[np.maximum(own.offsets[1:] - 1, 0)]
        records = Records(
            torch.from_numpy(self.fields.numbers),
            torch.from_numpy(codes),
            torch.from_numpy(times),
            offsets[:-1],
            offsets.diff(),
            torch.from_numpy(last),
        )
        numbers, of_profile = torch.from_numpy(self.profile.numbers), torch.from_numpy(self.profile.codes)
        return Batch(numbers, of_profile, records=records)


def _nothing(rows: int) -> Encoded:
    return Encoded(np.empty((rows, 0), np.float32), np.empty((rows, 0), np.int32))


def _taken(encoded: Encoded, index: IntArray) -> Encoded:
    return Encoded(encoded.numbers[index], encoded.codes[index])
