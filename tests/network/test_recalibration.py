"""Recalibration: what recent outcomes say of level, slope and trend, against simulated truths."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from bezant.metrics.classification import log_loss, roc_auc
from bezant.network.recalibration import (
    DAMPING,
    YEAR,
    Recalibration,
    days_of,
    learn_recalibration,
    level_shift,
)
from bezant.types import InputError


def drawn(
    rows: int = 20_000, *, slope: float = 1.0, shift: float = 0.0, trend: float = 0.0, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Probabilities as a model gave them, outcomes from moved ones, and days of one year."""
    rng = np.random.default_rng(seed)
    x = rng.normal(-2, 1, rows)
    days = np.sort(rng.uniform(10_000, 10_000 + YEAR, rows))
    truth = slope * x + shift + trend * (days - days.max()) / YEAR
    return 1 / (1 + np.exp(-x)), (rng.random(rows) < 1 / (1 + np.exp(-truth))).astype(float), days


def test_a_shift_of_the_level_is_found_and_nothing_else_is_followed() -> None:
    p, y, days = drawn(shift=0.8)
    found, _ = learn_recalibration(p, y, days)
    assert found.shift == pytest.approx(0.8, abs=0.1)
    assert found.apply(p, days).mean() == pytest.approx(y.mean(), abs=0.003)


def test_level_and_slope_are_those_of_a_logistic_regression() -> None:
    p, y, _ = drawn(slope=0.5, shift=-0.5)
    found, losses = learn_recalibration(p, y)
    x = np.log(p / (1 - p))[:, None]
    peer = LogisticRegression(C=np.inf).fit(x, y)
    assert found.method == "level and slope"
    assert (found.slope, found.shift) == pytest.approx((peer.coef_[0, 0], peer.intercept_[0]), abs=2e-3)
    assert losses["level and slope"] < losses["level"] < losses["none"]


def test_a_trend_is_followed_and_damped_after_the_last_known_row() -> None:
    p, y, days = drawn(trend=1.5)
    found, _ = learn_recalibration(p, y, days)
    assert found.trend == pytest.approx(1.5, abs=0.3)
    ahead = found.reference + np.array([0.0, YEAR, 100 * YEAR])
    moved = found.apply(np.full(3, 0.5), ahead)
    steps = np.log(moved / (1 - moved)) - found.shift
    limit = found.trend / -np.log(DAMPING)
    assert steps == pytest.approx([0, limit * (1 - DAMPING), limit], abs=1e-9)


def test_a_quarter_of_a_year_shows_no_trend_of_a_year() -> None:
    p, y, days = drawn(trend=3.0)
    short = days > days.max() - 0.3 * YEAR
    found, losses = learn_recalibration(p[short], y[short], days[short])
    assert found.trend == 0
    assert not any("trend" in method for method in losses)


def test_without_times_there_is_no_trend() -> None:
    p, y, _ = drawn(trend=1.5)
    found, losses = learn_recalibration(p, y)
    assert not found.needs_times
    assert not any("trend" in method for method in losses)


def test_a_model_that_is_right_is_hardly_moved() -> None:
    p, y, days = drawn(rows=50_000, seed=3)
    found, _ = learn_recalibration(p, y, days)
    assert log_loss(y, found.apply(p, days)) == pytest.approx(log_loss(y, p), abs=5e-4)


def test_the_ranking_stays_even_where_the_recent_ranking_is_reversed() -> None:
    p, y, _ = drawn(slope=-1.0, shift=-4.0)
    found, _ = learn_recalibration(p, y)
    assert found.slope > 0
    assert roc_auc(y, found.apply(p)) == pytest.approx(roc_auc(y, p))


def test_too_few_outcomes_are_refused_in_one_sentence() -> None:
    p, y, _ = drawn(rows=200)
    y = np.where(np.arange(200) < 7, 1.0, 0.0)
    with pytest.raises(
        InputError, match="The 200 recent rows have 7 events; a recalibration needs at least 10"
    ):
        learn_recalibration(p, y)


def test_a_missing_time_is_refused_where_a_trend_is_followed() -> None:
    times = np.array(["NaT", "1970-01-02"], "datetime64[us]")
    with pytest.raises(InputError, match="The time is missing in 1 of 2 rows"):
        days_of(times)
    assert days_of(times[1:]).tolist() == [1.0]


def test_it_is_restored_from_its_document() -> None:
    p, y, days = drawn(trend=1.0)
    found, _ = learn_recalibration(p, y, days)
    assert Recalibration.restore(found.document()) == found


def test_a_level_that_is_off_by_a_factor_of_twenty_is_found_all_the_same() -> None:
    rng = np.random.default_rng(0)
    p = 1 / (1 + np.exp(-rng.normal(-5, 0.7, 10_000)))
    for rate in (0.15, 0.5, 0.9):
        y = (rng.random(10_000) < rate).astype(float)
        found, losses = learn_recalibration(p, y, np.sort(rng.uniform(10_000, 10_365, 10_000)))
        assert found.method != "none"
        assert losses["level"] < losses["none"]
        shift = level_shift(p, y)
        assert Recalibration(shift=shift, method="level").apply(p).mean() == pytest.approx(rate, abs=0.02)
