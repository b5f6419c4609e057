"""From frames of events, profiles and products to what the recommender learns from, each checked first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bezant.desks.customers.events import CustomerEvents
from bezant.histories.readers import read_table
from bezant.network.fields.encoding import Encoded, Encoding, learn_encoding
from bezant.schema import Role, Schema, infer_schema, unknown_column, without_infinities
from bezant.traditional.events import refuse_unsound_events
from bezant.traditional.recommendation import Interactions
from bezant.types import Frame, InputError, IntArray

MICROSECONDS_A_DAY = 86_400e6
LEAST_SECONDS = 100_000_000
"""Times given as numbers are days since 1970, or from here on, in 1973, seconds since then."""


@dataclass(frozen=True, eq=False)
class Intake:
    """What was read for a fit.

    Attributes
    ----------
    data : CustomerEvents
        Customers in the order of ``customers``: those with events and those with a profile alone.
    customers, products : pyarrow.Array
        Names, of any type that sorts; ``data`` numbers them by place.
    fields, profile : Encoding
        How the events' other columns and the profiles became arrays.
    attributes : pyarrow.Table or None
        What is said of each product, in the order of ``products``.
    in_time : bool
        Whether the events have times; without, they are sets.
    notes : tuple of str
        What was left aside or filled in.
    """

    data: CustomerEvents
    customers: pa.Array
    products: pa.Array
    fields: Encoding
    profile: Encoding
    attributes: pa.Table | None
    in_time: bool
    notes: tuple[str, ...]


def read_customers(
    events: Frame,
    profiles: Frame | None,
    products: Frame | None,
    *,
    customer: str,
    product: str,
    time: str | None,
) -> Intake:
    """Read what a recommender is fitted to.

    Parameters
    ----------
    events : frame with m rows
        Customer, product, time, and any further fields.
    profiles : frame, optional
        One row a customer; customers without events are welcome.
    products : frame, optional
        One row a product with its attributes; products that nobody has taken are welcome.
    customer, product, time : str
        Columns. Events without the column ``time``, or with None for it, are sets.

    Raises
    ------
    InputError
        If there are no events, a customer, product or time is missing, or a profile stands twice.
    """
    table = read_table(events)
    notes: list[str] = []
    in_time = time is not None and time in table.column_names
    if time is not None and not in_time:
        notes.append(f"The events have no column {time!r}: they were read as sets, without an order.")
    refuse_unsound_events(table, (customer, product, time if in_time else None))
    of_profiles = _keyed(profiles, customer, "profiles")
    of_products = _keyed(products, product, "products")
    if of_products is not None:  # their attributes are kept as they are
        of_products, infinite = without_infinities(of_products)
        notes.extend(f"Of the products: {note}" for note in infinite)
    people = _names(table[customer], of_profiles, customer)
    things = _names(table[product], of_products, product)
    who, what = _places(table[customer], people), _places(table[product], things)
    days = _days(table[time], time) if time is not None and in_time else np.zeros(table.num_rows)
    order = np.lexsort((days, who))  # stable: ties keep the order of the rows
    offsets = np.append(0, np.cumsum(np.bincount(who, minlength=len(people))))
    own = Interactions(offsets, what[order], days[order], np.arange(len(things)))
    said = table.drop_columns([c for c in (customer, product, time) if c in table.column_names])
    if not in_time and said.num_columns:
        notes.append(f"Sets have no order and no fields: {said.column_names} of the events were left aside.")
        said = said.select([])
    fields, encoded, more = _encoded(
        said.take(pa.array(order)) if said.num_columns else said, len(who), "events"
    )
    profile, of_people, others = _of_people(of_profiles, people, customer)
    attributes = None if of_products is None else _aligned(of_products, things, product)
    data = CustomerEvents(own, encoded, of_people)
    return Intake(data, people, things, fields, profile, attributes, in_time, (*notes, *more, *others))


def _keyed(source: Frame | None, key: str, what: str) -> pa.Table | None:
    if source is None:
        return None
    table = read_table(source)
    if key not in table.column_names:
        raise unknown_column(key, table.column_names)
    twice = table.num_rows - int(pc.count_distinct(table[key], mode="all").as_py())
    if twice or table[key].null_count:
        raise InputError(
            f"Of {table.num_rows} {what}, {twice} repeat a {key!r} and {table[key].null_count} have none; "
            "give one row each."
        )
    return table


def _names(column: pa.ChunkedArray, table: pa.Table | None, key: str) -> pa.Array:
    """Return all names in order, of the events and of the table beside them."""
    names = plain_names(column)
    if table is not None:
        other = plain_names(table[key])
        if other.type != names.type:
            raise InputError(
                f"Column {key!r} holds {names.type} in the {len(column)} events and {other.type} in the "
                f"{table.num_rows} rows beside them; turn one into the other."
            )
        names = pa.chunked_array([names, other])
    names = pc.unique(names)
    return names.take(pc.array_sort_indices(names))


def plain_names(column: Any) -> pa.Array:
    """Return names as int64 where they are whole numbers, else as text."""
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    return column.cast(pa.int64() if pa.types.is_integer(column.type) else pa.string())


def _places(column: Any, names: pa.Array) -> IntArray:
    return np.asarray(pc.index_in(plain_names(column), names).to_numpy(zero_copy_only=False), np.int64)


def _days(column: pa.ChunkedArray, name: str) -> Any:
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type) or _is_unix(column):
        table = pa.table({name: column})
        column = infer_schema(table, time=name).conform(table, roles=[Role.TIME]).table[name]
    if pa.types.is_temporal(column.type):
        micro = column.cast(pa.timestamp("us")).cast(pa.int64()).to_numpy()
        return np.asarray(micro, np.float64) / MICROSECONDS_A_DAY
    return np.asarray(column.cast(pa.float64()).to_numpy(), np.float64)


def _is_unix(column: pa.ChunkedArray) -> bool:
    """Tell whether numbers are too large to be days: they are seconds or milliseconds since 1970."""
    if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
        return False
    return bool(pc.min(column).as_py() >= LEAST_SECONDS)


def _encoded(table: pa.Table, rows: int, what: str) -> tuple[Encoding, Encoded, tuple[str, ...]]:
    """Learn what columns mean and turn them into arrays."""
    if not table.num_columns:
        return Encoding(numbers=(), codes=()), _blank(rows), ()
    schema: Schema = infer_schema(table)
    typed = schema.conform(table)
    encoding = learn_encoding(typed.table, schema)
    unused = sorted(f.name for f in schema.fields if f.role is not Role.INPUT)
    notes = [f"Of the {what}: {note}" for note in typed.notes]
    if unused:
        notes.append(f"Of the {what}, {', '.join(map(repr, unused))} say nothing and were left aside.")
    if not schema.inputs:
        return Encoding(numbers=(), codes=()), _blank(rows), tuple(notes)
    return encoding, encoding.encode(typed.table), tuple(notes)


def _blank(rows: int) -> Encoded:
    return Encoded(np.empty((rows, 0), np.float32), np.empty((rows, 0), np.int32))


def _of_people(
    profiles: pa.Table | None, people: pa.Array, customer: str
) -> tuple[Encoding, Encoded, tuple[str, ...]]:
    if profiles is None:
        return Encoding(numbers=(), codes=()), _blank(len(people)), ()
    known = _aligned(profiles, people, customer)
    encoding, encoded, notes = _encoded(known, len(people), "profiles")
    lost = len(people) - profiles.num_rows
    if lost:
        notes += (
            f"{lost} of {len(people)} customers {'has' if lost == 1 else 'have'} no profile; its fields are "
            "missing there.",
        )
    return encoding, encoded, notes


def _aligned(table: pa.Table, names: pa.Array, key: str) -> pa.Table:
    """Return the other columns in the order of the names, null where a name is not in the table."""
    place = pc.index_in(names, plain_names(table[key]))
    others = table.drop_columns([key])
    return others.take(place) if others.num_columns else others
