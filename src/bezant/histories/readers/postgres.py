"""PostgreSQL: the rows of a query, streamed as Arrow through ADBC."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from bezant.schema import refuse_duplicate_names
from bezant.types import InputError, MissingExtraError


def read_query(url: str, sql: str) -> pa.Table:
    """Run a query on a PostgreSQL server and return its rows.

    Parameters
    ----------
    url : str
        Such as ``postgresql://user:password@host:5432/database``.
    sql : str
        One ``SELECT``. NUMERIC columns, which may be larger than any float, come as text.

    Raises
    ------
    InputError
        If the server cannot be reached or refuses the query; the message never holds the password.
    MissingExtraError
        If the package ``adbc-driver-postgresql`` is not installed.
    """
    return pa.concat_tables(scan_query(url, sql))


def scan_query(url: str, sql: str) -> Iterator[pa.Table]:
    """Yield the rows of a query in the pieces the driver sends, the first even if it has no rows."""
    try:
        from adbc_driver_postgresql import dbapi
    except ImportError as error:
        raise MissingExtraError("adbc-driver-postgresql", "postgres", "Reading from PostgreSQL") from error
    try:
        with dbapi.connect(url) as connection, connection.cursor() as cursor:
            cursor.execute(sql)
            yield from _pieces(cursor.fetch_record_batch())
    except dbapi.Error as error:
        raise InputError(
            f"PostgreSQL at {without_password(url)!r} refused ({_said(error, url)}); check the address, the "
            "rights and the query."
        ) from error


def without_password(url: str) -> str:
    """Return the address without its password, fit for messages."""
    return re.sub(r"^(\w+://[^:/@]*):[^@]*@", r"\1@", re.sub(r"(password=)[^&\s]*", r"\1***", url))


def _said(error: Exception, url: str) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    # the driver repeats the address where it cannot read it
    return without_password(lines[0].replace(url, without_password(url))) if lines else type(error).__name__


def _pieces(reader: Any) -> Iterator[pa.Table]:
    refuse_duplicate_names(reader.schema.names)
    yield _plain(pa.Table.from_batches([], schema=reader.schema))
    for batch in reader:
        yield _plain(pa.Table.from_batches([batch]))


def _plain(table: pa.Table) -> pa.Table:
    """Store NUMERIC and other types that Arrow does not know as what they come in: text."""
    columns = [
        pa.chunked_array([chunk.storage for chunk in column.chunks], column.type.storage_type)
        if isinstance(column.type, pa.BaseExtensionType)
        else column
        for column in table.columns
    ]
    return pa.table(columns, names=table.column_names)
