"""``bezant fit credit``: train, calibrate, judge, save; the same command again resumes a killed fit."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bezant.cli.console import print_json, refuse_unsavable, refuse_unwritable, say, show
from bezant.cli.data import data_line, schema_of, two_columns
from bezant.cli.records import Adapt, AdaptName, Entity, Pretrained, RecordsFile, RecordTime, TypedRecords
from bezant.cli.sources import (
    FEWEST_ROWS,
    AsJson,
    Cutoff,
    Drop,
    File,
    Labelled,
    Positive,
    Target,
    Time,
    is_dataset,
    load_schema,
    read_labelled,
    refers_to_nothing,
    split_rows,
)
from bezant.cli.tracking import Mlflow, refuse_untrackable, track
from bezant.schema import Schema
from bezant.schema.words import counted
from bezant.types import InputError

if TYPE_CHECKING:
    from bezant.desks.credit.credit_risk import CreditRisk
    from bezant.evidence.evaluation import Evaluation
    from bezant.training.config import TrainingConfig

EXAMPLE = (
    "Example: bezant fit credit loans.csv --target default --time ApprovalDate --cutoff 2004-01-01 "
    "--out models/loans --report report.html"
)


class SizeName(StrEnum):
    """How large the network is."""

    TINY = "tiny"
    SMALL = "small"
    BASE = "base"
    LARGE = "large"
    XL = "xl"


class LeaksChoice(StrEnum):
    """What to do about columns that look as if they knew the outcome."""

    REPORT = "report"
    DROP = "drop"
    REFUSE = "refuse"


class TrunkName(StrEnum):
    """What the network is made of."""

    TABM = "tabm"
    MLP = "mlp"


class Optimizer(StrEnum):
    """What turns gradients into steps."""

    GD = "gd"
    SGD = "sgd"
    MOMENTUM = "momentum"
    NESTEROV = "nesterov"
    ADAGRAD = "adagrad"
    RMSPROP = "rmsprop"
    ADAM = "adam"
    ADAMW = "adamw"
    MUON = "muon"


Size = Annotated[SizeName, typer.Option("--size", help="Size of the network: about 0.1M to 1B parameters.")]
Trunk = Annotated[TrunkName, typer.Option("--trunk", help="tabm is an ensemble in one network; mlp is one.")]
Epochs = Annotated[
    int | None,
    typer.Option("--epochs", min=1, help="Passes over the rows at most; it stops by itself earlier."),
]
Seed = Annotated[int, typer.Option("--seed", min=0, help="The same seed repeats the fit.")]


def fit_credit(
    file: File,
    target: Target = None,
    time: Time = None,
    positive: Positive = None,
    drop: Drop = None,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FOLDER", help="Where the model goes.")] = Path(
        "models/credit"
    ),
    cutoff: Cutoff = None,
    report: Annotated[
        Path | None, typer.Option("--report", metavar="HTML", help="Write a validation report there.")
    ] = None,
    size: Size = SizeName.SMALL,
    trunk: Trunk = TrunkName.TABM,
    optimizer: Annotated[
        Optimizer | None,
        typer.Option("--optimizer", help="See bezant compare-optimizers; the default is adamw."),
    ] = None,
    epochs: Epochs = None,
    seed: Seed = 0,
    benchmark: Annotated[
        bool, typer.Option("--benchmark/--no-benchmark", help="Fit the traditional models on the same rows.")
    ] = True,
    textbook: Annotated[
        bool, typer.Option("--textbook", help="Fit the networks of the tutorials as well.")
    ] = False,
    leaks: Annotated[
        LeaksChoice,
        typer.Option(
            "--leaks", help="Columns that seem to know the outcome: say so, leave them out, or stop."
        ),
    ] = LeaksChoice.REPORT,
    records: RecordsFile = None,
    entity: Entity = None,
    record_time: RecordTime = None,
    pretrained: Pretrained = None,
    adapt: Adapt = AdaptName.AUTO,
    schema: Annotated[
        Path | None,
        typer.Option(metavar="JSON", help="What the columns mean, from bezant check --save-schema."),
    ] = None,
    checkpoint: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Where training saves its state; by default beside --out."),
    ] = None,
    in_memory: Annotated[
        bool | None,
        typer.Option(
            "--in-memory/--stream",
            help="Read Parquet whole, or in pieces; by default in pieces over 20 million values.",
        ),
    ] = None,
    scratch: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Where a fit in pieces makes its temporary files, some 300 bytes a row, and removes them.",
        ),
    ] = None,
    mlflow: Mlflow = None,
    as_json: AsJson = False,
) -> None:
    """Train a model that gives each applicant a probability of default, and judge it.

    The file is checked first; a part of the rows (the latest, with --time) is held out to stop, calibrate and
    judge. A fit that was killed goes on where it was when the same command is typed again.
    """
    if textbook and not benchmark:
        raise InputError("--textbook and --no-benchmark contradict each other; leave one of them out.")
    if report is not None and cutoff is None:
        raise InputError(
            "--report needs rows that the model has not seen: give --cutoff too, or write the report "
            "from another file with: bezant report."
        )
    refuse_unsavable(out, source=file)
    if report is not None:
        refuse_unwritable(report, source=file)
    refuse_untrackable(mlflow)
    if pretrained is None and adapt is not AdaptName.AUTO:
        raise InputError(
            f"--adapt {adapt.value} says what of a pretrained model is trained further; give --pretrained "
            "MODEL too, or leave --adapt out."
        )
    typed = TypedRecords(records, entity, record_time)
    with_records = typed.file is not None or pretrained is not None
    if with_records and in_memory is False:
        raise InputError("Rows with records are read into memory; leave --stream out.")
    if is_streamed(file, True if with_records else in_memory):
        _fit_in_pieces(
            file,
            LargeFit(target, time, positive, tuple(drop or ()), cutoff, out, checkpoint, mlflow, as_json),
            size=size.value,
            trunk=trunk.value,
            benchmark="full" if textbook else benchmark,
            schema=None if schema is None else load_schema(schema),
            training=training_config(optimizer, epochs, seed),
            leaks=leaks.value,
            scratch=scratch,
            random_state=seed,
        )
        return
    if scratch is not None:
        say(f"Nothing is written to {str(scratch)!r}: the rows are read into memory.", "dim")
    rows = typed.labelled(read_labelled(file, target, time=time, positive=positive, drop=drop or ()))
    meaning = None if schema is None else schema_of(rows, schema)
    train, test = split_rows(rows, cutoff, meaning) if cutoff else (rows, None)
    refuse_few(train)
    _say_start(train, test, meaning, as_json)
    state = checkpoint or out.with_name(out.name + ".checkpoint")
    risk = make_risk(
        train,
        size=size.value,
        trunk=trunk.value,
        benchmark="full" if textbook else benchmark,
        schema=meaning,
        training=training_config(optimizer, epochs, seed),
        pretrained=pretrained,
        adapt=adapt.value,
        leaks=leaks.value,
        checkpoint=state,
        random_state=seed,
    )
    risk.fit(train.table, train.y)
    outcome = {"column": train.target} | ({"event": positive} if positive else {})
    risk.record_ = replace(risk.record_, outcome=outcome)
    if out.is_dir():
        say(f"The model that was in {out} is replaced.", "dim")
    risk.save(out)
    _remove_checkpoints(state)
    held_out = risk.evaluation_ if test is None else risk.evaluate(test.table, test.y)
    if report is not None and test is not None:
        risk.report(report, test.table, test.y, evaluation=held_out)
    if mlflow is not None:
        track(risk, mlflow, model=out, report=report, evaluation=None if test is None else held_out)
    _show_fit(risk, held_out, cutoff, out, report, as_json)


@dataclass(frozen=True)
class LargeFit:
    """What was typed of a fit to files that are read in pieces, apart from the estimator's settings."""

    target: str | None
    time: str | None
    positive: str | None
    drop: tuple[str, ...]
    cutoff: str | None
    out: Path
    checkpoint: Path | None
    mlflow: str | None
    as_json: bool


def is_streamed(file: str, in_memory: bool | None) -> bool:
    """Tell whether rows are read in pieces: large Parquet files, or with --stream those of any size."""
    if in_memory:
        return False
    from bezant.desks.credit.large import is_large
    from bezant.histories import parquet_rows

    unread = is_dataset(file) or refers_to_nothing(file)
    parquet = not unread and parquet_rows(file) is not None
    if in_memory is None:
        return parquet and is_large(file)
    if not parquet:
        raise InputError(f"--stream reads Parquet files in pieces, and {file!r} is none; leave it out.")
    return True


def _fit_in_pieces(file: str, typed: LargeFit, **settings: Any) -> None:
    """Fit to Parquet files that are larger than memory; what cannot be done with them is refused first."""
    from bezant.desks.credit.credit_risk import CreditRisk
    from bezant.desks.credit.large import count_labels
    from bezant.histories import ParquetRows

    if typed.cutoff is not None:
        raise InputError(
            f"--cutoff reads whole files into memory, and {file!r} is read in pieces; put the later rows "
            "into files of their own and judge them with: bezant evaluate."
        )
    if typed.target is None:
        raise InputError(f"Say which of the columns of {file!r} is to be predicted, with --target COLUMN.")
    rows = ParquetRows.of(file, drop=typed.drop)
    event = None
    if typed.positive is not None:
        labels = count_labels(rows, typed.target)
        event = next((label for label in labels if str(label) == typed.positive), typed.positive)
    say(f"Read in pieces: {counted(len(rows), 'row')} in {counted(len(rows.files), 'file')}.", "dim")
    state = typed.checkpoint or typed.out.with_name(typed.out.name + ".checkpoint")
    risk = CreditRisk(time=typed.time, event=event, checkpoint=state, in_memory=False, **settings)
    risk.fit(rows, typed.target)
    outcome = {"column": typed.target} | ({"event": typed.positive} if typed.positive else {})
    risk.record_ = replace(risk.record_, outcome=outcome)
    risk.save(typed.out)
    _remove_checkpoints(state)
    if typed.mlflow is not None:
        track(risk, typed.mlflow, model=typed.out, report=None, evaluation=None)
    _show_fit(risk, risk.evaluation_, None, typed.out, None, typed.as_json)


def make_risk(rows: Labelled, **settings: Any) -> CreditRisk:
    """Return an unfitted estimator for these rows."""
    from bezant.desks.credit.credit_risk import CreditRisk

    return CreditRisk(time=rows.time, **settings)


def refuse_few(rows: Labelled) -> None:
    """Refuse to fit on fewer than :data:`FEWEST_ROWS` rows."""
    if len(rows.y) < FEWEST_ROWS:
        raise InputError(
            f"There are only {len(rows.y)} rows of {rows.target!r} to learn from; give at least "
            f"{FEWEST_ROWS}."
        )
    if rows.y.min() == rows.y.max():
        raise InputError(
            f"Column {rows.target!r} has only one outcome ({rows.y[0]:.0f}) in the {len(rows.y)} rows to "
            "learn from; choose a later cutoff or add rows of the other outcome."
        )


def training_config(optimizer: Optimizer | None, epochs: int | None, seed: int) -> TrainingConfig:
    """Return how to train; what was not typed is the default."""
    from bezant.training.config import TrainingConfig

    chosen: dict[str, Any] = {"seed": seed}
    if optimizer is not None:
        chosen["optimizer"] = optimizer.value
    if epochs is not None:
        chosen["max_epochs"] = epochs
    return TrainingConfig(**chosen)


def _say_start(train: Labelled, test: Labelled | None, schema: Schema | None, as_json: bool) -> None:
    for note in train.notes:
        say(note, "dim")
    if as_json:
        return
    show(f"Learn from  {data_line(train, schema)}")
    if test is not None:
        show(f"Judge on    {data_line(test, schema)}")


def _remove_checkpoints(folder: Path) -> None:
    """Remove what a finished fit no longer needs; whatever else is in the folder stays."""
    for name in ("held-out", "final", "fold-*", "judging-fold-*"):
        for path in folder.glob(f"{name}.safetensors"):
            path.unlink()
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def _show_fit(
    risk: CreditRisk,
    held_out: Evaluation | None,
    cutoff: str | None,
    out: Path,
    report: Path | None,
    as_json: bool,
) -> None:
    if as_json:
        print_json(
            {
                "model": str(out),
                "report": None if report is None else str(report),
                "judged_on": f"rows from {cutoff} on" if cutoff else "held-out rows",
                "findings": json.loads(risk.check_.to_json()),
                "notes": list(risk.notes_),
                "evaluation": None if held_out is None else json.loads(held_out.to_json()),
            }
        )
        return
    from bezant.cli.tables import show_evaluation

    show()
    if held_out is None:
        show("Too few rows could be held out to judge the model on them; see the notes.", "bold")
    else:
        if cutoff is None:
            show(judged_line(held_out.rows, risk.record_.summary.rows, risk.schema_.time))
            show()
        show_evaluation(held_out)
    show()
    show_notes(risk)
    show(f"Model   {out}")
    if report is not None:
        show(f"Report  {report}")


def judged_line(judged: int, rows: int, time: str | None) -> str:
    """Say on which rows a fit without a cutoff was judged."""
    if judged == rows:
        return "Judged on   the same rows, each by a model that had not seen it (5 folds)"
    return f"Judged on   {judged:,} rows held out, {'the latest' if time else 'drawn at random'}"


def show_notes(risk: CreditRisk) -> None:
    """Print what the check before the fit found, without its mere notes, and what the fit did about it."""
    found = [f for f in risk.check_.findings if f.severity != "note"]
    two_columns([(f.severity, f.sentence) for f in found])
    said = {f.sentence for f in found}
    two_columns([("note", note) for note in risk.notes_ if note not in said])
    show()
