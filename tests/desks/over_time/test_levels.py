"""The recent level is that of a life table of the last months, counted here loan by loan."""

from __future__ import annotations

import numpy as np
import pytest

from bezant.desks.over_time.levels import FEWEST, RecentExposure, at_level, recent_levels
from bezant.histories.labels_as_of import DAYS_A_MONTH
from bezant.network.heads.hazard import hazard_targets
from bezant.types import FloatArray

PERIOD, PERIODS, RECENT = 6.0, 6, 24.0


def book(n: int = 4000, seed: int = 0) -> tuple[np.ndarray, FloatArray, np.ndarray]:
    """Loans whose hazard a month is .002, and three times that in the last two years."""
    rng = np.random.default_rng(seed)
    begun, end = rng.uniform(0, 100, n), 100.0
    first = rng.exponential(1 / 0.002, n)
    turn = np.maximum(76.0, begun)
    comes = np.where(begun + first < turn, begun + first, turn + rng.exponential(1 / 0.006, n))
    seen = comes < end
    months = np.where(seen, comes, end) - begun
    days = np.datetime64("1990-01-01") + np.round(begun * DAYS_A_MONTH).astype("timedelta64[D]")
    return days, months, seen


def by_then(hazard: float, n: int) -> FloatArray:
    return np.tile(1 - np.exp(-hazard * PERIOD * np.arange(1, PERIODS + 1)), (n, 1))


def exposure(days: np.ndarray, months: FloatArray, seen: np.ndarray) -> RecentExposure:
    targets = hazard_targets(months, seen, PERIOD, PERIODS)
    return RecentExposure.of(days, targets, months, PERIOD, RECENT, PERIODS)


def test_the_factor_finds_how_the_world_has_changed() -> None:
    days, months, seen = book()
    factor = exposure(days, months, seen).factor(by_then(0.002, len(days)))
    assert factor == pytest.approx(3, abs=0.5)


def test_in_a_world_that_stands_still_the_factor_is_one_also_where_hazards_are_high() -> None:
    rng = np.random.default_rng(0)
    begun, month, period, periods = rng.uniform(0, 60, 60_000), 0.0186, 12.0, 6  # 20 % a year
    first = rng.exponential(1 / month, len(begun))
    seen = first < 60 - begun
    months = np.where(seen, first, 60 - begun)
    days = np.datetime64("1990-01-01") + np.round(begun * DAYS_A_MONTH).astype("timedelta64[D]")
    targets = hazard_targets(months, seen, period, periods)
    true = np.tile(1 - np.exp(-month * period * np.arange(1, periods + 1)), (len(begun), 1))
    of_late = RecentExposure.of(days, targets, months, period, RECENT, periods)
    assert of_late.factor(true) == pytest.approx(1, abs=0.02)


def test_exposure_is_that_of_a_count_by_hand() -> None:
    days, months, seen = book(300)
    found = exposure(days, months, seen)
    begun = days.astype("datetime64[D]").astype(float) / DAYS_A_MONTH
    end = (begun + months).max()
    for i in range(300):
        last = min(months[i], PERIOD * PERIODS)
        event = seen[i] and months[i] <= PERIOD * PERIODS
        last = np.ceil(last / PERIOD) * PERIOD if event else last  # the period of an event counts whole
        for k in range(PERIODS):
            low, high = max(k * PERIOD, end - RECENT - begun[i]), min((k + 1) * PERIOD, last)
            share = max(high - low, 0) / PERIOD if begun[i] + months[i] >= end - RECENT else 0.0
            assert found.at_risk[i, k] == pytest.approx(share, abs=1e-9)
        assert found.event[i] == (event and begun[i] + months[i] >= end - RECENT)


def test_what_came_before_the_last_months_changes_nothing() -> None:
    days, months, seen = book()
    begun = days.astype("datetime64[D]").astype(float) / DAYS_A_MONTH
    old = seen & (begun + months < (begun + months).max() - RECENT)
    p = by_then(0.002, len(days))
    assert exposure(days, months, seen & ~old).factor(p) == exposure(days, months, seen).factor(p)


def test_probabilities_at_a_level_still_rise_with_age_and_multiply_the_hazard() -> None:
    p = np.sort(np.random.default_rng(0).uniform(0, 0.9, (50, 8)), axis=1)
    for factor in (0.1, 1.0, 4.0):
        moved = at_level(p, factor)
        assert (np.diff(moved, axis=1) >= 0).all() and moved.min() >= 0 and moved.max() <= 1
        np.testing.assert_allclose(np.log1p(-moved), factor * np.log1p(-p), rtol=1e-6)


def test_too_few_recent_defaults_leave_the_level_and_the_note_says_so() -> None:
    days, months, seen = book()
    few = np.flatnonzero(seen)[FEWEST - 1 :]
    seen[few] = False
    levels, said = recent_levels({"a": by_then(0.002, len(days))}, exposure(days, months, seen), "a")
    assert levels == {"a": 1.0} and "fewer than 20" in said
    assert recent_levels({"a": by_then(0.002, 1)}, None, "a")[0] == {"a": 1.0}
