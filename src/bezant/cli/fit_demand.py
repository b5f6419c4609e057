"""``bezant fit demand``: how often, for how much, and whether at all customers buy next."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from bezant.cli.console import out as console
from bezant.cli.console import print_json, refuse_unsavable, refuse_unwritable, show
from bezant.cli.fit import Epochs, Seed, Size, SizeName
from bezant.cli.sources import AsJson, File, read_source
from bezant.types import InputError

if TYPE_CHECKING:
    from bezant.desks.customers.demand import CustomerDemand
    from bezant.evidence.demand import DemandEvaluation

EXAMPLE = (
    "Example: bezant fit demand purchases.csv --amount amount --until 1997-10-01 --horizon 39W "
    "--out models/demand --write expected.csv --report demand.html"
)


def fit_demand(
    file: File,
    customer: Annotated[str, typer.Option("--customer", metavar="COLUMN", help="Who bought.")] = "customer",
    time: Annotated[str, typer.Option("--time", metavar="COLUMN", help="When.")] = "time",
    amount: Annotated[
        str | None,
        typer.Option("--amount", metavar="COLUMN", help="For how much; without it no spend is predicted."),
    ] = None,
    horizon: Annotated[
        str, typer.Option("--horizon", metavar="TIME", help="How far ahead: 39W, 90D, 6M, 1Y.")
    ] = "39W",
    until: Annotated[
        str | None,
        typer.Option("--until", metavar="DATE", help="Purchases before this day count, no more."),
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FOLDER", help="Where the model goes.")] = Path(
        "models/demand"
    ),
    write: Annotated[
        Path | None,
        typer.Option(
            "--write",
            metavar="FILE",
            help="Write what is expected of each customer there: .csv, .tsv or .parquet.",
        ),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option("--report", metavar="HTML", help="Write a page of figures and pictures there."),
    ] = None,
    segments: Annotated[
        int | None, typer.Option("--segments", help="Groups of customers to show; 6 if not given.")
    ] = None,
    size: Size = SizeName.TINY,
    epochs: Epochs = None,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Train a model of customers' purchases, spend and activity over a horizon, and judge it.

    The file holds one row a purchase. The saved model holds the purchases too, so that it can be asked again.
    Where the file reaches the end of the horizon, the report shows what came of all customers; else of those
    held out of the fit.
    """
    refuse_unsavable(out, source=file)
    for path in (write, report):
        if path is not None:
            refuse_unwritable(path, source=file)
    if segments is not None and segments < 2:
        raise InputError(f"--segments is a number of groups from 2 on, not {segments}; leave it out for 6.")
    from bezant.desks.customers.demand import CustomerDemand
    from bezant.histories.readers import BatchWriter, write_table

    if write is not None:
        BatchWriter(write)  # refuses a suffix that it does not write
    demand = CustomerDemand(
        horizon=horizon,
        customer=customer,
        time=time,
        amount=amount,
        size=size.value,
        training=None if epochs is None else {"max_epochs": epochs},
        random_state=seed,
    )
    events = read_source(file, raw=True)
    demand.fit(events, until)
    demand.save(out)
    if write is not None:
        write_table(demand.predict(), write)
    if report is not None:
        demand.report(report, events if demand.reaches(events) else None)
    if as_json:
        print_json(
            {
                "model": str(out),
                "report": None if report is None else str(report),
                "notes": list(demand.notes_),
                "evaluation": json.loads(demand.evaluation_.to_json()),
            }
        )
        return
    _show(demand, segments, out)
    if report is not None:
        show(f"Report  {report}")


def _show(demand: CustomerDemand, segments: int | None, out: Path) -> None:
    console().print(_figures(demand.evaluation_))
    show()
    show(demand.evaluation_.verdict, "bold")
    groups = demand.segments(segments).to_pydict()
    show()
    for rule, share, count in zip(groups["rule"], groups["share"], groups["expected_count"], strict=True):
        show(f"{share:6.1%} of the customers are expected to buy {count:.2f} times: {rule}")
    show()
    for note in (*demand.evaluation_.notes, *demand.notes_):
        show(note, "dim")
    show(f"Model   {out}")


def _figures(judged: DemandEvaluation) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column(f"{judged.rows:,} customers held out")
    shown = {
        "deviance": ("deviance", ".4f"),
        "activity_auc": ("AUC active", ".3f"),
        "rmse": ("RMSE", ".3f"),
        "total_error": ("total", "+.1%"),
        "spend_rmse": ("RMSE spend", ".2f"),
        "spend_total_error": ("total spend", "+.1%"),
    }
    for title, _ in shown.values():
        table.add_column(title, justify="right", no_wrap=True)
    for model, by in judged.figures.items():
        figures = (format(by[name].value, form) for name, (_, form) in shown.items())
        table.add_row(model, *figures, style="bold" if model == judged.large else "")
    return table
