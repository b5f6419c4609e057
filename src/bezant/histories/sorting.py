"""More events than fit into memory, brought into the order of their histories on disk."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from bezant.histories import storage
from bezant.histories.container import Histories
from bezant.histories.ordering import refuse_missing_count
from bezant.histories.readers.parquet import ParquetRows, PathsLike
from bezant.schema import Kind, Role, Schema, infer_schema, unknown_column
from bezant.types import InputError

BATCH_ROWS = 1 << 19
"""Rows that are typed and written at once."""

LOOKED_AT = 1 << 20
"""Rows from which the meaning of the columns is inferred, where it is not given."""


def sort_events(
    source: PathsLike,
    folder: str | Path,
    *,
    entity: str,
    time: str,
    records_schema: Schema | None = None,
    memory: str = "1GB",
    threads: int | None = None,
) -> Histories:
    """Sort the events of Parquet files by entity, then time, into a folder that is mapped and not read.

    Parameters
    ----------
    source : path, folder, pattern or list of these
        Parquet files with a row an event, in any order; events of the same time keep theirs.
    folder : path
        Where the histories go; :meth:`Histories.load` opens them again. Beside it as much room again is
        needed while it is sorted.
    entity, time : str
        Columns that say whose an event is and when. Entities are compared, and ordered, as text.
    records_schema : Schema, optional
        What the columns mean; inferred from the first million rows if not given.
    memory : str, default "1GB"
        What DuckDB may hold before it writes to disk. Everything else takes about 40 bytes an event at most.
    threads : int, optional
        Of DuckDB; as many as it wants if not given.

    Returns
    -------
    Histories
        One history an entity, without a profile but for the entity; its records are a mapped file.

    Raises
    ------
    InputError
        If a column is not there, an entity or a time is missing, or the folder holds something else.
    """
    rows = ParquetRows.of(source)
    for name in (entity, time):
        if name not in rows.columns:
            raise unknown_column(name, list(rows.columns))
    if not len(rows):
        raise InputError("The Parquet files hold no events; give at least one.")
    schema = records_schema or _inferred(rows, entity, time)
    schema = schema.with_role(Role.TIME, time)
    kept = schema.select(Role.INPUT, Role.TIME)
    path = Path(folder)
    with tempfile.TemporaryDirectory(dir=path.parent if path.parent.is_dir() else None) as spilled:
        connection = _connect(memory, threads, spilled)
        try:
            connection.execute(_view(rows, entity, time))
            names, counts = _owners(connection, rows, entity, time)
            typed = _typed(connection, kept, entity, time)
            profile = pa.table({entity: names})
            storage.write_folder(
                path,
                {"profile": profile, "records": typed},
                {"profile": _profile_schema(profile, entity), "records": kept},
                {"offsets": np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)},
            )
        finally:
            connection.close()
    return Histories.load(path, verify=False)


def _inferred(rows: ParquetRows, entity: str, time: str) -> Schema:
    looked_at: list[pa.Table] = []
    for piece in rows.scan():
        looked_at.append(piece)
        if sum(p.num_rows for p in looked_at) >= LOOKED_AT:
            break
    return infer_schema(
        pa.concat_tables(looked_at), time=time, identifiers=[entity], kinds={entity: Kind.TEXT}
    )


def _profile_schema(profile: pa.Table, entity: str) -> Schema:
    return infer_schema(profile, identifiers=[entity], kinds={entity: Kind.TEXT})


def _connect(memory: str, threads: int | None, spilled: str) -> Any:
    import duckdb

    settings: dict[str, Any] = {"memory_limit": memory, "temp_directory": spilled}
    if threads is not None:
        settings["threads"] = threads
    return duckdb.connect(config=settings)


def _view(rows: ParquetRows, entity: str, time: str) -> str:
    """Name the events "events", with the entity as text and their place among the files."""
    files = ", ".join(_text(str(f)) for f in rows.files)
    return (
        f"CREATE TEMP VIEW events AS SELECT * REPLACE (CAST({_name(entity)} AS VARCHAR) AS {_name(entity)}), "
        f"file_index AS bezant_file, file_row_number AS bezant_row "
        f"FROM read_parquet([{files}], file_row_number = true)"
    )


def _owners(connection: Any, rows: ParquetRows, entity: str, time: str) -> tuple[pa.ChunkedArray, Any]:
    """Return the entities in order, and how many events each has."""
    found = connection.sql(
        f"SELECT {_name(entity)} AS entity, count(*) AS events, "
        f"count(*) FILTER ({_name(time)} IS NULL) AS timeless FROM events GROUP BY 1 ORDER BY 1 NULLS FIRST"
    ).to_arrow_table()
    counts = found["events"].to_numpy()
    if found["entity"].null_count:
        refuse_missing_count(int(counts[0]), len(rows), entity, "records")
    refuse_missing_count(int(found["timeless"].to_numpy().sum()), len(rows), time, "records")
    return found["entity"], counts


def _typed(connection: Any, schema: Schema, entity: str, time: str) -> pa.RecordBatchReader:
    """Return the sorted events in typed pieces."""
    columns = ", ".join(_name(n) for n in schema.names)
    events = connection.sql(
        f"SELECT {columns} FROM events ORDER BY {_name(entity)}, {_name(time)}, bezant_file, bezant_row"
    )
    reader = events.to_arrow_reader(BATCH_ROWS)
    empty = schema.conform(reader.schema.empty_table(), roles=(Role.INPUT, Role.TIME)).table

    def pieces() -> Iterator[pa.RecordBatch]:
        for batch in reader:
            typed = schema.conform(pa.Table.from_batches([batch]), roles=(Role.INPUT, Role.TIME)).table
            yield from typed.to_batches()

    return pa.RecordBatchReader.from_batches(empty.schema, pieces())


def _name(column: str) -> str:
    return '"' + column.replace('"', '""') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
