"""``bezant pretrain | embed | surprise``: a model of histories, learned without labels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bezant.cli.console import print_json, refuse_unsavable, refuse_unwritable, show
from bezant.cli.data import two_columns
from bezant.cli.fit import Epochs, Seed, SizeName, training_config
from bezant.cli.plan import Backbone, BackboneOption, Window
from bezant.cli.sources import AsJson, Drop, read_source
from bezant.schema import has_records, unknown_column
from bezant.schema.words import counted, listed
from bezant.types import InputError

if TYPE_CHECKING:
    import pyarrow as pa

    from bezant.desks.pretraining.history_model import HistoryModel

PRETRAIN_EXAMPLE = (
    "Example: bezant pretrain cdnow-sample --entity customer --time time --out models/customers"
)
EMBED_EXAMPLE = "Example: bezant embed models/customers cdnow-sample --out vectors.parquet"
SURPRISE_EXAMPLE = "Example: bezant surprise models/customers cdnow-sample --out surprise.parquet"

Events = Annotated[
    str,
    typer.Argument(
        metavar="EVENTS",
        help="One row an event: CSV, Parquet, the name of a data set such as cdnow-sample, or a database "
        "address with ?query=SELECT ...",
    ),
]
Model = Annotated[Path, typer.Argument(metavar="MODEL", help="A folder that 'bezant pretrain' wrote.")]


class TermName(StrEnum):
    """What is learned."""

    FIELDS = "fields"
    RECORDS = "records"
    KEYS = "keys"
    NEXT = "next"
    LATER = "later"
    CONTRAST = "contrast"


Out = Annotated[
    Path, typer.Option("--out", "-o", metavar="FILE", help="Where the rows go: .csv, .tsv or .parquet.")
]


def pretrain(
    events: Events,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FOLDER", help="Where the model goes.")],
    entity: Annotated[
        str, typer.Option("--entity", metavar="COLUMN", help="The column that says whose each event is.")
    ] = "customer",
    time: Annotated[
        str, typer.Option("--time", metavar="COLUMN", help="The column that says when each event was.")
    ] = "time",
    drop: Drop = None,
    size: Annotated[SizeName, typer.Option("--size", help="Size of the backbone.")] = SizeName.SMALL,
    backbone: BackboneOption = Backbone.TRANSFORMER,
    window: Window = 256,
    terms: Annotated[
        list[TermName] | None,
        typer.Option("--term", help="What is learned, all if not given; may be repeated."),
    ] = None,
    epochs: Epochs = None,
    seed: Seed = 0,
    report: Annotated[
        Path | None,
        typer.Option("--report", metavar="HTML", help="Write how it learned, and what surprises it, there."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Learn from the histories of customers, cards or accounts, without labels.

    The model gives vectors (bezant embed), says how unlikely each event was (bezant surprise), and is what
    'bezant fit credit --pretrained' starts from.
    """
    refuse_unsavable(out, source=events)
    if report is not None:
        refuse_unwritable(report, source=events)
    from bezant.desks.pretraining.history_model import HistoryModel

    chosen: dict[str, Any] = {"terms": tuple(t.value for t in terms)} if terms else {}
    model = HistoryModel(
        entity=entity,
        time=time,
        size=size.value,
        backbone=backbone.value,
        window=window,
        training=training_config(None, epochs, seed),
        random_state=seed,
        **chosen,
    )
    table = read_events(events, drop or ())
    refuse_without(table, {"--entity": entity, "--time": time}, "name the right one.")
    model.pretrain(table)
    model.save(out)
    if report is not None:
        model.report(report, table)
    run = model.history_
    if as_json:
        page = None if report is None else str(report)
        print_json(
            {"model": str(out), "report": page, "best_epoch": run.best_epoch, "notes": list(model.notes_)}
        )
        return
    two_columns([("note", note) for note in model.notes_])
    show(f"The weights are those of epoch {run.best_epoch} of {len(run.epochs)}.")
    show(f"Model   {out}")
    if report is not None:
        show(f"Report  {report}")


def embed(model: Model, events: Events, out: Out, as_json: AsJson = False) -> None:
    """Write one vector for each history: the entity, and the columns h0, h1, ..."""
    _write(model, events, out, lambda learned, table: learned.embed(table), as_json)


def surprise(model: Model, events: Events, out: Out, as_json: AsJson = False) -> None:
    """Write how unlikely each event was, given those before it, in nats.

    One row an event, by history, then time: the entity, the place of its history (row), the time, the whole
    surprise, and that of each field and of the time since the event before.
    """
    _write(model, events, out, lambda learned, table: learned.surprise(table), as_json)


def _write(
    path: Path, events: str, out: Path, answer: Callable[[HistoryModel, pa.Table], Any], as_json: bool
) -> None:
    """Write what a model says about events to a file, whole or not at all."""
    refuse_unwritable(out, source=events)
    learned = load_history_model(path)
    from bezant.histories.readers import BatchWriter

    with BatchWriter(out) as writer:  # which refuses a name it cannot write before the long work
        given = read_source(events)
        refuse_without(
            given,
            {"--entity": learned.entity, "--time": learned.time},
            "give it the name that it had when the model was pretrained.",
        )
        table = answer(learned, given)
        writer.write(table)
    if as_json:
        print_json({"out": str(out), "rows": table.num_rows, "columns": table.column_names})
    else:
        show(f"{counted(table.num_rows, 'row')}, {counted(table.num_columns, 'column')}: {out}")


def read_events(events: str, drop: Sequence[str]) -> pa.Table:
    """Read events without the columns that are not to be learned from.

    Raises
    ------
    InputError
        If there is no such file or column.
    """
    table = read_source(events)
    for name in drop:
        if name not in table.column_names:
            raise unknown_column(name, table.column_names)
    return table.drop_columns(list(drop))


def load_history_model(path: Path) -> HistoryModel:
    """Open a pretrained model; one sentence says why it cannot be."""
    if not path.is_dir():
        raise InputError(f"There is no model {str(path)!r}; name a folder that 'bezant pretrain' wrote.")
    import bezant
    from bezant.desks.pretraining.history_model import HistoryModel

    model = bezant.load(path)
    if not isinstance(model, HistoryModel):
        raise InputError(
            f"The folder {str(path)!r} holds a {type(model).__name__}, which gives no vectors and no "
            "surprise; name a folder that 'bezant pretrain --out FOLDER' wrote."
        )
    return model


def refuse_without(table: pa.Table, names: Mapping[str, str], hint: str) -> None:
    """Refuse events that lack a column, named by its option; rows that have their records need none.

    Raises
    ------
    InputError
        If a column is not there.
    """
    for option, name in names.items():
        if name not in table.column_names and not has_records(table):
            raise InputError(
                f"The {counted(table.num_rows, 'event')} {'has' if table.num_rows == 1 else 'have'} no "
                f"column {name!r} ({option}), only {listed(table.column_names)}; {hint}"
            )
