"""The columns of a table, in order, with what they mean."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, model_validator

from bezant.schema.fields import DEFAULT_MISSING_MARKERS, Field, Kind, Role
from bezant.schema.records import RECORDS, flattened, listed_again, refuse_disorder
from bezant.schema.values import read_column
from bezant.schema.words import are, columns_named, listed, refuse_duplicate_names, them, unknown_column
from bezant.types import InputError


@dataclass(frozen=True)
class Conformed:
    """A table whose columns have exactly the types a schema promises.

    Attributes
    ----------
    table : pyarrow.Table
        NUMBER columns are float64, CATEGORY and TEXT are strings, TIME is timestamp[us]; whatever is
        missing is null, and neither NaN nor infinity remains.
    notes : tuple of str
        One sentence for each thing that was replaced, read leniently or left aside.
    lost : tuple of str
        Those of the notes that say that values count as missing though their rows are not empty.
    """

    table: pa.Table
    notes: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()


class Schema(BaseModel):
    """The columns of a table, in order, with what they mean.

    Parameters
    ----------
    fields : tuple of Field
        One entry a column; names must be unique and at most one field is the target, one the time.
    missing_markers : tuple of str
        Texts that mean "not known".
    records : Schema, optional
        Of rows that have records: what the columns of a record mean; one of them is its time. The records of
        a row stand in its column :data:`RECORDS`, a list in the order of their times.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    fields: tuple[Field, ...]
    missing_markers: tuple[str, ...] = DEFAULT_MISSING_MARKERS
    records: Schema | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Schema:
        refuse_duplicate_names([f.name for f in self.fields])
        for role in (Role.TARGET, Role.TIME):
            names = [f.name for f in self.fields if f.role is role]
            if len(names) > 1:
                raise InputError(
                    f"Columns {listed(names)} all have the role {role.value!r}; only one may have it."
                )
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all columns."""
        return tuple(f.name for f in self.fields)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of all columns, that of the records too."""
        return self.names if self.records is None else (*self.names, RECORDS)

    @property
    def inputs(self) -> tuple[Field, ...]:
        """The fields a model reads."""
        return tuple(f for f in self.fields if f.role is Role.INPUT)

    @property
    def target(self) -> str | None:
        """Name of the target column, if there is one."""
        return next((f.name for f in self.fields if f.role is Role.TARGET), None)

    @property
    def time(self) -> str | None:
        """Name of the column that orders the rows, if there is one."""
        return next((f.name for f in self.fields if f.role is Role.TIME), None)

    def field(self, name: str) -> Field:
        """Return the field of that name; an :class:`InputError` lists the names there are."""
        for f in self.fields:
            if f.name == name:
                return f
        raise unknown_column(name, self.names)

    def with_role(self, role: Role, *names: str) -> Schema:
        """Return a copy in which these columns have this role."""
        return self._edited(names, {"role": role})

    def with_kind(self, kind: Kind, *names: str) -> Schema:
        """Return a copy in which these columns have this kind."""
        return self._edited(names, {"kind": kind})

    def select(self, *roles: Role) -> Schema:
        """Return a copy with only the fields of these roles."""
        return self.model_copy(update={"fields": tuple(f for f in self.fields if f.role in roles)})

    def _edited(self, names: Iterable[str], change: Mapping[str, object]) -> Schema:
        wanted = {self.field(n).name for n in names}
        fields = (f.model_copy(update=dict(change)) if f.name in wanted else f for f in self.fields)
        return Schema(fields=tuple(fields), missing_markers=self.missing_markers, records=self.records)

    def to_json(self) -> str:
        """Return the schema as indented JSON."""
        return json.dumps(self.model_dump(mode="json"), indent=2)

    @classmethod
    def from_json(cls, text: str) -> Schema:
        """Read what :meth:`to_json` wrote; unknown keys are refused."""
        return cls.model_validate_json(text)

    def save(self, path: str | Path) -> None:
        """Write the schema to a JSON file."""
        Path(path).write_text(self.to_json() + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: str | Path) -> Schema:
        """Read a schema from a JSON file."""
        return cls.from_json(Path(path).read_text(encoding="utf-8"))

    def conform(self, table: pa.Table, *, roles: Iterable[Role] = (Role.INPUT, Role.TIME)) -> Conformed:
        """Turn a table into the typed columns this schema promises.

        Parameters
        ----------
        table : pyarrow.Table
            Any table that holds at least the columns with these roles; others are left aside.
        roles : iterable of Role
            Which columns to return, default inputs and the ordering time.

        Raises
        ------
        InputError
            If a column is missing, or more than 5 % of its filled rows cannot be read as its kind.
        """
        refuse_duplicate_names(table.column_names)
        wanted = [f for f in self.fields if f.role in set(roles)]
        absent = [f.name for f in wanted if f.name not in table.column_names]
        if absent:
            raise InputError(
                f"{columns_named(absent)} of the model's schema {are(absent)} not in the table of "
                f"{table.num_rows} rows (it has {listed(table.column_names)}); add {them(absent)}, "
                "empty where not known."
            )
        columns: dict[str, pa.ChunkedArray] = {}
        notes: list[str] = []
        for f in wanted:
            columns[f.name], said = read_column(table[f.name], f, self.missing_markers)
            notes.extend(said)
        if self.records is not None and Role.INPUT in set(roles):
            columns[RECORDS], said = self.records.conform_records(table)
            notes.extend(said)
        lost = tuple(notes)
        extra = sorted(set(table.column_names) - set(self.columns))
        if extra:
            notes.append(f"{columns_named(extra)} {are(extra)} not known to the schema and left aside.")
        return Conformed(pa.table(columns), tuple(notes), lost)

    def conform_records(self, table: pa.Table) -> tuple[pa.ChunkedArray, list[str]]:
        """Return the column of records of a table, typed as this schema of records promises, and its notes.

        Raises
        ------
        InputError
            If there is no such column, it does not hold records, one has no time, or those of a row are not
            in the order of their times.
        """
        if self.time is None:
            raise InputError("The schema of the records names no time column; give one the role 'time'.")
        offsets, flat = flattened(table, self.names)
        conformed = self.conform(flat)
        refuse_disorder(conformed.table[self.time], offsets, self.time)
        return listed_again(offsets, conformed.table), [f"Records: {note}" for note in conformed.notes]
