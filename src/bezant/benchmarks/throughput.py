"""Training throughput: our loop beside a bare hand-written PyTorch loop, and the machine's matrix rate.

Both loops train the same network on the same real rows with the same optimizer, batch size and
precision. The bare loop is what one would write by hand: index, forward, loss, backward, clip, step, and
the same running average of the weights. They take turns, so that a busy machine is busy for both.
"""

from __future__ import annotations

import statistics
import time
from typing import Any

import numpy as np
import torch
from torch.optim import AdamW

from bezant import datasets
from bezant.desks.estimators.intake import take_in
from bezant.histories import read_table
from bezant.network.batch import Batch
from bezant.network.model import Network, NetworkConfig
from bezant.training.config import TrainingConfig
from bezant.training.loop import train
from bezant.training.optimizers import best_precision
from bezant.training.plan import TablePlan
from bezant.training.table import prepare_for_training

ROUNDS, EPOCHS = 5, 2


def throughput(size: str = "small", batch_size: int = 256) -> dict[str, Any]:
    """Measure and return rows per second of both loops, their ratio, and shares of the matrix rate."""
    make = _problem(size)
    config = TrainingConfig(max_epochs=EPOCHS, batch_size=batch_size, schedule="constant", warmup=0)
    ours, bare = [], []
    for _ in range(ROUNDS):
        network, rows = make()
        start = time.perf_counter()
        train(network, rows, None, config)  # everything: set-up, shuffling, averaging, the end
        ours.append(EPOCHS * len(rows) / (time.perf_counter() - start))
        network, rows = make()
        bare.append(_bare_loop(network, rows, batch_size))
    network, rows = make()
    flops = _flops_per_row(network, rows)
    peak = matrix_rate(torch.float32)
    own = matrix_rate(best_precision(torch.device("cpu")))
    speed = statistics.median(ours)
    ratio = statistics.median(a / b for a, b in zip(ours, bare, strict=True))
    precision = str(best_precision(torch.device("cpu"))).removeprefix("torch.")
    parts = step_parts(network, rows, batch_size)
    trunk = parts["flops"] / parts["trunk"] / peak
    text = (
        f"{speed:,.0f} rows a second with the size {size}, {flops / 1e6:.1f} million floating-point "
        f"operations of matrix products a row, batches of {batch_size}: {100 * ratio:.0f} % of the speed of "
        f"the bare loop (median of {ROUNDS} rounds in turn). That is {100 * speed * flops / peak:.0f} % of "
        f"the machine's measured single-precision matrix-multiply rate ({peak / 1e9:,.0f} GFLOP/s), and "
        f"{100 * speed * flops / own:.0f} % of its rate in {precision} ({own / 1e9:,.0f} GFLOP/s), in which "
        f"the trunk is trained. Of a step, {100 * parts['fields'] / parts['step']:.0f} % of the time goes "
        f"into assembling the batch and embedding its fields, {100 * parts['trunk'] / parts['step']:.0f} % "
        f"into trunk and head, which run at {100 * trunk:.0f} % of the "
        "single-precision rate, each forward and backward."
    )
    return {
        "rows_per_second": speed,
        "ratio_to_bare": ratio,
        "fields": parts["fields"] / parts["step"],
        "trunk_rate": trunk,
        "flops_per_row": flops,
        "peak": peak,
        "text": text,
    }


def _problem(size: str) -> Any:
    loans = datasets.load("sba-sample").sample(30_000, random_state=0)
    y = loans["default"].to_numpy(np.float64)
    table = read_table(loans.drop(columns="default"))
    intake = take_in(table, y, time="ApprovalDate", schema=None, leaks="report", seed=0)
    plan = TablePlan(network=NetworkConfig(size=size))
    return prepare_for_training(intake.table, intake.schema, y, np.arange(2000), plan)[0]


def _bare_loop(network: Network, rows: Batch, batch_size: int) -> float:
    """Train the way one would by hand; return rows per second, all of it counted."""
    start = time.perf_counter()
    parameters = list(network.parameters())
    average = [p.detach().clone() for p in parameters]
    optimizer = AdamW(parameters, lr=3e-3, weight_decay=0.03, fused=True)
    network.train()
    with network.computing_in(best_precision(torch.device("cpu"))):
        for part in (p for _ in range(EPOCHS) for p in torch.split(torch.randperm(len(rows)), batch_size)):
            batch = rows.rows(part)
            loss = network.loss(network(batch), batch)
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
            optimizer.zero_grad()
            with torch.no_grad():
                torch._foreach_lerp_(average, list[torch.Tensor](parameters), 0.002)
    return EPOCHS * len(rows) / (time.perf_counter() - start)


def step_parts(network: Network, rows: Batch, batch_size: int, steps: int = 30) -> dict[str, float]:
    """Time the parts of a training step, forward and backward.

    Returns
    -------
    dict
        Median seconds of "fields" (indexing the batch and embedding it), "trunk" (with the head and the
        loss) and "step" (these and the optimizer's), and "flops" of the trunk's matrix products a step.
    """
    from torch.utils.flop_counter import FlopCounterMode

    optimizer = AdamW(network.parameters(), lr=1e-3, fused=True)
    times: dict[str, list[float]] = {"fields": [], "trunk": [], "step": []}
    network.train()
    dtype = best_precision(torch.device("cpu"))
    with network.computing_in(dtype):
        for part in torch.split(torch.randperm(len(rows)), batch_size)[:steps]:
            begun = time.perf_counter()
            batch = rows.rows(part)
            fields = network.fields(batch)
            embedded = time.perf_counter()
            x = fields.detach().to(dtype).requires_grad_()
            network.loss(network.head(network.trunk(x)), batch).backward()  # type: ignore[no-untyped-call]
            mixed = time.perf_counter()
            assert x.grad is not None
            fields.backward(x.grad.to(fields.dtype))
            back = time.perf_counter()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
            times["fields"].append(embedded - begun + back - mixed)
            times["trunk"].append(mixed - embedded)
            times["step"].append(time.perf_counter() - begun)
        with FlopCounterMode(display=False) as counter:
            network.loss(network.head(network.trunk(x)), batch).backward()  # type: ignore[no-untyped-call]
    medians = {name: statistics.median(found) for name, found in times.items()}
    return medians | {"flops": float(counter.get_total_flops())}


def _flops_per_row(network: Network, rows: Batch) -> float:
    """Multiply-adds of the matrix products of one training step, counted twice each, per row."""
    from torch.utils.flop_counter import FlopCounterMode

    batch = rows.rows(slice(0, 256))
    network.train()
    with FlopCounterMode(display=False) as counter:
        network.loss(network(batch), batch).backward()  # type: ignore[no-untyped-call]
    return float(counter.get_total_flops() / len(batch))


def matrix_rate(dtype: torch.dtype, size: int = 2048, rounds: int = 15) -> float:
    """Return the machine's best rate of square matrix products, in floating-point operations a second."""
    a, b = torch.randn(size, size).to(dtype), torch.randn(size, size).to(dtype)
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        a @ b
        times.append(time.perf_counter() - start)
    return float(2 * size**3 / min(times))


if __name__ == "__main__":
    print(throughput()["text"])
