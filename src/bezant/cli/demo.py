"""``bezant demo``: real loans that ship with the package, learned, judged out-of-time, reported."""

from __future__ import annotations

import json
import time as clock
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bezant.cli.console import refuse_unwritable, show
from bezant.cli.data import data_line
from bezant.cli.fit import Epochs, Seed, Size, SizeName, make_risk, training_config
from bezant.cli.sources import read_labelled, split_rows

if TYPE_CHECKING:
    from bezant.evidence.evaluation import Evaluation

EXAMPLE = "Example: bezant demo --out out/demo"
SAMPLE = "sba-sample"
CUTOFF = "2004-01-01"
SEGMENTS = ("UrbanRural",)


def demo(
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FOLDER", help="Where report, figures and model go.")
    ] = Path("bezant-demo"),
    size: Size = SizeName.SMALL,
    epochs: Epochs = None,
    seed: Seed = 0,
) -> None:
    """Train on real loans approved before 2004, judge on those of 2004 and later, write a report.

    The loans ship with bezant; nothing is fetched and nothing is sent. It takes a few minutes on two cores.
    """
    started = clock.perf_counter()
    refuse_unwritable(out / "report.html")
    rows = read_labelled(SAMPLE, None)
    train, test = split_rows(rows, CUTOFF)
    show(f"Learn from  {data_line(train)}")
    show(f"Judge on    {data_line(test)}")
    risk = make_risk(train, size=size.value, training=training_config(None, epochs, seed), random_state=seed)
    risk.fit(train.table, train.y)
    evaluation = risk.evaluate(test.table, test.y, segments=SEGMENTS)
    report = risk.report(out / "report.html", test.table, test.y, segments=SEGMENTS, evaluation=evaluation)
    risk.save(out / "model")
    _write_figures(evaluation, out / "demo.json")
    from bezant.cli.tables import show_evaluation

    show()
    show_evaluation(evaluation)
    show()
    show(f"Model   {out / 'model'}  (score your own rows with: bezant predict)")
    show(f"Took    {clock.perf_counter() - started:.0f} seconds")
    show(f"Report  {report}")


def _write_figures(evaluation: Evaluation, path: Path) -> None:
    """Write the figures that were printed, for scripts and for the test of the README."""
    path.write_text(json.dumps(json.loads(evaluation.to_json()), indent=1) + "\n", encoding="utf-8")
