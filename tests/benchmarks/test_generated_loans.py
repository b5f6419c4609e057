"""Generated loans: the columns of the real ones, the same at every call, with a known truth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bezant.benchmarks import generated_loans
from bezant.benchmarks.generated_loans import GROUPS, generate
from bezant.datasets import load_table


@pytest.fixture(scope="module")
def loans(tmp_path_factory: pytest.TempPathFactory) -> pa.Table:
    return pq.read_table(generate(30_000, tmp_path_factory.mktemp("loans"))[0])


def test_columns_are_those_of_the_real_loans(loans: pa.Table) -> None:
    real = load_table("sba-sample")
    assert set(loans.column_names) == {*real.column_names, "LoanNr", "true_pd"}
    for name in real.column_names:
        assert loans[name].type == real[name].type, name


def test_outcomes_come_true_as_often_as_their_probability_says(loans: pa.Table) -> None:
    p, y = loans["true_pd"].to_numpy(), loans["default"].to_numpy()
    for low, high in ((0, 0.1), (0.1, 0.3), (0.3, 1)):
        inside = (p >= low) & (p < high)
        error = np.sqrt((p[inside] * (1 - p[inside])).sum()) / inside.sum()
        assert abs(y[inside].mean() - p[inside].mean()) < 4 * error


def test_columns_of_a_group_are_of_one_real_row(loans: pa.Table) -> None:
    real = load_table("sba-sample").select(list(GROUPS[0])).to_pylist()
    known = {tuple(row.values()) for row in real}
    assert all(
        tuple(row.values()) in known for row in loans.slice(0, 500).select(list(GROUPS[0])).to_pylist()
    )


def test_more_rows_begin_with_the_same_ones(
    loans: pa.Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generated_loans, "FILE_ROWS", 4000)
    few = [pq.read_table(f) for f in generate(4000, tmp_path / "few")]
    many = [pq.read_table(f) for f in generate(9000, tmp_path / "many")]
    assert [len(t) for t in many] == [4000, 4000, 1000]
    assert many[0].equals(few[0])
    assert not many[1].drop_columns("LoanNr").equals(many[0].drop_columns("LoanNr"))
    numbers = np.concatenate([t["LoanNr"].to_numpy() for t in many])
    assert np.array_equal(numbers, np.arange(9000))
