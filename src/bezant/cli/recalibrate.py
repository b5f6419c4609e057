"""``bezant recalibrate``: a saved model moved to the latest known outcomes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bezant.cli.console import refuse_unwritable, show
from bezant.cli.scoring import Model, load_model, rows_to_judge
from bezant.cli.sources import Cutoff, File, Positive, Target

EXAMPLE = "Example: bezant recalibrate models/loans recent.csv --out models/loans-2006"


def recalibrate(
    model: Model,
    file: File,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FOLDER", help="Where the moved model goes.")],
    target: Target = None,
    positive: Positive = None,
    cutoff: Cutoff = None,
) -> None:
    """Move the level and the slope of a saved model to recent outcomes, without training it again.

    Use rows that the model was not trained on and whose outcomes are final. The ranking stays the same.
    """
    refuse_unwritable(out)
    risk = load_model(model)
    rows = rows_to_judge(risk, file, target, positive, cutoff, ())
    risk.recalibrate(rows.table, rows.y)
    risk.save(out)
    show(risk.notes_[-1])
    show(f"Model   {out}")
