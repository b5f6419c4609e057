"""The credit desk: nothing from the future, the same again, everything said, and better than nothing."""

from __future__ import annotations

import math
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

import bezant as bz
from bezant.desks.credit import in_memory
from bezant.schema import Kind, Role, infer_schema
from bezant.traditional.boosting_search import SEARCH
from bezant.traditional.gradient_boosting import GradientBoosting
from bezant.training.config import TrainingConfig
from bezant.training.loop import TrainingRun
from bezant.training.state import Epoch
from bezant.types import InputError
from common.rows import column, made_up, real, replaced

QUICK = {"max_epochs": 2, "batch_size": 128}


def credit(**parameters: Any) -> bz.CreditRisk:
    given = {"time": "approved", "size": "tiny", "benchmark": False, "progress": False, "training": QUICK}
    return bz.CreditRisk(**{**given, **parameters})


@pytest.fixture
def quick_boosting(monkeypatch: pytest.MonkeyPatch) -> None:
    """One configuration and few trees; the search has tests of its own."""
    defaults = GradientBoosting.__init__.__kwdefaults__
    few = {"search": SEARCH[:1], "cross_validated_rows": 0, "patience": 3, "threads": 1}
    rates = {"learning_rate": 0.3, "search_learning_rate": 0.3}
    monkeypatch.setattr(GradientBoosting.__init__, "__kwdefaults__", {**defaults, **few, **rates})


@pytest.fixture(scope="module")
def risk() -> bz.CreditRisk:
    return credit().fit(*made_up())


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


# ------------------------------------------------------------------------- 1. nothing from the future


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


# ------------------------------------------------------------------------------ 4. same in, same out


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


# ------------------------------------------------------------------------------------- 5. bad input


def empty_column(X: pa.Table) -> pa.Table:
    return X.select(["approved"]).append_column("nothing", pa.nulls(X.num_rows, pa.float64()))


BAD: list[tuple[str, Any, dict[str, Any], str]] = [
    ("one class", lambda X, y: (X, np.ones_like(y)), {}, "All 480 rows of the target belong to one class"),
    ("three classes", lambda X, y: (X, np.arange(len(y)) % 3), {}, "3 different values"),
    (
        "missing label",
        lambda X, y: (X, np.where(np.arange(len(y)) < 5, np.nan, y)),
        {},
        "missing .* 5 of 480",
    ),
    ("short target", lambda X, y: (X, y[:-1]), {}, "479 values for 480 rows"),
    ("two columns", lambda X, y: (X, np.column_stack([y, y])), {}, "shape"),
    ("no such time", lambda X, y: (X, y), {"time": "aproved"}, "did you mean 'approved'"),
    ("nothing to learn", lambda X, y: (empty_column(X), y), {}, "2 columns can be learned from"),
    ("holdout of 1", lambda X, y: (X, y), {"holdout": 1.0}, "holdout is a share"),
    ("seed of text", lambda X, y: (X, y), {"random_state": "x"}, "random_state is a whole number"),
    ("negative seed", lambda X, y: (X, y), {"random_state": -1}, "random_state is a whole number"),
    (
        "a time that is missing",
        lambda X, y: (replaced(X, "approved", X["approved"].take(pa.array([None, *range(1, 480)]))), y),
        {},
        "'approved' orders the rows but is missing in 1 of 480",
    ),
]


@pytest.mark.parametrize(("make", "parameters", "words"), [b[1:] for b in BAD], ids=[b[0] for b in BAD])
def test_bad_input_gets_one_sentence_and_nothing_is_written(
    make: Any, parameters: dict[str, Any], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def started(*_: Any, **__: Any) -> None:
        raise AssertionError("training has begun")

    monkeypatch.setattr("bezant.training.table.train", started)
    with pytest.raises(InputError, match=words) as caught:
        credit(checkpoint=tmp_path / "run", **parameters).fit(*make(*made_up()))
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_leaks_can_be_refused_dropped_or_reported() -> None:
    X, y = made_up()
    X = X.append_column("recovered", pa.array(np.where(y == 1, 100.0 + np.arange(len(y)) % 7, 0.0)))
    with pytest.raises(InputError, match="'recovered'"):
        credit(leaks="refuse").fit(X, y)
    dropped = credit(leaks="drop").fit(X, y)
    assert "recovered" not in dropped.schema_.names
    assert any("'recovered'" in n and "left aside" in n for n in dropped.notes_)
    reported = credit().fit(X, y)
    assert "recovered" in reported.schema_.names
    assert any("'recovered'" in n for n in reported.notes_)


# ----------------------------------------------------------------------- 8. everything is in notes_


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
    assert "Column 'staff': 1 of 480 rows are not a number (such as 'about 5') and count as missing." in said
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


# --------------------------------------------------------------------------------------- judgements


def test_figures_by_period_and_segment_count_every_row_once(risk: bz.CreditRisk) -> None:
    X, y = made_up()
    evaluation = risk.evaluate(X, y, segments=["state"])
    for table in (evaluation.by_period, evaluation.by_segment):
        rows = table.filter(pa.compute.equal(table["figure"], "event_rate"))
        assert sum(rows["rows"].to_pylist()) == len(y)
        assert sum(rows["events"].to_pylist()) == y.sum()
    with pytest.raises(InputError, match="'county'"):
        risk.evaluate(X, y, segments=["county"])


def test_evaluation_refuses_labels_the_model_does_not_know(risk: bz.CreditRisk) -> None:
    X, y = made_up()
    with pytest.raises(InputError, match=r"480 rows.*recode"):
        risk.evaluate(X, np.where(y == 1, 2.0, 3.0))


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


# ------------------------------------------------------------------------------------- recalibration


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
