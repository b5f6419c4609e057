"""Credit with records: applications with the statements before them, from fit to a saved model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import bezant as bz
from bezant.desks.estimators.intake import take_in
from bezant.evidence.importance import permutation_importance
from bezant.types import FloatArray, InputError

QUICK = {"max_epochs": 4, "batch_size": 128}


@pytest.fixture(scope="module")
def customers() -> tuple[pa.Table, FloatArray]:
    """Customers of CDNOW's published tenth with their purchases before October 1997: who buys again?"""
    events = bz.datasets.load("cdnow-sample")
    known = np.unique(events["customer"].to_numpy())
    cut = np.datetime64("1997-10-01", "us")
    rows = pa.table({"customer": known, "cut": pa.array(np.full(len(known), cut))})
    again = np.unique(events["customer"].to_numpy()[events["time"].to_numpy() >= cut])
    table = bz.with_records(rows, pa.Table.from_pandas(events), entity="customer", time="time", until="cut")
    table = table.drop_columns(["customer", "cut"])
    return table, np.isin(known, again).astype(np.float64)


@pytest.fixture(scope="module")
def fitted(customers: tuple[pa.Table, FloatArray]) -> bz.CreditRisk:
    """A model of 700 of them."""
    table, again = customers
    risk = bz.CreditRisk(benchmark=False, training=QUICK, random_state=0)
    return risk.fit(table[:700], again[:700])


def test_records_alone_can_be_learned_from(
    customers: tuple[pa.Table, FloatArray], fitted: bz.CreditRisk, tmp_path: Path
) -> None:
    table, again = customers
    p = fitted.predict_proba(table)[:, 1]
    assert np.corrcoef(p[700:], again[700:])[0, 1] > 0.2
    fitted.save(tmp_path / "model")
    loaded = bz.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.predict_proba(table)[:, 1], p)


def test_the_teacher_and_the_traditional_models_read_records_at_a_glance(
    customers: tuple[pa.Table, FloatArray], tmp_path: Path
) -> None:
    table, again = customers
    quick = {"max_epochs": 1, "batch_size": 256}
    risk = bz.CreditRisk(
        training=quick, network={"taught": 0.5}, benchmark=("gradient-boosting",), random_state=0
    )
    risk.fit(table[:700], again[:700])
    (boosted,) = risk.benchmarks_
    p = boosted.score_table(risk.model_.conform(table).table)
    assert np.corrcoef(p[700:], again[700:])[0, 1] > 0.2
    assert "records: days since the last" in boosted.model.schema_.names
    assert any("LightGBM, fitted to other rows" in note for note in risk.notes_)
    risk.save(tmp_path / "model")
    (loaded,) = bz.load(tmp_path / "model").benchmarks_
    np.testing.assert_array_equal(loaded.score_table(risk.model_.conform(table).table), p)


def test_a_window_leaves_the_backbone_as_large_as_asked(customers: tuple[pa.Table, FloatArray]) -> None:
    table, again = customers
    quick = {"max_epochs": 1, "batch_size": 256}
    for settings in ({"window": 8}, {"window": 8, "backbone": {"kind": "rnn"}}):
        risk = bz.CreditRisk(size="tiny", training=quick, network=settings, benchmark=False, random_state=0)
        risk.fit(table[:300], again[:300])
        read = risk.model_.network.config.records
        assert read is not None
        assert (read.window, read.backbone.size) == (8, "tiny")


def test_rows_without_the_column_are_refused(fitted: bz.CreditRisk) -> None:
    with pytest.raises(InputError, match="with_records"):
        fitted.predict_proba(pa.table({"x": [1.0]}))


def test_what_records_do_not_allow_is_refused_in_one_sentence(
    customers: tuple[pa.Table, FloatArray], fitted: bz.CreditRisk, tmp_path: Path
) -> None:
    table, again = customers
    with pytest.raises(InputError, match="cannot be updated; fit it again"):
        fitted.update(table, again)
    with pytest.raises(InputError, match="cannot be written as ONNX"):
        fitted.export_onnx(tmp_path / "model.onnx")


def test_the_report_says_how_much_the_records_matter(
    customers: tuple[pa.Table, FloatArray], fitted: bz.CreditRisk, tmp_path: Path
) -> None:
    table, again = customers
    judged = table[700:1000]
    found = permutation_importance(
        fitted.model_,
        fitted.model_.conform(judged).table,
        again[700:1000],
        columns=["records"],
        metric="roc_auc",
    )
    assert found.low[0] > 0
    page = fitted.report(tmp_path / "report.html", judged, again[700:1000]).read_text()
    assert page.count("records") > 1


def test_records_that_are_not_before_their_row_are_said_or_refused() -> None:
    events = bz.datasets.load("cdnow-sample")
    first = events.groupby("customer")["time"].min().rename("seen").reset_index().head(200)
    table = bz.with_records(first, events, entity="customer", time="time").drop(columns="customer")
    again = (np.arange(len(table)) % 3 == 0).astype(float)
    with pytest.raises(InputError, match="records are not before 'seen'"):
        bz.CreditRisk(time="seen", benchmark=False, leaks="refuse").fit(table, again)


def test_whether_a_table_is_small_is_decided_once_and_not_by_a_fold() -> None:
    from bezant.training.plan import TablePlan

    plan = TablePlan().resolved(20_500)
    assert plan.resolved(17_400).small is plan.small is False


def test_rows_without_a_record_are_counted(customers: tuple[pa.Table, FloatArray]) -> None:
    table, again = customers
    lists = [None if place % 3 else own for place, own in enumerate(table["records"][:90].to_pylist())]
    some = pa.table({"records": pa.array(lists, table["records"].type)})
    taken = take_in(some, again[:90], time=None, schema=None, leaks="report", seed=0)
    assert "60 of 90 rows have no record." in taken.notes
    whole = take_in(table[:90], again[:90], time=None, schema=None, leaks="report", seed=0)
    assert not any("no record" in note for note in whole.notes)
