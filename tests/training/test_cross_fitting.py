"""Cross-fitting: nobody judges a row that it has seen, and the folds agree on when to stop."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bezant.desks.estimators.intake import take_in
from bezant.metrics.target_statistics import stratified_folds
from bezant.network.calibration import Calibration
from bezant.network.model import NetworkConfig
from bezant.training import cross_fitting
from bezant.training.config import TrainingConfig
from bezant.training.cross_fitting import cross_fit_table, is_cross_fitted
from bezant.training.loop import TrainingRun
from bezant.training.plan import TablePlan
from bezant.training.state import Epoch
from bezant.training.table import FittedTable
from common.rows import made_up

PLAN = TablePlan(
    network=NetworkConfig(size="tiny"), training=TrainingConfig(max_epochs=3, batch_size=64, patience=9)
)


def fitted(y: np.ndarray, folds: np.ndarray) -> FittedTable:
    X, _ = made_up()
    intake = take_in(X.drop_columns("approved"), y, time=None, schema=None, leaks="report", seed=0)
    return cross_fit_table(intake.table, intake.schema, y, folds, PLAN, shown=lambda _: nullcontext(None))


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[np.ndarray]:
    """The networks' own out-of-fold answers of every fit."""
    kept: list[np.ndarray] = []
    real = cross_fitting.calibrate

    def recorded(p: np.ndarray, y: np.ndarray, **given: Any) -> Calibration:
        kept.append(p.copy())
        return real(p, y, **given)

    monkeypatch.setattr(cross_fitting, "calibrate", recorded)
    # One epoch and one share whatever the rows say: a changed fold cannot speak through their choice.
    monkeypatch.setattr(cross_fitting, "best_share", lambda *_: 0.5)
    mean = cross_fitting._mean_run
    monkeypatch.setattr(cross_fitting, "_mean_run", lambda runs: replace(mean(runs), best_epoch=1))
    return kept


def test_the_outcomes_of_a_fold_reach_no_answer_about_it(answers: list[np.ndarray]) -> None:
    _, y = made_up()
    folds = stratified_folds(y, 5, 0)
    fitted(y, folds)
    inside = folds == 2
    fitted(np.where(inside, 1 - y, y), folds)
    before, after = answers
    np.testing.assert_array_equal(before[inside], after[inside])
    assert not np.allclose(before[~inside], after[~inside])


def test_every_row_judges_and_the_kept_model_is_trained_on_all() -> None:
    _, y = made_up()
    found = fitted(y, stratified_folds(y, 5, 0))
    assert len(found.judged) == len(y)
    assert found.parts.judging.tolist() == list(range(len(y)))
    assert len(found.runs[1].epochs) == found.runs[0].best_epoch
    assert found.first is None


def test_going_back_to_an_epoch_is_the_same_as_training_up_to_it(
    answers: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, y = made_up()
    folds = stratified_folds(y, 5, 0)
    fitted(y, folds)
    monkeypatch.setattr(cross_fitting._Fit, "went_back_to", lambda *_: False)
    fitted(y, folds)
    np.testing.assert_array_equal(*answers)


def test_the_epoch_is_the_best_of_the_mean_curve_as_far_as_all_curves_go() -> None:
    curves = [[0.5, 0.4, 0.3, 0.1], [0.5, 0.3, 0.6], [0.4, 0.3, 0.4, 0.0]]
    runs = [
        TrainingRun(tuple(Epoch(i + 1, 1.0, v) for i, v in enumerate(c)), 1, "early", 10.0) for c in curves
    ]
    mean = cross_fitting._mean_run(runs)
    assert mean.best_epoch == 2
    assert [e.held_out_loss for e in mean.epochs] == pytest.approx([1.4 / 3, 1.0 / 3, 1.3 / 3])


def test_an_interruption_keeps_a_model_and_says_what_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    real = cross_fitting.train
    monkeypatch.setattr(cross_fitting, "train", lambda *a, **k: replace(real(*a, **k), ended="interrupted"))
    X, y = made_up()
    found = fitted(y, stratified_folds(y, 5, 0))
    assert not len(found.judged)
    assert "neither calibrated nor judged" in found.notes[-1]
    assert found.model.score_table(X).shape == (len(y),)


@pytest.mark.parametrize(
    ("rows", "events", "timed", "expected"),
    [
        (1000, 50, False, True),
        (1000, 49, False, False),
        (1000, 300, True, False),
        (20_000, 300, False, False),
    ],
)
def test_small_tables_without_an_order_are_cross_fitted(
    rows: int, events: int, timed: bool, expected: bool
) -> None:
    y = (np.arange(rows) < events).astype(np.float64)
    assert is_cross_fitted(y, timed) is expected


def test_no_fold_stops_early_unless_patience_was_asked_for() -> None:
    asked = cross_fitting._to_the_end(PLAN, 500).training
    assert (asked.patience, asked.max_epochs) == (9, 3)
    left_open = cross_fitting._to_the_end(TablePlan(), 500).training
    assert left_open.patience == left_open.max_epochs == TablePlan().resolved(500).training.max_epochs
