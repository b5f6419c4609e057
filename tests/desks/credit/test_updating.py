"""CreditRisk.update: what it learns from which rows, when it keeps what, and what it says."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import bezant as bz
from bezant.desks.credit import updating
from bezant.desks.credit.updating import UPDATED, UpdateRows
from bezant.desks.credit.validation import seen_before
from bezant.desks.estimators.record import FitRecord
from bezant.training import updating as training
from bezant.training.updating import UpdatedTable
from bezant.types import FloatArray, InputError
from common.rows import made_up, replaced
from training_support import interrupt_at

OLD, NEW = 3000, 2000


def loans() -> tuple[pa.Table, FloatArray]:
    """Real loans in the order of time."""
    frame = bz.datasets.load("sba-sample").sort_values("ApprovalDate", kind="stable")
    frame = frame[frame["ApprovalDate"] >= "1998-01-01"].iloc[:: len(frame) // 8000].head(OLD + NEW)
    y = frame.pop("default").to_numpy(np.float64)
    columns = ["ApprovalDate", "State", "GrAppv", "NoEmp", "NewExist", "Bank"]
    return pa.Table.from_pandas(frame[columns], preserve_index=False), y


@pytest.fixture(scope="module")
def fitted() -> bz.CreditRisk:
    X, y = loans()
    risk = bz.CreditRisk(
        time="ApprovalDate",
        size="tiny",
        benchmark=("scorecard",),
        progress=False,
        training={"max_epochs": 2, "batch_size": 128},
    )
    return risk.fit(X.slice(0, OLD), y[:OLD])


def scores(risk: bz.CreditRisk) -> Any:
    return risk.predict_proba(loans()[0])[:, 1]


def note(risk: bz.CreditRisk) -> str:
    (said,) = [n for n in risk.notes_ if n.startswith(UPDATED)]
    return said


def test_no_epochs_change_nothing(fitted: bz.CreditRisk) -> None:
    X, y = loans()
    risk = deepcopy(fitted)
    assert risk.update(X, y, epochs=0) is risk
    np.testing.assert_array_equal(scores(risk), scores(fitted))
    assert risk.notes_ == fitted.notes_
    assert risk.record_ == fitted.record_


def test_an_update_is_judged_on_the_latest_rows_beside_the_old_model_and_the_traditional_one(
    fitted: bz.CreditRisk, tmp_path: Path
) -> None:
    X, y = loans()
    y = y.copy()
    y[OLD:] = np.maximum(y[OLD:], np.random.default_rng(0).random(NEW) < 0.4)  # a crisis: worth learning
    amounts = np.array(X["GrAppv"].to_pylist(), np.float64)
    amounts[:3] = np.inf
    X = replaced(X, "GrAppv", pa.array(amounts))
    risk = deepcopy(fitted).recalibrate(X.slice(OLD, 400), y[OLD : OLD + 400]).update(X, y)
    said = "Column 'GrAppv': 3 of 5000 rows are infinite and count as missing."
    assert f"Of the rows to update with: {said}" in risk.notes_
    assert "kept as it was" not in note(risk)
    (moved,) = [n for n in risk.notes_ if n.startswith("Recalibrated on ")]
    assert moved.startswith(f"Recalibrated on {int(0.15 * len(y))} rows")
    assert risk.evaluation_ is not None
    assert list(risk.evaluation_.figures)[:2] == ["bezant", "bezant before"]
    assert len(risk.evaluation_.figures) == 3
    assert len(risk.evaluation_.y) < 0.15 * len(y)
    risk.save(tmp_path / "model")
    again = bz.load(tmp_path / "model")
    np.testing.assert_array_equal(scores(again), scores(risk))
    assert again.notes_ == risk.notes_


def test_what_was_learned_from_is_recorded_and_old_rows_cannot_judge_the_next_update(
    fitted: bz.CreditRisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    X, y = loans()
    whole = updating.update_table
    monkeypatch.setattr(updating, "update_table", lambda *a, **k: _trained(whole(*a, **k)))
    risk = deepcopy(fitted).update(X, y, epochs=1)
    assert risk.record_.summary.rows == OLD + NEW
    assert risk.record_.summary.period[1] == str(X["ApprovalDate"][-1].as_py().date())
    assert risk.record_.configuration["updates"][0]["sha256_before"] == fitted.record_.data_sha256
    with pytest.raises(InputError, match="None of the 5000 rows is later than"):
        risk.update(X, y)


def _trained(found: UpdatedTable) -> UpdatedTable:
    return UpdatedTable(
        found.model,
        "trained",
        found.log_losses,
        found.parts,
        found.judged,
        found.calibration,
        found.runs,
        found.answers,
    )


def test_an_update_that_would_be_worse_is_not_kept_and_says_so(fitted: bz.CreditRisk) -> None:
    X, y = loans()
    p = scores(fitted)
    y = (p < np.median(p)).astype(np.float64)  # the rows that train teach the opposite ...
    y[-800:] = np.random.default_rng(1).random(800) < p[-800:]  # ... of what those that judge show
    before = fitted.model_.network.state_dict()
    risk = deepcopy(fitted).update(X, y)
    assert all((before[n] == t).all() for n, t in risk.model_.network.state_dict().items())
    assert "training on did not pay" in note(risk) or "kept as it was" in note(risk)
    until = None if "kept as it was" in note(risk) else str(X["ApprovalDate"][-1].as_py().date())
    assert risk.record_ == replace(fitted.record_, judged_until=until)


def test_few_new_rows_leave_the_statistics_and_the_older_rows_out(fitted: bz.CreditRisk) -> None:
    X, y = loans()
    record = fitted.record_
    times = X["ApprovalDate"].to_numpy()
    part = slice(OLD - 400, OLD + 900)
    found = UpdateRows.of(y[part], times[part], record, share=0.15)
    end = np.datetime64(record.summary.period[1])
    old = int((times[part].astype("datetime64[D]") <= end).sum())
    assert not found.relearn
    assert found.used.min() == old
    assert f"{old} rows up to {end} were left out" in found.notes[0]
    risk = deepcopy(fitted).update(X.slice(OLD - 400, 1300), y[part], epochs=1)
    assert "vocabularies, bins and statistics were left as they were" in note(risk)
    assert found.notes[0] in risk.notes_


def test_the_rows_that_judge_are_the_latest_and_all_new(fitted: bz.CreditRisk) -> None:
    X, y = loans()
    times = X["ApprovalDate"].to_numpy()
    found = UpdateRows.of(y, times, fitted.record_, share=0.15)
    assert len(found.held_out) == int(0.15 * len(y))
    assert times[found.held_out].min() >= np.delete(times, found.held_out).max()
    many = UpdateRows.of(y, times, fitted.record_, share=0.9)
    new = times.astype("datetime64[D]") > np.datetime64(fitted.record_.summary.period[1])
    assert len(many.held_out) == new.sum() // 2


def test_too_few_new_rows_change_nothing_and_say_so(fitted: bz.CreditRisk) -> None:
    X, y = loans()
    risk = deepcopy(fitted).update(X.slice(0, OLD + 30), y[: OLD + 30])
    assert "too few to judge" in note(risk)
    np.testing.assert_array_equal(scores(risk), scores(fitted))
    assert risk.evaluation_ is fitted.evaluation_ or risk.evaluation_.figures == fitted.evaluation_.figures


@pytest.mark.parametrize("epochs", [-1, 1.5, True, "3"])
def test_epochs_are_a_whole_number(fitted: bz.CreditRisk, epochs: Any) -> None:
    with pytest.raises(InputError, match="epochs is a whole number"):
        deepcopy(fitted).update(*loans(), epochs=epochs)


def test_missing_times_are_refused(fitted: bz.CreditRisk) -> None:
    X, y = loans()
    times = pa.array([None, *X["ApprovalDate"].to_pylist()[1:]], X["ApprovalDate"].type)
    for given in (replaced(X, "ApprovalDate", times), X.drop_columns("ApprovalDate")):
        with pytest.raises(InputError, match="'ApprovalDate' orders the rows and is missing"):
            deepcopy(fitted).update(given, y)


def test_the_same_update_gives_the_same_model(fitted: bz.CreditRisk) -> None:
    X, y = loans()
    one, other = (deepcopy(fitted).update(X, y, epochs=1) for _ in range(2))
    np.testing.assert_array_equal(scores(one), scores(other))


def test_without_times_no_row_can_be_told_to_be_new() -> None:
    X, y = made_up()
    risk = bz.CreditRisk(size="tiny", benchmark=False, progress=False, training={"max_epochs": 1})
    risk.fit(X.drop_columns("approved"), y)
    with pytest.raises(InputError, match="fitted without a time column"):
        risk.update(X.drop_columns("approved"), y)


def crisis() -> tuple[pa.Table, FloatArray]:
    """Loans whose level has risen in the new rows: worth learning."""
    X, y = loans()
    y = y.copy()
    y[OLD:] = np.maximum(y[OLD:], np.random.default_rng(0).random(NEW) < 0.4)
    return X, y


def interrupted_in(run: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Ctrl-C come in the second step of a run, and a checkpoint fail in each."""
    whole, begun = training.train, []

    def train(*a: Any, **k: Any) -> Any:
        begun.append(1)
        k["observe"] = interrupt_at(2) if len(begun) == run else None
        found = whole(*a, **k)
        return replace(found, notes=(f"Checkpoint {len(begun)} failed.", *found.notes))

    monkeypatch.setattr(training, "train", train)


def test_an_interrupted_update_says_so_and_is_calibrated_if_that_is_better(
    fitted: bz.CreditRisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupted_in(1, monkeypatch)
    X, y = crisis()
    risk = deepcopy(fitted).update(X, y)
    assert "training was interrupted and what it had learned was dropped: the old network was kept" in note(
        risk
    )
    assert "no candidate was better" not in note(risk)
    assert scores(risk)[OLD:].mean() > scores(fitted)[OLD:].mean() + 0.1
    assert "Checkpoint 1 failed." in risk.notes_
    assert not any("best weights so far were kept" in n for n in risk.notes_)


def test_a_network_that_was_interrupted_with_all_rows_is_not_said_to_have_learned_from_those_held_out(
    fitted: bz.CreditRisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupted_in(2, monkeypatch)
    X, y = crisis()
    held_out = int(0.15 * len(y))
    risk = deepcopy(fitted).update(X, y)
    assert f"it has not learned from the {held_out} held-out rows" in note(risk)
    assert {"Checkpoint 1 failed.", "Checkpoint 2 failed."} <= set(risk.notes_)
    summary = risk.record_.summary
    days = X["ApprovalDate"].to_numpy().astype("datetime64[D]")
    assert summary.rows == len(y) - held_out
    assert summary.period[1] == str(days[len(y) - held_out - 1])
    assert risk.record_.judged_until == str(days[-1])
    with pytest.raises(InputError, match=f"later than {days[-1]}, until when outcomes have been used"):
        risk.update(X, y)
    judged = risk.evaluate(X.slice(OLD), y[OLD:])
    assert any(f"until {days[-1]}" in n or f"than {days[-1]}" in n for n in judged.notes)


def test_rows_that_calibrated_an_update_cannot_judge_the_next_one(
    fitted: bz.CreditRisk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(training, "_chosen", lambda *_: "calibrated")
    X, y = crisis()
    days = X["ApprovalDate"].to_numpy().astype("datetime64[D]")
    middle = OLD + NEW // 2
    deepcopy(fitted).update(X.slice(0, middle), y[:middle], epochs=1).save(tmp_path / "model")
    risk = bz.load(tmp_path / "model")
    end, until = risk.record_.summary.period[1], risk.record_.judged_until
    assert (end, until) == (fitted.record_.summary.period[1], str(days[middle - 1]))
    with pytest.raises(InputError, match="later than"):
        risk.update(X.slice(0, middle), y[:middle])
    part = slice(OLD - 100, None)
    found = UpdateRows.of(y[part], days[part], risk.record_, share=0.15)
    assert days[part][found.used].min() <= np.datetime64(until)  # they may train, but not judge
    assert days[part][found.used][found.new].min() > np.datetime64(until)
    (said,) = seen_before(risk.record_, days[OLD + 100 :])
    assert said.startswith(
        f"{(days[OLD + 100 :] <= np.datetime64(until)).sum()} of the {NEW - 100} rows judged"
    )
    assert seen_before(risk.record_, days[days > np.datetime64(until)]) == ()


def test_rows_that_recalibrated_cannot_judge_an_update(fitted: bz.CreditRisk, tmp_path: Path) -> None:
    X, y = crisis()
    days = X["ApprovalDate"].to_numpy().astype("datetime64[D]")
    middle, until = OLD + NEW // 2, str(days[OLD + NEW // 2 - 1])
    risk = deepcopy(fitted).recalibrate(X.slice(OLD, middle - OLD), y[OLD:middle])
    assert risk.record_.judged_until == until
    assert risk.record_.summary == fitted.record_.summary  # the network has learned nothing
    risk.recalibrate(X.slice(OLD, 500), y[OLD : OLD + 500])
    assert risk.record_.judged_until == until  # the later outcomes are known all the same
    risk.save(tmp_path / "model")
    risk = bz.load(tmp_path / "model")
    with pytest.raises(InputError, match=f"later than {until}, until when outcomes have been used"):
        risk.update(X.slice(0, middle), y[:middle])
    found = UpdateRows.of(y, days, risk.record_, share=0.15)
    assert days[found.used][found.held_out].min() > np.datetime64(until)
    judged = risk.evaluate(X.slice(OLD, middle - OLD), y[OLD:middle])
    assert any(f"than {until}, until when outcomes have calibrated the model" in n for n in judged.notes)


def test_a_record_saved_before_it_knew_of_judging_still_loads(fitted: bz.CreditRisk) -> None:
    document = fitted.record_.document()
    del document["judged_until"]
    restored = FitRecord.restore(document)
    assert restored.used_until == fitted.record_.summary.period[1]
