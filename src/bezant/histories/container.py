"""The one container: a profile and a time-ordered sequence of records for each of n histories."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from bezant.histories import ordering, storage
from bezant.histories.windows import Windows, windows_of
from bezant.schema import Kind, Role, Schema, infer_schema, unknown_column
from bezant.types import InputError, IntArray

Times = npt.NDArray[np.datetime64]

KEPT_ROLES = (Role.INPUT, Role.TIME, Role.TARGET, Role.IDENTIFIER)


@dataclass(frozen=True, eq=False)
class Histories:
    """A profile table, a records table, and where each history's records begin.

    A table without records is histories of length zero.

    Attributes
    ----------
    profile : pyarrow.Table
        One row a history, n rows, typed as ``profile_schema`` promises.
    records : pyarrow.Table or None
        m rows, sorted by history, then time; None where there are none at all.
    offsets : int64 array of shape (n + 1,)
        History i owns the records ``offsets[i]`` to ``offsets[i + 1]``, the last not included.
    cuts : datetime64[us] array of shape (n,), optional
        The moment at which each history is looked at; no record is as late as its cut.
    profile_schema : Schema
        What the profile's columns mean.
    records_schema : Schema or None
        What the records' columns mean; its time column orders them.

    Raises
    ------
    InputError
        If lengths disagree, offsets decrease, records are out of order, or one is not before its cut.
    """

    profile: pa.Table
    records: pa.Table | None
    offsets: IntArray
    cuts: Times | None
    profile_schema: Schema
    records_schema: Schema | None

    def __post_init__(self) -> None:
        rows = 0 if self.records is None else self.records.num_rows
        _check_offsets(self.offsets, self.profile.num_rows, rows)
        _check_columns(self.profile, self.profile_schema, "profile")
        if (self.records is None) is not (self.records_schema is None):
            raise InputError("Records and their schema come together; give both or neither.")
        if self.records is not None and self.records_schema is not None:
            _check_columns(self.records, self.records_schema, "records")
            _check_order(self._times(), self.offsets)
        if self.cuts is not None:
            self._check_cuts(self.cuts)

    def _check_cuts(self, cuts: Times) -> None:
        if cuts.shape != (len(self),) or cuts.dtype != np.dtype("datetime64[us]") or np.isnat(cuts).any():
            raise InputError(
                f"The cuts have shape {cuts.shape} and type {cuts.dtype}; give {len(self)} known times in "
                "datetime64[us]."
            )
        if self.records is None:
            return
        late = int(np.sum(self._times() >= np.repeat(cuts, self.lengths)))
        if late:
            raise InputError(
                f"{late} of {self.records.num_rows} records are not before their cut; use cut_at."
            )

    # ------------------------------------------------------------------------------ making

    @classmethod
    def from_table(cls, table: pa.Table, schema: Schema) -> Histories:
        """Make histories without records: one a row of a table, raw or typed."""
        profile = _typed(table, schema)
        return cls(profile, None, np.zeros(table.num_rows + 1, np.int64), None, _kept(schema, profile), None)

    @classmethod
    def from_tables(
        cls,
        profile: pa.Table | None,
        records: pa.Table,
        *,
        entity: str,
        time: str,
        profile_schema: Schema | None = None,
        records_schema: Schema | None = None,
    ) -> Histories:
        """Make histories from a profile table and a records table in any order.

        Parameters
        ----------
        profile : pyarrow.Table or None
            One row an entity, in the order the histories shall have; None makes one history for each
            entity of the records, in the order in which they first appear.
        records : pyarrow.Table
            Any number of rows an entity; rows of the same time keep their order.
        entity : str
            Column, in both tables, that says whose a row is. Compared as text: 3, 3.0 and "3" are one.
        time : str
            Column of the records that orders them.
        profile_schema, records_schema : Schema, optional
            What the columns mean; inferred if not given.

        Raises
        ------
        InputError
            If entities of the records are not in the profile, stand in it twice, or an entity or a time
            is missing.
        """
        records_schema = _keyed(records_schema or _inferred(records, entity, time), entity).with_role(
            Role.TIME, time
        )
        typed = _typed(records, records_schema)
        if profile is None:
            profile = pa.table({entity: pc.drop_null(pc.unique(typed[entity]))})
            if profile_schema is None:
                profile_schema = infer_schema(profile, identifiers=[entity], kinds={entity: Kind.TEXT})
        profile_schema = _keyed(profile_schema or _inferred(profile, entity, None), entity)
        profile = _typed(profile, profile_schema)
        rows, offsets = ordering.group_and_sort(profile[entity], typed[entity], typed[time], entity, time)
        return cls(profile, typed.take(rows), offsets, None, profile_schema, _kept(records_schema, typed))

    # ------------------------------------------------------------------------------ asking

    def __len__(self) -> int:
        return int(self.profile.num_rows)

    @property
    def lengths(self) -> IntArray:
        """Number of records of each history, shape (n,)."""
        return np.diff(self.offsets)

    def _times(self) -> Times:
        """Time of each record, shape (m,)."""
        assert self.records is not None
        assert self.records_schema is not None
        name = self.records_schema.time
        if name is None:
            raise InputError("The schema of the records names no time column; give one the role 'time'.")
        times: Times = self.records[name].to_numpy().astype("datetime64[us]")
        return times

    def windows(self, length: int, stride: int | None = None) -> Windows:
        """Cut the histories into windows of at most ``length`` records; see :func:`windows_of`.

        Parameters
        ----------
        length : int
            Most records of a window.
        stride : int, optional
            Records from one start to the next, default ``length``: every record in exactly one window.
        """
        return windows_of(self.offsets, length, length if stride is None else stride)

    # ------------------------------------------------------------------------------ choosing

    def take(self, indices: npt.ArrayLike) -> Histories:
        """Return the histories at these places, in this order; a place may come more than once.

        Raises
        ------
        IndexError
            If a place is negative or beyond the last history.
        """
        chosen: IntArray = np.asarray(indices, dtype=np.int64)
        if chosen.size and (chosen.min() < 0 or chosen.max() >= len(self)):
            raise IndexError(
                f"Histories are numbered 0 to {len(self) - 1}, but one at another place was asked for."
            )
        return replace(
            self._with_records(self.offsets[:-1][chosen], self.lengths[chosen], self.profile.take(chosen)),
            cuts=None if self.cuts is None else self.cuts[chosen],
        )

    def cut_at(self, times: npt.ArrayLike) -> Histories:
        """Return what was known before a moment: only the records strictly before it.

        A record at the very moment of the cut is left out: it may be the event to be predicted.

        Parameters
        ----------
        times : datetime64 or array of shape (n,)
            One moment for all histories, or one for each.
        """
        cuts: Times = np.asarray(times, dtype="datetime64[us]")
        if cuts.ndim == 0:
            cuts = np.full(len(self), cuts)
        if cuts.shape != (len(self),) or np.isnat(cuts).any():
            raise InputError(
                f"Cuts of shape {cuts.shape}, {np.isnat(cuts).sum()} of them missing, do not fit {len(self)} "
                "histories; give one known time for each."
            )
        if self.cuts is not None:  # what was cut away is gone, a later cut cannot claim to see it
            cuts = np.minimum(cuts, self.cuts)
        if self.records is None:
            return replace(self, cuts=cuts)
        before = self._times() < np.repeat(cuts, self.lengths)
        passed = np.concatenate([[0], np.cumsum(before)])
        kept = passed[self.offsets[1:]] - passed[self.offsets[:-1]]
        return replace(self._with_records(self.offsets[:-1], kept, self.profile), cuts=cuts)

    def _with_records(self, starts: IntArray, lengths: IntArray, profile: pa.Table) -> Histories:
        """Gather, for each profile row, ``lengths`` records from ``starts`` on."""
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        records = self.records
        if records is not None:
            rows = np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], lengths)
            records = records.take(pa.array(rows, pa.int64()))
        return Histories(profile, records, offsets, None, self.profile_schema, self.records_schema)

    # ------------------------------------------------------------------------------ keeping

    def save(self, path: str | Path) -> None:
        """Write a folder of Arrow files, which appears whole or not at all.

        Raises
        ------
        InputError
            If the path exists and is not a folder that this method wrote.
        """
        tables = {"profile": self.profile} | ({} if self.records is None else {"records": self.records})
        schemas = {"profile": self.profile_schema}
        if self.records_schema is not None:
            schemas["records"] = self.records_schema
        arrays: dict[str, npt.NDArray[Any]] = {"offsets": self.offsets}
        if self.cuts is not None:
            arrays["cuts"] = self.cuts
        storage.write_folder(Path(path), tables, schemas, arrays)

    @classmethod
    def load(cls, path: str | Path, *, verify: bool = True) -> Histories:
        """Open a folder that :meth:`save` wrote; tables are memory-mapped, not read.

        Parameters
        ----------
        path : path
            The folder.
        verify : bool, default True
            Compare the hash of every file, which reads each once; sizes are compared in any case.

        Raises
        ------
        ArtifactError
            If the folder is incomplete, was changed, or is of another version.
        """
        tables, schemas, arrays = storage.read_folder(Path(path), verify=verify)
        return cls(
            tables["profile"],
            tables.get("records"),
            arrays["offsets"],
            arrays.get("cuts"),
            schemas["profile"],
            schemas.get("records"),
        )


def _check_offsets(offsets: IntArray, histories: int, records: int) -> None:
    if offsets.dtype != np.int64 or offsets.shape != (histories + 1,):
        raise InputError(
            f"Offsets of type {offsets.dtype} and shape {offsets.shape} do not fit {histories} histories; "
            f"give int64 of shape ({histories + 1},)."
        )
    if offsets[0] != 0 or offsets[-1] != records or np.any(np.diff(offsets) < 0):
        raise InputError(
            f"Offsets must rise from 0 to the {records} records without falling; they run from {offsets[0]} "
            f"to {offsets[-1]}."
        )


def _check_order(times: Times, offsets: IntArray) -> None:
    if np.isnat(times).any():
        raise InputError(f"{np.isnat(times).sum()} of {len(times)} records have no time; leave them out.")
    falls = np.diff(times) < np.timedelta64(0, "us")
    starts = offsets[(offsets > 0) & (offsets < len(times))]
    falls[starts - 1] = False  # from one history to the next, time may go back
    if falls.any():
        raise InputError(
            f"{falls.sum()} of {len(times)} records are earlier than the one before in their history; sort "
            "them or use Histories.from_tables."
        )


def _check_columns(table: pa.Table, schema: Schema, what: str) -> None:
    for name in table.column_names:
        if name not in schema.names:
            raise unknown_column(name, schema.names)
    missing = [f.name for f in schema.inputs if f.name not in table.column_names]
    if missing:
        raise InputError(f"The {what} table of {table.num_rows} rows lacks its input {missing[0]!r}; add it.")


def _typed(table: pa.Table, schema: Schema) -> pa.Table:
    """Type the columns that are kept; a target or identifier may be absent, as it is when scoring."""
    present = _kept(schema, table)
    typed = present.conform(table, roles=KEPT_ROLES).table
    if not typed.num_columns and table.num_rows:
        raise InputError(
            f"None of the columns of the {table.num_rows} rows is in the schema; give one a role."
        )
    return typed


def _kept(schema: Schema, table: pa.Table) -> Schema:
    kept = schema.select(*KEPT_ROLES)
    optional = (Role.TARGET, Role.IDENTIFIER)
    fields = tuple(f for f in kept.fields if f.role not in optional or f.name in table.column_names)
    return kept.model_copy(update={"fields": fields})


def _inferred(table: pa.Table, entity: str, time: str | None) -> Schema:
    return infer_schema(table, time=time, identifiers=[entity], kinds={entity: Kind.TEXT})


def _keyed(schema: Schema, entity: str) -> Schema:
    """Keys are text: as floats, long numbers would lose their last digits."""
    return schema.with_role(Role.IDENTIFIER, entity).with_kind(Kind.TEXT, entity)
