"""From what the user gives as histories to the records a network reads."""

from __future__ import annotations

import pyarrow as pa
import torch

from bezant.histories import Histories, read_table, with_records
from bezant.histories.windows import windows_of
from bezant.network.batch import Batch
from bezant.network.fields.encoding import Encoding
from bezant.network.records import Records
from bezant.schema import RECORDS, has_records, listed_again
from bezant.types import Frame, InputError


def rows_of(histories: Frame | Histories, entity: str, time: str) -> tuple[pa.Table, pa.ChunkedArray | None]:
    """Return a table with a column of records, one row a history, and the entities where they are known.

    Raises
    ------
    InputError
        If it is neither a frame with that column, nor of events, or there is no event.
    """
    if isinstance(histories, Histories):
        if histories.records is None or histories.records_schema is None:
            raise InputError(f"The {len(histories)} histories have no records; give some to learn from.")
        name = histories.records_schema.time
        assert name is not None
        inputs = [f.name for f in histories.records_schema.inputs]
        column = listed_again(histories.offsets, histories.records.select([name, *inputs]))
        keys = histories.profile[entity] if entity in histories.profile.column_names else None
        return pa.table({RECORDS: column}), keys
    table = read_table(histories)
    if has_records(table):
        return table, table[entity] if entity in table.column_names else None
    missing = [name for name in (entity, time) if name not in table.column_names]
    if missing:
        raise InputError(
            f"The table of {table.num_rows} rows has no column {missing[0]!r}; name the columns of the "
            "entity and the time of the events, or add records to rows with bezant.with_records."
        )
    if not table.num_rows:
        raise InputError("The frame of events has no rows; give at least one event.")
    keys = table[entity].drop_null().unique()
    given = with_records(pa.table({entity: keys}), table, entity=entity, time=time)
    return given, given[entity]


def encoded(encoding: Encoding, typed: pa.Table) -> Records:
    """Return typed records as tensors."""
    found = Batch.of(encoding.encode(typed)).records
    assert found is not None
    return found


def batch_of(records: Records) -> Batch:
    """Return a batch of which only records are known."""
    rows = len(records)
    return Batch(torch.empty(rows, 0), torch.empty(rows, 0, dtype=torch.int32), records=records)


def cut_in_windows(records: Records, length: int) -> Records:
    """Cut rows into windows that together hold every record once."""
    ends = records.lengths.cumsum(0)
    offsets = torch.cat([torch.zeros(1, dtype=torch.int64), ends]).numpy()
    found = windows_of(offsets, length, length)
    row = torch.from_numpy(found.history)
    shift = records.starts - (ends - records.lengths)
    starts = torch.from_numpy(found.start) + shift.index_select(0, row)
    lengths = torch.from_numpy(found.lengths)
    last = records.times.index_select(0, starts + lengths - 1)
    return Records(records.numbers, records.codes, records.times, starts, lengths, last)


def frame_like(histories: Frame | Histories) -> Frame:
    """Return the frame whose kind an answer about histories is to have."""
    return histories.profile if isinstance(histories, Histories) else histories
