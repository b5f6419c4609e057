"""From any source to Arrow tables, whole or in pieces; one file for each kind of source.

CSV columns come as text: what they mean is decided in one place, the schema.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

import pyarrow as pa

from bezant.histories.readers import duckdb, postgres
from bezant.histories.readers.csv import read_csv, scan_csv
from bezant.histories.readers.frames import from_frame, like_input
from bezant.histories.readers.parquet import SUFFIXES as PARQUET_SUFFIXES
from bezant.histories.readers.parquet import ParquetRows, read_parquet, scan_parquet
from bezant.histories.readers.writing import BatchWriter, write_table
from bezant.types import Frame, InputError

__all__ = [
    "BatchWriter",
    "ParquetRows",
    "like_input",
    "parquet_rows",
    "read_table",
    "scan_batches",
    "write_table",
]

CSV_SUFFIXES = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz")
SCHEMES = ("duckdb", "postgresql", "postgres")


def read_table(source: Frame, *, query: str | None = None) -> pa.Table:
    """Read any source into one Arrow table.

    Parameters
    ----------
    source : path, URL or frame
        A CSV file (all columns as text), a Parquet file, a list, folder or pattern of Parquet files,
        ``duckdb:///file.db?query=SELECT ...``, ``postgresql://user@host/database``, a pandas, Polars or
        Arrow frame, a DuckDB relation, a mapping of arrays, or a matrix of shape (n, k).
    query : str, optional
        The ``SELECT`` to run where the source is a database URL that does not hold it.

    Raises
    ------
    InputError
        If the source does not exist or cannot be read; one sentence says why.
    """
    if _is_url(source):
        return pa.concat_tables(_scan_url(source, query, 65_536))
    _refuse_query(query)
    if duckdb.is_relation(source):
        return duckdb.from_relation(source)
    if not _is_path(source):
        return from_frame(source)
    return read_csv(source) if _is_csv(source) else read_parquet(source)


def parquet_rows(source: Frame) -> ParquetRows | None:
    """Return the rows of Parquet files that need not be read whole; None for any other source.

    Raises
    ------
    InputError
        If it is a path that does not exist, or the files are damaged.
    """
    if isinstance(source, ParquetRows):
        return source
    if _is_url(source) or not _is_path(source) or _is_csv(source):
        return None
    return ParquetRows.of(source)


def scan_batches(source: Frame, batch_rows: int = 65_536, *, query: str | None = None) -> Iterator[pa.Table]:
    """Yield any source in tables of ``batch_rows`` rows (the last may be shorter), in bounded memory.

    Parameters
    ----------
    source, query
        As for :func:`read_table`.
    batch_rows : int, default 65,536
        Rows of each table.

    Yields
    ------
    pyarrow.Table
        At least one table, so that the columns of an empty source are known.
    """
    if batch_rows < 1:
        raise InputError(f"batch_rows is {batch_rows}; give at least 1.")
    return _regroup(_scan(source, batch_rows, query), batch_rows)


def _scan(source: Frame, batch_rows: int, query: str | None) -> Iterator[pa.Table]:
    if _is_url(source):
        yield from _scan_url(source, query, batch_rows)
        return
    _refuse_query(query)
    if duckdb.is_relation(source):
        yield from duckdb.scan_relation(source, batch_rows)
    elif not _is_path(source):
        yield from_frame(source)
    elif _is_csv(source):
        yield from scan_csv(source)
    else:
        yield from scan_parquet(source, batch_rows)


def _regroup(pieces: Iterable[pa.Table], rows: int) -> Iterator[pa.Table]:
    """Cut and join pieces of any size into tables of the same number of rows."""
    waiting: list[pa.Table] = []
    held, given = 0, False
    for piece in pieces:
        waiting.append(piece)
        held += piece.num_rows
        if held < rows:
            continue
        joined = pa.concat_tables(waiting)
        for start in range(0, held - held % rows, rows):
            given = True
            yield joined.slice(start, rows)
        waiting, held = [joined.slice(held - held % rows)], held % rows
    if waiting and (held or not given):
        yield pa.concat_tables(waiting)


def _is_url(source: Frame) -> bool:
    return isinstance(source, str) and "://" in source


def _is_path(source: Frame) -> bool:
    if isinstance(source, list | tuple):
        return len(source) > 0 and all(isinstance(part, str | Path) for part in source)
    return isinstance(source, str | Path)


def _is_csv(source: Any) -> bool:
    """Tell CSV from Parquet by the path's end; refuse paths that are neither."""
    if isinstance(source, list | tuple) or Path(source).is_dir():
        return False
    if any(c in str(source) for c in "*?[") and not Path(source).exists():
        return False  # a pattern of Parquet files
    path = Path(source)
    if not path.exists():
        raise InputError(f"There is no file {str(source)!r}; check the path.")
    name = path.name.lower()
    if name.endswith(CSV_SUFFIXES):
        return True
    if name.endswith(PARQUET_SUFFIXES):
        return False
    mend = "name a .csv, .tsv, .txt or .parquet file"
    if path.suffix.lower() in (".db", ".duckdb"):
        mend = f"write 'duckdb:///{source}' with a query"
    raise InputError(f"The file {str(source)!r} has a suffix that says neither CSV nor Parquet; {mend}.")


def _scan_url(url: str, query: str | None, batch_rows: int) -> Iterator[pa.Table]:
    parts = urlsplit(url)
    shown = postgres.without_password(url)
    if parts.scheme not in SCHEMES:
        raise InputError(
            f"The address {shown!r} starts with none of {', '.join(SCHEMES)}; download it first."
        )
    options = dict(parse_qsl(parts.query))
    query = query or options.pop("query", None)
    if not query:
        raise InputError(f"The address {shown!r} names no query; give query='SELECT ...'.")
    if parts.scheme == "duckdb":
        database = unquote(parts.netloc + parts.path.removeprefix("/")) or duckdb.IN_MEMORY
        return duckdb.scan_query(query, database, batch_rows)
    options.pop("query", None)
    return postgres.scan_query(urlunsplit(parts._replace(query=urlencode(options))), query)


def _refuse_query(query: str | None) -> None:
    if query is not None:
        raise InputError("A query was given, but the source is no database address; leave the query out.")
