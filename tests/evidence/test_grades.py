"""Master scales: against loops by hand, scipy's exact tests, and rates that are known."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from bezant.evidence.grades import MasterScale, jeffreys_interval, jeffreys_p_value, step_p_value
from bezant.types import FloatArray, InputError, IntArray


def book(rows: int = 8000, seed: int = 0) -> tuple[FloatArray, IntArray]:
    draw = np.random.default_rng(seed)
    p = draw.beta(1, 9, rows)
    return p, (draw.random(rows) < p).astype(np.int64)


def test_observed_rates_rise_and_every_step_is_significant() -> None:
    p, y = book()
    scale = MasterScale.of(p, y, grades=8)
    assert 4 <= len(scale) <= 8
    assert scale.monotone
    assert all(g.step_p_value < 0.05 for g in scale.table[:-1])


def test_the_table_counts_what_a_loop_counts() -> None:
    p, y = book(3000)
    scale = MasterScale.of(p, y, grades=5)
    ends = (-1.0, *scale.bounds, 1.0)
    for grade, (low, high) in zip(scale.table, itertools.pairwise(ends), strict=True):
        inside = [(a, b) for a, b in zip(p, y, strict=True) if low < a <= high]
        assert (grade.rows, grade.defaults) == (len(inside), sum(b for _, b in inside))
        assert grade.mean_pd == pytest.approx(np.mean([a for a, _ in inside]))
    assert sum(g.rows for g in scale.table) == len(p)


def test_a_pd_on_a_bound_belongs_to_the_better_grade() -> None:
    p, y = book(3000)
    scale = MasterScale.of(p, y, grades=4)
    for number, bound in enumerate(scale.bounds, 1):
        assert scale.assign([bound, np.nextafter(bound, 1)]).tolist() == [number, number + 1]
    assert scale.assign([0.0, 1.0]).tolist() == [1, len(scale)]


def test_scores_that_say_nothing_give_one_grade_and_say_why() -> None:
    draw = np.random.default_rng(3)
    p, y = draw.random(4000), (draw.random(4000) < 0.1).astype(int)
    scale = MasterScale.of(p, y, grades=6, level=1e-6)
    assert len(scale) == 1
    assert all("do not differ significantly" in note for note in scale.notes)


def test_a_ranking_turned_round_is_pooled_and_never_falls() -> None:
    p, y = book()
    scale = MasterScale.of(1 - p, y, grades=6)
    assert scale.monotone
    assert len(scale) == 1


def test_two_grades_are_the_best_single_cut_of_all() -> None:
    p = np.repeat(np.linspace(0.05, 0.6, 12), 200)
    y = (np.random.default_rng(1).random(len(p)) < p).astype(int)

    def likelihood(cut: float) -> float:
        total = 0.0
        for part in (y[p <= cut], y[p > cut]):
            rate = part.mean()
            total += part.sum() * math.log(rate) + (1 - part).sum() * math.log(1 - rate)
        return total

    scale = MasterScale.of(p, y, grades=2)
    best = max(np.unique(p)[:-1], key=likelihood)
    assert scale.bounds == (pytest.approx(best),)


def test_steps_are_tested_as_scipy_does_it() -> None:
    assert step_p_value((1, 40), (6, 50)) == pytest.approx(
        stats.fisher_exact([[6, 44], [1, 39]], alternative="greater").pvalue
    )
    chi = stats.chi2_contingency([[30, 470], [60, 540]], correction=False)
    assert step_p_value((30, 500), (60, 600)) == pytest.approx(chi.pvalue / 2)
    assert step_p_value((60, 500), (30, 500)) > 0.99
    assert math.isnan(step_p_value((0, 0), (1, 5)))


def test_the_jeffreys_interval_is_the_posterior_of_the_jeffreys_prior() -> None:
    found = jeffreys_interval(3, 50)
    posterior = stats.beta(3.5, 47.5)
    assert (found.low, found.high) == pytest.approx((posterior.ppf(0.025), posterior.ppf(0.975)))
    assert jeffreys_interval(0, 20).low == 0
    assert jeffreys_interval(20, 20).high == 1
    assert jeffreys_p_value(0.2, 3, 50) == pytest.approx(2 * (1 - posterior.cdf(0.2)))


def test_wrong_pds_are_found_by_the_calibration_test() -> None:
    p, y = book(20000)
    right = MasterScale.of(p, y, grades=5)
    wrong = right.validate(np.minimum(p * 1.5, 1), y)
    assert min(g.calibration_p_value for g in right.table) > 1e-3
    assert max(g.calibration_p_value for g in wrong.table if g.defaults > 100) < 1e-3


def test_a_scale_survives_being_written_and_read() -> None:
    p, y = book(2000)
    scale = MasterScale.of(p, y).validate(p[:50], y[:50])
    again = MasterScale.restore(scale.document())
    assert again.document() == scale.document()
    assert str(again) == str(scale)
    assert list(again.to_frame()["grade"]) == list(scale.names)


def test_concentration_is_the_sum_of_squared_shares() -> None:
    p, y = book(2000)
    scale = MasterScale.of(p, y)
    assert scale.concentration == pytest.approx(sum((g.rows / 2000) ** 2 for g in scale.table))


@pytest.mark.parametrize(
    ("p", "y", "settings"),
    [
        ([0.1, 0.2], [0, 0], {}),
        ([0.1, 1.2], [0, 1], {}),
        ([0.1, 0.2], [0, 1], {"grades": 1}),
        ([0.1, 0.2], [0, 1], {"least_share": 0.5}),
    ],
)
def test_what_cannot_be_graded_is_refused(p: list[float], y: list[int], settings: dict[str, float]) -> None:
    with pytest.raises(InputError):
        MasterScale.of(p, y, **settings)  # type: ignore[arg-type]


def test_bounds_that_do_not_rise_are_refused() -> None:
    p, y = book(500)
    with pytest.raises(InputError, match="rise"):
        MasterScale((0.2, 0.1), MasterScale.of(p, y).table)
    with pytest.raises(InputError, match="between 0 and 1"):
        MasterScale.of(p, y).assign([0.1, np.nan])
