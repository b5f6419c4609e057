"""Outcomes softened by a teacher: what another model, fitted without a row, says of it.

An outcome is one draw of what could have happened; a probability says more. A network that begins with much
of it takes over what the teacher knows (trees see thresholds that curves do not): distillation (Hinton,
Vinyals and Dean, 2015), with answers that have not seen the row's own outcome, for a teacher that has would
hand its overfitting on. The teacher's share falls from epoch to epoch, and the last epoch has outcomes alone
(teacher annealing, Clark et al. 2019): with a share that stays, rows that all but never default are blurred.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
import pyarrow as pa
import torch

from bezant.schema import Schema
from bezant.types import FloatArray


@runtime_checkable
class Teacher(Protocol):
    """A model that answers for rows it has not learned from."""

    @property
    def name(self) -> str:
        """How it is called in notes."""

    def out_of_fold(
        self, table: pa.Table, schema: Schema, y: FloatArray, *, random_state: int = 0
    ) -> FloatArray:
        """Return a probability for each row (n,), learned from the outcomes (n,) of other rows."""


def progress(epoch: int, epochs: int) -> float:
    """Return how far an epoch, counted from 0, is in a schedule: 0 for the first of it, 1 for the last."""
    return epoch / (epochs - 1) if epochs > 1 else 1.0


def hints(
    table: pa.Table, schema: Schema, y: FloatArray, teacher: Teacher, share: float, seed: int
) -> torch.Tensor:
    """Return by how much the targets of training rows are moved in the first epoch, float32 (n,).

    Parameters
    ----------
    table : pyarrow.Table of n rows
        Training rows, typed by the schema.
    schema : Schema
    y : float64 array, shape (n,)
        Outcomes, 0 or 1.
    teacher : Teacher
    share : float in (0, 1)
        The teacher's in the first epoch; :meth:`bezant.network.batch.Batch.hinted` lets it fall.
    seed : int
    """
    answers = teacher.out_of_fold(table, schema, y, random_state=seed)
    return torch.from_numpy((share * (answers - y)).astype(np.float32))
