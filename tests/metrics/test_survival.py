"""Figures of censored predictions, against loops by hand and statsmodels' definitions on paper."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from bezant.metrics import survival
from bezant.metrics.survival import censored_brier, concordance, kaplan_meier, status_at

# Remission of leukaemia patients on 6-MP: the example of Kaplan-Meier curves (Freireich et al. 1963).
WEEKS = np.array([6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35], float)
RELAPSE = np.array([1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0], bool)


def test_the_textbook_curve_of_the_leukaemia_patients() -> None:
    at = [5, 6, 7, 10, 13, 16, 22, 23, 35]
    wanted = [1, 0.857, 0.807, 0.753, 0.690, 0.627, 0.538, 0.448, 0.448]
    assert_allclose(kaplan_meier(WEEKS, RELAPSE, np.array(at)), wanted, atol=5e-4)
    assert_allclose(kaplan_meier(WEEKS, RELAPSE, np.array([6, 7]), before=True), [1, 0.857], atol=5e-4)


def test_a_loan_watched_too_briefly_has_no_status() -> None:
    duration, event = np.array([3.0, 3, 12, 12, 20, 20]), np.array([1, 0, 1, 0, 1, 0], bool)
    by_then, known = status_at(duration, event, 12)
    assert by_then.tolist() == [True, False, True, False, False, False]
    assert known.tolist() == [True, False, True, True, True, True]


def by_hand(duration: np.ndarray, event: np.ndarray, risk: np.ndarray) -> float:  # type: ignore[type-arg]
    right = pairs = 0.0
    for i in range(len(duration)):
        for j in range(len(duration)):
            if event[i] and (duration[j] > duration[i] or (duration[j] == duration[i] and not event[j])):
                pairs += 1
                right += 1.0 if risk[i] > risk[j] else 0.5 if risk[i] == risk[j] else 0.0
    return right / pairs if pairs else float("nan")


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 60), st.integers(1, 20))
def test_concordance_is_the_share_of_pairs_counted_by_hand(seed: int, rows: int, block: int) -> None:
    rng = np.random.default_rng(seed)
    duration, risk = rng.integers(1, 12, rows).astype(float), rng.integers(0, 9, rows).astype(float)
    event = rng.random(rows) < 0.5
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(survival, "BLOCK", block)
        assert_allclose(concordance(duration, event, risk), by_hand(duration, event, risk))


def test_without_censoring_the_brier_score_is_the_plain_one() -> None:
    rng = np.random.default_rng(0)
    duration, p = rng.exponential(20, 500), rng.random(500)
    score = censored_brier(duration, np.ones(500, bool), p, 12)
    assert score == pytest.approx(np.mean(((duration <= 12) - p) ** 2))


def test_censoring_at_random_leaves_the_brier_score_where_it_was() -> None:
    rng = np.random.default_rng(1)
    truth, end, p = rng.exponential(30, 100_000), rng.uniform(0, 48, 100_000), rng.random(100_000) / 2
    wanted = np.mean(((truth <= 24) - p) ** 2)
    duration, event = np.minimum(truth, end), truth <= end
    assert censored_brier(duration, event, p, 24) == pytest.approx(wanted, rel=0.01)
    _, known = status_at(duration, event, 24)
    naive = np.mean(((truth <= 24) - p)[known] ** 2)
    assert abs(naive - wanted) > 0.001


def test_rows_all_watched_just_to_the_month_lose_no_weight() -> None:
    duration, event = np.array([5.0, 12, 12, 12]), np.array([True, False, False, False])
    assert censored_brier(duration, event, np.zeros(4), 12) == pytest.approx(0.25)


def test_no_rows_give_no_figures() -> None:
    none, nobody = np.empty(0), np.empty(0, bool)
    assert np.isnan(concordance(none, nobody, none)) and np.isnan(censored_brier(none, nobody, none, 12))
