"""DuckDB: queries over a database file, over files on disk, and relations that exist already."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from bezant.schema import refuse_duplicate_names
from bezant.types import InputError

IN_MEMORY = ":memory:"


def read_query(sql: str, database: str | Path = IN_MEMORY) -> pa.Table:
    """Run a query in DuckDB and return its rows.

    Parameters
    ----------
    sql : str
        One ``SELECT``; it may name files, as in ``SELECT * FROM 'loans.parquet'``.
    database : path, default in memory
        A database file; it is opened for reading only.

    Raises
    ------
    InputError
        If the database does not exist or DuckDB refuses the query.
    """
    batches = list(scan_query(sql, database))
    return pa.concat_tables(batches)


def scan_query(sql: str, database: str | Path = IN_MEMORY, batch_rows: int = 65_536) -> Iterator[pa.Table]:
    """Yield the rows of a query in pieces, the first of them even if it has no rows."""
    import duckdb

    if str(database) != IN_MEMORY and not Path(database).is_file():
        raise InputError(f"There is no DuckDB database {str(database)!r}; check the path.")
    try:
        with duckdb.connect(str(database), read_only=str(database) != IN_MEMORY) as connection:
            yield from _pieces(connection.sql(sql), batch_rows)
    except duckdb.Error as error:
        raise InputError(
            f"DuckDB refused the query on {str(database)!r} ({str(error).splitlines()[0]}); correct it."
        ) from error


def _pieces(relation: Any, batch_rows: int) -> Iterator[pa.Table]:
    if relation is None:
        raise InputError("The query returns no rows of any table; give one SELECT.")
    refuse_duplicate_names(relation.columns)
    reader = relation.to_arrow_reader(batch_rows)
    yield pa.Table.from_batches([], schema=reader.schema)
    for batch in reader:
        yield pa.Table.from_batches([batch])


def is_relation(source: object) -> bool:
    """Tell a DuckDB relation without importing DuckDB."""
    return type(source).__name__ == "DuckDBPyRelation"


def from_relation(relation: Any) -> pa.Table:
    """Return the rows of a relation on its own connection."""
    return pa.concat_tables(_pieces(relation, 65_536))


def scan_relation(relation: Any, batch_rows: int = 65_536) -> Iterator[pa.Table]:
    """Yield the rows of a relation in pieces."""
    return _pieces(relation, batch_rows)
