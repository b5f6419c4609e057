"""Judging predicted values: against resampling by hand, scipy's rank correlation and the paired t-test."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from bezant.evidence.intervals import mean_difference
from bezant.evidence.values import ValueEvaluation, bootstrap_figures, evaluate_values
from bezant.metrics.regression import REGRESSION
from bezant.types import FloatArray, InputError


def rows(n: int = 600) -> tuple[FloatArray, dict[str, FloatArray]]:
    draw = np.random.default_rng(0)
    truth = draw.beta(2, 2, n)
    y = np.clip(np.round(truth + draw.normal(0, 0.2, n), 2), 0, 1)  # ties at both ends and inside
    return y, {"ours": truth, "theirs": np.round(truth + draw.normal(0, 0.1, n), 1), "mean": np.full(n, 0.5)}


def test_resampled_figures_are_those_of_the_resampled_rows() -> None:
    y, predictions = rows(80)
    drawn = bootstrap_figures(y, predictions, 5, random_state=3)
    counts = np.random.default_rng(3).multinomial(80, np.full(80, 1 / 80), size=5)
    for i, count in enumerate(counts):
        sample = np.repeat(np.arange(80), count)
        for model in ("ours", "theirs"):
            for figure, metric in REGRESSION.items():
                wanted = metric.function(y[sample], predictions[model][sample])
                assert_allclose(drawn[model][figure][i], wanted, rtol=1e-9)


def test_rank_correlation_with_ties_is_scipys() -> None:
    y, predictions = rows()
    judged = evaluate_values(y, predictions, large="ours", resamples=30)
    assert judged.figures["theirs"]["spearman"].value == pytest.approx(
        stats.spearmanr(y, predictions["theirs"]).statistic
    )
    assert np.isnan(judged.figures["mean"]["spearman"].value)


def test_paired_differences_agree_with_the_t_test() -> None:
    y, predictions = rows(2000)
    judged = evaluate_values(y, predictions, large="ours", resamples=400)
    test = next(c for c in judged.comparisons if c.figure == "mae" and c.against == "theirs")
    errors = {m: np.abs(y - p) for m, p in predictions.items()}
    wanted = mean_difference(errors["ours"], errors["theirs"])
    assert test.difference == pytest.approx(wanted.difference.value)
    assert test.low == pytest.approx(wanted.difference.low, abs=0.15 * (wanted.difference.high - test.low))
    assert "errs less than theirs" in judged.verdict


def test_intervals_hold_about_as_often_as_they_say() -> None:
    draw = np.random.default_rng(5)
    held = 0
    for seed in range(100):
        p = draw.random(200)
        y = p + draw.normal(0, 0.3, 200)
        e = evaluate_values(y, {"a": p}, large="a", resamples=100, random_state=seed).figures["a"]["rmse"]
        held += e.low <= 0.3 <= e.high
    assert 86 <= held <= 99


def test_coverage_counts_what_lies_inside() -> None:
    y, predictions = rows()
    low, high = np.full(len(y), 0.2), np.full(len(y), 0.8)
    judged = evaluate_values(y, predictions, large="ours", intervals={0.8: (low, high)}, resamples=20)
    (coverage,) = judged.coverage
    assert coverage.share.value == np.mean((y >= 0.2) & (y <= 0.8))
    assert coverage.width == pytest.approx(0.6)
    assert "80 % intervals hold" in str(judged)


def test_a_judgement_survives_being_written_and_read() -> None:
    y, predictions = rows(60)
    judged = evaluate_values(y, predictions, large="ours", resamples=30, intervals={0.5: (y - 0.1, y + 0.1)})
    again = ValueEvaluation.from_json(judged.to_json())
    assert str(again) == str(judged)
    assert again.to_json() == judged.to_json()


def test_models_that_are_the_same_do_not_differ() -> None:
    y, predictions = rows(200)
    judged = evaluate_values(y, {"a": predictions["ours"], "b": predictions["ours"]}, large="a", resamples=30)
    assert all(c.p_value == 1 for c in judged.comparisons)
    assert "within chance" in judged.verdict


def test_what_cannot_be_judged_is_refused() -> None:
    y, predictions = rows(50)
    with pytest.raises(InputError, match="no predictions"):
        evaluate_values(y, predictions, large="other")
    with pytest.raises(InputError, match="rows"):
        evaluate_values(y, {"ours": y[:-1]}, large="ours")
