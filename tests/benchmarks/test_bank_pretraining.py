"""Few labels of a bank: who judges is not learned from, and no record is of the moment or later."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bezant.benchmarks import bank_events, bank_pretraining
from bezant.schema import RECORDS


def test_a_row_has_attributes_and_the_records_before_its_moment(tmp_path: Path) -> None:
    days = pa.array([datetime(2023, 1, day) for day in (1, 2, 3)], pa.timestamp("us"))
    events = pa.table({"user_id": ["u1", "u1", "u2"], "ts": days, "amount": [1.0, 2.0, 3.0]})
    profiles = pa.table({"user_id": ["u1", "u2", "u3"], "country": ["DE", "GB", None]})
    (tmp_path / "labels").mkdir()
    label = pa.table({"user_id": ["u2", "u1"], "eval_ts": days.take(pa.array([1, 1])), "label": [1, 0]})
    pq.write_table(label, tmp_path / "labels" / "churn_6m.parquet")
    rows, y = bank_events.read_question(tmp_path, "churn_6m", events, profiles)
    assert rows["country"].to_pylist() == ["DE", "GB"]
    assert [[r["amount"] for r in own or []] for own in rows[RECORDS].to_pylist()] == [[1.0], []]
    assert y.tolist() == [0, 1]


def test_those_who_judge_are_not_learned_from() -> None:
    rows = pa.table({"cut": np.arange(10)})
    drawn = bank_pretraining.draw_users(rows, np.zeros((10, 1)), np.zeros(10), 32, None, 0)
    assert len(drawn.judging) == 3
    assert sorted([*drawn.judging, *drawn.learning]) == list(range(10))


def test_a_folder_without_a_bank_is_refused_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["bank_pretraining", str(tmp_path)])
    with pytest.raises(SystemExit):
        bank_pretraining.main()
    assert capsys.readouterr().err.count("\n") == 1
