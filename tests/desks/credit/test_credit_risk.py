"""The credit desk: nothing from the future, the same again, and better than nothing."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

import bezant as bz
from bezant.schema import Kind, Role, infer_schema
from bezant.training.config import TrainingConfig
from bezant.training.loop import TrainingRun
from bezant.training.state import Epoch
from bezant.types import InputError
from common.rows import column, made_up, real, replaced
from credit_support import QUICK, credit


def test_either_label_may_be_the_event(tmp_path: Path) -> None:
    X, y = made_up()
    words = np.where(y == 1, "bad", "good")
    risk = credit(event="bad", random_state=0).fit(X, words)
    assert risk.classes_.tolist() == ["good", "bad"]
    same = credit(random_state=0).fit(X, y)
    np.testing.assert_array_equal(risk.predict_proba(X), same.predict_proba(X))
    risk.save(tmp_path / "model")
    np.testing.assert_array_equal(bz.load(tmp_path / "model").predict(X), risk.predict(X))
    with pytest.raises(InputError, match="'ugly' is none of the labels 'bad' and 'good' in the 480 rows"):
        credit(event="ugly").fit(X, words)


def test_nothing_of_the_held_out_rows_reaches_the_training_that_they_judge() -> None:
    X, y = made_up()
    X = replaced(X, "staff", X["staff"].cast(pa.string()))
    late = np.arange(480) >= 480 - 72  # the latest 15 %
    garbled, outcomes = X, np.where(late, 1 - y, y)
    for name in ("state", "bank"):
        new = [f"never seen {i}" if late[i] else v for i, v in enumerate(X[name].to_pylist())]
        garbled = replaced(garbled, name, pa.array(new))
    staff = [f"{i / 7}" if late[i] else v for i, v in enumerate(X["staff"].to_pylist())]
    garbled = replaced(
        garbled, "staff", pa.array([*staff[:-2], "many", "more"])
    )  # fewer than would be refused
    huge = [1e12 + i if late[i] else v for i, v in enumerate(X["amount"].to_pylist())]
    garbled = replaced(garbled, "amount", pa.array(huge))
    garbled = replaced(
        garbled, "founded", pa.array(np.where(late, None, column(X, "founded")), X["founded"].type)
    )
    one, other = credit().fit(X, y), credit().fit(garbled, outcomes)
    assert other.schema_ == one.schema_
    losses, again = ([e.train_loss for e in r.history_[0].epochs] for r in (one, other))
    assert again == losses
    judged, garbled_judged = ([e.held_out_loss for e in r.history_[0].epochs] for r in (one, other))
    assert garbled_judged != judged  # the rows garbled are the ones held out


def test_the_latest_rows_are_held_out_where_a_time_is_given(risk: bz.CreditRisk) -> None:
    X, _ = made_up()
    assert risk.evaluation_ is not None
    share = 36 / 480  # half of 15 %: the other half says when to stop
    assert risk.evaluation_.rows == pytest.approx(share * X.num_rows, abs=2)
    assert set(risk.evaluation_.by_period["group"].to_pylist()) <= {"2005", "2006"}


def test_the_ordering_time_is_no_input(risk: bz.CreditRisk) -> None:
    X, _ = made_up()
    late = replaced(X, "approved", pa.array(np.array(["2030-01-01"] * X.num_rows, "datetime64[us]")))
    without_founded = risk.schema_.select(Role.INPUT).names
    assert "approved" not in without_founded
    blind = credit(schema=infer_schema(X, time="approved").with_role(Role.IGNORED, "founded")).fit(*made_up())
    np.testing.assert_array_equal(blind.predict_proba(late), blind.predict_proba(X))


def saved(risk: bz.CreditRisk, folder: Path) -> dict[str, bytes]:
    risk.save(folder)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_two_fits_with_one_seed_save_the_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    X, y = made_up()
    first = saved(credit(random_state=4).fit(X, y), tmp_path / "first")
    second = saved(credit(random_state=4).fit(X, y), tmp_path / "second")
    other = saved(credit(random_state=5).fit(X, y), tmp_path / "other")
    assert first == second
    assert first["model.safetensors"] != other["model.safetensors"]


@pytest.mark.usefixtures("quick_boosting")
def test_the_benchmarks_are_saved_with_the_model(tmp_path: Path) -> None:
    X, y = made_up()
    before = credit(benchmark=True).fit(X, y)
    assert [b.model.key for b in before.benchmarks_] == ["gradient-boosting", "scorecard"]
    after = bz.load(before.save(tmp_path / "model"))
    for one, other in zip(before.benchmarks_, after.benchmarks_, strict=True):
        assert one.name == other.name
        np.testing.assert_array_equal(
            one.score_table(before.model_.conform(X).table), other.score_table(after.model_.conform(X).table)
        )
    evaluation = after.evaluate(X, y)
    assert evaluation.to_json() == before.evaluate(X, y).to_json()
    assert set(evaluation.figures) == {"bezant", *(b.name for b in before.benchmarks_)}
    assert {c.against for c in evaluation.comparisons} == {b.name for b in before.benchmarks_}


def test_a_training_configuration_means_the_same_as_its_mapping() -> None:
    X, y = made_up()
    first = credit(training=TrainingConfig(**QUICK)).fit(X, y)
    second = credit(training=QUICK).fit(X, y)
    np.testing.assert_array_equal(first.predict_proba(X), second.predict_proba(X))


def test_figures_by_period_and_segment_count_every_row_once(risk: bz.CreditRisk) -> None:
    X, y = made_up()
    evaluation = risk.evaluate(X, y, segments=["state"])
    for table in (evaluation.by_period, evaluation.by_segment):
        rows = table.filter(pa.compute.equal(table["figure"], "event_rate"))
        assert sum(rows["rows"].to_pylist()) == len(y)
        assert sum(rows["events"].to_pylist()) == y.sum()
    with pytest.raises(InputError, match="'county'"):
        risk.evaluate(X, y, segments=["county"])


def test_a_report_is_one_file_without_links(risk: bz.CreditRisk, tmp_path: Path) -> None:
    X, y = made_up()
    path = risk.report(tmp_path / "report.html", X, y, created="2024-01-01T00:00:00")
    text = path.read_text(encoding="utf-8")
    assert risk.evaluate(X, y).verdict.split("(")[0].strip() in text
    assert 'src="http' not in text
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]


def test_the_schema_a_user_gives_is_obeyed() -> None:
    X, y = made_up()
    schema = (
        infer_schema(X, time="approved").with_kind(Kind.CATEGORY, "state").with_role(Role.IGNORED, "bank")
    )
    fitted = credit(schema=schema).fit(X, y)
    assert "bank" not in fitted.schema_.names
    assert fitted.predict_proba(X.drop_columns(["bank"])).shape == (480, 2)


def test_history_is_restored_as_it_was() -> None:
    run = TrainingRun((Epoch(1, 0.5, None), Epoch(2, 0.4, 0.41)), 2, "early", 10.0, ("a note",))
    from dataclasses import asdict

    assert TrainingRun.restore(asdict(run)) == run


@pytest.mark.slow
def test_on_real_loans_it_beats_the_base_rate_and_its_probabilities_come_true() -> None:
    X, y = real(8000, seed=1)
    train, test = np.arange(len(y)) % 4 > 0, np.arange(len(y)) % 4 == 0
    training = {"max_epochs": 6, "batch_size": 256, "learning_rate": 0.005}
    risk = bz.CreditRisk(size="tiny", benchmark=False, progress=False, training=training, holdout=0.25).fit(
        X.filter(pa.array(train)), y[train]
    )
    p = risk.predict_proba(X.filter(pa.array(test)))[:, 1]
    events = y[test]
    rate = y[train].mean()
    loss = -np.mean(events * np.log(p) + (1 - events) * np.log(1 - p))
    constant = -np.mean(events * math.log(rate) + (1 - events) * math.log(1 - rate))
    assert loss < constant - 0.03
    slope, error = calibration_slope(p, events)
    # The calibrator was itself estimated, on the judging half of the held-out rows.
    assert risk.evaluation_ is not None
    error *= math.sqrt(1 + len(events) / risk.evaluation_.rows)
    assert abs(slope - 1) < 1.96 * error, (slope, error)
    figures = risk.evaluate(X.filter(pa.array(test)), events).figures["bezant"]
    assert figures["roc_auc"].value > 0.72
    assert figures["calibration_slope"].value == pytest.approx(slope, abs=1e-3)


def calibration_slope(p: NDArray[Any], y: NDArray[Any]) -> tuple[float, float]:
    """Slope of a logistic regression of outcomes on log-odds, and its standard error."""
    x = np.log(p / (1 - p))
    model = LogisticRegression(C=1e12, tol=1e-10).fit(x[:, None], y)
    q = model.predict_proba(x[:, None])[:, 1]
    design = np.column_stack([x, np.ones_like(x)])
    covariance = np.linalg.inv(design.T @ (design * (q * (1 - q))[:, None]))
    return float(model.coef_[0, 0]), math.sqrt(covariance[0, 0])
