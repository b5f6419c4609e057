"""``bezant benchmark credit``: the large model beside the strongest peers on real data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bezant.cli.console import refuse_unwritable, say, show
from bezant.cli.fit import Size, SizeName

EXAMPLE = "Example: bezant benchmark credit --task german-credit --task hmda"


def benchmark_credit(
    task: Annotated[
        list[str] | None,
        typer.Option("--task", metavar="NAME", help="A task; may be repeated. All of them if not given."),
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Seeds of the large model.")] = 3,
    size: Size = SizeName.SMALL,
    peers: Annotated[
        bool, typer.Option("--peers/--no-peers", help="Fit LightGBM and CatBoost on the same rows.")
    ] = True,
    others: Annotated[
        bool, typer.Option("--others", help="Fit the scorecard and the networks of the tutorials too.")
    ] = False,
    scores: Annotated[
        Path,
        typer.Option(
            metavar="FOLDER", help="Where the scores of every fit are kept; what is there is not fitted."
        ),
    ] = Path("out/benchmark"),
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="The page to write.")] = Path(
        "BENCHMARKS.md"
    ),
) -> None:
    """Fit the large model, tuned LightGBM and tuned CatBoost on the same rows, and write the tables.

    Data sets are fetched once. A run that was stopped goes on from the scores that were kept. All tasks take
    hours on two cores.
    """
    from bezant.benchmarks.credit import OTHERS, PEERS, judge_task, run_task
    from bezant.benchmarks.page import page
    from bezant.benchmarks.tasks import TASKS, credit_tasks

    refuse_unwritable(out)
    wished = credit_tasks(task or [])
    rivals = (*(PEERS if peers else ()), *(OTHERS if others else ()))
    for one in wished:
        run_task(one, scores, seeds=range(seeds), peers=rivals, size=size.value, say=say)
    results = [result for one in TASKS.values() if (result := judge_task(one, scores)) is not None]
    out.write_text(page(results), encoding="utf-8")
    show(f"Tables  {out}")
