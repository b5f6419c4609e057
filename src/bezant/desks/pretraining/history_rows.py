"""From what the user gives as histories to the records a network reads."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import torch

from bezant.histories import Histories, read_table, with_records
from bezant.histories.ordering import without_blanks
from bezant.histories.windows import windows_of
from bezant.network.batch import Batch
from bezant.network.fields.encoding import Encoding
from bezant.network.records import Records
from bezant.schema import RECORDS, Role, has_records, infer_schema, listed_again, unknown_column
from bezant.schema.words import counted
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
            raise InputError(
                f"The {counted(len(histories), 'history', 'histories')} given "
                f"{'has' if len(histories) == 1 else 'have'} no records; give some to learn from."
            )
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
    if entity == time:
        raise InputError(f"Column {entity!r} cannot say both whose an event is and when; name another.")
    keys = without_blanks(table[entity]).drop_null().unique()
    given = with_records(pa.table({entity: keys}), table, entity=entity, time=time)
    return given, given[entity]


def encoded(encoding: Encoding, typed: pa.Table) -> Records:
    """Return typed records as tensors."""
    found = Batch.of(encoding.encode(typed)).records
    assert found is not None
    return found


def looked_at(histories: Frame | Histories, until: str | None, records: Records) -> torch.Tensor:
    """Return the moment at which each row is looked at: its cut, or its own time, or that of its last record.

    Parameters
    ----------
    histories : frame or Histories
        What the records are of.
    until : str, optional
        Column of rows with records.
    records : Records
        Theirs.

    Returns
    -------
    int64 tensor, shape (B,)
        Microseconds since 1970.

    Raises
    ------
    InputError
        If there is no such column, or a moment is missing.
    """
    found = None
    if isinstance(histories, Histories):
        found = histories.cuts
    elif until is not None and has_records(table := read_table(histories)):
        if until not in table.column_names:
            raise unknown_column(until, table.column_names, "the rows")
        schema = infer_schema(table.select([until]), time=until)
        column = schema.select(Role.TIME).conform(table.select([until])).table[until]
        if column.null_count:
            raise InputError(
                f"Column {until!r} says up to when the records are known but is missing in "
                f"{column.null_count} of {len(column)} rows; fill it in or leave those rows out."
            )
        found = column.to_numpy()
    if found is None:
        return records.moments
    moments = torch.from_numpy(found.astype("datetime64[us]").astype(np.int64))
    return torch.maximum(moments, records.moments)


def observed_until(histories: Frame | Histories, until: str | None, records: Records) -> torch.Tensor:
    """Return up to when each row was observed, as :func:`looked_at`: of events, up to the latest of all."""
    moments = looked_at(histories, until, records)
    events = not isinstance(histories, Histories) and not has_records(read_table(histories))
    if len(records.times) and (events or (isinstance(histories, Histories) and histories.cuts is None)):
        return torch.full_like(moments, int(records.times.max()))
    return moments


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
    # A window that others follow is known up to the record after it, which did not come before.
    ends_row = torch.from_numpy(found.stop) == ends.index_select(0, row)
    after = records.times.index_select(0, (starts + lengths).clamp(max=max(len(records.times) - 1, 0)))
    moments = torch.where(ends_row, records.moments.index_select(0, row), after)
    return Records(records.numbers, records.codes, records.times, starts, lengths, moments)


def frame_like(histories: Frame | Histories) -> Frame:
    """Return the frame whose kind an answer about histories is to have."""
    return histories.profile if isinstance(histories, Histories) else histories
