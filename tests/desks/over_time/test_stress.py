"""Stress of real loans: what changes, what does not, and what must be said."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from bezant.datasets import load
from bezant.desks.credit.credit_risk import CreditRisk
from bezant.desks.over_time.stress import AS_GIVEN, Scenario, stress_test, training_range
from bezant.desks.over_time.term_structure import PDTermStructure
from bezant.types import InputError

COLUMNS = ["ApprovalDate", "GrAppv", "NoEmp", "State", "rate"]


@pytest.fixture(scope="module")
def loans() -> pd.DataFrame:
    frame = load("sba-sample", raw=True).sample(3000, random_state=0).reset_index(drop=True)
    # A figure that stands for the economy: the more it was, the likelier the default.
    rng = np.random.default_rng(0)
    frame["rate"] = (2 * frame["default"] + rng.normal(3, 1, len(frame))).round(2).clip(1, 8)
    return frame


@pytest.fixture(scope="module")
def risk(loans: pd.DataFrame) -> CreditRisk:
    model = CreditRisk(size="tiny", benchmark=False, training={"max_epochs": 5}, progress=False)
    return model.fit(loans[COLUMNS], loans["default"])


@pytest.fixture(scope="module")
def curves(loans: pd.DataFrame) -> PDTermStructure:
    model = PDTermStructure(
        size="tiny", benchmark=False, training={"max_epochs": 3}, progress=False, period=12
    )
    months = (loans["ChgOffDate"] - loans["ApprovalDate"]).dt.days / 30.44
    return model.fit(loans[COLUMNS], months.fillna(84), months.notna())


def test_only_the_named_columns_change(risk: CreditRisk, loans: pd.DataFrame) -> None:
    X = loans[COLUMNS]
    before = X.copy()
    test = stress_test(risk, X, [Scenario("high", {"rate": 6.0}), Scenario("path", {"rate": (2.0, 6.0)})])
    pd.testing.assert_frame_equal(X, before)
    np.testing.assert_array_equal(test.probabilities[AS_GIVEN][0], risk.predict_proba(X)[:, 1])
    by_hand = risk.predict_proba(X.assign(rate=6.0))[:, 1]
    np.testing.assert_array_equal(test.probabilities["high"][0], by_hand)
    np.testing.assert_array_equal(test.probabilities["path"][1], by_hand)
    assert test.probabilities["path"].shape == (2, 3000)
    assert test.probabilities["high"].mean() > 1.5 * test.probabilities["path"][0].mean()


def test_expected_loss_is_probability_times_exposure_times_loss(
    risk: CreditRisk, loans: pd.DataFrame
) -> None:
    exposure, share = loans["GrAppv"], np.linspace(0, 1, 3000)
    test = stress_test(
        risk,
        loans[COLUMNS],
        [Scenario("high", {"rate": 6.0})],
        exposure=exposure,
        loss_given_default=share,
    )
    wanted = (test.probabilities["high"][0] * exposure * share).sum()
    assert test.expected_loss["high"][0] == pytest.approx(wanted)
    table = test.to_table().to_pandas()
    assert table["scenario"].tolist() == [AS_GIVEN, "high"]
    assert table["ratio_to_as_given"][0] == 1
    assert table["expected_loss"][1] == pytest.approx(wanted)


def test_the_training_range_is_known_and_leaving_it_is_said(risk: CreditRisk, loans: pd.DataFrame) -> None:
    low, high = training_range(risk.model_, "rate")
    assert low == pytest.approx(loans["rate"].min(), rel=1e-3)
    assert high == pytest.approx(loans["rate"].max(), rel=1e-3)
    X = loans[COLUMNS][:50]
    inside = stress_test(risk, X, [Scenario("edge", {"rate": high})])
    beyond = stress_test(risk, X, [Scenario("worse", {"rate": (high, 100.0)})])
    assert not any("outside" in n for n in inside.notes)
    assert any("1 of 2 values of 'rate' lie outside" in n for n in beyond.notes)
    np.testing.assert_allclose(beyond.probabilities["worse"][1], inside.probabilities["edge"][0], rtol=1e-3)
    distinct = loans["rate"].nunique()
    assert any(f"took {distinct} different values" in n for n in inside.notes)


def test_curves_are_stressed_at_an_age(curves: PDTermStructure, loans: pd.DataFrame) -> None:
    X = loans[COLUMNS][:100]
    test = stress_test(curves, X, [Scenario("high", {"rate": 6.0})], month=36)
    wanted = curves.predict_pd(X.assign(rate=6.0), months=(36,))[:, 0]
    np.testing.assert_array_equal(test.probabilities["high"][0], wanted)
    with pytest.raises(InputError, match="needs a month"):
        stress_test(curves, X, [Scenario("high", {"rate": 6.0})])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"scenarios": []}, "no scenario"),
        ({"scenarios": [Scenario("a", {"rates": 1.0})]}, "rates"),
        ({"scenarios": [Scenario("a", {"State": 1.0})]}, "takes no path"),
        ({"scenarios": [Scenario("a", {"rate": 1.0}), Scenario("a", {"rate": 2.0})]}, "same name"),
        ({"month": 12}, "has no month"),
        ({"exposure": [1.0] * 9}, "both exposure and loss_given_default"),
        ({"exposure": [1.0] * 3, "loss_given_default": 0.5}, "shape"),
        ({"exposure": [1.0] * 9, "loss_given_default": 1.5}, "not between 0 and 1"),
        ({"exposure": [-1.0] * 9, "loss_given_default": 0.5}, "missing or below 0"),
    ],
)
def test_what_cannot_be_answered_is_refused(
    risk: CreditRisk, loans: pd.DataFrame, changes: dict[str, Any], said: str
) -> None:
    asked = {"scenarios": [Scenario("high", {"rate": 6.0})]} | changes
    with pytest.raises(InputError, match=said):
        stress_test(risk, loans[COLUMNS][:9], asked.pop("scenarios"), **asked)


def test_an_empty_book_is_refused(risk: CreditRisk, loans: pd.DataFrame) -> None:
    with pytest.raises(InputError, match="no rows"):
        stress_test(risk, loans[COLUMNS][:0], [Scenario("high", {"rate": 6.0})])


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "changes no column"),
        ({"rate": "high"}, "give a number"),
        ({"rate": np.nan}, "give a number"),
        ({"rate": ()}, "give a number"),
        ({"rate": (1.0, 2.0), "other": (1.0, 2.0, 3.0)}, "same number"),
    ],
)
def test_a_scenario_that_says_nothing_is_refused(values: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        Scenario("x", values)


def test_a_single_value_holds_at_all_steps_of_a_path() -> None:
    steps = Scenario("x", {"a": (1.0, 2.0), "b": 3}).steps()
    assert steps == [{"a": 1.0, "b": 3.0}, {"a": 2.0, "b": 3.0}]
