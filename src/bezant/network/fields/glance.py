"""Rows with what their records say at a glance, for models that read columns and no records.

Gradient boosting, a scorecard or a teacher then know of the records what the network is told of them
(:mod:`bezant.network.fields.aggregates`); what stands in their order is left to the network.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from bezant.network.fields.aggregates import FIRST_KNOWN, MOST_VALUES, Aggregate
from bezant.network.fields.encoding import Encoding
from bezant.schema import RECORDS, Field, Kind, Schema

COUNTS = {
    "count": "number",
    "since_last": "days since the last",
    "since_first": "days since the first",
}
"""How what is told of all records is called."""

BEFORE = f"{RECORDS}: "
"""Before the name of everything that is told of records."""


class Glance(BaseModel):
    """How the records of rows become columns of their own; of rows without records nothing changes.

    Parameters
    ----------
    encoding : Encoding, optional
        Of the records, and what is told of them; none if the rows have no records.
    taken : tuple of str
        Columns of the rows that are called as what is told of records is.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    encoding: Encoding | None = None
    taken: tuple[str, ...] = ()

    @classmethod
    def of(cls, encoding: Encoding) -> Glance:
        """Return what a network with this encoding is told at a glance."""
        if encoding.records is None or not encoding.aggregates:
            return cls()
        # Of the categories' values, which may be names of tens of thousands, only those that are told.
        codes = [c.model_copy(update={"texts": c.texts[:MOST_VALUES]}) for c in encoding.records.codes]
        records = encoding.records.model_copy(update={"codes": tuple(codes)})
        own = {*(one.field for one in encoding.numbers), *(one.field for one in encoding.codes)}
        return cls(
            encoding=encoding.model_copy(update={"numbers": (), "codes": (), "records": records}),
            taken=tuple(sorted(name for name in own if name.startswith(BEFORE))),
        )

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns, such as "records: amount, mean"; all different."""
        if self.encoding is None or self.encoding.records is None:
            return ()
        names: list[str] = []
        for one in self.encoding.aggregates:
            name = f"{BEFORE}{_called(one, self.encoding.records)}"
            while name in names or name in self.taken:
                # Two columns and their values may read alike, such as "a b" of "c" and "b c" of "a".
                name += " again"
            names.append(name)
        return tuple(names)

    def told(self, table: pa.Table) -> pa.Table:
        """Return typed rows with a number column, float64 (n,), for each thing told, and without records.

        Parameters
        ----------
        table : pyarrow.Table of n rows
            Typed by :meth:`bezant.schema.Schema.conform`.
        """
        if self.encoding is None:
            return table
        numbers = self.encoding.encode(table).numbers.astype(np.float64)
        table = table.drop_columns([RECORDS])
        for name, column in zip(self.names, numbers.T, strict=True):
            table = table.append_column(name, pa.array(column, mask=np.isnan(column)))
        return table

    def told_schema(self, schema: Schema) -> Schema:
        """Return the schema of what :meth:`told` gives."""
        if self.encoding is None:
            return schema
        told = tuple(Field(name=name, kind=Kind.NUMBER) for name in self.names)
        return Schema(fields=(*schema.fields, *told), missing_markers=schema.missing_markers)


def _called(one: Aggregate, records: Encoding) -> str:
    """Return in words what is told."""
    if one.how in COUNTS:
        return COUNTS[one.how]
    if one.how == "recent":
        return f"number in {one.value} days"
    if one.how == "share":
        code = records.codes[one.column]
        values: tuple[str | float, ...] = code.texts or code.values
        return f"share with {code.field} {values[one.value - FIRST_KNOWN]}"
    number = records.numbers[one.column]
    field = number.field if number.part == "value" else f"{number.field} ({number.part})"
    if one.how == "recent_total":
        return f"{field}, total of {one.value} days"
    return f"{field}, {'standard deviation' if one.how == 'spread' else one.how}"


NOTHING = Glance()
"""Of rows without records."""
