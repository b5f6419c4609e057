"""``bezant benchmark credit``: the large model beside the strongest peers on real data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bezant.cli.console import refuse_unwritable, say, show
from bezant.cli.fit import Size, SizeName

EXAMPLE = "Example: bezant benchmark credit --task german-credit --task hmda"
THROUGHPUT_EXAMPLE = "Example: bezant benchmark throughput"

SCORES = Path("out/benchmark")
PAGE = Path("BENCHMARKS.md")

Scores = Annotated[
    Path,
    typer.Option(
        metavar="FOLDER", help="Where what was measured is kept; what is there is not fitted again."
    ),
]
Out = Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="The page to write.")]


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
    scores: Scores = SCORES,
    out: Out = PAGE,
) -> None:
    """Fit the large model, tuned LightGBM and tuned CatBoost on the same rows, and write the tables.

    Data sets are fetched once. A run that was stopped goes on from the scores that were kept. All tasks take
    hours on two cores.
    """
    from bezant.benchmarks.credit import OTHERS, PEERS, run_task
    from bezant.benchmarks.tasks import credit_tasks

    refuse_unwritable(out)
    wished = credit_tasks(task or [])
    rivals = (*(PEERS if peers else ()), *(OTHERS if others else ()))
    for one in wished:
        run_task(one, scores, seeds=range(seeds), peers=rivals, size=size.value, say=say)
    _write_page(scores, out)


def benchmark_throughput(size: Size = SizeName.SMALL, scores: Scores = SCORES, out: Out = PAGE) -> None:
    """Train the same network in our loop and in a bare hand-written one, in turn, and write the ratio.

    Also says which share of the machine's measured matrix-multiply rate the training reaches.
    """
    from bezant.benchmarks.throughput import throughput

    refuse_unwritable(out)
    text = throughput(size.value)["text"]
    scores.mkdir(parents=True, exist_ok=True)
    (scores / "Training throughput.md").write_text(text + "\n", encoding="utf-8")
    show(text)
    _write_page(scores, out)


def _write_page(scores: Path, out: Path) -> None:
    """Write all that was measured so far: the tasks' tables, then the texts that stand beside the scores."""
    from bezant.benchmarks.credit import judge_task
    from bezant.benchmarks.page import page
    from bezant.benchmarks.tasks import TASKS

    results = [result for one in TASKS.values() if (result := judge_task(one, scores)) is not None]
    texts = {path.stem: path.read_text(encoding="utf-8").strip() for path in sorted(scores.glob("*.md"))}
    out.write_text(page(results, texts), encoding="utf-8")
    show(f"Tables  {out}")
