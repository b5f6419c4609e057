"""``bezant predict | evaluate | report``: what a saved model says about other rows."""

from __future__ import annotations

import json
import sys
import time as clock
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import pyarrow as pa
import typer

from bezant.cli.console import print_json, refuse_unwritable, say, show
from bezant.cli.records import Entity, RecordsFile, RecordTime, TypedRecords
from bezant.cli.sources import (
    AsJson,
    Cutoff,
    File,
    Labelled,
    Positive,
    Target,
    is_dataset,
    read_labelled,
    scan_source,
    split_rows,
)
from bezant.schema import unknown_column
from bezant.schema.words import counted
from bezant.types import InputError

if TYPE_CHECKING:
    from bezant.desks.credit.credit_risk import CreditRisk
    from bezant.desks.loss.expected_loss import ExpectedLoss
    from bezant.desks.loss.severity import LossSeverity
    from bezant.desks.over_time.term_structure import PDTermStructure

    Scorer = CreditRisk | PDTermStructure | LossSeverity | ExpectedLoss

PREDICT_EXAMPLE = "Example: bezant predict models/loans new.csv --out scores.csv --id LoanNr"
EVALUATE_EXAMPLE = "Example: bezant evaluate models/loans later.csv --target default --segment State"
REPORT_EXAMPLE = "Example: bezant report models/loans later.csv --target default --out report.html"

PROBABILITY = "probability"
"""Name of the column of scores, unless another is given; a fraction lost is called so."""

BATCH_ROWS = 65_536
"""Rows that are in memory at a time."""

Model = Annotated[
    Path, typer.Argument(metavar="MODEL", help="A folder that 'bezant fit' wrote, such as models/credit.")
]


def predict(
    model: Model,
    file: File,
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FILE", help="Where the scores go: .csv, .tsv or .parquet.")
    ],
    identifiers: Annotated[
        list[str] | None,
        typer.Option("--id", metavar="COLUMN", help="A column to copy beside the score; may be repeated."),
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Copy all columns beside the score.")] = False,
    column: Annotated[
        str, typer.Option("--column", metavar="NAME", help="Name of the column of scores.")
    ] = PROBABILITY,
    records: RecordsFile = None,
    entity: Entity = None,
    record_time: RecordTime = None,
    as_json: AsJson = False,
) -> None:
    """Write the probability of default of every row, in the order of the file.

    A model of 'bezant fit term-structure' gives one for each age: probability_12, probability_24, ... A saved
    LossSeverity gives the fraction lost, a saved ExpectedLoss PD, LGD, EAD, EL and grade.

    The file is read and written in pieces, so that it may be larger than memory. The output appears whole at
    the end, or not at all.
    """
    refuse_unwritable(out, source=file)
    if keep and identifiers:
        raise InputError("--keep copies all columns already; leave --id out.")
    typed = TypedRecords(records, entity, record_time)
    risk = load_scorer(model)
    started = clock.perf_counter()
    rows = _score_file(risk, file, out, None if keep else tuple(identifiers or ()), column, typed)
    seconds = clock.perf_counter() - started
    if as_json:
        print_json({"out": str(out), "rows": rows, "seconds": seconds, "rows_per_second": rows / seconds})
    else:
        show(f"{counted(rows, 'row')} in {seconds:.1f} s ({rows / seconds:,.0f} rows a second): {out}")


def _score_file(
    risk: Scorer, file: str, out: Path, kept: tuple[str, ...] | None, column: str, typed: TypedRecords
) -> int:
    """Score a file in pieces into another and return the number of rows."""
    from bezant.histories.readers import BatchWriter

    records, until = typed.read(), getattr(getattr(risk, "schema_", None), "time", None)
    with BatchWriter(out) as writer:
        for table in _counted(scan_source(file, BATCH_ROWS)):
            names = list(table.column_names if kept is None else kept)
            for name in names:
                if name not in table.column_names:
                    raise unknown_column(name, table.column_names)
            typed.refuse_absent(risk, table)
            scores = _scores(risk, typed.joined(table, records, until), column)
            for name in scores:
                if name in names:
                    raise InputError(
                        f"There is a column {name!r} already; name the scores with --column NAME."
                    )
            written = table.select(names)
            for name, p in scores.items():
                written = written.append_column(name, pa.array(p))
            writer.write(written)
        if not writer.rows:
            raise InputError(f"The file {file!r} has a header but 0 rows; there is nothing to score.")
        return writer.rows


def _scores(model: Scorer, table: pa.Table, column: str) -> dict[str, Any]:
    """Return the columns of scores by name: one, one for each age, or those of an expected loss."""
    from bezant.desks.loss.expected_loss import ExpectedLoss
    from bezant.desks.loss.severity import LossSeverity
    from bezant.desks.over_time.term_structure import MONTHS, PDTermStructure

    if isinstance(model, ExpectedLoss):
        return model.columns_of(table)
    if isinstance(model, LossSeverity):
        return {"fraction_lost" if column == PROBABILITY else column: model.score_table(table)}
    if not isinstance(model, PDTermStructure):
        return {column: model.score_table(table)}
    months = [m for m in MONTHS if m <= model.horizon] or [model.horizon]
    return {f"{column}_{m:g}": p for m, p in zip(months, model.predict_pd(table, months).T, strict=True)}


def _counted(tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """Pass tables on, and keep the number of rows on a terminal's last line."""
    rows, live = 0, sys.stderr.isatty()
    for table in tables:
        if table.num_rows:
            yield table
        rows += table.num_rows
        if live:
            print(f"\r{rows:,} rows", end="", file=sys.stderr, flush=True)
    if live:
        print("\r", end="", file=sys.stderr, flush=True)


def load_model(path: Path) -> CreditRisk:
    """Load a saved model of the probability of default; one sentence says why it cannot be."""
    from bezant.desks.credit.credit_risk import CreditRisk

    model = load_scorer(path)
    if not isinstance(model, CreditRisk):
        raise _refused(path, model)
    return model


def load_scorer(path: Path) -> Scorer:
    """Load a saved model that gives each row probabilities of default, or what a default costs."""
    import bezant

    if not path.exists():
        raise InputError(f"There is no model {str(path)!r}; name a folder that 'bezant fit' wrote.")
    if not path.is_dir():
        raise InputError(
            f"{str(path)!r} is a file, but a model is a folder; name the folder that 'bezant fit' wrote."
        )
    from bezant.desks.credit.credit_risk import CreditRisk
    from bezant.desks.loss.expected_loss import ExpectedLoss
    from bezant.desks.loss.severity import LossSeverity
    from bezant.desks.over_time.term_structure import PDTermStructure

    model = bezant.load(path)
    if not isinstance(model, CreditRisk | PDTermStructure | LossSeverity | ExpectedLoss):
        raise _refused(path, model)
    return model


COMMANDS = {
    "HistoryModel": "bezant embed or bezant surprise",
    "ProductRecommender": "bezant recommend",
    "MarketForecaster": "bezant forecast, bezant backtest or bezant risk",
}
"""What takes a model that is none of credit risk, by the kind of the model."""


def _refused(path: Path, model: object) -> InputError:
    kind = type(model).__name__
    return InputError(
        f"The folder {str(path)!r} holds a {kind}, but this command takes a CreditRisk; use "
        f"{COMMANDS.get(kind, 'it in Python, with bezant.load')}."
    )


Segment = Annotated[
    list[str] | None,
    typer.Option(
        "--segment", metavar="COLUMN", help="Figures for each value of this column; may be repeated."
    ),
]


def evaluate(
    model: Model,
    file: File,
    target: Target = None,
    positive: Positive = None,
    cutoff: Cutoff = None,
    segment: Segment = None,
    records: RecordsFile = None,
    entity: Entity = None,
    record_time: RecordTime = None,
    as_json: AsJson = False,
) -> None:
    """Judge a saved model on rows whose outcome is known, beside its traditional models.

    Use rows that the model was not trained on.
    """
    from bezant.cli.tables import show_evaluation, show_segments

    typed = TypedRecords(records, entity, record_time)
    risk = load_model(model)
    segments = tuple(segment or ())
    rows = rows_to_judge(risk, file, target, positive, cutoff, segments, typed)
    evaluation = risk.evaluate(rows.table, rows.y, segments=segments)
    if as_json:
        print_json(json.loads(evaluation.to_json()))
        return
    show_evaluation(evaluation)
    show_segments(evaluation)
    for note in evaluation.notes:
        show(f"Note: {note}", "dim")


def report(
    model: Model,
    file: File,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="HTML", help="Where the report goes.")],
    target: Target = None,
    positive: Positive = None,
    cutoff: Cutoff = None,
    segment: Segment = None,
    records: RecordsFile = None,
    entity: Entity = None,
    record_time: RecordTime = None,
) -> None:
    """Write the validation report of a saved model on rows whose outcome is known: one HTML file."""
    refuse_unwritable(out, source=file)
    typed = TypedRecords(records, entity, record_time)
    risk = load_model(model)
    segments = tuple(segment or ())
    rows = rows_to_judge(risk, file, target, positive, cutoff, segments, typed)
    risk.report(out, rows.table, rows.y, segments=segments)
    show(f"Report  {out}")


def rows_to_judge(
    risk: CreditRisk,
    file: str,
    target: str | None,
    positive: str | None,
    cutoff: str | None,
    segments: tuple[str, ...],
    typed: TypedRecords | None = None,
) -> Labelled:
    """Return the rows of a file that a model is to be judged on; only a cutoff needs the model's time.

    The model remembers the target it was fitted to and the label that was its event.
    """
    known = risk.record_.outcome
    if target is None and not is_dataset(file):
        target = known.get("column")
    event = known.get("event") if target == known.get("column") else None
    if event and positive not in (None, event):
        raise InputError(
            f"The model was fitted with {event!r} of column {target!r} as 1, not {positive!r}; leave "
            "--positive out."
        )
    positive = event or positive
    rows = read_labelled(file, target, positive=positive, both=False)
    columns, time = rows.table.column_names, risk.schema_.time
    for name in (*segments, *([time] if cutoff and time else ())):
        if name not in columns:
            raise unknown_column(name, columns)
    if cutoff and time is None:
        raise InputError(
            "The model was fitted without --time, so that no row has a time; leave --cutoff out."
        )
    for note in rows.notes:
        say(note, "dim")
    rows = replace(rows, time=time if time in columns else None)
    if typed is not None:
        typed.refuse_absent(risk, rows.table)
        rows = typed.labelled(rows)
    return split_rows(rows, cutoff, risk.schema_)[1] if cutoff else rows
