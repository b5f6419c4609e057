"""Whatever was left aside, replaced or done differently stands in the notes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

import bezant as bz
from bezant.desks.credit import in_memory
from common.rows import made_up, replaced
from credit_support import QUICK, credit


def test_a_clean_table_has_no_notes(risk: bz.CreditRisk) -> None:
    small, additive = risk.notes_  # what is unusual about a small table's network, and nothing else
    assert small.startswith("With 480 rows, fewer than 20000, the network is a small one")
    assert additive.startswith("25% of each answer is that of an additive logistic regression")


def noted(X: pa.Table, y: NDArray[np.float64], **parameters: Any) -> str:
    return " | ".join(credit(**parameters).fit(X, y).notes_)


def test_every_column_left_aside_is_named() -> None:
    X, y = made_up()
    X = X.append_column("constant", pa.array([3.0] * len(y)))
    X = X.append_column("empty", pa.nulls(len(y), pa.string()))
    X = X.append_column("loan number", pa.array([f"L{i:06d}" for i in range(len(y))]))
    said = noted(X, y)
    assert "Column 'constant' has one and the same value in all 408 training rows and was left aside." in said
    assert "Column 'empty' is missing in all 408 training rows and was left aside." in said
    assert "Column 'loan number' only names its row and was left aside." in said


def test_unreadable_and_infinite_values_are_counted() -> None:
    X, y = made_up()
    staff = [None if v is None else str(v) for v in X["staff"].to_pylist()]
    amount = np.array(X["amount"].to_pylist(), np.float64)
    amount[:3] = np.inf
    spoiled = replaced(X, "staff", pa.array(["about 5", *staff[1:]]))
    said = noted(replaced(spoiled, "amount", pa.array(amount)), y)
    assert "Column 'staff': 1 of 480 rows is not a number (such as 'about 5') and counts as missing." in said
    assert "Column 'amount': 3 of 480 rows are infinite and count as missing." in said


def test_what_cannot_be_read_counts_as_missing_and_a_warning_says_so(risk: bz.CreditRisk) -> None:
    X, _ = made_up()
    values = np.array(X["amount"].to_pylist(), np.float64)
    infinite, missing = values.copy(), values.copy()
    infinite[:3], missing[:3] = [np.inf, -np.inf, np.inf], np.nan
    with pytest.warns(UserWarning, match="Column 'amount': 3 of 480 rows are infinite and count as missing"):
        p = risk.predict_proba(replaced(X, "amount", pa.array(infinite)))
    np.testing.assert_array_equal(p, risk.predict_proba(replaced(X, "amount", pa.array(missing))))


def test_dates_that_can_be_read_two_ways_are_said() -> None:
    X, y = made_up()
    days = np.random.default_rng(1).integers(1, 13, (2, len(y)))
    dates = [f"{a:02d}/{b:02d}/1995" for a, b in days.T]
    said = noted(replaced(X, "founded", pa.array(dates)), y)
    assert "Column 'founded'" in said
    assert "day" in said
    assert "month" in said


def test_the_label_that_counts_as_the_event_is_said() -> None:
    X, y = made_up()
    labels = np.where(y == 1, "paid", "charged off")
    assert "The event is the label 'paid'" in noted(X, labels)


def test_too_few_rows_to_hold_any_out_is_said() -> None:
    X, y = made_up()
    small = credit(benchmark=True).fit(X.slice(0, 60), y[:60])
    assert small.evaluation_ is None
    assert "With 60 rows" in " ".join(small.notes_)
    assert "neither calibrated nor judged" in " ".join(small.notes_)
    assert "No traditional model was fitted" in " ".join(small.notes_)


def test_an_interrupted_training_is_said_and_keeps_a_model_that_can_be_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    X, y = made_up()

    class Interrupting:
        def __enter__(self) -> Any:
            return self.observe

        def __exit__(self, *_: object) -> None: ...

        def observe(self, progress: Any) -> None:
            if progress.epoch == 2:
                raise KeyboardInterrupt

    monkeypatch.setattr(in_memory, "shown", lambda title, choice: Interrupting())
    stopped = credit(training={**QUICK, "max_epochs": 30}, benchmark=True).fit(X, y)
    assert stopped.history_[0].ended == "interrupted"
    assert any("interrupted in epoch 2" in n and "best weights so far" in n for n in stopped.notes_)
    assert any("traditional model" in n for n in stopped.notes_)
    assert stopped.evaluation_ is not None
    assert np.isfinite(stopped.predict_proba(X)).all()
