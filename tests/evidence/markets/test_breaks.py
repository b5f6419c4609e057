"""Breaks: the rate of false alarms is as stated, and 2008 is seen in the S&P 500."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from bezant.evidence.markets.breaks import (
    CALMER,
    CAP,
    WILDER,
    _alarms,
    break_rule,
    normal_moves,
    surprise_signal,
    volatility_regime_path,
)
from bezant.types import InputError
from market_files import ewma_variance, sp500

LEVELS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975, 0.99, 0.995)


def quantiles_of(variance: np.ndarray) -> np.ndarray:
    return np.sqrt(variance)[:, None] * norm.ppf(LEVELS)


@pytest.mark.parametrize("ratio", [WILDER, CALMER])
def test_false_alarms_of_drawn_moves_come_as_often_as_stated(ratio: float) -> None:
    moves = np.random.default_rng(0).standard_normal(300_000)
    rule = break_rule(ratio, 300)
    assert len(moves) / len(_alarms("drawn", rule, moves)) == pytest.approx(300, rel=0.06)


def test_one_move_alone_is_no_break_and_several_are() -> None:
    rule = break_rule(WILDER)
    assert rule.steps([50.0])[0] == rule.steps([CAP])[0] < rule.threshold
    assert len(_alarms("wilder", rule, np.full(3, 50.0))) == 1


def test_a_move_stands_at_the_normal_quantile_of_its_level() -> None:
    y = np.array([-5.0, -1.0, 0.3, 9.0])
    move, slope = normal_moves(y, np.tile(2 * norm.ppf(LEVELS), (4, 1)), LEVELS)
    np.testing.assert_allclose(move, y / 2)  # a normal forecast of spread 2, beyond its levels too
    np.testing.assert_allclose(slope, 0.5)


def test_surprise_is_the_negative_log_density_in_units_of_volatility() -> None:
    variance = np.full(5, 4.0)
    y = np.array([-3.0, 0.0, 1.0, 2.0, 6.0])
    days = np.datetime64("2001-01-01") + np.arange(5)
    found = surprise_signal(days, y, quantiles_of(variance), LEVELS, variance)
    np.testing.assert_allclose(found.surprise, -norm.logpdf(y / 2), rtol=1e-9)


def test_the_break_of_2008_is_seen_in_the_sp500() -> None:
    returns = sp500()
    variance = ewma_variance(returns.to_numpy())
    late = np.flatnonzero(returns.index >= "2004-01-01")
    found = surprise_signal(
        returns.index.to_numpy()[late],
        returns.to_numpy()[late],
        quantiles_of(variance[late]),
        LEVELS,
        variance[late],
    )
    wilder = [a for a in found.alarms if a.kind == "wilder"]
    noticed = [str(found.time[a.at])[:10] for a in wilder]
    lehman = next(k for k, day in enumerate(noticed) if "2008-09" in day)
    assert "2008-09-15" <= noticed[lehman] <= "2008-09-30"
    assert "2008-08-15" <= str(found.time[wilder[lehman].since])[:10] <= "2008-09-15"
    assert sum("2004" <= day[:4] <= "2006" for day in noticed) == 0
    crisis = (found.time >= np.datetime64("2008-10-15")) & (found.time < np.datetime64("2009-01-01"))
    assert (found.regime[crisis] == "stormy").all()
    assert (found.regime == "calm").mean() > 0.2
    assert f"{len(found.alarms)} breaks" in found.sentence


def test_what_comes_later_changes_no_regime_and_no_alarm_before_it() -> None:
    returns = sp500().to_numpy()[:2000]
    variance = ewma_variance(returns)
    garbage = returns.copy()
    garbage[1500:] = np.random.default_rng(0).normal(0, 1, 500)
    days = np.datetime64("2001-01-01") + np.arange(2000)
    one, other = (
        surprise_signal(days, y, quantiles_of(v), LEVELS, v)
        for y, v in ((returns, variance), (garbage, ewma_variance(garbage)))
    )
    np.testing.assert_array_equal(one.regime[:1500], other.regime[:1500])
    assert [a for a in one.alarms if a.at < 1500] == [a for a in other.alarms if a.at < 1500]
    assert len(other.alarms) > len(one.alarms)


def test_a_regime_is_a_third_of_the_past_that_has_held() -> None:
    level = np.concatenate([np.linspace(1, 2, 400), np.full(4, 9.0), np.full(60, 1.2)])
    found = volatility_regime_path(level)
    assert set(found[:250]) == {"unknown"}
    assert set(found[250:404]) == {"stormy"}
    assert list(found[404:415]) == ["stormy"] * 9 + ["calm"] * 2


def test_two_other_thirds_in_turn_are_no_regime() -> None:
    turns = np.tile([1.2, 1.6], 30)  # calm and middling beside what was stormy
    level = np.concatenate([np.linspace(1, 2, 400), turns])
    assert set(volatility_regime_path(level)[400:]) == {"stormy"}


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(InputError, match="allow 20 or more"):
        break_rule(1.5, 3)
    with pytest.raises(InputError, match="do not fit 2 returns"):
        normal_moves([1.0, 2.0], np.zeros((2, 3)), LEVELS)
