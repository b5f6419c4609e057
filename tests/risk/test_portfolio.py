from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from bezant.risk import (
    expected_shortfall,
    filtered_historical_scenarios,
    portfolio_risk,
    position_gains,
    value_at_risk,
)
from bezant.types import InputError
from market_files import ewma_variance, twenty_stocks

POSITIONS = np.array([1000.0 * (-1) ** (i % 3 == 2) * (1 + i % 5) for i in range(20)])


def scenarios(count: int = 4000) -> np.ndarray:
    returns = np.log1p(twenty_stocks().to_numpy())
    sd = np.sqrt(ewma_variance(returns))
    return filtered_historical_scenarios((returns / sd)[-1000:], sd[-1], scenarios=count).at(1)


def test_risk_of_the_portfolio_is_that_of_its_summed_gains() -> None:
    drawn = scenarios()
    total = np.array([sum(POSITIONS[k] * (np.exp(row[k]) - 1) for k in range(20)) for row in drawn])
    found = portfolio_risk(drawn, POSITIONS, level=0.975)
    assert found.var == pytest.approx(value_at_risk(total, 0.975))
    assert found.es == pytest.approx(expected_shortfall(total, 0.975))
    first = position_gains(drawn, POSITIONS)[:, 0]
    assert found.es_alone[0] == pytest.approx(expected_shortfall(first, 0.975))


@given(
    arrays(float, (30, 3), elements=st.floats(-0.5, 0.5)),
    arrays(float, 3, elements=st.floats(-1e4, 1e4)),
    st.floats(0.5, 0.99),
)
def test_parts_sum_to_the_whole(drawn: np.ndarray, positions: np.ndarray, level: float) -> None:
    found = portfolio_risk(drawn, positions, level=level)
    assert found.es_parts.sum() == pytest.approx(found.es, abs=1e-6)
    assert found.var_parts.sum() == pytest.approx(found.var, abs=1e-6)


def test_a_part_is_what_a_little_more_of_the_position_adds() -> None:
    drawn = scenarios()
    found = portfolio_risk(drawn, POSITIONS, level=0.975)
    for k in range(20):
        more = POSITIONS.copy()
        more[k] *= 1 + 1e-6
        added = portfolio_risk(drawn, more, level=0.975).es - found.es
        assert added / 1e-6 == pytest.approx(found.es_parts[k], rel=1e-3, abs=1e-3)


def test_parts_of_the_var_near_those_of_a_normal_distribution() -> None:
    """For a normal distribution the parts are known: covariance with the total, scaled to the VaR."""
    rng = np.random.default_rng(0)
    mix = np.array([[1.0, 0.5, 0.0], [0.0, 1.0, -0.8], [0.0, 0.0, 1.0]])
    drawn = 0.01 * rng.normal(size=(20_000, 3)) @ mix
    held = np.array([100.0, 50.0, 80.0])
    found = portfolio_risk(drawn, held, level=0.95, log=False)
    covariance = held * (0.0001 * mix.T @ mix @ held)
    assert found.var_parts / found.var == pytest.approx(covariance / covariance.sum(), abs=0.04)


def test_a_hedge_adds_less_than_nothing() -> None:
    drawn = scenarios()[:, :2]
    drawn[:, 1] = drawn[:, 0]
    found = portfolio_risk(drawn, [1000.0, -400.0], level=0.99)
    assert found.es_parts[1] < 0 and found.var_parts[1] < 0 and found.es < found.es_alone[0]


def test_weights_that_fade_follow_the_weighted_measures() -> None:
    drawn = scenarios(500)
    fading = 0.99 ** np.arange(500)[::-1]
    found = portfolio_risk(drawn, POSITIONS, level=0.95, weights=fading)
    total = position_gains(drawn, POSITIONS).sum(axis=1)
    assert found.es == pytest.approx(expected_shortfall(total, 0.95, fading))
    assert found.var_parts.sum() == pytest.approx(found.var)


def test_the_error_of_the_es_is_that_of_repeated_simulations() -> None:
    rng = np.random.default_rng(0)
    found = [portfolio_risk(rng.normal(size=(2000, 1)), [1.0], level=0.95, log=False) for _ in range(300)]
    assert np.mean([f.es_error for f in found]) == pytest.approx(np.std([f.es for f in found]), rel=0.12)


def test_the_table_ends_with_the_total_and_the_sentence_names_the_largest() -> None:
    found = portfolio_risk(scenarios(), POSITIONS, level=0.975, assets=twenty_stocks().columns)
    table = found.as_table()
    assert table["asset"].iloc[-1] == "total" and len(table) == 21
    assert table["es_part"].iloc[:-1].is_monotonic_decreasing
    assert table["es_part"].iloc[:-1].sum() == pytest.approx(table["es_part"].iloc[-1])
    assert f"{table['asset'].iloc[0]} adds most" in found.sentence and "% less than" in found.sentence


def test_a_portfolio_of_one_position_is_compared_with_nothing() -> None:
    found = portfolio_risk(scenarios(100)[:, :1], [1000.0], level=0.975)
    assert found.es > 0 and found.sentence.endswith(" of 1 position.")


def test_a_portfolio_of_nothing_has_no_risk_and_says_no_share() -> None:
    found = portfolio_risk(scenarios(100), np.zeros(20), level=0.975)
    assert found.es == 0 and found.sentence.endswith("positions.")
    assert found.as_table()["es_share"].iloc[:-1].eq(0).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: portfolio_risk(np.zeros((5, 2)), [1.0], level=0.99), "do not fit 1 position,"),
        (lambda: portfolio_risk(np.full((5, 1), np.nan), [1.0], level=0.99), "have gaps"),
        (
            lambda: portfolio_risk(np.zeros((5, 1)), [1.0], level=0.99, assets=["a", "b"]),
            "1 asset needs 1 different name,",
        ),
    ],
)
def test_positions_that_do_not_fit_are_refused(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        call()


def test_an_es_below_its_var_is_refused() -> None:
    found = portfolio_risk(scenarios(100), POSITIONS, level=0.975)
    with pytest.raises(InputError, match="lies below its VaR"):
        replace(found, es=found.var / 2)
    with pytest.raises(InputError, match="differ in length"):
        replace(found, assets=("a",))
