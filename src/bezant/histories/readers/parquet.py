"""Parquet: one file, many files, a folder of them, or a pattern such as ``loans/*.parquet``."""

from __future__ import annotations

import glob
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from bezant.schema import refuse_duplicate_names, unknown_column
from bezant.schema.words import counted
from bezant.types import InputError

SUFFIXES = (".parquet", ".pq")

PathsLike = str | Path | Sequence[str | Path]


def parquet_files(source: PathsLike) -> list[Path]:
    """List the files that a path, a folder, a pattern or a list of these stands for, sorted within each.

    Raises
    ------
    InputError
        If one does not exist, or a folder or pattern holds no Parquet file.
    """
    if isinstance(source, str | Path):
        return _files_of(Path(source))
    return [file for part in source for file in _files_of(Path(part))]


def _files_of(path: Path) -> list[Path]:
    if path.is_dir():
        found = sorted(
            f for suffix in SUFFIXES for f in path.rglob(f"*{suffix}") if not f.name.startswith(".")
        )
        if not found:
            raise InputError(
                f"The folder {str(path)!r} holds no Parquet file; name one with *.parquet in it."
            )
        return found
    if path.exists():
        return [path]
    matches = sorted(Path(match) for match in glob.glob(str(path), recursive=True))
    if not matches:
        raise InputError(f"There is no file {str(path)!r}; check the path.")
    foreign = [m for m in matches if m.suffix.lower() not in SUFFIXES]
    if foreign:
        raise InputError(
            f"The pattern {str(path)!r} matches {len(foreign)} of {len(matches)} files that are not Parquet, "
            f"such as {foreign[0].name!r}; narrow it to *.parquet."
        )
    return matches


def read_parquet(source: PathsLike) -> pa.Table:
    """Read Parquet files into one table; folders named ``key=value`` become columns.

    Raises
    ------
    InputError
        If a file is missing, damaged, or has other columns than the first.
    """
    return _dataset(source).to_table()


def scan_parquet(source: PathsLike, batch_rows: int = 65_536) -> Iterator[pa.Table]:
    """Yield Parquet files in pieces of at most ``batch_rows`` rows, after a piece without rows.

    Little more than one row group is in memory at a time.
    """
    dataset = _dataset(source)
    yield dataset.schema.empty_table()
    scanner = dataset.scanner(batch_size=batch_rows, batch_readahead=1, fragment_readahead=1)
    for batch in scanner.to_batches():
        yield pa.Table.from_batches([batch])


@dataclass(frozen=True)
class ParquetRows:
    """The rows of Parquet files, which are read in pieces as often as wished and never held whole.

    Attributes
    ----------
    files : tuple of Path
        Files with the same columns.
    columns : tuple of str
        Names of the columns that are read.
    rows : int
        Their number.
    """

    files: tuple[Path, ...]
    columns: tuple[str, ...]
    rows: int

    @classmethod
    def of(cls, source: PathsLike, *, drop: Sequence[str] = ()) -> ParquetRows:
        """Look at the files without reading their rows.

        Parameters
        ----------
        source : path, folder, pattern or list of these
        drop : sequence of str
            Columns to leave aside.

        Raises
        ------
        InputError
            If a file is missing, damaged, or has other columns than the first; if a column that is to be left
            aside is not there.
        """
        dataset = _dataset(source)
        names = dataset.schema.names
        for name in drop:
            if name not in names:
                raise unknown_column(name, names)
        kept = tuple(name for name in names if name not in set(drop))
        return cls(tuple(parquet_files(source)), kept, int(dataset.count_rows()))

    def __len__(self) -> int:
        return self.rows

    def scan(self, columns: Sequence[str] | None = None, batch_rows: int = 65_536) -> Iterator[pa.Table]:
        """Yield some columns in pieces of at most ``batch_rows`` rows, always the same ones."""
        wanted = list(self.columns if columns is None else columns)
        scanner = _dataset(list(self.files)).scanner(
            columns=wanted, batch_size=batch_rows, batch_readahead=1, fragment_readahead=1
        )
        for batch in scanner.to_batches():
            if batch.num_rows:
                yield pa.Table.from_batches([batch])


def _dataset(source: PathsLike) -> Any:
    import pyarrow.dataset as ds  # brings pandas with it, which takes its time

    files = parquet_files(source)
    schemas = [_schema_of(file) for file in files]
    for file, schema in zip(files, schemas, strict=True):
        odd = sorted(set(schema.names) ^ set(schemas[0].names))
        if odd:
            raise InputError(
                f"The Parquet file {str(file)!r} has other columns than {str(files[0])!r}: {odd[0]!r} "
                f"stands in only one of them, as do {counted(len(odd) - 1, 'other')}; give files with the "
                "same columns."
            )
    paths, keyed = [str(f) for f in files], ds.partitioning(flavor="hive")
    found = ds.dataset(paths, format="parquet", partitioning=keyed)
    keys = [field for field in found.schema if field.name not in schemas[0].names]
    wanted = pa.schema([*_common(files, schemas), *keys])
    return ds.dataset(paths, schema=wanted, format="parquet", partitioning=keyed)


def _schema_of(file: Path) -> pa.Schema:
    try:
        schema = pq.read_schema(file)
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(
            f"The file {str(file)!r} is not a sound Parquet file; write it again or convert it to CSV."
        ) from error
    refuse_duplicate_names(schema.names)
    return schema.remove_metadata()


def _common(files: list[Path], schemas: list[pa.Schema]) -> pa.Schema:
    try:
        return pa.unify_schemas(schemas, promote_options="permissive")
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise InputError(
            f"The {len(files)} Parquet files hold one column in types that do not go together "
            f"({str(error).splitlines()[0]}); write it in one type."
        ) from error
