"""Past vintages against counts by hand; drawn paths against the covariance of the past ones."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import brentq
from scipy.special import expit, logit, ndtr, ndtri

from bezant.evidence.portfolio import simulate_losses
from bezant.evidence.vintages import CommonShifts, VintageHistory
from bezant.types import FloatArray, InputError

YEARS = np.arange(1990, 2002)


def history(steps: FloatArray | None = None) -> VintageHistory:
    draw = np.random.default_rng(0)
    moved = draw.normal(0, 0.2, (len(YEARS), 2)) if steps is None else steps
    level = np.cumsum(moved, axis=0)
    return VintageHistory(YEARS, ndtr(-1 + level[:, 0]), expit(level[:, 1]))


def test_vintages_are_counted_as_by_hand_and_begin_after_a_gap() -> None:
    draw = np.random.default_rng(1)
    years = draw.choice([1988, *range(1990, 1997)], 8000)
    event, lost = (draw.random(8000) < 0.2).astype(float), draw.random(8000)
    few = (years == 1990) & (np.cumsum(years == 1990) > 15)  # too few rows are left of 1990
    years, event, lost = years[~few], event[~few], lost[~few]
    found = VintageHistory.of(years, event, lost)
    assert found.years.tolist() == list(range(1991, 1997))
    for i, year in enumerate(found.years):
        inside = years == year
        assert found.default_rate[i] == pytest.approx(event[inside].mean())
        assert found.fraction_lost[i] == pytest.approx(lost[inside & (event == 1)].mean())


def test_too_few_vintages_are_refused_in_one_sentence() -> None:
    with pytest.raises(InputError, match="2 vintages of at least 20"):
        VintageHistory.of(np.repeat([2000, 2001], 100), np.tile([0.0, 1.0], 100), np.full(200, 0.5))
    with pytest.raises(InputError, match="0 vintages"):
        VintageHistory.of(np.array([2000]), np.array([1.0]), np.array([0.5]))


def test_paths_are_movements_from_each_year_on() -> None:
    past = history()
    level = ndtri(past.default_rate)
    assert_allclose(past.paths(3)[4, 2, 0], level[7] - level[4])
    assert past.paths(3).shape == (9, 3, 2)


def test_drawn_paths_vary_together_as_past_ones_did() -> None:
    past = history()
    drawn = past.draw(2, 200_000, np.random.default_rng(0)).reshape(-1, 4)
    wanted = past.paths(2).reshape(-1, 4)
    freedom = (len(YEARS) - 1) // 2
    covariance = wanted.T @ wanted / len(wanted) * freedom / (freedom - 2)
    assert_allclose(np.cov(drawn.T), covariance, atol=0.05 * covariance.max())
    assert_allclose(drawn.mean(0), 0, atol=0.01)


def test_years_beyond_the_longest_past_path_go_on_in_steps() -> None:
    drawn = history().draw(15, 4000, np.random.default_rng(0))
    assert drawn.shape == (4000, 15, 2)
    spread = np.median(np.abs(drawn[:, :, 0]), axis=0)
    assert spread[14] > spread[8]


def test_vintages_that_never_moved_give_independent_loans() -> None:
    still = history(np.zeros((len(YEARS), 2)))
    pd, ead = np.full(50, 0.2), np.ones(50)
    common = CommonShifts.drawn(still, np.ones(50, np.int64), pd, 8000, 0)
    fractions = np.tile([0.2, 0.8], (50, 1))
    found = simulate_losses(pd, fractions, ead, common=common, simulations=8000)
    second = 0.2 * (0.04 + 0.64) / 2
    assert found.mean() == pytest.approx(50 * 0.2 * 0.5, rel=0.02)
    assert found.var() == pytest.approx(50 * (second - 0.1**2), rel=0.05)


def test_a_large_portfolio_moves_as_its_vintage_does() -> None:
    n, runs = 4000, 400
    values = np.zeros((runs, 2, 2))
    values[:, 1] = np.random.default_rng(0).normal(0, 0.3, (runs, 2))
    vintage = np.repeat([0, 1], n // 2)
    common = CommonShifts(values, vintage)
    pd = np.full(n, 0.3)
    losses = simulate_losses(
        pd, np.full((n, 1), 0.6), np.full(n, 2 / n), group=vintage, common=common, simulations=runs
    )
    threshold = brentq(lambda a: ndtr(a + values[:, 1, 0]).mean() - 0.3, -5, 5)
    weight = ndtr(threshold + values[:, 1, 0])
    odds = brentq(lambda b: np.average(expit(b + values[:, 1, 1]), weights=weight) - 0.6, -5, 5)
    wanted = weight * expit(odds + values[:, 1, 1])
    assert np.corrcoef(losses[:, 1], wanted)[0, 1] > 0.98
    assert losses[:, 1].mean() == pytest.approx(0.3 * 0.6, rel=0.02)
    assert losses[:, 0].std() < 0.2 * losses[:, 1].std()


def test_the_mean_over_simulations_stays_the_pd_though_shifts_have_heavy_tails() -> None:
    pd, ahead = np.tile([0.01, 0.05, 0.12], 3), np.repeat([0, 1, 2], 3)
    past = history(np.random.default_rng(0).normal(0, 0.5, (len(YEARS), 2)))
    for seed in range(50):
        common = CommonShifts.drawn(past, ahead, pd, 1000, seed)
        assert_allclose(common.conditional_pd(pd, 0, 1000).mean(axis=0), pd, rtol=0.01)


def test_thresholds_are_those_of_a_search_one_by_one() -> None:
    draw = np.random.default_rng(0)
    values = 0.5 * np.clip(draw.standard_t(3, (1000, 2, 2)), -4, 4)
    pd, vintage = np.array([1e-6, 0.003, 0.4, 0.97]), np.array([1, 0, 1, 0])
    found = CommonShifts(values, vintage).thresholds(pd)
    for i, shifts in enumerate(values[:, vintage, 0].T):
        wanted = brentq(lambda a, s=shifts, i=i: ndtr(a + s).mean() - pd[i], -20, 20)
        assert found[i] == pytest.approx(wanted, abs=2e-3)


def test_chunks_of_simulations_are_parts_of_the_whole() -> None:
    pd, ahead = np.array([0.02, 0.3]), np.array([1, 2])
    common = CommonShifts.drawn(history(), ahead, pd, 50, 0)
    assert_allclose(common.conditional_pd(pd, 20, 30), common.conditional_pd(pd, 0, 50)[20:30], rtol=1e-12)


def test_shifts_of_default_rates_end_at_four_standard_deviations_of_the_light_tailed_law() -> None:
    past, ahead = history(), np.arange(15)
    spread, longest = (
        past.spread(14),
        np.mean(past.paths(9) ** 2, axis=0),
    )  # 12 vintages give 3 paths of 9 years
    assert_allclose(spread[:9], np.sqrt(longest))
    yearly = np.mean(past.paths(1)[:, 0] ** 2, axis=0)
    assert_allclose(spread[13], np.sqrt(longest[8] + 5 * yearly))
    values = CommonShifts.drawn(past, ahead, np.full(15, 0.1), 5000, 0).values
    assert_allclose(np.abs(values[:, 1:, 0]).max(axis=0), 4 * spread[:, 0])


def test_the_basis_counts_the_loans_that_nothing_moves() -> None:
    past = history()
    assert "known" not in past.basis(np.array([1, 2]))
    some, none = past.basis(np.array([0, 0, 3])), past.basis(np.zeros(3, np.int64))
    assert "1990-2001 moved" in some
    assert "2 of 3 loans are of vintages taken as known: no common movement for them" in some
    assert "moved" not in none
    assert "All 3 loans" in none
    assert 'correlation="basel"' in none


def test_atoms_stay_where_they_are() -> None:
    values = np.random.default_rng(0).normal(0, 1, (40, 1, 2))
    common = CommonShifts(values, np.zeros(2, np.int64))
    odds = common.log_odds(np.array([[0.0, 0.5, 1.0], [0.0, 0.1, 1.0]]), np.array([0.2, 0.1]))
    found = common.moved_fractions(odds.ravel(), np.full(6, 3), np.repeat([0, 1], 3)).reshape(2, 3)
    assert_allclose(found[:, [0, 2]], [[0.0, 1.0], [0.0, 1.0]], rtol=0)
    assert 0 < found[1, 1] < found[0, 1] < 1


def test_without_shifts_fractions_stay() -> None:
    common = CommonShifts(np.zeros((3, 1, 2)), np.zeros(2, np.int64))
    fractions = np.array([[0.0, 0.2], [0.7, 1.0]])
    odds = common.log_odds(fractions, np.array([0.2, 0.1]))
    assert_allclose(expit(odds), fractions)


def test_moved_fractions_are_those_expected_in_the_mean_of_all_defaults() -> None:
    draw = np.random.default_rng(0)
    common_cause = np.clip(draw.standard_t(3, (2000, 2, 1)), -4, 4)
    values = 0.4 * (common_cause + 0.5 * draw.standard_t(3, (2000, 2, 2)))
    pd, vintage = np.array([0.01, 0.1, 0.3, 0.6]), np.array([0, 0, 0, 1])
    fractions = np.tile([0.001, 0.2, 0.5, 0.97], (4, 1))
    common = CommonShifts(values, vintage)
    odds, weights = common.log_odds(fractions, pd), common.conditional_pd(pd, 0, 2000)
    runs, loans = np.divmod(np.arange(2000 * 4), 4)
    plain, kept = (
        np.stack([common.moved_fractions(o[loans, k], runs, loans).reshape(2000, 4) for k in range(4)], -1)
        for o in (logit(fractions), odds)
    )
    means = np.einsum("sn,snl->nl", weights, kept) / weights.sum(axis=0)[:, None]
    assert_allclose(means, fractions, rtol=2e-3)
    drifted = np.einsum("sn,snl->nl", weights, plain) / weights.sum(axis=0)[:, None]
    assert (drifted[:, 1] > 0.21).all()  # what it was without: defaults crowd in the worse years


def test_a_portfolio_loses_on_average_what_is_expected_of_it() -> None:
    values = np.random.default_rng(0).normal(0, 0.4, (4000, 1, 1)).repeat(2, axis=2)
    n = 400
    common = CommonShifts(values, np.zeros(n, np.int64))
    pd = np.linspace(0.02, 0.4, n)
    found = simulate_losses(pd, np.tile([0.1, 0.3], (n, 1)), np.ones(n), common=common, simulations=4000)
    assert found.mean() == pytest.approx(0.2 * pd.sum(), rel=0.01)


def test_a_history_comes_back_from_its_document() -> None:
    past = history()
    again = VintageHistory.restore(past.document())
    assert_allclose(again.default_rate, past.default_rate, rtol=0)
    assert again.years.tolist() == past.years.tolist()
