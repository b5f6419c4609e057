"""Recalibration: the level moves to recent outcomes, the ranking stays."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path

import numpy as np
import pyarrow as pa

import bezant as bz
from common.rows import made_up
from credit_support import credit


def test_recalibration_moves_the_level_and_keeps_the_ranking(tmp_path: Path) -> None:
    X, y = made_up()
    early = np.arange(480) < 300
    risk = credit(random_state=0, benchmark=("scorecard",), holdout=0.3).fit(
        X.filter(pa.array(early)), y[early]
    )
    later, outcomes = X.filter(pa.array(~early)), np.where(np.arange(180) % 3 == 0, y[~early], 1.0)
    before = risk.predict_proba(later)[:, 1]
    risk.recalibrate(later, outcomes)
    after = risk.predict_proba(later)[:, 1]
    assert abs(after.mean() - outcomes.mean()) < 0.02 < abs(before.mean() - outcomes.mean())
    assert risk.notes_[-1].startswith("Recalibrated on 180 rows from ")
    if not risk.model_.recalibration.needs_times:
        np.testing.assert_array_equal(np.argsort(before, kind="stable"), np.argsort(after, kind="stable"))
    judged = risk.evaluate(later, outcomes)
    assert judged.figures["Scorecard"]["log_loss"].value < 0.7
    risk.save(tmp_path / "model")
    again = bz.load(tmp_path / "model")
    np.testing.assert_array_equal(again.predict_proba(later)[:, 1], after)
    assert again.evaluate(later, outcomes).figures == judged.figures


def test_a_second_recalibration_starts_from_the_fitted_model(risk: bz.CreditRisk) -> None:
    X, y = made_up()
    once = deepcopy(risk).recalibrate(X, y)
    twice = deepcopy(risk).recalibrate(X, 1 - y).recalibrate(X, y)
    np.testing.assert_array_equal(once.predict_proba(X), twice.predict_proba(X))
    assert once.notes_ == twice.notes_
