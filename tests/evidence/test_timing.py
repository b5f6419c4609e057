"""Figures of models of when, against their definitions."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from bezant.evidence.timing import TimingEvaluation, evaluate_timing
from bezant.metrics.survival import kaplan_meier


def case() -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    rng = np.random.default_rng(0)
    risk = rng.normal(size=2000)
    truth, end = rng.exponential(60 * np.exp(-risk)), rng.uniform(6, 60, 2000)
    p = 1 - np.exp(-np.array([12.0, 24, 36]) / (60 * np.exp(-risk))[:, None])
    return np.minimum(truth, end), truth <= end, p


def test_auc_is_among_the_rows_whose_status_is_known() -> None:
    duration, event, p = case()
    judged = evaluate_timing(duration, event, {"a": p}, (12, 24, 36), large="a")
    for place, figures in enumerate(judged.horizons):
        known = (event & (duration <= figures.month)) | (duration >= figures.month)
        label = event & (duration <= figures.month)
        assert figures.known == known.sum() and figures.events == label.sum()
        assert figures.auc == pytest.approx(roc_auc_score(label[known], p[known, place]))
        wanted = 1 - kaplan_meier(duration, event, np.array([figures.month]))[0]
        assert figures.observed == pytest.approx(wanted)
        assert figures.predicted == pytest.approx(wanted, abs=0.02)  # the scores are the true probabilities


def test_a_random_model_is_worse_on_every_figure() -> None:
    duration, event, p = case()
    other = np.random.default_rng(1).permutation(p)
    judged = evaluate_timing(duration, event, {"a": p, "b": other}, (24,), large="a")
    one, two = judged.horizons
    assert one.auc > two.auc + 0.1 and one.brier < two.brier
    assert judged.concordance["a"] > judged.concordance["b"] + 0.1
    assert judged.to_table().num_rows == 2


def test_figures_that_do_not_exist_survive_saving() -> None:
    duration, event, p = case()
    judged = evaluate_timing(duration, np.zeros_like(event), {"a": p}, (12,), large="a")
    assert np.isnan(judged.horizons[0].auc) and np.isnan(judged.concordance["a"])
    again = TimingEvaluation.from_json(judged.to_json())
    assert again.to_json() == judged.to_json()


def test_an_evaluation_without_the_large_model_is_refused() -> None:
    with pytest.raises(ValueError, match="no figures"):
        TimingEvaluation("large", 0, {}, ())
