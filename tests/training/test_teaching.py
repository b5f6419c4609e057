"""A teacher softens the targets of training rows, and nothing else."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from numpy.testing import assert_allclose

from bezant.network.model import NetworkConfig
from bezant.schema import Schema, infer_schema
from bezant.traditional.boosting_search import BoostingConfiguration
from bezant.traditional.gradient_boosting import GradientBoosting
from bezant.training.config import TrainingConfig
from bezant.training.loop import train
from bezant.training.plan import SMALL_ROWS, TAUGHT, TAUGHT_FROM, TablePlan
from bezant.training.rows import RowsInMemory
from bezant.training.table import fit_table, prepare
from bezant.training.teaching import progress
from bezant.types import FloatArray
from common.rows import made_up
from training_support import digest, interrupt_at

BOOSTING = GradientBoosting(search=(BoostingConfiguration(num_leaves=7),), learning_rate=0.1, threads=1)


class Rising:
    """Says more of each row than of the one before, and remembers which rows it was asked about."""

    name = "Rising"

    def __init__(self) -> None:
        self.asked: list[int] = []

    def out_of_fold(
        self, table: pa.Table, schema: Schema, y: FloatArray, *, random_state: int = 0
    ) -> FloatArray:
        self.asked.append(table.num_rows)
        return np.linspace(0.1, 0.9, len(y))


def plan(teacher: object, taught: float | None) -> TablePlan:
    training = TrainingConfig(max_epochs=2, batch_size=64, seed=0)
    return TablePlan(network=NetworkConfig(size="tiny"), training=training, teacher=teacher, taught=taught)


@pytest.mark.parametrize("share", [0.25, 0.5])
def test_targets_begin_as_outcome_and_answer_in_the_given_shares_and_end_as_outcomes(share: float) -> None:
    X, y = made_up()
    schema = infer_schema(X, time="approved")
    rows = prepare(X, schema, y, plan(Rising(), share).resolved(len(y)))[2]
    hard = prepare(X, schema, y, plan(None, None).resolved(len(y)))[2]
    answers = np.linspace(0.1, 0.9, len(y))
    for done in (0.0, 0.25, 1.0):
        left = share * (1 - done)
        target = RowsInMemory(rows).at(done).batch.target
        assert target is not None
        assert_allclose(target, (1 - left) * y + left * answers, rtol=1e-6, atol=1e-7)
    assert RowsInMemory(hard).at(0.0).batch is hard
    assert rows.statistics is not None
    assert hard.statistics is not None
    assert torch.equal(rows.statistics, hard.statistics)  # statistics are of outcomes


def test_the_loop_lets_the_hints_fall_epoch_by_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = made_up()
    wanted = plan(Rising(), 0.5).resolved(len(y))
    _, network, rows = prepare(X, infer_schema(X, time="approved"), y, wanted)
    asked: list[float] = []
    at = RowsInMemory.at
    monkeypatch.setattr(
        RowsInMemory, "at", lambda self, progress: asked.append(progress) or at(self, progress)
    )
    train(network, rows, None, wanted.training.model_copy(update={"max_epochs": 5}), stop_after=3)
    assert asked == [0.0, 0.25, 0.5]


def test_the_teacher_sees_the_rows_that_train_and_no_others() -> None:
    X, y = made_up()
    teacher, held_out = Rising(), np.arange(360, 480)
    quiet = contextlib.nullcontext
    fit = fit_table(
        X, infer_schema(X, time="approved"), y, held_out, plan(teacher, 0.5), shown=lambda _: quiet(None)
    )
    assert teacher.asked == [360, 480]
    assert sum("Rising, fitted to" in note for note in fit.notes) == 1


def test_tables_are_taught_unless_they_are_very_small() -> None:
    assert plan(Rising(), None).resolved(SMALL_ROWS).taught == TAUGHT
    assert plan(Rising(), None).resolved(TAUGHT_FROM).taught == TAUGHT
    assert plan(Rising(), None).resolved(TAUGHT_FROM - 1).taught == 0
    assert plan(Rising(), 0.2).resolved(TAUGHT_FROM - 1).taught == 0.2
    assert plan(None, 0.2).resolved(SMALL_ROWS).taught == 0
    assert plan(Rising(), 0.0).resolved(SMALL_ROWS).taught_note(1) == ()


def test_a_teacher_is_no_part_of_what_is_written_down() -> None:
    assert "teacher" not in plan(BOOSTING, None).model_dump(mode="json")


def test_a_taught_training_that_was_stopped_goes_on_to_the_same_weights(tmp_path: Path) -> None:
    X, y = made_up()
    wanted = plan(Rising(), 0.5).resolved(len(y))
    training = wanted.training.model_copy(update={"max_epochs": 4})
    schema = infer_schema(X, time="approved")
    _, whole, rows = prepare(X, schema, y, wanted)
    train(whole, rows, None, training)
    for stop in (interrupt_at(11), None):  # in the second of four epochs
        _, network, rows = prepare(X, schema, y, wanted)
        train(network, rows, None, training, checkpoint=tmp_path / "state.safetensors", observe=stop)
    assert digest(network) == digest(whole)


def test_the_note_says_what_of_the_teacher_was_left_in_the_epoch_that_was_kept() -> None:
    wanted = plan(Rising(), 0.8).resolved(SMALL_ROWS)
    wanted = wanted.model_copy(update={"training": wanted.training.model_copy(update={"max_epochs": 5})})
    assert "began with, 80% was what Rising" in wanted.taught_note(3)[0]
    assert "kept 40% was" in wanted.taught_note(3)[0]
    assert "kept 0% was" in wanted.taught_note(5)[0]
    assert [progress(0, 1), progress(0, 5), progress(4, 5)] == [1.0, 0.0, 1.0]
