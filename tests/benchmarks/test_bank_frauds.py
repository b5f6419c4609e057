"""The benchmark of frauds reads a labelled payment and what came before it, and nothing after."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from bezant.benchmarks import bank_frauds
from bezant.schema import RECORDS

TIMES = [datetime(2023, 1, day) for day in (1, 2, 5)]


def events() -> pa.Table:
    """Three payments of one user, one of another."""
    return pa.table(
        {
            "user_id": ["u1", "u1", "u1", "u2"],
            "ts": pa.array([*TIMES, TIMES[0]], pa.timestamp("us")),
            "amount": [9.0, 99.0, -9.0, 1.0],
            "country": ["GB", "GB", "FR", None],
        }
    )


def test_a_labelled_payment_is_the_last_that_is_read() -> None:
    until = pa.array([pa.scalar(TIMES[1], pa.timestamp("us")).value + 1]).cast(pa.timestamp("us"))
    rows = bank_frauds.up_to(pa.table({"user_id": ["u1"], "until": until}), events(), window=2)
    assert [record["amount"] for record in rows[RECORDS].to_pylist()[0]] == [9.0, 99.0]
    one = bank_frauds.up_to(pa.table({"user_id": ["u1"], "until": until}), events(), window=1)
    assert [record["amount"] for record in one[RECORDS].to_pylist()[0]] == [99.0]


def test_what_the_forest_reads_is_known_by_hand() -> None:
    table = events().slice(0, 3)
    rare = bank_frauds.rarities(table.drop_columns(["user_id"]))
    found = bank_frauds.told(table, np.array([True, False, False]), rare)
    np.testing.assert_allclose(found["amount"], np.log([10, 100, 10]))
    np.testing.assert_allclose(found["amount beside those before"], [0, np.log(10), np.log(10) / 2])
    np.testing.assert_array_equal(found["new country"], [1, 0, 1])
    day = 86_400.0
    np.testing.assert_allclose(found["time since the one before"], -np.log1p([2 * day, day, 3 * day]))
    np.testing.assert_allclose(found["country"], -np.log([2 / 3, 2 / 3, 1 / 3]))
    unseen = bank_frauds.told(
        table.set_column(3, "country", pa.array(["PL"] * 3)), np.array([True, False, False]), rare
    )
    np.testing.assert_allclose(unseen["country"], np.log(6))


def test_a_folder_without_a_bank_is_refused_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["bank_frauds", str(tmp_path)])
    with pytest.raises(SystemExit):
        bank_frauds.main()
    assert capsys.readouterr().err.count("\n") == 1
