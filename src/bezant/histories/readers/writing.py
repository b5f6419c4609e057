"""Writing a file batch by batch, so that it appears whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.parquet as pq

from bezant.histories.readers.parquet import SUFFIXES
from bezant.types import InputError

CSV_DELIMITERS = {".csv": ",", ".tsv": "\t"}
PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
"""Ticks of each unit of times."""


def refuse_taken(path: Path) -> None:
    """Refuse a name that a folder, a device or a pipe has: a new file would take its place.

    Raises
    ------
    InputError
        If it is no file that may be replaced.
    """
    if path.is_dir():
        raise InputError(f"{str(path)!r} is a folder; name a file in it.")
    if path.exists() and not path.is_file():
        raise InputError(f"{str(path)!r} is a device or a pipe, which a file would replace; name a file.")


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Let an error of the system in the block, such as a full disk, name the file that was to be written.

    Raises
    ------
    OSError
        The same, with ``path`` as its file: writing to an open file raises one that names none.
    """
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error


def write_table(table: pa.Table, path: str | Path) -> None:
    """Write a table whole or not at all, by the suffix of its path, as :class:`BatchWriter` does.

    In CSV, a column of times that are all midnights is one of dates, and seconds have no fractions where none
    has any.
    """
    writer = BatchWriter(path)
    with writer:
        writer.write(_plain_times(table) if writer.is_csv else table)


def _plain_times(table: pa.Table) -> pa.Table:
    """Return the table with times as short as a whole column can be; batches cannot know that."""
    for place, field in enumerate(table.schema):
        if pa.types.is_timestamp(field.type):
            plain = _plain_type(table.column(place), field.type)
            table = table.set_column(place, field.with_type(plain), table.column(place).cast(plain))
    return table


def _plain_type(column: pa.ChunkedArray, kind: pa.TimestampType) -> pa.DataType:
    ticks = column.drop_null().cast(pa.int64()).to_numpy()
    if not len(ticks) or (ticks % PER_SECOND[kind.unit]).any():
        return kind
    midnights = kind.tz is None and not (ticks % (PER_SECOND[kind.unit] * 86_400)).any()
    return pa.date32() if midnights else pa.timestamp("s", kind.tz)


class BatchWriter:
    """Write tables of one shape to a CSV or Parquet file; use it in a ``with`` block.

    The rows go to a hidden file beside the target, which takes the target's place at the end of the
    block. If the block raises, or the process dies, the target is as it was before.

    Parameters
    ----------
    path : path
        Ends in ``.csv``, ``.tsv``, ``.parquet`` or ``.pq``.

    Raises
    ------
    InputError
        If the suffix is another, the folder does not exist, or the name is a folder's or a device's.
    OSError
        If the system does not write it (a full disk, say); it names the file.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.rows = 0
        suffix = self.path.suffix.lower()
        if suffix not in (*CSV_DELIMITERS, *SUFFIXES):
            raise InputError(
                f"Cannot write {str(path)!r}: {suffix!r} is none of .csv, .tsv, .parquet, .pq; rename it."
            )
        if not self.path.parent.is_dir():
            raise InputError(
                f"Cannot write {str(path)!r}: there is no folder {str(self.path.parent)!r}; make it first."
            )
        refuse_taken(self.path)
        self._delimiter = CSV_DELIMITERS.get(suffix)
        self._part = self.path.with_name(f".{self.path.name}.{secrets.token_hex(4)}.part")
        self._file: BinaryIO | None = None
        self._writer: Any = None

    @property
    def is_csv(self) -> bool:
        """Whether the file is text."""
        return self._delimiter is not None

    def __enter__(self) -> BatchWriter:
        return self

    def write(self, table: pa.Table) -> None:
        """Append rows; the first table, which may be empty, fixes names and types."""
        with naming(self.path):
            if self._writer is None:
                self._file = open(self._part, "xb")  # noqa: SIM115 - closed in __exit__
                self._writer = self._open(self._file, table.schema)
            self._writer.write_table(table)
        self.rows += table.num_rows

    def _open(self, file: BinaryIO, schema: pa.Schema) -> Any:
        if self._delimiter is None:
            return pq.ParquetWriter(file, schema, compression="zstd")
        options = arrow_csv.WriteOptions(delimiter=self._delimiter, quoting_style="needed")
        return arrow_csv.CSVWriter(file, schema, write_options=options)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is None:
            return
        try:
            if kind is None:
                with naming(self.path):
                    self._finish(self._file)
        finally:
            with suppress(OSError):  # of what is thrown away; the first error is the one to see
                if self._writer is not None:
                    self._writer.close()
            with suppress(OSError):
                self._file.close()
            self._part.unlink(missing_ok=True)

    def _finish(self, file: BinaryIO) -> None:
        self._writer.close()
        file.flush()
        os.fsync(file.fileno())
        os.replace(self._part, self.path)
