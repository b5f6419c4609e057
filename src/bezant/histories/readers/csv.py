"""CSV files: delimiter and encoding are found out, every column is read as text, errors name the line."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as arrow_csv

from bezant.schema import refuse_duplicate_names
from bezant.schema.words import counted
from bezant.types import InputError

DELIMITERS = (",", ";", "\t", "|")
"""Delimiters that are recognised, in the order in which ties are broken."""

SAMPLE_BYTES = 1 << 18
BLOCK_BYTES = 1 << 23  # the longest record that can be read; small enough for a bounded memory
NO_DELIMITER = "\x1f"  # stands in no text: what delimits the only column of a file


@dataclass(frozen=True)
class Dialect:
    """How a CSV file is written.

    Attributes
    ----------
    names : tuple of str
        Column names of the header.
    delimiter : str
        One of :data:`DELIMITERS`, or a character that no text holds if there is one column.
    encoding : str
        ``utf-8`` (a byte order mark is skipped), ``utf-16`` or ``latin-1``.
    """

    names: tuple[str, ...]
    delimiter: str
    encoding: str

    def __post_init__(self) -> None:
        refuse_duplicate_names(self.names)


def sniff(path: str | Path) -> Dialect:
    """Find out how a CSV file is written.

    Raises
    ------
    InputError
        If the file is empty, is not text, or repeats a column name.
    """
    encoding = _encoding(Path(path))
    with _open(path) as stream:
        head = stream.read(SAMPLE_BYTES)
    text = codecs.getincrementaldecoder("utf-8-sig" if encoding == "utf-8" else encoding)().decode(head)
    if not text.strip():
        raise InputError(f"The file {str(path)!r} is empty, with 0 rows; give one with a header and rows.")
    delimiter = _delimiter(text, whole=len(head) < SAMPLE_BYTES)
    names = next(record for record in _records(text, delimiter) if record)
    return Dialect(tuple(names), delimiter, encoding)


def read_csv(path: str | Path) -> pa.Table:
    """Read a CSV file; every column is text, and a missing value is an empty text.

    Raises
    ------
    InputError
        If the file is empty or is not text, a name repeats, or a line has too many or too few values.
    """
    dialect = sniff(path)
    batches = list(_batches(path, dialect))
    return pa.Table.from_batches(batches, schema=_text_schema(dialect))


def scan_csv(path: str | Path) -> Iterator[pa.Table]:
    """Yield a CSV file in pieces of a few megabytes, after a piece without rows."""
    dialect = sniff(path)
    yield _text_schema(dialect).empty_table()
    for batch in _batches(path, dialect):
        yield pa.Table.from_batches([batch])


def _batches(path: str | Path, dialect: Dialect) -> Iterator[pa.RecordBatch]:
    try:
        with _open(path) as stream, _reader(stream, dialect) as reader:
            yield from reader
    except pa.ArrowInvalid as error:
        if "Empty CSV" in str(error):
            return
        raise _ragged(path, dialect) or InputError(
            f"The file {str(path)!r} cannot be read as CSV ({_first_line(error)}); write it as "
            "UTF-8 text with one line a row."
        ) from error


def _reader(stream: pa.NativeFile, dialect: Dialect) -> arrow_csv.CSVStreamingReader:
    text = dict.fromkeys(dialect.names, pa.string())
    return arrow_csv.open_csv(
        stream,
        read_options=arrow_csv.ReadOptions(block_size=BLOCK_BYTES, encoding=dialect.encoding),
        parse_options=arrow_csv.ParseOptions(delimiter=dialect.delimiter, newlines_in_values=True),
        convert_options=arrow_csv.ConvertOptions(
            column_types=text, include_columns=list(dialect.names), strings_can_be_null=False
        ),
    )


def _text_schema(dialect: Dialect) -> pa.Schema:
    return pa.schema([(name, pa.string()) for name in dialect.names])


def _open(path: str | Path) -> pa.NativeFile:
    return pa.input_stream(str(path), compression="detect")


def _encoding(path: Path) -> str:
    """Decode the whole file once: a stray Latin-1 letter may stand in the last line."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with _open(path) as stream:
        block = stream.read(BLOCK_BYTES)
        if block.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return "utf-16"
        if b"\0" in block[:SAMPLE_BYTES]:
            raise InputError(
                f"The file {str(path)!r} is not text, though named {path.suffix!r}; save it as CSV."
            )
        try:
            while block:
                decoder.decode(block)
                block = stream.read(BLOCK_BYTES)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return "latin-1"
    return "utf-8"


def _records(text: str, delimiter: str) -> Iterator[list[str]]:
    return csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)


def _delimiter(text: str, *, whole: bool) -> str:
    """Return the delimiter that gives most rows as many values as the header, and the most values.

    A delimiter inside the only column's name splits the header but not the rows, so it is not taken.
    """
    best, merit = ",", (0.0, 1)
    for delimiter in DELIMITERS:
        lengths = [len(record) for record in _records(text, delimiter) if record][:200]
        if not whole and len(lengths) > 1:
            lengths.pop()  # the sample may have cut the last record
        width, rows = lengths[0], lengths[1:]
        agree = sum(n == width for n in rows) / len(rows) if rows else 1.0
        if width > 1 and agree >= 0.5 and (agree, width) > merit:
            best, merit = delimiter, (agree, width)
    return best if merit[1] > 1 or _split_by_comma(text) else NO_DELIMITER


def _split_by_comma(text: str) -> bool:
    """Whether the header has commas outside quotes: then rows with other counts are ragged, not single."""
    return len(next(record for record in _records(text, ",") if record)) > 1


def _ragged(path: str | Path, dialect: Dialect) -> InputError | None:
    """Return the error that names the first line whose number of values is not the header's."""
    with _open(path) as raw, io.TextIOWrapper(raw, encoding=dialect.encoding, newline="") as text:
        records = csv.reader(text, delimiter=dialect.delimiter)
        start = 1
        for record in records:
            if record and len(record) != len(dialect.names):
                return InputError(
                    f"Line {start} of {str(path)!r} has {counted(len(record), 'value')} but the header "
                    f"names {counted(len(dialect.names), 'column')} (delimiter {dialect.delimiter!r}); mend "
                    "that line or put quotes around values that hold the delimiter."
                )
            start = records.line_num + 1
    return None


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]
