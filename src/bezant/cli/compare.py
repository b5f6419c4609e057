"""``bezant compare-optimizers``: the same network under every optimizer, drawn in one picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from bezant.cli.console import out as results
from bezant.cli.console import print_json, refuse_unwritable, say, show
from bezant.cli.fit import Optimizer, Seed, Size, SizeName, refuse_few
from bezant.cli.sources import AsJson, Drop, File, Positive, Target, Time, read_labelled
from bezant.types import InputError

if TYPE_CHECKING:
    from bezant.training.comparison import OptimizerComparison

EXAMPLE = "Example: bezant compare-optimizers sba-sample --out optimizers.svg"


def compare(
    file: File,
    target: Target = None,
    time: Time = None,
    positive: Positive = None,
    drop: Drop = None,
    out: Annotated[
        Path,
        typer.Option("--out", "-o", metavar="SVG", help="Where the picture of the learning curves goes."),
    ] = Path("optimizers.svg"),
    optimizer: Annotated[
        list[Optimizer] | None, typer.Option("--optimizer", help="Try only this one; may be repeated.")
    ] = None,
    size: Size = SizeName.TINY,
    epochs: Annotated[int, typer.Option("--epochs", min=1, help="Passes over the rows for each.")] = 5,
    rows: Annotated[int, typer.Option("--rows", min=1, help="Rows used at most, drawn at random.")] = 20_000,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Train the same network under each optimizer with a small budget, draw it, and recommend one.

    Each is tried at 0.3, 1 and 3 times its usual learning rate, so that none wins by a lucky setting.
    """
    if out.suffix.lower() != ".svg":
        raise InputError(f"The picture is drawn as SVG, so {str(out)!r} should end in .svg; rename it.")
    refuse_unwritable(out, source=file)
    chosen: dict[str, Any] = {"optimizers": tuple(o.value for o in optimizer)} if optimizer else {}
    data = read_labelled(file, target, time=time, positive=positive, drop=drop or ())
    refuse_few(data)
    from bezant.desks import compare_optimizers
    from bezant.reports.optimizers import optimizer_curves

    comparison = compare_optimizers(
        data.table,
        data.y,
        time=data.time,
        size=size.value,
        epochs=epochs,
        rows=rows,
        random_state=seed,
        observe=lambda name, rate: say(f"{name} with a learning rate of {rate:.2g} ...", "dim"),
        **chosen,
    )
    out.write_text(optimizer_curves(comparison), encoding="utf-8")
    if as_json:
        print_json({"picture": str(out), **_document(comparison)})
        return
    results().print(_table(comparison))
    show()
    show(comparison.sentence, "bold")
    show(f"Picture  {out}")


def _table(comparison: OptimizerComparison) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("optimizer")
    for title in ("learning rate", "best held-out loss", "in epoch"):
        table.add_column(title, justify="right", no_wrap=True)
    for trial in comparison.trials:
        table.add_row(
            trial.optimizer, f"{trial.learning_rate:.2g}", f"{trial.best_loss:.4f}", str(trial.run.best_epoch)
        )
    return table


def _document(comparison: OptimizerComparison) -> dict[str, Any]:
    return {
        "recommended": comparison.recommended.optimizer,
        "learning_rate": comparison.recommended.learning_rate,
        "sentence": comparison.sentence,
        "trials": [
            {"optimizer": t.optimizer, "learning_rate": t.learning_rate, "best_loss": t.best_loss}
            for t in comparison.trials
        ],
    }
