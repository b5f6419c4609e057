"""The benchmark of pretraining draws its customers soundly and prints every model."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from bezant.benchmarks import pretraining
from bezant.benchmarks.demand import CUT
from bezant.network.history import TERMS
from bezant.schema import RECORDS


@pytest.fixture(scope="module")
def customers() -> pretraining.Customers:
    return pretraining.draw_customers("cdnow-sample", 400, 0)


def test_those_who_judge_are_not_learned_from(customers: pretraining.Customers) -> None:
    assert len(customers.judging) == 120
    assert not set(customers.judging) & set(customers.learning)
    few, all_of_them = (customers.labelled(share, 0) for share in (0.1, 1.0))
    assert set(few) <= set(customers.learning)
    assert sorted(all_of_them) == sorted(customers.learning)
    rate = customers.y[customers.learning].mean()
    assert customers.y[few].mean() == pytest.approx(rate, abs=0.03)


def test_no_record_is_of_the_cut_or_later(customers: pretraining.Customers) -> None:
    lists = customers.rows[RECORDS].to_pylist()
    latest = max(np.datetime64(record["time"]) for own in lists for record in own)
    assert latest < CUT


def test_the_table_has_a_row_for_every_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pretraining, "network", lambda *given: 0.7)
    monkeypatch.setattr(pretraining, "pretrained", lambda *given: None)
    monkeypatch.setattr(pretraining, "vectors", lambda model, customers: customers.told[:, :2])
    drawn = partial(pretraining.draw_customers, "cdnow-sample", 600)
    lines = list(pretraining.compare(drawn, "tiny", range(2)))
    rows = [line for line in lines if line.startswith("| ") and "±" in line]
    assert len(rows) == 7 + 2 * len(TERMS)
    assert any(pretraining.LOGISTIC in row for row in rows)
    assert "0.700 ± 0.000" in rows[-3]
    assert rows[-1].count("0.000 ± 0.000") == 3 and "less" in rows[-1]


def test_the_interval_is_students() -> None:
    assert pretraining.interval([0.7, 0.8]) == f"0.750 ± {12.7062 * 0.0707107 / 2**0.5:.3f}"
    assert pretraining.interval([0.7]) == "0.700"


def test_figures_of_splits_of_the_same_rows_are_less_sure() -> None:
    wider = f"0.750 ± {12.7062 * 0.0707107 * (1 / 2 + 3 / 7) ** 0.5:.3f}"
    assert pretraining.interval([0.7, 0.8], 3 / 7) == wider


def test_only_the_latest_records_are_read_where_a_window_is_given(
    monkeypatch: pytest.MonkeyPatch, customers: pretraining.Customers
) -> None:
    read = []
    take = "bezant.benchmarks.pretraining.HistoryModel.pretrain"
    monkeypatch.setattr(take, lambda model, rows: read.append((model, rows)))
    pretraining.pretrained(replace(customers, window=2), "tiny", 0)
    ((model, rows),) = read
    assert model.window == 2
    assert rows.num_rows == len(customers.learning)
    assert max(len(own) for own in rows[RECORDS].to_pylist()) == 2
