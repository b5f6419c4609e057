"""Who is recommended to and on what ground, the records that led to it, and the frame that says so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bezant.desks.customers.events import CustomerEvents
from bezant.desks.customers.recommending import attribute_vectors, borrowed
from bezant.desks.customers.tables import plain_names
from bezant.desks.estimators.settings import names_given
from bezant.histories.readers import like_input
from bezant.histories.readers.frames import is_pandas
from bezant.network.fields.encoding import Encoded
from bezant.schema.words import counted
from bezant.traditional.recommendation import Interactions
from bezant.types import AnyArray, BoolArray, FloatArray, Frame, InputError, IntArray

Reason = tuple[int, float, float]
"""A record that led to a recommendation: product, day, effect."""


CUSTOMERS = 64
"""Whose records are left out in turn at once."""


@dataclass(frozen=True, eq=False)
class Asked:
    """Customers that are recommended to.

    Attributes
    ----------
    names : pyarrow.Array of n names
    data : CustomerEvents
        What is known of each.
    basis : pyarrow.Array of n texts
        "events", "profile" or "popularity".
    """

    names: pa.Array
    data: CustomerEvents
    basis: pa.Array

    @classmethod
    def of(cls, names: pa.Array, known: pa.Array, data: CustomerEvents, has_profiles: bool) -> Asked:
        """Look customers up; those that are not known have no events and an empty profile."""
        place = pc.fill_null(pc.index_in(names, known), -1).to_numpy(zero_copy_only=False)
        chosen = data.with_stranger().rows(np.where(place < 0, len(data), place).astype(np.int64))
        lost = cls.without_basis(chosen, has_profiles)
        empty = np.diff(chosen.events.offsets) == 0
        basis = np.where(lost, "popularity", np.where(empty, "profile", "events"))
        return cls(names, chosen, pa.array(basis.astype(str)))

    @staticmethod
    def without_basis(data: CustomerEvents, has_profiles: bool) -> BoolArray:
        """Return who has neither events nor a profile with anything in it, shape (n,)."""
        empty = np.diff(data.events.offsets) == 0
        if not has_profiles:
            return np.asarray(empty)
        blank = np.isnan(data.profile.numbers).all(axis=1) & (data.profile.codes == 0).all(axis=1)
        return np.asarray(empty & blank)


def asked_names(customers: Any, known: pa.Array) -> pa.Array:
    """Return the names of customers asked for, of the type of those that are known.

    Raises
    ------
    InputError
        If a name is missing or the types differ.
    """
    customers = names_given(customers)
    given = isinstance(customers, pa.Array | pa.ChunkedArray)
    column = customers if given else pa.array(list(customers), from_pandas=True)
    names = plain_names(column) if len(column) else known.slice(0, 0)
    if names.null_count:
        raise InputError(f"{names.null_count} of {len(names)} customers asked for have no name.")
    if names.type != known.type:
        raise InputError(
            f"The names of the {counted(len(names), 'customer')} asked for are {names.type}, but those of "
            f"the fit are {known.type}; turn one into the other."
        )
    return names


class Scorer(Protocol):
    """A fitted model of what comes next."""

    def scores_of(self, data: CustomerEvents) -> FloatArray:
        """Return a score of every product it knows for each customer, shape (n, q)."""
        ...


def scores_of_all(
    model: Scorer, data: CustomerEvents, taken: IntArray, has_profiles: bool, attributes: pa.Table | None
) -> FloatArray:
    """Return the scores of all products, those that nobody has taken included, shape (n, p).

    Parameters
    ----------
    model : Scorer
        It knows the q products that somebody has taken.
    data : CustomerEvents
        The n customers; those of whom nothing is known get how often each product was taken.
    taken : int array of shape (p,)
        How often.
    has_profiles : bool
        Whether the model was fitted with profiles.
    attributes : pyarrow.Table of p rows, optional
        By which products that nobody has taken borrow the scores of similar ones.
    """
    known = np.flatnonzero(taken)
    place = np.full(len(taken), -1)
    place[known] = np.arange(len(known))
    scores = np.full((len(data), len(taken)), -np.inf)
    scores[:, known] = model.scores_of(data.with_products(place[data.events.product], len(known)))
    popularity = np.log1p(taken[known])
    scores[np.ix_(Asked.without_basis(data, has_profiles), known)] = popularity - popularity.max()
    cold = np.flatnonzero(taken == 0)
    if len(cold):
        assert attributes is not None
        scores = borrowed(scores, cold, attribute_vectors(attributes))
    return scores


def because_of(
    scores: Callable[[CustomerEvents], FloatArray],
    data: CustomerEvents,
    row: IntArray,
    product: IntArray,
    latest: int,
    most: int,
) -> list[list[Reason]]:
    """Return the records without which each recommendation would fall most, greatest effect first.

    Parameters
    ----------
    scores : callable
        From customers to scores (n, p).
    data : CustomerEvents
        The customers.
    row, product : int arrays of shape (r,)
        Whom each recommendation is for, and what; rows rising.
    latest : int
        Records of a customer that are tried.
    most : int
        Reasons a recommendation.
    """
    found: list[list[Reason]] = []
    people = np.unique(row)
    for start in range(0, len(people), CUSTOMERS):
        some = people[start : start + CUSTOMERS]
        own = data.rows(some)
        tried = [np.arange(max(n - latest, 0), n) for n in np.diff(own.events.offsets)]
        ends = np.cumsum([len(t) + 1 for t in tried])
        answers = scores(_one_left_out(own, tried))
        for i, customer in enumerate(some):
            wanted = product[row == customer]
            lead = _lead(answers[ends[i] - len(tried[i]) - 1 : ends[i]], wanted)
            effect = lead[-1] - lead[:-1]  # (tried, wanted)
            events = tried[i] + own.events.offsets[i]
            found += [_greatest(own.events, events, effect[:, j], most) for j in range(len(wanted))]
    return found


def _one_left_out(data: CustomerEvents, tried: list[IntArray]) -> CustomerEvents:
    """Return each customer once without each of these of their events, and then once with all."""
    lengths = np.diff(data.events.offsets)
    again = np.repeat(np.arange(len(data)), [len(t) + 1 for t in tried])
    many = data.rows(again)
    kept = np.ones(len(many.events.product), bool)
    nth = np.concatenate([np.append(t, -1) for t in tried])
    gone = many.events.offsets[:-1] + nth
    kept[gone[(nth >= 0) & (lengths[again] > 0)]] = False
    return many.kept(kept)


def _greatest(own: Interactions, events: IntArray, effect: FloatArray, most: int) -> list[Reason]:
    """Return the events with the greatest positive effects."""
    order = np.argsort(-effect, kind="stable")[:most]
    return [
        (int(own.product[events[i]]), float(own.day[events[i]]), float(effect[i]))
        for i in order
        if effect[i] > 0
    ]


def _lead(scores: FloatArray, wanted: IntArray) -> FloatArray:
    """Return by how much products lead over the mean, (n, w); -inf marks products that are owned."""
    finite = np.where(np.isfinite(scores) & (scores > -50), scores, np.nan)
    return np.asarray(scores[:, wanted] - np.nanmean(finite, axis=1, keepdims=True))


# -------------------------------------------------------------------------------------------- frames


def kind_of_frame(source: Frame) -> str:
    """Return the kind of answer that belongs to an input: "pandas", "polars", "mapping" or "arrow"."""
    if is_pandas(source):
        return "pandas"
    if isinstance(source, dict):
        return "mapping"
    return "polars" if type(source).__module__.split(".")[0] == "polars" else "arrow"


def frame_like(kind: str, columns: dict[str, Any]) -> Frame:
    """Return columns as a frame of a kind that :func:`kind_of_frame` named."""
    if kind == "pandas":
        import pandas

        return like_input(pandas.DataFrame(), columns)
    if kind == "polars":
        import polars

        return like_input(polars.DataFrame(), columns)
    return like_input({} if kind == "mapping" else pa.table({}), columns)


# -------------------------------------------------------------------------------------------- saving


def saved_events(data: CustomerEvents) -> dict[str, AnyArray]:
    """Return all arrays of customers' events by name."""
    own = data.events
    return {
        "offsets": own.offsets,
        "product": own.product,
        "day": own.day,
        "field_numbers": data.fields.numbers,
        "field_codes": data.fields.codes,
        "profile_numbers": data.profile.numbers,
        "profile_codes": data.profile.codes,
    }


def restored_events(parts: dict[str, AnyArray], products: int) -> CustomerEvents:
    """Build customers' events again from :func:`saved_events`."""
    own = Interactions(parts["offsets"], parts["product"], parts["day"], np.arange(products))
    fields = Encoded(parts["field_numbers"], parts["field_codes"])
    return CustomerEvents(own, fields, Encoded(parts["profile_numbers"], parts["profile_codes"]))
