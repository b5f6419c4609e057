"""The benchmark of bank events reads what pragmatiq writes, and says so where there is nothing."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bezant.benchmarks import bank_events
from bezant.benchmarks.pretraining import latest_records
from bezant.schema import RECORDS
from bezant.types import InputError

EVENTS = [
    ("u1", datetime(2023, 1, 2), "transaction", [("amount", "808.04"), ("mcc", "4511")]),
    ("u2", datetime(2023, 1, 1), "app", [("screen", "home"), ("device_id", "dev_1")]),
    ("u1", datetime(2023, 1, 1), "transaction", [("amount", "5.00"), ("mcc", "5411")]),
    ("u3", datetime(2023, 1, 1), "app", []),
]


@pytest.fixture
def bank(tmp_path: Path) -> Path:
    fields = pa.map_(pa.string(), pa.string())
    users, times, sources, maps = zip(*EVENTS, strict=True)
    events = pa.table(
        {
            "user_id": pa.array(users),
            "ts": pa.array(times, pa.timestamp("us")),
            "source": pa.array(sources),
            "fields": pa.array(maps, fields),
        }
    )
    pq.write_table(events, tmp_path / "events.parquet", row_group_size=3)
    attributes = pa.array([[("country", "DE")], [("country", "GB"), ("housing", "own")], []], fields)
    profiles = pa.table({"user_id": ["u1", "u2", "u3"], "attributes": attributes})
    pq.write_table(profiles, tmp_path / "profiles.parquet")
    (tmp_path / "labels").mkdir()
    for label in bank_events.LABELS:
        moments = pa.array([datetime(2023, 1, 2)] * 3, pa.timestamp("us"))
        table = pa.table({"user_id": ["u1", "u2", "u3"], "eval_ts": moments, "label": [1, 0, 1]})
        pq.write_table(table, tmp_path / "labels" / f"{label}.parquet")
    return tmp_path


def test_a_map_of_fields_becomes_columns(bank: Path) -> None:
    found = bank_events.read_events(bank, ["u1", "u2"]).to_pylist()
    assert [row["user_id"] for row in found] == ["u1", "u2", "u1"]
    assert [row["amount"] for row in found] == [808.04, None, 5.0]
    assert [row["mcc"] for row in found] == ["=4511", None, "=5411"]
    assert [row["screen"] for row in found] == [None, "=home", None]
    assert "device_id" not in found[0]


def test_attributes_become_columns(bank: Path) -> None:
    assert bank_events.users_of(bank, 2) == ["u1", "u2"]
    found = bank_events.read_profiles(bank, ["u1", "u2"]).to_pylist()
    assert found == [
        {"user_id": "u1", "country": "DE", "housing": None},
        {"user_id": "u2", "country": "GB", "housing": "own"},
    ]


def test_only_the_latest_records_are_kept() -> None:
    rows = pa.table({"who": [1, 2, 3], RECORDS: [[1, 2, 3], [], [4]]})
    assert latest_records(rows, 2)[RECORDS].to_pylist() == [[2, 3], [], [4]]


def test_a_folder_without_a_bank_is_refused_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(InputError, match="pragmatiq synth generate"):
        bank_events.opened(tmp_path)
    monkeypatch.setattr(sys, "argv", ["bank_events", str(tmp_path)])
    with pytest.raises(SystemExit):
        bank_events.main()
    assert capsys.readouterr().err.count("\n") == 1


def test_what_a_question_is_told_knows_nothing_of_its_moment_and_after(bank: Path) -> None:
    class Vectors:
        def embed(self, rows: pa.Table, *, components: int) -> pa.Table:
            return pa.table({f"h{j}": np.zeros(rows.num_rows) for j in range(components)})

    events = bank_events.read_events(bank, ["u1", "u2", "u3"])
    profiles = bank_events.read_profiles(bank, ["u1", "u2", "u3"])
    found = bank_events.ask(bank, "churn_6m", events, profiles, Vectors())  # type: ignore[arg-type]
    assert found.y.tolist() == [1.0, 0.0, 1.0]
    amounts = [[r["amount"] for r in own] for own in found.rows[RECORDS].to_pylist()]
    assert amounts == [[5.0], [None], [None]]
    assert len(found.told) == 3
    assert found.vectors.shape == (3, 1)  # three labels are enough for one component
