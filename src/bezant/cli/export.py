"""``bezant export``: a saved model as one ONNX file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bezant.cli.console import refuse_unwritable, show
from bezant.cli.scoring import Model, load_model

EXAMPLE = "Example: bezant export models/loans --out loans.onnx"


def export(
    model: Model,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="Where the model goes: .onnx.")],
) -> None:
    """Write a saved model as one ONNX file, which onnxruntime computes without bezant.

    Its inputs are the typed columns: numbers with NaN, texts with the empty text, and times in microseconds
    with the smallest integer where a value is missing. Needs the extra bezant[onnx].
    """
    refuse_unwritable(out)
    load_model(model).export_onnx(out)
    show(f"Model   {out} ({out.stat().st_size / 1e6:.1f} MB)")
