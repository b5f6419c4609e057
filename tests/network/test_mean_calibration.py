"""Calibration of a mean, against NumPy's least squares and scikit-learn's isotonic regression."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.isotonic import IsotonicRegression

from bezant.network.mean_calibration import calibrate_mean, fit_mean_calibrator, line_ahead
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
    growing = 0.5 + (0.5 + times / 8000) * (p - 0.5) + noise
    steady = 0.5 + 0.8 * (p - 0.5) + noise
    assert line_ahead(p, fading, times)[1] == 0
    assert line_ahead(p, growing, times)[1] == pytest.approx(1.0, abs=0.03)  # that of all rows, no more
    assert line_ahead(p, steady, times)[1] == pytest.approx(0.8, abs=0.03)
    found = calibrate_mean(p, np.clip(fading, 0, 1), times=times).calibrator
    assert_allclose(found.calibrated(p), np.clip(fading, 0, 1).mean(), atol=1e-9)


def test_the_order_of_the_rows_does_not_matter_to_what_lies_ahead() -> None:
    p, y = rows()
    times, order = np.arange(len(p)), np.random.default_rng(1).permutation(len(p))
    assert_allclose(line_ahead(p[order], y[order], times[order]), line_ahead(p, y, times))
