"""What one fit costs: the large model beside one CatBoost and one LightGBM that nobody tuned.

``python -m bezant.benchmarks.fit_cost`` fits each to the same loans, one after another in one run with one
thread, and prints CPU seconds and their ratios. All three stop on the same latest rows and are then fitted to
all rows; accuracy and tuned peers are in BENCHMARKS.md.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from bezant.benchmarks.tasks import CreditTask, credit_tasks
from bezant.desks.credit.credit_risk import CreditRisk
from bezant.desks.estimators.intake import Intake, take_in
from bezant.histories import read_table
from bezant.traditional.boosting_search import BoostingConfiguration
from bezant.traditional.gradient_boosting import GradientBoosting
from bezant.traditional.ordered_boosting import OrderedBoosting, OrderedConfiguration
from bezant.types import FloatArray


def fit_cost(task: CreditTask, rows: int | None = None, *, dealt: int = 1, seed: int = 0) -> dict[str, float]:
    """Return the CPU seconds of each model's fit.

    Parameters
    ----------
    task : CreditTask
        One whose rows have a time.
    rows : int, optional
        Training rows at most.
    dealt : int, default 1
        Parts that the large model deals a batch into.
    seed : int, default 0
        Of all models.
    """
    train = next(task.parts()).train
    if rows is not None and rows < len(train):
        train = train.sample(rows, random_state=seed)
    X, y = train.drop(columns=task.target), train[task.target].to_numpy(np.float64)
    intake = take_in(read_table(X), y, time=task.time, schema=None, leaks="report", seed=seed)
    boosted = {
        "CatBoost": OrderedBoosting(search=(OrderedConfiguration(),), cross_validated_rows=0, threads=1),
        "LightGBM": GradientBoosting(search=(BoostingConfiguration(),), cross_validated_rows=0, threads=1),
    }
    spent = {
        name: _cpu_seconds(lambda model=model: _boost(model, intake, y, seed))  # type: ignore[misc]
        for name, model in boosted.items()
    }
    network = {"dealt": dealt} if dealt > 1 else None
    large = CreditRisk(time=task.time, benchmark=False, random_state=seed, progress=False, network=network)
    return {"bezant": _cpu_seconds(lambda: large.fit(X, y)), **spent}


def _boost(model: OrderedBoosting | GradientBoosting, intake: Intake, y: FloatArray, seed: int) -> None:
    """Stop on the held-out rows, then fit to all."""
    held_out = intake.held_out
    training = np.setdiff1d(np.arange(len(y)), held_out)
    model.fit(
        intake.table.take(training),
        intake.schema,
        y[training],
        stopping_table=intake.table.take(held_out),
        stopping_y=y[held_out],
        random_state=seed,
    )
    model.final(intake.table, intake.schema, y, random_state=seed)


def _cpu_seconds(work: Callable[[], Any]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def main(words: list[str] | None = None) -> None:
    """Fit, print."""
    parser = argparse.ArgumentParser(prog="python -m bezant.benchmarks.fit_cost", description=__doc__)
    parser.add_argument("--task", default="sba-100k", help="whose rows")
    parser.add_argument("--rows", type=int, help="at most so many")
    parser.add_argument("--dealt", type=int, default=1, help="parts that the large model deals a batch into")
    given = parser.parse_args(words)
    torch.set_num_threads(1)
    spent = fit_cost(credit_tasks([given.task])[0], given.rows, dealt=given.dealt)
    ratios = ", ".join(
        f"{spent['bezant'] / seconds:.2f} of {name}'s {seconds:,.0f}"
        for name, seconds in spent.items()
        if name != "bezant"
    )
    print(f"{given.task}: bezant {spent['bezant']:,.0f} CPU seconds with one thread, {ratios}.")


if __name__ == "__main__":
    main(sys.argv[1:])
