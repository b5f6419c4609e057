"""``bezant fit term-structure``: the probability of default by age, from loans that are still open too."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from bezant.cli.console import out as console
from bezant.cli.console import print_json, refuse_unsavable, show
from bezant.cli.fit import Seed, Size, SizeName
from bezant.cli.sources import FEWEST_ROWS, AsJson, Drop, File, read_source
from bezant.schema import unknown_column
from bezant.types import InputError

if TYPE_CHECKING:
    import pyarrow as pa

    from bezant.desks.over_time.term_structure import PDTermStructure
    from bezant.evidence.timing import TimingEvaluation
    from bezant.histories import LabelsAsOf

EXAMPLE = (
    "Example: bezant fit term-structure loans.csv --originated ApprovalDate --defaulted ChgOffDate "
    "--known-on 2004-01-01 --drop Term --out models/curves"
)


def fit_term_structure(
    file: File,
    originated: Annotated[
        str, typer.Option("--originated", metavar="COLUMN", help="The day on which each loan began.")
    ],
    defaulted: Annotated[
        str,
        typer.Option("--defaulted", metavar="COLUMN", help="The day of its default; empty if there is none."),
    ],
    known_on: Annotated[
        str,
        typer.Option("--known-on", metavar="DATE", help="What was known before this day counts, no more."),
    ],
    drop: Drop = None,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FOLDER", help="Where the model goes.")] = Path(
        "models/curves"
    ),
    period: Annotated[float, typer.Option("--period", min=0.1, help="Months in a period.")] = 3,
    horizon: Annotated[float, typer.Option("--horizon", min=0.1, help="Months the curves reach.")] = 60,
    size: Size = SizeName.SMALL,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Train a model that gives the probability of default by 12, 24, 36 months of age, and judge it.

    Loans that are still open teach the months they were seen for. Leave out, with --drop, every column that
    is only known after the loan began. 'bezant predict' writes a column for each age.
    """
    refuse_unsavable(out, source=file)
    table, labels = _read(file, originated, defaulted, known_on, drop or [])
    from bezant.desks.over_time.term_structure import PDTermStructure

    curves = PDTermStructure(
        time=originated, period=period, horizon=horizon, size=size.value, random_state=seed
    )
    known = labels.known
    curves.fit(table.filter(known), labels.duration[known], labels.event[known])
    curves.save(out)
    if as_json:
        judged = curves.evaluation_
        print_json(
            {
                "model": str(out),
                "notes": [*labels.notes, *curves.notes_],
                "evaluation": None if judged is None else judged.document(),
            }
        )
        return
    _show(curves, labels, out)


def _read(
    file: str, originated: str, defaulted: str, known_on: str, drop: list[str]
) -> tuple[pa.Table, LabelsAsOf]:
    """Return the columns to learn from and what was known of the loans."""
    from bezant.histories import labels_as_of
    from bezant.schema import Role, infer_schema

    table = read_source(file, raw=True)
    for name in (originated, defaulted, *drop):
        if name not in table.column_names:
            raise unknown_column(name, table.column_names)
    times = []
    for name in (originated, defaulted):
        only = table.select([name])
        meaning = infer_schema(only, time=name)
        times.append(meaning.conform(only, roles=[Role.TIME]).table[name])
    labels = labels_as_of(*times, cutoff=_day(known_on))
    if labels.known.sum() < FEWEST_ROWS:
        raise InputError(
            f"Only {labels.known.sum()} of the {table.num_rows} loans began before {known_on}; give at least "
            f"{FEWEST_ROWS}."
        )
    return table.drop_columns(list(dict.fromkeys([defaulted, *drop]))), labels


def _day(typed: str) -> str:
    import numpy as np

    try:
        return str(np.datetime64(typed, "D"))
    except ValueError as error:
        raise InputError(f"--known-on is a day such as 2004-01-31, not {typed!r}.") from error


def _show(curves: PDTermStructure, labels: LabelsAsOf, out: Path) -> None:
    if curves.evaluation_ is None:
        show("Too few rows could be held out to judge the model on them; see the notes.", "bold")
    else:
        console().print(_figures(curves.evaluation_))
    show()
    for note in (*labels.notes, *curves.notes_):
        show(note, "dim")
    show(f"Model   {out}")


def _figures(judged: TimingEvaluation) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column(f"{judged.rows:,} loans held out")
    for title in ("months", "AUC", "predicted", "Kaplan-Meier", "Brier score"):
        table.add_column(title, justify="right", no_wrap=True)
    for h in judged.horizons:
        figures = (
            f"{h.month:g}",
            f"{h.auc:.3f}",
            f"{h.predicted:.4f}",
            f"{h.observed:.4f}",
            f"{h.brier:.4f}",
        )
        table.add_row(h.model, *figures, style="bold" if h.model == judged.large else "")
    return table
