"""What every model of customers' events asks of a table of them, said in one sentence before any work."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from bezant.histories.ordering import without_blanks
from bezant.schema import unknown_column
from bezant.types import InputError


def refuse_unsound_events(
    table: pa.Table, columns: tuple[str | None, ...], amount: str | None = None
) -> None:
    """Refuse events that are not there, or whose values are.

    Parameters
    ----------
    table : pyarrow.Table
        One row an event.
    columns : tuple of str
        Columns that must be filled in; None stands for one that is not used.
    amount : str, optional
        One of them that holds numbers.

    Raises
    ------
    InputError
        If there is no row, a column is not there, a value of it is missing or infinite, or amounts are no
        numbers.
    """
    if not table.num_rows:
        raise InputError("There are 0 events; give at least one row.")
    for name in filter(None, columns):
        if name not in table.column_names:
            raise unknown_column(name, table.column_names)
        column = without_blanks(table[name])
        lost, what = column.null_count, "missing"
        if pa.types.is_floating(column.type):
            lost += pc.sum(pc.invert(pc.is_finite(column))).as_py() or 0
            what = "missing or infinite" if pc.any(pc.is_inf(column)).as_py() else what
        if lost:
            raise InputError(
                f"Column {name!r} is {what} in {lost} of {table.num_rows} rows; leave those events out."
            )
    if amount is not None and not (
        pa.types.is_integer(kind := table[amount].type)
        or pa.types.is_floating(kind)
        or pa.types.is_decimal(kind)
    ):
        raise InputError(
            f"Column {amount!r} holds {kind} in its {table.num_rows} rows where amounts are needed; turn it "
            "into numbers first."
        )
