"""PD by age on real loans: monotone, blind to the future, the same after saving."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bezant.datasets import load
from bezant.desks.loading import load as open_model
from bezant.desks.over_time.durations import at_months, read_durations
from bezant.desks.over_time.term_structure import PDTermStructure
from bezant.histories.labels_as_of import LabelsAsOf, labels_as_of
from bezant.types import InputError

CUTOFF, ROWS = "2007-01-01", 4000
COLUMNS = ["ApprovalDate", "GrAppv", "SBA_Appv", "NoEmp", "NewExist", "State", "UrbanRural"]
QUICK: dict[str, Any] = {
    "time": "ApprovalDate", "size": "tiny", "period": 12, "horizon": 72, "training": {"max_epochs": 2},
    "progress": False, "holdout": 0.4,
}  # fmt: skip


@pytest.fixture(scope="module")
def loans() -> pd.DataFrame:
    return load("sba-sample", raw=True).sample(ROWS, random_state=0).reset_index(drop=True)


@pytest.fixture(scope="module")
def labels(loans: pd.DataFrame) -> LabelsAsOf:
    return labels_as_of(loans["ApprovalDate"], loans["ChgOffDate"], cutoff=CUTOFF)


def fit(loans: pd.DataFrame, labels: LabelsAsOf, **settings: Any) -> PDTermStructure:
    known = labels.known
    model = PDTermStructure(**(QUICK | settings))
    return model.fit(loans.loc[known, COLUMNS], labels.duration[known], labels.event[known])


@pytest.fixture(scope="module")
def model(loans: pd.DataFrame, labels: LabelsAsOf) -> PDTermStructure:
    return fit(loans, labels)


def test_probabilities_rise_with_age_and_tell_loans_apart(
    model: PDTermStructure, loans: pd.DataFrame
) -> None:
    p = model.predict_pd(loans, months=(12, 18, 24, 36, 72))
    assert p.shape == (ROWS, 5) and p.dtype == np.float64
    assert (np.diff(p, axis=1) >= 0).all() and p.min() >= 0 and p.max() < 1
    assert len(np.unique(p[:, -1])) > 1000
    assert model.predict_pd(loans).shape == (ROWS, 3)


def test_hazards_multiply_to_the_probabilities(model: PDTermStructure, loans: pd.DataFrame) -> None:
    hazards = model.predict_hazard(loans)
    assert hazards.shape == (ROWS, 6) and hazards.min() >= 0
    by_then = 1 - np.cumprod(1 - hazards, axis=1)
    np.testing.assert_allclose(by_then, model.predict_pd(loans, months=(12, 24, 36, 48, 60, 72)), rtol=1e-4)


def test_garbage_after_the_cut_off_changes_no_model(
    model: PDTermStructure, loans: pd.DataFrame, labels: LabelsAsOf
) -> None:
    garbage = loans["ChgOffDate"].mask(~(loans["ChgOffDate"] < CUTOFF), pd.Timestamp("2007-01-02"))
    other = labels_as_of(loans["ApprovalDate"], garbage, cutoff=CUTOFF)
    changed = loans.copy()
    later = loans["ApprovalDate"] >= CUTOFF
    changed.loc[later, "State"] = "??"
    again = fit(changed, other, benchmark=False)
    assert again.record_.data_sha256 == model.record_.data_sha256
    np.testing.assert_array_equal(again.predict_pd(loans), model.predict_pd(loans))


def test_later_loans_are_judged_beside_the_traditional_models(
    model: PDTermStructure, loans: pd.DataFrame
) -> None:
    later = loans["ApprovalDate"] >= CUTOFF
    truth = labels_as_of(loans["ApprovalDate"], loans["ChgOffDate"], cutoff="2014-01-01")
    judged = model.evaluate(loans[later], truth.duration[later], truth.event[later], months=(24, 48))
    assert judged.rows == later.sum()
    assert {h.model for h in judged.horizons} == {"bezant", "Kaplan-Meier", "Logistic hazard"}
    by_age = {(h.model, h.month): h for h in judged.horizons}
    assert by_age["Kaplan-Meier", 48].auc == 0.5
    assert by_age["bezant", 24].known == judged.rows  # all are watched for seven years at least


def test_loans_it_learned_from_are_told_apart(
    model: PDTermStructure, loans: pd.DataFrame, labels: LabelsAsOf
) -> None:
    known = labels.known
    judged = model.evaluate(loans[known], labels.duration[known], labels.event[known], months=(48,))
    assert judged.concordance["bezant"] > 0.6
    assert judged.horizons[0].auc > 0.6


def test_open_loans_lower_no_curve_and_raise_none(model: PDTermStructure) -> None:
    """Held-out mean probabilities agree with Kaplan-Meier, though most loans are still open."""
    assert model.evaluation_ is not None
    for figures in model.evaluation_.horizons:
        assert figures.predicted == pytest.approx(figures.observed, abs=0.015)


def test_a_saved_model_answers_the_same(model: PDTermStructure, loans: pd.DataFrame, tmp_path: Path) -> None:
    again = open_model(model.save(tmp_path / "curves"))
    assert isinstance(again, PDTermStructure)
    np.testing.assert_array_equal(again.predict_pd(loans), model.predict_pd(loans))
    assert json.loads(again.evaluation_.to_json()) == json.loads(model.evaluation_.to_json())  # type: ignore[union-attr]
    assert again.get_params() == model.get_params() | {"progress": "auto"}
    assert again.notes_ == model.notes_
    typed = model.model_.conform(loans[COLUMNS].pipe(_arrow)).table
    for one, two in zip(model.benchmarks_, again.benchmarks_, strict=True):
        np.testing.assert_array_equal(one.score_periods(typed), two.score_periods(typed))


def _arrow(frame: pd.DataFrame) -> Any:
    from bezant.histories import read_table

    return read_table(frame)


def test_one_row_and_none_are_scored(model: PDTermStructure, loans: pd.DataFrame) -> None:
    assert model.predict_pd(loans[:1]).shape == (1, 3)
    assert model.predict_pd(loans[:0]).shape == (0, 3)
    assert model.predict_hazard(loans[:0]).shape == (0, 6)
    np.testing.assert_allclose(model.predict_pd(loans[:1]), model.predict_pd(loans)[:1], rtol=1e-5)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 12), st.floats(0.5, 24))
def test_probabilities_at_any_ages_never_fall(seed: int, periods: int, period: float) -> None:
    rng = np.random.default_rng(seed)
    by_then = 1 - np.cumprod(1 - rng.random((4, periods)) ** 3, axis=1)
    ages = np.sort(rng.random(20)) * periods * period
    p = at_months(by_then, ages.tolist(), period)
    assert (np.diff(p, axis=1) >= 0).all() and p.min() >= 0 and p.max() <= 1
    ends = at_months(by_then, (period * np.arange(1, periods + 1)).tolist(), period)
    np.testing.assert_allclose(ends, by_then, rtol=1e-9, atol=1e-11)


def test_within_a_period_the_hazard_is_constant() -> None:
    p = at_months(np.array([[0.19, 0.19]]), (6.0, 12.0, 18.0), 12.0)
    np.testing.assert_allclose(p, [[0.1, 0.19, 0.19]])


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"period": 7}, "no multiple"),
        ({"horizon": -1}, "horizon is a number of months"),
        ({"random_state": -1}, "whole number"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, Any], said: str) -> None:
    model = PDTermStructure(**(QUICK | settings))
    with pytest.raises(InputError, match=said):
        model.fit(pd.DataFrame({"ApprovalDate": ["2001-01-01"], "x": [1.0]}), [1.0], [True])


@pytest.mark.parametrize(
    ("duration", "event", "said"),
    [
        ([1.0, np.nan], [1, 0], "missing, infinite or below 0 in 1 of 2"),
        ([1.0, -2.0], [1, 0], "below 0 in 1 of 2"),
        ([1.0], [1, 0], "shape"),
        ([1.0, 2.0], [1, 2], "neither true nor false in 1"),
        ([1.0, 2.0], ["a", "b"], "give numbers"),
    ],
)
def test_durations_that_cannot_be_are_refused(duration: Any, event: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        read_durations(duration, event, 2)


def test_a_table_without_defaults_is_refused(loans: pd.DataFrame) -> None:
    with pytest.raises(InputError, match="None of the 4000 loans"):
        PDTermStructure(**QUICK).fit(loans[COLUMNS], np.full(ROWS, 30.0), np.zeros(ROWS))


def test_ages_beyond_the_horizon_are_refused(model: PDTermStructure, loans: pd.DataFrame) -> None:
    with pytest.raises(InputError, match="up to 72 months"):
        model.predict_pd(loans, months=(12, 84))
    with pytest.raises(InputError, match="rising"):
        model.predict_pd(loans, months=(24, 12))
