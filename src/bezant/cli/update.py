"""``bezant update`` and ``bezant recalibrate``: a saved model taught by new outcomes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bezant.cli.console import print_json, refuse_unsavable, show
from bezant.cli.records import Entity, RecordsFile, RecordTime, TypedRecords
from bezant.cli.scoring import Model, load_model, rows_to_judge
from bezant.cli.sources import AsJson, Cutoff, File, Labelled, Positive, Target

if TYPE_CHECKING:
    from bezant.desks.credit.credit_risk import CreditRisk

EXAMPLE = "Example: bezant update models/loans loans-2005.csv --target default --out models/loans-2006"
RECALIBRATE_EXAMPLE = "Example: bezant recalibrate models/loans recent.csv --out models/loans-2006"

Out = Annotated[Path, typer.Option("--out", "-o", metavar="FOLDER", help="Where the changed model goes.")]


def update(
    model: Model,
    file: File,
    out: Out,
    target: Target = None,
    positive: Positive = None,
    epochs: Annotated[
        int | None, typer.Option("--epochs", min=1, help="Passes over the rows at most; 3 are usual.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Go on learning from new outcomes with a saved model, at a fraction of the cost of a new fit.

    The file holds the new rows, and older ones, about as many, which keep the model from forgetting. The
    latest new rows judge: the old model is kept if it is clearly better there. The model must have been
    fitted with --time, which tells new rows from old ones.
    """
    risk, rows = _read(model, file, out, target, positive, None)
    risk.update(rows.table, rows.y, epochs=epochs)
    risk.save(out)
    if as_json:
        judged = risk.evaluation_
        print_json(
            {
                "model": str(out),
                "notes": list(risk.notes_),
                "evaluation": None if judged is None else json.loads(judged.to_json()),
            }
        )
        return
    from bezant.cli.tables import show_evaluation
    from bezant.desks.credit.recalibrating import RECALIBRATED
    from bezant.desks.credit.updating import UPDATED

    if risk.evaluation_ is not None:
        show_evaluation(risk.evaluation_)
        show()
    for note in risk.notes_:
        if note.startswith((UPDATED, RECALIBRATED)):
            show(note)
    show(f"Model   {out}")


def recalibrate(
    model: Model,
    file: File,
    out: Out,
    target: Target = None,
    positive: Positive = None,
    cutoff: Cutoff = None,
    records: RecordsFile = None,
    entity: Entity = None,
    record_time: RecordTime = None,
) -> None:
    """Move the level and the slope of a saved model to recent outcomes, without training it again.

    Use rows that the model was not trained on and whose outcomes are final. The ranking stays the same.
    """
    typed = TypedRecords(records, entity, record_time)
    risk, rows = _read(model, file, out, target, positive, cutoff, typed)
    risk.recalibrate(rows.table, rows.y)
    risk.save(out)
    show(risk.notes_[-1])
    show(f"Model   {out}")


def _read(
    model: Path,
    file: str,
    out: Path,
    target: str | None,
    positive: str | None,
    cutoff: str | None,
    typed: TypedRecords | None = None,
) -> tuple[CreditRisk, Labelled]:
    """Return a saved model and the rows that are to change it, once it is known where it goes."""
    refuse_unsavable(out)
    risk = load_model(model)
    return risk, rows_to_judge(risk, file, target, positive, cutoff, (), typed)
