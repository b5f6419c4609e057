"""From what was typed (FILE, --target, --positive, --time, --drop) to rows with outcomes of 0 and 1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import typer

from bezant.schema import DEFAULT_MISSING_MARKERS, Role, Schema, infer_schema, nearest, unknown_column
from bezant.schema.words import counted as plural
from bezant.types import FloatArray, InputError

FEWEST_ROWS = 100
"""A model is not fitted on fewer rows than this."""

File = Annotated[
    str,
    typer.Argument(
        metavar="FILE",
        help="CSV or Parquet (a folder or '*.parquet' too), the name of a data set such as sba-sample, "
        "or a database address with ?query=SELECT ...",
    ),
]
Target = Annotated[
    str | None, typer.Option("--target", "-t", metavar="COLUMN", help="The column to predict: 1 is default.")
]
Time = Annotated[
    str | None,
    typer.Option(
        "--time", metavar="COLUMN", help="The column that orders the rows, such as the approval date."
    ),
]
Positive = Annotated[
    str | None,
    typer.Option(
        "--positive", metavar="LABEL", help="The label that counts as 1, where the target is not 0 and 1."
    ),
]
Drop = Annotated[
    list[str] | None,
    typer.Option("--drop", metavar="COLUMN", help="A column that no model may see; may be repeated."),
]
Cutoff = Annotated[
    str | None,
    typer.Option(
        "--cutoff", metavar="DATE", help="Rows at or after this moment are the test; such as 2004-01-01."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout, and nothing else there.")]


@dataclass(frozen=True)
class Labelled:
    """Rows with their outcomes.

    Attributes
    ----------
    name : str
        What was read: a file or a data set.
    table : pyarrow.Table
        n rows without the target and the dropped columns; text columns as they stand in the source.
    y : (n,) float array
        1, 0, or NaN where the outcome is missing and that was allowed.
    target : str
        The target's name.
    time : str or None
        The column that orders the rows.
    notes : tuple of str
        What was decided on the way, a sentence each.
    """

    name: str
    table: pa.Table
    y: FloatArray
    target: str
    time: str | None
    notes: tuple[str, ...] = ()

    def take(self, rows: Any) -> Labelled:
        """Return the rows at these positions."""
        table = self.table.take(pa.array(rows))
        return Labelled(self.name, table, self.y[rows], self.target, self.time, self.notes)


def read_source(file: str, *, raw: bool = False) -> pa.Table:
    """Return the rows of a file, a database query or a data set by its name.

    Parameters
    ----------
    file : str
        What was typed. A file of that name goes before a data set of that name.
    raw : bool, default False
        Of a data set: all columns as in its source, also those that its task leaves out.

    Raises
    ------
    InputError
        If there is no such file or it has no rows.
    """
    if is_dataset(file):
        from bezant import datasets

        return datasets.load_table(file, raw=raw)
    from bezant.histories.readers import read_table

    _refuse_unnamed(file)
    table = read_table(file)
    if not table.num_rows:
        raise InputError(f"The file {file!r} has a header but 0 rows; give one that has some.")
    return table


def is_dataset(file: str) -> bool:
    """Tell whether the typed word names a data set rather than a file."""
    from bezant import datasets

    return file in datasets.names() and not Path(file).exists()


def scan_source(file: str, batch_rows: int) -> Any:
    """Yield what :func:`read_source` reads in tables of at most so many rows, in bounded memory."""
    from bezant.histories.readers import scan_batches

    if is_dataset(file):
        return scan_batches(read_source(file), batch_rows)
    _refuse_unnamed(file)
    return scan_batches(file, batch_rows)


def refers_to_nothing(file: str) -> bool:
    """Tell whether a word looks like neither a path nor an address."""
    return not Path(file).suffix and not Path(file).exists() and not any(c in file for c in "*?[:/\\")


def _refuse_unnamed(file: str) -> None:
    """Refuse a word that is neither a path nor a data set, with the names there are."""
    from bezant import datasets

    if refers_to_nothing(file):
        near = nearest(file, datasets.names())
        hint = (
            f"did you mean the data set {near!r}?"
            if near
            else f"check the path, or name one of the data sets: {', '.join(datasets.names())}."
        )
        raise InputError(f"There is no file and no data set {file!r}; {hint}")


def read_labelled(
    file: str,
    target: str | None,
    *,
    time: str | None = None,
    positive: str | None = None,
    drop: Sequence[str] = (),
    raw: bool = False,
    both: bool = True,
    missing: bool = False,
) -> Labelled:
    """Read a file and its outcomes; a data set brings its own target and time.

    Parameters
    ----------
    file, target, time, positive, drop
        As typed.
    raw : bool, default False
        As for :func:`read_source`.
    both : bool, default True
        Refuse rows that are all of one outcome.
    missing : bool, default False
        Allow missing outcomes; they become NaN.
    """
    table = read_source(file, raw=raw)
    if is_dataset(file):
        from bezant import datasets

        task = datasets.task(file)
        target, time = target or task.target, time or task.time
    if target is None:
        raise InputError(
            f"Say which of the columns of {file!r} is to be predicted, with --target COLUMN; it has "
            f"{', '.join(table.column_names[:30])}."
        )
    for name in (target, time, *drop):
        if name is not None and name not in table.column_names:
            raise unknown_column(name, table.column_names)
    for name, option in ((target, "--target"), (time, "--time")):
        if name in drop:
            raise InputError(
                f"Column {name!r} is named with both {option} and --drop; leave one of them out."
            )
    if target == time:
        raise InputError(
            f"Column {target!r} is named with both --target and --time; they must be two columns."
        )
    y, notes = read_outcome(table[target], target, positive, both=both, missing=missing)
    table = table.drop_columns([target, *dict.fromkeys(drop)])
    if not [name for name in table.column_names if name != time]:
        raise InputError(f"The file {file!r} has no column to learn from besides {target!r}; add some.")
    return Labelled(file, table, y, target, time, notes)


def read_outcome(
    column: pa.ChunkedArray, name: str, positive: str | None, *, both: bool, missing: bool
) -> tuple[FloatArray, tuple[str, ...]]:
    """Return outcomes of 0, 1 and (where allowed) NaN, shape (n,), and what was decided.

    Raises
    ------
    InputError
        If outcomes are missing, there are not two of them, or it is not clear which one is 1.
    """
    encoded = column.combine_chunks()
    if not pa.types.is_dictionary(encoded.type):
        encoded = encoded.dictionary_encode()
    labels = [*map(_label, encoded.dictionary.to_pylist()), None]
    codes = encoded.indices.fill_null(len(labels) - 1).to_numpy(zero_copy_only=False)
    times = np.bincount(codes, minlength=len(labels))
    counted: dict[str, int] = {}
    for label, n in zip(labels, times.tolist(), strict=True):
        if label is not None and n:
            counted[label] = counted.get(label, 0) + n
    absent = len(codes) - sum(counted.values())
    if (absent and not missing) or not counted:
        raise InputError(
            f"Column {name!r} is missing in {absent} of {len(codes)} rows; leave those rows out, or name "
            "another target."
        )
    counted = dict(sorted(counted.items(), key=lambda item: -item[1]))
    one, notes = _which_is_one(counted, name, positive, both)
    if both and (len(counted) == 1 or one not in counted):
        raise InputError(
            f"Column {name!r} has only one outcome, {_shown(counted)}, in all {sum(counted.values())} rows; "
            "add rows of the other outcome, or name another target."
        )
    value_of = np.array([np.nan if label is None else float(label == one) for label in labels])
    return value_of[codes], notes


def _label(value: Any) -> str | None:
    """Write a value as the text that names it on the command line: 1.0 is "1", True is "true"."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    text = "" if value is None else str(value).strip()
    return None if text in DEFAULT_MISSING_MARKERS else _SAME.get(text, text)


_SAME = {"0.0": "0", "1.0": "1", "True": "true", "TRUE": "true", "False": "false", "FALSE": "false"}


def _which_is_one(
    counted: dict[str, int], name: str, positive: str | None, both: bool
) -> tuple[str, tuple[str, ...]]:
    rows = sum(counted.values())
    if positive is not None:
        one = _label(positive) or positive
        if one not in counted and (both or len(counted) > 1):
            raise InputError(
                f"Column {name!r} never holds {positive!r} in its {rows} rows; it holds {_shown(counted)}: "
                "name one of these with --positive."
            )
        others = {label: n for label, n in counted.items() if label != one}
        note = f"Column {name!r}: {one!r} counts as 1, {_shown(others) or 'nothing'} as 0."
        if len(others) > 1:
            note += " If the outcome of some of these rows is still open, leave them out."
        return one, (note,)
    for zero, one in (("0", "1"), ("false", "true")):
        if set(counted) <= {zero, one}:
            return one, ()
    numbers = [label for label in counted if _is_number(label)]
    if {"0", "1"} <= set(counted) or len(numbers) == len(counted) > 2:
        odd = next(label for label in counted if label not in ("0", "1"))
        wrong = sum(n for label, n in counted.items() if label not in ("0", "1"))
        raise InputError(
            f"Column {name!r} holds {odd} in some of {wrong} of {rows} rows that are neither 0 nor 1; "
            "correct or leave out those rows, name another target, or say which value is 1 with --positive."
        )
    raise InputError(
        f"Column {name!r} holds {_shown(counted)} in its {rows} rows; say which one counts as 1, for example "
        f"with --positive {_quoted(min(counted, key=lambda label: (counted[label], label)))}."
    )


def _is_number(label: str) -> bool:
    try:
        float(label)
    except ValueError:
        return False
    return True


def _shown(counted: dict[str, int], most: int = 4) -> str:
    """Write "'good' (700 times), 'bad' (300 times) and 2 others"."""
    parts = [f"{label!r} ({plural(times, 'time')})" for label, times in list(counted.items())[:most]]
    more = f" and {plural(len(counted) - most, 'other')}" if len(counted) > most else ""
    return ", ".join(parts) + more


def _quoted(label: str) -> str:
    return label if label.isalnum() else f"'{label}'"


def load_schema(path: Path) -> Schema:
    """Read an edited schema; one sentence says what is wrong with it.

    Raises
    ------
    InputError
        If there is no such file or it is not the JSON of a schema.
    """
    from pydantic import ValidationError

    if not path.is_file():
        raise InputError(
            f"There is no schema file {str(path)!r}; write one with: bezant check --save-schema."
        )
    try:
        return Schema.load(path)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise InputError(
            f"The schema {str(path)!r} cannot be read: {where}: {first['msg'].rstrip('.')}; mend that line."
        ) from error
    except UnicodeDecodeError as error:
        raise InputError(f"The schema {str(path)!r} is not UTF-8 text; write it again.") from error


def read_times(rows: Labelled, schema: Schema | None = None) -> pa.ChunkedArray:
    """Return the ordering times, shape (n,), timestamp[us].

    Parameters
    ----------
    rows : Labelled
        n rows with a time column.
    schema : Schema, optional
        Says how text is read as a time: 01/02/2003 is in February or in January. Inferred if not given.
    """
    assert rows.time is not None
    only = rows.table.select([rows.time])
    meaning = schema or infer_schema(only, time=rows.time)
    return meaning.conform(only, roles=[Role.TIME]).table[rows.time]


def split_rows(rows: Labelled, cutoff: str, schema: Schema | None = None) -> tuple[Labelled, Labelled]:
    """Return the rows before a moment and those from it on.

    Parameters
    ----------
    rows : Labelled
        Rows with a time column.
    cutoff : str
        The moment, as typed.
    schema : Schema, optional
        As for :func:`read_times`.

    Raises
    ------
    InputError
        If no time column was named, the cutoff is no time, or one part would be empty.
    """
    from bezant import splits

    if rows.time is None:
        raise InputError(f"A cutoff ({cutoff}) needs the column that orders the rows; name it with --time.")
    if cutoff.isdigit() and len(cutoff) != 4:
        raise InputError(f"The cutoff {cutoff!r} is no date; write it as 2004-01-31.")
    train, test = splits.out_of_time_indices(read_times(rows, schema), cutoff=cutoff, name=rows.time)
    return rows.take(train), rows.take(test)


def period(rows: Labelled, schema: Schema | None = None) -> tuple[str, str] | None:
    """Return the first and the last day of the rows, where they have times."""
    if rows.time is None:
        return None
    ends = pc.min_max(read_times(rows, schema)).as_py()
    first, last = ends["min"], ends["max"]
    if not isinstance(first, datetime) or not isinstance(last, datetime):
        return None
    return first.date().isoformat(), last.date().isoformat()
