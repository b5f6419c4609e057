"""Calibration, against scikit-learn and scipy; monotone whatever comes in."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from numpy.typing import NDArray
from scipy.optimize import minimize
from sklearn.isotonic import IsotonicRegression

from bezant.network.calibration import KNOTS, METHODS, Calibrator, calibrate, fit_calibrator

Array = NDArray[np.float64]


def scores(n: int, seed: int, slope: float = 1.0, shift: float = 0.0) -> tuple[Array, Array]:
    """Probabilities, and outcomes whose log-odds are slope * log-odds + shift."""
    random = np.random.default_rng(seed)
    odds = random.normal(-1, 1.3, n)
    y = (random.random(n) < 1 / (1 + np.exp(-(slope * odds + shift)))).astype(float)
    return 1 / (1 + np.exp(-odds)), y


def loss(q: Array, y: Array) -> float:
    return float(-np.mean(y * np.log(q) + (1 - y) * np.log(1 - q)))


def lowest(features: Array, y: Array) -> float:
    """Lowest log loss of any logistic model of these features, by a general optimizer."""
    design = np.column_stack([features, np.ones(len(y))])

    def value(w: Array) -> float:
        z = design @ w
        return float(np.mean(np.logaddexp(0, z) - y * z))

    return float(minimize(value, np.zeros(design.shape[1]), method="BFGS", options={"gtol": 1e-8}).fun)


def test_temperature_is_the_best_slope_and_shift() -> None:
    p, y = scores(2000, 0, slope=0.5, shift=0.4)
    fitted = fit_calibrator("temperature", p, y)
    assert_allclose(fitted.values, [0.5, 0.4], atol=0.12)
    assert loss(fitted.calibrated(p), y) == pytest.approx(lowest(np.log(p / (1 - p)), y), abs=1e-7)


def test_beta_is_the_best_of_its_family() -> None:
    p, y = scores(2000, 1, slope=0.7)
    fitted = fit_calibrator("beta", p, y)
    wanted = lowest(np.column_stack([np.log(p), -np.log1p(-p)]), y)
    assert (fitted.values[:2] >= 0).all()
    assert loss(fitted.calibrated(p), y) == pytest.approx(wanted, abs=1e-7)


def test_beta_drops_the_term_that_would_fall() -> None:
    random = np.random.default_rng(2)
    p = random.beta(1, 1, 3000)
    y = (random.random(3000) < 1 / (1 + np.exp(-(2 * np.log(p) + 0.5 * np.log1p(-p) + 1)))).astype(float)
    fitted = fit_calibrator("beta", p, y)
    assert fitted.values[1] == 0
    assert loss(fitted.calibrated(p), y) == pytest.approx(lowest(np.log(p), y), abs=1e-7)


def test_isotonic_is_scikit_learns() -> None:
    p, y = scores(600, 3)
    wanted = IsotonicRegression(y_min=1 / 602, y_max=1 - 1 / 602, out_of_bounds="clip").fit(p, y)
    fitted = fit_calibrator("isotonic", p, y)
    assert_allclose(fitted.calibrated(p), wanted.predict(p), atol=1e-9)
    beyond = np.array([1e-6, 1 - 1e-6])
    assert_allclose(fitted.calibrated(beyond), wanted.predict(beyond), atol=1e-9)


def test_a_long_isotonic_curve_is_thinned_and_stays_close() -> None:
    random = np.random.default_rng(4)
    p = random.random(200_000)
    y = (random.random(200_000) < p).astype(float)
    fitted = fit_calibrator("isotonic", p, y)
    assert fitted.values.shape[1] <= KNOTS
    wanted = IsotonicRegression(out_of_bounds="clip").fit(p, y).predict(p)
    assert np.abs(fitted.calibrated(p) - wanted).mean() < 0.002


PROBABILITIES = st.floats(0, 1)


@settings(max_examples=40)
@given(st.sampled_from(METHODS), st.integers(0, 10**6), st.lists(PROBABILITIES, min_size=2, max_size=30))
def test_no_method_changes_the_order_and_none_gives_certainty(method: str, seed: int, p: list[float]) -> None:
    random = np.random.default_rng(seed)
    learned = np.clip(random.choice([random.random(5), random.random(5) * 1e-6]), 1e-7, 1 - 1e-7)
    given_p = learned[random.integers(0, 5, 60)]  # many ties, any relation to the outcome
    y = random.permutation(np.repeat([0.0, 1.0], 30))
    fitted = fit_calibrator(method, given_p, y)
    out = fitted.calibrated(np.sort(p))
    assert (np.diff(out) >= -1e-12).all()
    assert ((out > 0) & (out < 1)).all()


@pytest.mark.parametrize("method", METHODS)
def test_scores_that_rank_backwards_are_not_turned(method: str) -> None:
    p, y = scores(1000, 5, slope=-1.5)
    fitted = fit_calibrator(method, p, y)
    assert (np.diff(fitted.calibrated(np.linspace(0.01, 0.99, 50))) >= 0).all()
    if method != "none":
        assert fitted.calibrated(p).mean() == pytest.approx(y.mean(), abs=1e-3)


def test_a_reversed_ranking_is_kept_and_only_its_level_mended() -> None:
    p, y = scores(1000, 5, slope=-1.5)
    out = calibrate(p, y).calibrator.calibrated(np.linspace(0.01, 0.99, 50))
    assert (np.diff(out) > 0).all()


def test_isotonic_of_outcomes_that_separate_is_never_nought_or_one() -> None:
    p = np.linspace(0.1, 0.9, 400)
    out = fit_calibrator("isotonic", p, (p > 0.5).astype(float)).calibrated(np.linspace(0, 1, 101))
    assert out.min() == pytest.approx(1 / 402)
    assert out.max() == pytest.approx(1 - 1 / 402)


def test_isotonic_of_one_score_is_the_rate() -> None:
    y = np.repeat([0.0, 1.0], [30, 10])
    assert_allclose(
        fit_calibrator("isotonic", np.full(40, 0.3), y).calibrated(np.array([0.1, 0.3, 0.9])), 0.25
    )


def test_staying_as_it_is_can_win() -> None:
    p, y = scores(400, 6)
    chosen = calibrate(p, y)
    assert chosen.calibrator.method == "none"
    assert_allclose(chosen.cross_fitted, p)
    assert chosen.log_losses["none"] == pytest.approx(loss(p, y))


def test_what_is_plainly_off_is_mended() -> None:
    p, y = scores(4000, 7, slope=0.4, shift=-0.8)
    chosen = calibrate(p, y)
    assert chosen.calibrator.method != "none"
    assert min(chosen.log_losses, key=lambda m: chosen.log_losses[m]) == chosen.calibrator.method
    assert loss(chosen.cross_fitted, y) == pytest.approx(chosen.log_losses[chosen.calibrator.method])
    new_p, new_y = scores(4000, 8, slope=0.4, shift=-0.8)
    assert loss(chosen.calibrator.calibrated(new_p), new_y) < loss(new_p, new_y) - 0.05


@pytest.mark.parametrize(("events", "methods"), [(5, METHODS[:1]), (50, METHODS[:3]), (150, METHODS)])
def test_few_events_leave_fewer_methods_to_choose_from(events: int, methods: tuple[str, ...]) -> None:
    p, _ = scores(400, 9)
    y = np.zeros(400)
    y[np.argsort(p)[-events:]] = 1
    assert tuple(calibrate(p, y).log_losses) == methods


def test_a_held_out_row_is_calibrated_without_its_own_outcome() -> None:
    p, y = scores(1000, 10, slope=0.4)
    chosen = calibrate(p, y, seed=3)
    assert not np.allclose(chosen.cross_fitted, chosen.calibrator.calibrated(p), atol=1e-12)
    again = calibrate(p, y, seed=3)
    assert np.array_equal(again.cross_fitted, chosen.cross_fitted)


@pytest.mark.parametrize("method", METHODS)
def test_no_scores_are_no_scores(method: str) -> None:
    p, y = scores(200, 11)
    assert fit_calibrator(method, p, y).calibrated(np.empty(0)).shape == (0,)


def test_calibrators_travel_as_tensors() -> None:
    p, y = scores(400, 12, slope=0.6)
    for method in METHODS:
        before = fit_calibrator(method, p, y)
        state: dict[str, Any] = before.state_dict()
        after = Calibrator(method, state["values"])
        assert np.array_equal(after.calibrated(p), before.calibrated(p))


def test_rows_in_time_order_move_level_and_slope_alone() -> None:
    rng = np.random.default_rng(0)
    p = rng.uniform(0.01, 0.99, 5000)
    y = (rng.random(5000) < np.where(p < 0.5, 0.2, 0.9)).astype(np.float64)  # a step: isotonic's best case
    assert calibrate(p, y).calibrator.method == "isotonic"
    assert set(calibrate(p, y, in_time=True).log_losses) == {"none", "temperature"}


def test_of_methods_that_are_equally_good_the_simplest_is_taken() -> None:
    rng = np.random.default_rng(1)
    p = rng.uniform(0.05, 0.95, 3000)
    y = (rng.random(3000) < p).astype(np.float64)  # nothing to mend
    found = calibrate(p, y)
    assert found.calibrator.method == "none"
