"""Small networks on real rows for tests of training, the same at every call."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from bezant.datasets import load
from bezant.histories import read_table
from bezant.network.batch import Batch
from bezant.network.model import Network, NetworkConfig
from bezant.schema import Schema, infer_schema
from bezant.training.config import TrainingConfig
from bezant.training.loop import Progress
from bezant.training.plan import TablePlan
from bezant.training.table import prepare_for_training

COLUMNS = ("State", "NewExist", "NoEmp", "GrAppv", "SBA_Appv", "ApprovalDate", "default")


@cache
def loans(rows: int) -> tuple[pa.Table, Schema, np.ndarray]:
    """Every so-manieth loan of the sample: typed rows, what the columns mean, outcomes."""
    frame = load("sba-sample")[list(COLUMNS)]
    some = read_table(frame.iloc[:: len(frame) // rows].head(rows))
    y = some["default"].to_numpy().astype(np.float64)
    schema = infer_schema(some.drop_columns("default"), time="ApprovalDate")
    return schema.conform(some.drop_columns("default")).table, schema, y


def prepared(rows: int = 400, **training: Any) -> tuple[Callable[[], tuple[Network, Batch]], Batch]:
    """What makes a tiny network with its training rows, and a fifth of the rows to judge it on."""
    table, schema, y = loans(rows)
    held_out = np.arange(0, rows, 5)
    network = NetworkConfig(size="tiny", trunk="mlp")
    plan = TablePlan(network=network, training=TrainingConfig(**training))
    return prepare_for_training(table, schema, y, held_out, plan)


def digest(module: torch.nn.Module) -> str:
    """Hash of every weight and buffer, to the bit."""
    found = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        found.update(name.encode())
        found.update(tensor.detach().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return found.hexdigest()


def interrupt_at(moment: int) -> Callable[[Progress], None]:
    """An observer that presses Ctrl-C at the so-manieth step."""
    seen = 0

    def observe(progress: Progress) -> None:
        nonlocal seen
        seen += 1
        if seen == moment:
            raise KeyboardInterrupt

    return observe
