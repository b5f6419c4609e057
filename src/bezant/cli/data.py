"""``bezant datasets`` and ``bezant check``: what there is to learn from, and what is wrong with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from bezant.cli.console import out, print_json, refuse_unwritable, say, show
from bezant.cli.sources import (
    AsJson,
    Drop,
    File,
    Labelled,
    Positive,
    Target,
    Time,
    load_schema,
    period,
    read_labelled,
)
from bezant.schema import Role, Schema, infer_schema
from bezant.schema.words import counted
from bezant.types import InputError

DATASETS_HELP = "Real public data to try things on: list them, read what they are, fetch them."
DATASETS_EXAMPLE = "Example: bezant datasets"
LIST_EXAMPLE = "Example: bezant datasets list"
SHOW_EXAMPLE = "Example: bezant datasets show sba-loans"
FETCH_EXAMPLE = "Example: bezant datasets fetch sba-loans"
CHECK_EXAMPLE = "Example: bezant check loans.csv --target default --time ApprovalDate"

EXIT_REFUSED = 1
"""``check`` found something with which no model should be fitted."""

STYLES = {"refuse": "bold red", "warn": "yellow", "note": "dim"}

Name = Annotated[str, typer.Argument(metavar="NAME", help="A name from 'bezant datasets list'.")]


def datasets(ctx: typer.Context) -> None:
    """List the data sets if no more was asked for."""
    if ctx.invoked_subcommand is None:
        list_datasets()


def list_datasets(as_json: AsJson = False) -> None:
    """List the data sets: name, rows, what is predicted, which column orders the rows."""
    from bezant.datasets import DATASETS

    if as_json:
        print_json(
            [
                {
                    "name": d.name,
                    "title": d.title,
                    "rows": d.rows,
                    "target": d.task.target,
                    "time": d.task.time,
                }
                for d in DATASETS.values()
            ]
        )
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("name", no_wrap=True)
    table.add_column("rows", justify="right", no_wrap=True)
    table.add_column("target", no_wrap=True)
    table.add_column("time", no_wrap=True)
    table.add_column("what it is")
    for d in DATASETS.values():
        table.add_row(
            d.name,
            f"{d.rows:,}",
            d.task.target or "-",
            d.task.time or "-",
            Text(d.title),
            style="",
            end_section=False,
        )
    out().print(table)
    show("sba-sample ships with bezant; the others are fetched once: bezant datasets fetch NAME", "dim")


def show_dataset(name: Name, as_json: AsJson = False) -> None:
    """Show a data set: its task, the columns left out and why, its source and licence."""
    from bezant.datasets import DATASETS, task

    about = task(name)
    if as_json:
        print_json(
            {
                "name": name,
                "title": DATASETS[name].title,
                "rows": DATASETS[name].rows,
                "target": about.target,
                "positive": about.positive,
                "time": about.time,
                "drop": dict(about.drop),
                "source": about.source,
                "licence": about.licence,
                "notes": about.notes,
            }
        )
        return
    show(name, "bold")
    _fact("what", DATASETS[name].title)
    _fact("predict", f"{about.target}: {about.positive}" if about.target else about.positive)
    _fact("ordered by", about.time or "nothing: the source has no dates")
    _fact("source", about.source)
    _fact("licence", about.licence)
    if about.drop:
        show("\nColumns left out, and why", "bold")
        two_columns([(column, reason) for column, reason in about.drop.items()])
    if about.notes:
        show("\nNotes", "bold")
        two_columns([("-", note) for note in about.notes])


def fetch_dataset(name: Name) -> None:
    """Fetch a data set once and keep it, so that no network is needed later.

    Its SHA-256 is verified before it is opened.
    """
    from bezant import datasets
    from bezant.datasets.cache import home

    table = datasets.load_table(name)
    show(f"{name}: {counted(table.num_rows, 'row')}, {counted(table.num_columns, 'column')}.")
    if name != "sba-sample":
        show(f"Kept in {home() / 'datasets'}")


def check_file(
    file: File,
    target: Target = None,
    time: Time = None,
    positive: Positive = None,
    drop: Drop = None,
    schema: Annotated[
        Path | None, typer.Option(metavar="JSON", help="What the columns mean, if you have edited it.")
    ] = None,
    save_schema: Annotated[
        Path | None,
        typer.Option(metavar="JSON", help="Write what was inferred, to edit it and use it with fit."),
    ] = None,
    raw: Annotated[
        bool, typer.Option("--raw", help="Of a data set: also the columns that its task leaves out.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Look for what spoils a model before it is fitted: leaks, identifiers, copies, time order, drift.

    Ends with exit code 1 if something was found with which no model should be fitted, else 0.
    """
    from bezant.evidence.checks import check

    if save_schema is not None:
        refuse_unwritable(save_schema, source=file)
    rows = read_labelled(
        file, target, time=time, positive=positive, drop=drop or (), raw=raw, both=False, missing=True
    )
    meaning = schema_of(rows, schema)
    report = check(rows.table, meaning, rows.y)
    read = meaning.select(Role.INPUT, Role.TIME).fields
    readings = (
        *meaning.conform(rows.table).notes,
        *(f"Column {f.name!r}: {f.note}." for f in read if f.note),
    )
    if save_schema is not None:
        meaning.save(save_schema)
        say(f"The schema is in {save_schema}")
    if as_json:
        print_json(
            {**_summary(rows, meaning), "readings": list(readings), "findings": json.loads(report.to_json())}
        )
    else:
        _say_notes(rows)
        show(data_line(rows, meaning))
        two_columns([("read", note) for note in readings])
        two_columns([(f.severity, f.sentence) for f in report.findings])
        counts = {s: len(found) for s, found in report.by_severity.items()}
        show(
            f"{counts['refuse']} to mend before any fit, {counts['warn']} to look at, {counts['note']} notes."
        )
    if report.by_severity["refuse"]:
        raise typer.Exit(EXIT_REFUSED)


def schema_of(rows: Labelled, path: Path | None) -> Schema:
    """Return the schema of a file, or infer it from the rows."""
    if path is None:
        return infer_schema(rows.table, time=rows.time)
    schema = load_schema(path)
    if rows.time is not None and schema.time != rows.time:
        raise InputError(
            f"--time names {rows.time!r} but the schema {str(path)!r} has {schema.time!r} as its time; "
            "let them agree."
        )
    return schema


def data_line(rows: Labelled, schema: Schema | None = None) -> str:
    """Say in one line how many rows there are, with how many defaults, in which period."""
    about = _summary(rows, schema)
    known = int(np.sum(~np.isnan(rows.y)))
    share = about["events"] / known if known else float("nan")
    ends = f", {about['from']} to {about['to']}" if "from" in about else ""
    return (
        f"{rows.name}: {counted(about['rows'], 'row')}, {about['events']:,} with {rows.target} = 1 "
        f"({share:.1%}), {counted(rows.table.num_columns, 'column')}{ends}"
    )


def _summary(rows: Labelled, schema: Schema | None) -> dict[str, Any]:
    about: dict[str, Any] = {
        "rows": len(rows.y),
        "events": int(np.nansum(rows.y)),
        "target": rows.target,
        "time": rows.time,
    }
    ends = period(rows, schema)
    return about | ({"from": ends[0], "to": ends[1]} if ends else {})


def _say_notes(rows: Labelled) -> None:
    for note in rows.notes:
        say(note, "dim")


def _fact(name: str, value: str) -> None:
    two_columns([(name, value)], width=10)


def two_columns(rows: list[tuple[str, str]], width: int | None = None) -> None:
    """Print short words at the left and sentences that wrap beside them."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True, min_width=width)
    grid.add_column()
    for word, sentence in rows:
        grid.add_row(Text(word, style=STYLES.get(word, "")), Text(sentence))
    out().print(Padding(grid, (0, 0, 0, 2)))
