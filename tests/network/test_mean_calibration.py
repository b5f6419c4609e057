"""Calibration of a mean, against NumPy's least squares and scikit-learn's isotonic regression."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats
from sklearn.isotonic import IsotonicRegression

from bezant.network.mean_calibration import calibrate_mean, fit_mean_calibrator, slope_ahead
from bezant.types import FloatArray


def rows(n: int = 3000, seed: int = 0) -> tuple[FloatArray, FloatArray]:
    draw = np.random.default_rng(seed)
    p = draw.uniform(0.2, 0.9, n)
    return p, np.clip(0.3 + 0.5 * p + draw.normal(0, 0.1, n), 0, 1)


def test_the_line_is_that_of_least_squares() -> None:
    p, y = rows()
    slope, shift = np.polyfit(p, y, 1)
    assert_allclose(
        fit_mean_calibrator("linear", p, y).calibrated(p), np.clip(shift + slope * p, 0, 1), atol=1e-9
    )


def test_a_reversed_ranking_is_shrunk_to_the_mean() -> None:
    p, y = rows()
    assert_allclose(fit_mean_calibrator("linear", 1 - p, y).calibrated(p), y.mean())


def test_the_curve_is_scikit_learns() -> None:
    p, y = rows(400)
    wanted = IsotonicRegression(out_of_bounds="clip").fit(p, y).predict(p)
    assert_allclose(fit_mean_calibrator("isotonic", p, y).calibrated(p), wanted, atol=1e-6)


def test_the_least_squared_error_out_of_fold_is_chosen() -> None:
    p, y = rows()
    found = calibrate_mean(p, y)
    assert found.log_losses["linear"] < found.log_losses["none"] * 0.7
    assert found.calibrator.method == min(found.log_losses, key=lambda m: found.log_losses[m])
    assert found.log_losses[found.calibrator.method] == pytest.approx(np.mean((y - found.cross_fitted) ** 2))


def test_predictions_that_are_right_are_left_alone_with_few_rows() -> None:
    p, y = rows(30)
    found = calibrate_mean(p, y)
    assert found.calibrator.method == "none"
    assert_allclose(found.calibrator.calibrated(p), p)
    assert list(calibrate_mean(*rows(200)).log_losses) == ["none", "linear"]


def test_a_ranking_that_fades_in_time_is_trusted_less_and_one_that_stays_is_kept() -> None:
    draw = np.random.default_rng(2)
    p, times = draw.uniform(0.2, 0.9, 8000), np.arange(8000)
    noise = draw.normal(0, 0.05, 8000)
    fading = 0.5 + (1 - times / 8000) * (p - 0.5) + noise
    half = 0.5 + (1 - times / 16000) * (p - 0.5) + noise
    steady = 0.5 + 0.8 * (p - 0.5) + noise
    assert slope_ahead(p, fading, times, 0.95) == 0
    # Half a span after the last row 1 - times / 16000 stands at 1 - 0.75.
    assert slope_ahead(p, half, times, 0.5) == pytest.approx(0.25, abs=0.02)
    assert slope_ahead(p, steady, times, 0.5) == pytest.approx(0.8, abs=0.02)
    cautious = slope_ahead(p, steady, times, 0.95)
    assert cautious is not None
    assert 0.7 < cautious < 0.8


def test_the_caution_is_that_of_a_prediction_interval() -> None:
    draw = np.random.default_rng(3)
    times = np.repeat(np.arange(6), 200)
    p = draw.uniform(0.2, 0.8, 1200)
    y = 0.5 + np.array([0.9, 0.7, 0.8, 0.5, 0.6, 0.55])[times] * (p - 0.5)
    slopes = [np.polyfit(p[times == k], y[times == k], 1)[0] for k in range(6)]
    design = np.column_stack([np.ones(6), np.arange(6)])
    weights, squares = np.linalg.lstsq(design, np.array(slopes), rcond=None)[:2]
    new = np.array([1.0, 5 + 2.5])
    error = np.sqrt(squares[0] / 4 * (1 + new @ np.linalg.inv(design.T @ design) @ new))
    wanted = new @ weights - stats.t.ppf(0.8, 4) * error
    assert slope_ahead(p, y, times, 0.8) == pytest.approx(wanted, rel=1e-9)


def test_too_few_rows_or_times_say_nothing_of_what_lies_ahead() -> None:
    p, y = rows(100)
    assert slope_ahead(p, y, np.arange(100), 0.9) is None
    p, y = rows(3000)
    assert slope_ahead(p, y, np.arange(3000) % 3, 0.9) is None


def test_dates_count_as_the_times_they_are_whatever_the_order_of_the_rows() -> None:
    p, y = rows()
    times, order = np.arange(len(p)), np.random.default_rng(1).permutation(len(p))
    days = np.datetime64("1990-01-01") + times
    wanted = slope_ahead(p, y, times, 0.9)
    assert slope_ahead(p[order], y[order], days[order], 0.9) == pytest.approx(wanted)


def test_the_line_is_no_steeper_than_what_lies_ahead_allows() -> None:
    p, y = rows()
    assert_allclose(calibrate_mean(p, y, most_slope=0.0).calibrator.calibrated(p), y.mean())
    capped = calibrate_mean(p, y, most_slope=0.2).calibrator
    assert capped.values[1] == pytest.approx(0.2)
    assert capped.calibrated(p).mean() == pytest.approx(y.mean())
    free = calibrate_mean(p, y, most_slope=5.0).calibrator
    assert_allclose(free.values, fit_mean_calibrator("linear", p, y).values)
