"""The traditional models of when an event comes read the records of rows at a glance."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import bezant as bz
from bezant.desks.over_time.rivals import HazardRival

CUT, END = pd.Timestamp("1997-10-01"), pd.Timestamp("1998-07-01")
MONTH = 30.4375
"""Days."""


@pytest.fixture(scope="module")
def customers() -> pa.Table:
    """Customers of CDNOW's published tenth with nothing but their purchases before October 1997."""
    events = bz.datasets.load("cdnow-sample")
    known = np.unique(events["customer"].to_numpy())
    rows = pa.table({"customer": known, "cut": pa.array(np.full(len(known), CUT.to_datetime64()))})
    table = bz.with_records(rows, pa.Table.from_pandas(events), entity="customer", time="time", until="cut")
    return table.drop_columns(["customer", "cut"])


@pytest.fixture(scope="module")
def model(customers: pa.Table) -> bz.PDTermStructure:
    """When does each buy again?"""
    events = bz.datasets.load("cdnow-sample")
    known = np.unique(events["customer"].to_numpy())
    again = events[events["time"] >= CUT].groupby("customer")["time"].min().reindex(known)
    seen = again.notna().to_numpy()
    months = (again.fillna(END) - CUT).dt.days.to_numpy() / MONTH
    settings = {"size": "tiny", "training": {"max_epochs": 1, "batch_size": 256}, "progress": False}
    curves = bz.PDTermStructure(period=3, horizon=9, random_state=0, **settings)  # type: ignore[arg-type]
    return curves.fit(customers, months, seen)


def rival(model: bz.PDTermStructure, name: str) -> HazardRival:
    return next(b for b in model.benchmarks_ if b.name == name)


def test_a_rival_reads_the_columns_that_the_network_is_told(model: bz.PDTermStructure) -> None:
    logistic = rival(model, "Logistic hazard").model
    assert "records: days since the last" in logistic.schema_.names  # type: ignore[union-attr]
    assert "records: amount, mean" in logistic.schema_.names  # type: ignore[union-attr]
    assert not any("could not be fitted" in note for note in model.notes_)


def test_a_rivals_answer_changes_when_the_records_change(
    model: bz.PDTermStructure, customers: pa.Table
) -> None:
    typed = model.model_.conform(customers).table
    order = np.random.default_rng(0).permutation(len(typed))
    swapped = typed.take(order)
    before, after = (rival(model, "Logistic hazard").score_periods(t) for t in (typed, swapped))
    np.testing.assert_array_equal(after, before[order])
    assert (before != after).any(axis=1).mean() > 0.9
    same = rival(model, "Kaplan-Meier")
    np.testing.assert_array_equal(same.score_periods(typed), same.score_periods(swapped))


def test_a_rival_that_reads_records_ranks_rows_it_did_not_learn_from(model: bz.PDTermStructure) -> None:
    assert model.evaluation_ is not None
    assert model.evaluation_.concordance["Logistic hazard"] > 0.65


def test_a_saved_rival_answers_the_same(
    model: bz.PDTermStructure, customers: pa.Table, tmp_path: Path
) -> None:
    loaded = bz.load(model.save(tmp_path / "curves"))
    typed = model.model_.conform(customers).table
    for one, two in zip(model.benchmarks_, loaded.benchmarks_, strict=True):
        np.testing.assert_array_equal(one.score_periods(typed), two.score_periods(typed))


def test_a_rival_saved_before_rows_had_records_is_read(model: bz.PDTermStructure) -> None:
    saved = rival(model, "Kaplan-Meier").model
    assert HazardRival.from_document(saved.to_document()).glance.names == ()
