"""``--records FILE``: from what was typed to rows that have their records."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import pyarrow as pa
import typer

from bezant.cli.sources import Labelled, read_source
from bezant.schema import RECORDS, unknown_column
from bezant.types import InputError


class AdaptName(StrEnum):
    """What of a pretrained model is trained further."""

    AUTO = "auto"
    FROZEN = "frozen"
    LORA = "lora"
    FULL = "full"


RecordsFile = Annotated[
    str | None,
    typer.Option(
        "--records", metavar="FILE", help="Statements or transactions, one row each; needs --entity."
    ),
]
Entity = Annotated[
    str | None,
    typer.Option("--entity", metavar="COLUMN", help="Column of both files that says whose a row is."),
]
RecordTime = Annotated[
    str | None,
    typer.Option("--record-time", metavar="COLUMN", help="Column of the records that says when each was."),
]
Pretrained = Annotated[
    Path | None,
    typer.Option("--pretrained", metavar="MODEL", help="What 'bezant pretrain' wrote, to start from."),
]
Adapt = Annotated[
    AdaptName,
    typer.Option("--adapt", help="What of it is trained further; auto goes by the number of rows."),
]


@dataclass(frozen=True)
class TypedRecords:
    """Where records are, and how they belong to rows.

    Attributes
    ----------
    file, entity, time : str or None
        As typed: all three, or none.
    """

    file: str | None
    entity: str | None
    time: str | None

    def __post_init__(self) -> None:
        given = [self.file, self.entity, self.time]
        if any(given) and not all(given):
            raise InputError(
                "Records need all of --records FILE, --entity COLUMN and --record-time COLUMN; give those "
                "that are missing."
            )

    def read(self) -> pa.Table | None:
        """Return the records; None if none were typed."""
        return None if self.file is None else read_source(self.file)

    def joined(self, table: pa.Table, records: pa.Table | None, until: str | None) -> pa.Table:
        """Give rows the records before their moment, where they have one, and leave the entity out."""
        if records is None:
            return table
        assert self.entity is not None and self.time is not None
        from bezant.histories import with_records

        whole: pa.Table = with_records(table, records, entity=self.entity, time=self.time, until=until)
        return whole.drop_columns([self.entity])

    def refuse_absent(self, model: object, table: pa.Table) -> None:
        """Refuse rows without records if the model reads some.

        Raises
        ------
        InputError
            If none were typed and the rows have no column of them.
        """
        reads = getattr(getattr(model, "schema_", None), "records", None) is not None
        if reads and self.file is None and RECORDS not in table.column_names:
            raise InputError(
                "The model reads records, and the rows have none: give --records FILE, --entity COLUMN and "
                "--record-time COLUMN."
            )

    def labelled(self, rows: Labelled) -> Labelled:
        """Give rows with outcomes the records before their own times."""
        if self.entity is not None and self.entity not in rows.table.column_names:
            raise unknown_column(self.entity, rows.table.column_names)
        return replace(rows, table=self.joined(rows.table, self.read(), rows.time))
