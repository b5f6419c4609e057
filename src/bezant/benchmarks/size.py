"""What a fit costs as rows grow: the network trained from files in pieces, beside LightGBM in memory.

    python -m bezant.benchmarks.size --rows 10000 100000 1000000 10000000 --out docs

Each fit is a process of its own with one thread, on generated loans (:mod:`.generated_loans`), judged on
200,000 more of them that no fit has seen. Both hold the latest 15 % out, stop there, and are then fitted to
all rows. LightGBM gets one good configuration and not the search of the accuracy benchmarks. The peak is the
system's own figure: all that was ever in memory at once. Rows are read from files and none is mapped, so that
none of it is the system's cache of them.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from bezant.benchmarks.generated_loans import generate
from bezant.desks.credit.credit_risk import CreditRisk
from bezant.desks.estimators.intake import held_out_rows, times_of
from bezant.histories import ParquetRows, read_table
from bezant.metrics.classification import roc_auc
from bezant.reports.size import CostPoint, cost_picture
from bezant.schema import Role, infer_schema
from bezant.traditional.boosting_search import BoostingConfiguration
from bezant.traditional.gradient_boosting import GradientBoosting
from bezant.training import loop, streamed
from bezant.training.table import HeldOut

TEST_ROWS, TEST_SEED = 200_000, 1
UNSEEN = ("LoanNr", "true_pd")
TIME = "ApprovalDate"

HEAD = (
    "| rows | model | CPU seconds | of them training | rows trained a second | reading rows "
    "| peak memory, MB | AUC | AUC of the truth |\n|---|---|---|---|---|---|---|---|---|"
)


def measure(
    model: str, rows: int, folder: Path, size: str, epochs: int | None, minutes: float = 0.0
) -> dict[str, Any]:
    """Fit one model to generated loans in this process and return what it cost.

    With ``minutes`` training is interrupted after so much processor time, as by Ctrl-C: the weights then are
    judged and kept, and there is no second training. The rate is then that of the steps that were taken.
    """
    torch.set_num_threads(1)
    clock = _Clock()
    if minutes:
        clock.interrupt_after(60 * minutes)
    fit = functools.partial(_network, size=size, epochs=epochs) if model == "bezant" else _boosting
    start = time.process_time()
    score = fit(folder / "train", clock)
    spent, peak = time.process_time() - start, _peak()
    test = pa.concat_tables(ParquetRows.of(folder / "test").scan())
    y = test["default"].to_numpy().astype(np.float64)
    given = test.drop_columns([*UNSEEN, "default"])
    trained = clock.trained / max(clock.seconds["training"], 1e-9)
    return {
        "model": "bezant, " + size if model == "bezant" else "LightGBM",
        "rows": rows,
        "seconds": spent,
        "training": clock.seconds["training"],
        "speed": trained,
        "reading": clock.seconds["reading"] / max(clock.seconds["training"], 1e-9),
        "stages": clock.seconds,
        "peak": peak,
        "auc": roc_auc(y, score(given)),
        "truth": roc_auc(y, test["true_pd"].to_numpy()),
    }


class _Clock:
    """CPU seconds of the stages of a fit, taken around the functions that do them."""

    def __init__(self) -> None:
        self.seconds = {"preparing": 0.0, "training": 0.0, "reading": 0.0}
        self.trained = 0

    def interrupt_after(self, seconds: float) -> None:
        """Press Ctrl-C after so much processor time from the first step on."""
        plain = loop._Run._run_epoch

        def started(run: loop._Run) -> None:
            signal.signal(signal.SIGPROF, signal.default_int_handler)
            signal.setitimer(signal.ITIMER_PROF, seconds)
            plain(run)

        loop._Run._run_epoch = started  # type: ignore[method-assign, assignment]

    def around(self, owner: Any, name: str, stage: str, *, counted: bool = False) -> None:
        """Time every call of a function from now on; count the rows of the steps it gives, if wished."""
        plain = getattr(owner, name)

        @functools.wraps(plain)
        def timed(*args: Any, **more: Any) -> Any:
            start = time.process_time()
            try:
                given = plain(*args, **more)
                self.trained += len(given[1]) if counted else 0
                return given
            finally:
                self.seconds[stage] += time.process_time() - start

        setattr(owner, name, timed)


def _network(folder: Path, clock: _Clock, *, size: str, epochs: int | None) -> Callable[[pa.Table], Any]:
    clock.around(loop._Run, "_run_epoch", "training")
    clock.around(streamed, "prepare_streamed", "preparing")
    clock.around(loop._Run, "_next_rows", "reading", counted=True)
    training = {} if epochs is None else {"max_epochs": epochs}
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        risk = CreditRisk(
            time=TIME,
            size=size,  # type: ignore[arg-type]
            training=training,
            benchmark=False,
            in_memory=False,
            scratch=scratch,
            progress=False,
        ).fit(ParquetRows.of(folder, drop=UNSEEN), "default")
    return risk.score_table


def _boosting(folder: Path, clock: _Clock) -> Callable[[pa.Table], Any]:
    table = read_table(folder).drop_columns(list(UNSEEN))
    y = table["default"].to_numpy().astype(np.float64)
    table = table.drop_columns(["default"])
    schema = infer_schema(table, time=TIME).select(Role.INPUT, Role.TIME)
    parts = HeldOut.of(held_out_rows(y, times_of(table, TIME, schema), 0.15, 0), y, 0)
    typed = schema.conform(table).table
    del table
    model = GradientBoosting(
        search=(BoostingConfiguration(),), learning_rate=0.1, cross_validated_rows=0, threads=1
    )
    model.fit(
        typed.take(parts.training),
        schema,
        y[parts.training],
        stopping_table=typed.take(parts.stopping),
        stopping_y=y[parts.stopping],
    )
    final = model.final(typed, schema, y)
    return lambda rows: final.score_table(schema.conform(rows).table)


def _peak() -> float:
    """Return the most memory this process ever held, in MB."""
    status = Path("/proc/self/status")
    if status.exists():  # getrusage would answer with that of the process which started this one, if higher
        (most,) = [said for said in status.read_text().splitlines() if said.startswith("VmHWM")]
        return int(most.split()[1]) * 1024 / 1e6
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def compare(
    counts: list[int], folder: Path, size: str, epochs: int | None, models: list[str], minutes: float = 0.0
) -> list[dict[str, Any]]:
    """Fit both models to each number of rows, one process each, and print as it goes."""
    print(HEAD)
    results = []
    for rows in counts:
        place = folder / str(rows)
        generate(rows, place / "train")
        generate(TEST_ROWS, place / "test", TEST_SEED)
        for model in models:
            results.append(_started(model, rows, place, size, epochs, minutes))
            print(line(results[-1]), flush=True)
        for path in sorted(place.rglob("*.parquet")):
            path.unlink()
    return results


def _started(
    model: str, rows: int, place: Path, size: str, epochs: int | None, minutes: float
) -> dict[str, Any]:
    given = [model, str(rows), str(place), size, str(epochs or 0), str(minutes)]
    done = subprocess.run(
        [sys.executable, "-m", "bezant.benchmarks.size", "--one", *given],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    measured: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return measured


def line(found: dict[str, Any]) -> str:
    """Return a row of the table."""
    network = found["model"] != "LightGBM"
    own = (
        f"{found['training']:,.0f} | {found['speed']:,.0f} | {100 * found['reading']:.1f} %"
        if network
        else "| |"
    )
    return (
        f"| {found['rows']:,} | {found['model']} | {found['seconds']:,.0f} | {own} | {found['peak']:,.0f} "
        f"| {found['auc']:.4f} | {found['truth']:.4f} |"
    )


def write(results: list[dict[str, Any]], folder: Path) -> None:
    """Put the figures into size.json, where those of other runs stay, the table into size.md; draw them."""
    page, known = folder / "size.md", folder / "size.json"
    older = json.loads(known.read_text(encoding="utf-8")) if known.exists() else []
    every = {(r["rows"], r["model"] == "LightGBM"): r for r in [*older, *results]}
    results = [every[key] for key in sorted(every)]
    known.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    text = page.read_text(encoding="utf-8")
    begin, end = "<!-- figures -->\n", "<!-- end of figures -->"
    table = "\n".join([HEAD, *[line(r) for r in results]]) + "\n"
    head, rest = text.split(begin)[0], text.split(end)[1]
    page.write_text(head + begin + table + end + rest, encoding="utf-8")
    points = [CostPoint(r["model"], r["rows"], r["seconds"], r["peak"]) for r in results]
    (folder / "size.svg").write_text(cost_picture(points), encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="What a fit costs as rows grow.")
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000, 1_000_000, 10_000_000])
    parser.add_argument("--size", default="tiny")
    parser.add_argument("--epochs", type=int, default=1, help="0 for as many as a fit would take by itself")
    parser.add_argument("--minutes", type=float, default=0.0, help="interrupt training after so many")
    parser.add_argument("--models", nargs="+", default=["bezant", "LightGBM"])
    parser.add_argument("--folder", type=Path, help="where the generated loans go; removed afterwards")
    parser.add_argument("--out", type=Path, help="add to size.json, size.md and size.svg there")
    parser.add_argument("--one", nargs=6, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        which, n, where, large, most, ended = arguments.one
        print(json.dumps(measure(which, int(n), Path(where), large, int(most) or None, float(ended))))
    else:
        with tempfile.TemporaryDirectory(dir=arguments.folder) as made:
            figures = compare(
                arguments.rows,
                Path(made),
                arguments.size,
                arguments.epochs or None,
                arguments.models,
                arguments.minutes,
            )
        if arguments.out:
            write(figures, arguments.out)
