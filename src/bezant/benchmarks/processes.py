"""Rows a second that one process trains, and two processes with one thread each, in turn.

``python -m bezant.benchmarks.processes`` starts the fits itself, each with a single thread a process, and
lets one and two processes take turns, so that a busy machine is busy for both. Both train the same network on
the same real rows in batches of the same size; their losses after the last epoch stand beside the speeds.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from typing import Any

import numpy as np
import torch

from bezant import datasets
from bezant.desks.estimators.intake import take_in
from bezant.histories import read_table
from bezant.network.model import NetworkConfig
from bezant.training.config import TrainingConfig
from bezant.training.loop import train
from bezant.training.plan import TablePlan
from bezant.training.processes import Processes
from bezant.training.table import prepare_for_training

ROUNDS, EPOCHS, ROWS = 3, 2, 30_000


def processes(size: str = "small", batch_size: int = 512, rounds: int = ROUNDS) -> dict[str, Any]:
    """Measure and return rows a second of one process and of two, and the loss each of them came to."""
    runs: dict[int, list[dict[str, float]]] = {1: [], 2: []}
    for _ in range(rounds):
        for number, measured in runs.items():
            measured.append(_started(number, size, batch_size))
    speed = {n: statistics.median(run["rows_per_second"] for run in measured) for n, measured in runs.items()}
    ratio = statistics.median(
        two["rows_per_second"] / one["rows_per_second"] for one, two in zip(runs[1], runs[2], strict=True)
    )
    loss = {number: measured[0]["held_out_loss"] for number, measured in runs.items()}
    text = (
        f"{ROWS - 2000:,} rows of sba-sample, {EPOCHS} epochs, size {size}, batches of {batch_size}, one "
        f"thread a process: one process trains {speed[1]:,.0f} rows a second, two processes {speed[2]:,.0f}, "
        f"{ratio:.2f} times as many (median of {rounds} rounds in turn). Held-out loss after the last epoch: "
        f"{loss[1]:.6f} and {loss[2]:.6f}."
    )
    return {"rows_per_second": speed, "ratio": ratio, "held_out_loss": loss, "text": text}


def _started(number: int, size: str, batch_size: int) -> dict[str, float]:
    """Run one fit in processes of its own."""
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(number)]
    command = [*launcher, "-m", __spec__.name, "--size", size, "--batch-size", str(batch_size), "--fit"]
    done = subprocess.run(
        [sys.executable, *command],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    measured: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return measured


def fit(size: str, batch_size: int) -> dict[str, float] | None:
    """Train in this process, together with those started beside it; the main one returns what it measured."""
    torch.set_num_threads(1)
    loans = datasets.load("sba-sample").sample(ROWS, random_state=0)
    y = loans["default"].to_numpy(np.float64)
    table = read_table(loans.drop(columns="default"))
    intake = take_in(table, y, time="ApprovalDate", schema=None, leaks="report", seed=0)
    config = TrainingConfig(max_epochs=EPOCHS, batch_size=batch_size, precision="float32")
    plan = TablePlan(network=NetworkConfig(size=size), training=config)
    make, held_out = prepare_for_training(intake.table, intake.schema, y, np.arange(2000), plan)
    network, rows = make()
    run = train(network, rows, held_out, config)
    if not Processes().main:
        return None
    loss = run.epochs[-1].held_out_loss
    assert loss is not None
    return {"rows_per_second": run.rows_per_second, "held_out_loss": loss}


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", default="small")
    parser.add_argument("--batch-size", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--fit", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.fit:
        found = fit(given.size, given.batch_size)
        if found is not None:
            print(json.dumps(found))
    else:
        print(processes(given.size, given.batch_size, given.rounds)["text"])
