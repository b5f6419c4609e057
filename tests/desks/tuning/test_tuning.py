"""Tuning: which rows take part, what is kept, how it goes on, and that it admits when it did not help."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import bezant
from bezant.desks.tuning.search import Problem
from bezant.desks.tuning.space import usual_choice
from bezant.desks.tuning.tuning import TUNED, USUAL, Tuning, _untaught, helped, judge, tune
from bezant.evidence.evaluation import evaluate_scores
from bezant.training.plan import TAUGHT_FROM
from bezant.types import InputError, MissingExtraError
from training_support import COLUMNS

TIME = "ApprovalDate"
QUICK: dict[str, Any] = {"time": TIME, "max_epochs": 3, "trials": 3}


def frame(rows: int = 1500) -> pd.DataFrame:
    loans = bezant.datasets.load("sba-sample")[list(COLUMNS)]
    return loans.iloc[:: len(loans) // rows].reset_index(drop=True)


LOANS = frame()
X, Y = LOANS.drop(columns="default"), LOANS["default"]


@pytest.fixture(scope="module")
def whole() -> Tuning:
    return tune(X, Y, **QUICK)


def without_seconds(found: Tuning) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = found.trials.drop_columns(["seconds", "number"]).to_pylist()
    return rows


def test_the_first_trial_has_the_usual_settings_and_the_best_is_no_worse(whole: Tuning) -> None:
    rows = whole.trials.to_pylist()
    assert [row["number"] for row in rows] == [0, 1, 2]
    usual = usual_choice(len(Y) - len(whole.untouched))
    assert {name: rows[0][name] for name in usual} == usual
    assert whole.usual_loss == rows[0]["loss"]
    complete = [row["loss"] for row in rows if row["state"] == "complete"]
    assert whole.loss == min(complete) <= whole.usual_loss
    assert len({row["dropout"] for row in rows}) == 3


def test_the_latest_rows_take_no_part_whatever_stands_in_them(whole: Tuning) -> None:
    days = X[TIME].to_numpy()
    assert days[whole.untouched].min() >= np.delete(days, whole.untouched).max()
    assert 0.15 < len(whole.untouched) / len(Y) < 0.25
    changed, outcomes = X.copy(), Y.copy()
    outcomes[whole.untouched] = 1 - outcomes[whole.untouched]
    changed.loc[whole.untouched, "GrAppv"] = 1.0
    changed.loc[whole.untouched, "State"] = "elsewhere"
    assert without_seconds(tune(changed, outcomes, **QUICK)) == without_seconds(whole)


def test_a_search_that_was_stopped_goes_on_to_the_same_trials(whole: Tuning, tmp_path: Path) -> None:
    study = tmp_path / "a study.db"

    def stop(number: int, state: str, loss: float) -> None:
        if number == 1:
            raise KeyboardInterrupt

    first = tune(X, Y, study=study, observe=stop, **QUICK)
    assert first.interrupted and first.trials.num_rows == 2
    told: list[int] = []
    again = tune(X, Y, study=study, observe=lambda number, *_: told.append(number), **QUICK)
    assert told == [2]
    assert not again.interrupted
    assert without_seconds(again) == without_seconds(whole)
    assert again.settings == whole.settings
    assert "2 of the trials were in the study already." in again.notes
    done = tune(X, Y, study=study, observe=stop, **QUICK)  # nothing is left to do
    assert done.settings == whole.settings


def test_ctrl_c_in_the_middle_of_a_trial_keeps_those_before(tmp_path: Path, monkeypatch: Any) -> None:
    loss_of, seen = Problem.loss_of, 0

    def interrupted(self: Any, choice: Any, told: Any) -> Any:
        nonlocal seen
        seen += 1
        if seen == 2:
            told = _press
        return loss_of(self, choice, told)

    monkeypatch.setattr(Problem, "loss_of", interrupted)
    found = tune(X, Y, study=tmp_path / "study.db", **QUICK)
    assert found.interrupted and found.trials.num_rows == 1


def _press(*_: Any) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("other", ["rows", "settings", "no study"])
def test_a_study_of_something_else_is_refused_in_one_sentence(tmp_path: Path, other: str) -> None:
    study = tmp_path / "study.db"
    if other == "no study":
        study.write_text("these are no trials")
    else:
        tune(X, Y, study=study, **{**QUICK, "trials": 1})
    changed = X.assign(GrAppv=X["GrAppv"] + 1) if other == "rows" else X
    settings = {**QUICK, "random_state": 1} if other == "settings" else QUICK
    with pytest.raises(InputError, match="delete"):
        tune(changed, Y, study=study, **settings)


def test_without_optuna_the_line_to_install_it_is_given(monkeypatch: Any) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'bezant\[tune\]'"):
        tune(X, Y, **QUICK)


def test_trials_that_fall_behind_are_given_up() -> None:
    found = tune(X.iloc[::2], Y.iloc[::2], time=TIME, max_epochs=4, trials=14)
    states = [row["state"] for row in found.trials.to_pylist()]
    assert states[:4] == ["complete"] * 4  # too few to compare with
    assert "pruned" in states
    assert all((row["loss"] is None) == (row["state"] == "pruned") for row in found.trials.to_pylist())
    assert found.importance and abs(sum(found.importance.values()) - 1) < 1e-6


def test_without_a_time_every_other_row_judges_once() -> None:
    small, outcomes = X.drop(columns=TIME).iloc[:600], Y.iloc[:600]
    found = tune(small, outcomes, max_epochs=1, trials=1)
    others = np.setdiff1d(np.arange(600), found.untouched)
    assert f"on {len(others)} rows in 3 folds" in found.notes[0]
    rate, last = outcomes.mean(), outcomes.iloc[found.untouched].mean()
    assert abs(rate - last) < 0.01  # drawn by class


def test_no_time_is_left_for_a_second_trial() -> None:
    found = tune(X, Y, seconds=0.0, **QUICK)
    assert found.trials.num_rows == 1
    assert "The search ended before its 3 trials were done." in found.notes


def test_both_settings_are_judged_on_the_rows_laid_aside(whole: Tuning) -> None:
    judged = judge(X, Y, whole, time=TIME)
    assert set(judged.figures) == {TUNED, USUAL}
    assert judged.rows == len(whole.untouched)
    assert np.array_equal(judged.y, Y.to_numpy()[whole.untouched])
    if whole.loss == whole.usual_loss:
        assert judged.figures[TUNED] == judged.figures[USUAL]


def test_what_is_given_beside_the_tuned_settings_counts_in_both_fits(
    whole: Tuning, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[dict[str, Any]] = []

    class Kept(bezant.CreditRisk):
        def fit(self, X: Any, y: Any) -> Any:
            seen.append(self.get_params(deep=False))
            raise InputError("seen")

    monkeypatch.setattr("bezant.desks.tuning.tuning.CreditRisk", Kept)
    with pytest.raises(InputError, match="seen"):
        judge(X, Y, whole, time=TIME, network={"taught": 0.5, "dropout": 0.9}, training={"patience": 2})
    (tuned,) = seen
    assert tuned["network"] == {**whole.settings["network"], "taught": 0.5}
    assert tuned["training"] == {**whole.settings["training"], "patience": 2}


def test_that_trials_have_no_teacher_is_said_where_later_fits_have_one() -> None:
    assert _untaught(TAUGHT_FROM - 1) == ()
    (said,) = _untaught(TAUGHT_FROM)
    assert "The trials learned from outcomes alone" in said


@pytest.mark.parametrize("better", [True, False])
def test_it_says_whether_tuning_helped(better: bool) -> None:
    outcomes = np.tile([0, 1, 0, 1, 1], 20)
    good, bad = np.where(outcomes, 0.8, 0.2), np.full(100, 0.6)
    scores = {TUNED: good if better else bad, USUAL: bad if better else good}
    said = helped(evaluate_scores(outcomes, scores, large=TUNED))
    assert said.startswith("Tuning helped" if better else "Tuning did not help")
    assert "100 rows that took no part" in said
