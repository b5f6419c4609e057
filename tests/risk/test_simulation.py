from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bezant.risk import (
    Scenarios,
    VarianceRecursion,
    filtered_historical_scenarios,
    historical_scenarios,
)
from bezant.types import InputError
from market_files import ewma_variance, twenty_stocks


def stocks() -> tuple[np.ndarray, np.ndarray]:
    """Residuals of the last 1,000 days and volatility for the next, of 20 real stocks."""
    returns = np.log1p(twenty_stocks().to_numpy())
    sd = np.sqrt(ewma_variance(returns))
    return (returns / sd)[-1000:], sd[-1]


def test_historical_scenarios_equal_sums_of_past_returns() -> None:
    past = np.log1p(twenty_stocks().to_numpy())[-60:]
    found = historical_scenarios(past, horizons=(1, 5), assets=twenty_stocks().columns)
    assert found.assets[0] == "AAPL" and found.returns.shape == (2, 56, 20)
    slow = np.stack([past[t : t + 5].sum(axis=0) for t in range(56)])
    assert np.allclose(found.at(5), slow)
    assert np.allclose(found.at(1), past[:56])


def test_one_step_is_a_past_day_of_all_assets_at_todays_volatility() -> None:
    residuals, sd = stocks()
    found = filtered_historical_scenarios(residuals, sd, scenarios=300).at(1) / sd
    days = {tuple(np.round(row, 9)) for row in residuals}
    assert all(tuple(np.round(row, 9)) in days for row in found)


def test_dependence_of_the_assets_survives() -> None:
    residuals, sd = stocks()
    found = filtered_historical_scenarios(residuals, sd, scenarios=20_000, horizons=(5,)).at(5)
    assert np.allclose(np.corrcoef(found.T), np.corrcoef(residuals.T), atol=0.06)


def test_volatility_adds_up_over_the_path_and_the_mean_with_it() -> None:
    residuals, _ = stocks()
    residuals = (residuals - residuals.mean(axis=0)) / residuals.std(axis=0)
    path = np.outer([0.01, 0.02, 0.03], np.ones(20))
    found = filtered_historical_scenarios(
        residuals, path, horizons=(1, 3), mean=0.001, scenarios=20_000, random_state=2
    )
    assert np.allclose(found.at(3).std(axis=0), np.sqrt(14) * 0.01, rtol=0.06)
    assert found.at(3).mean() == pytest.approx(0.003, abs=6e-4)
    assert found.at(1).std() == pytest.approx(0.01, rel=0.05)


def test_the_recursion_equals_a_loop_over_one_path() -> None:
    residuals, sd = stocks()
    rule = VarianceRecursion(omega=1e-6, alpha=0.03, beta=0.9, gamma=0.08)
    found = filtered_historical_scenarios(
        residuals, sd, horizons=(1, 2, 3), recursion=rule, scenarios=4, random_state=5
    )
    day = np.random.default_rng(5).integers(len(residuals), size=(3, 4))
    for s in range(4):
        for k in range(20):
            variance, total = sd[k] ** 2, 0.0
            for step in range(3):
                shock = np.sqrt(variance) * residuals[day[step, s], k]
                total += shock
                variance = 1e-6 + (0.03 + 0.08 * (shock < 0)) * shock**2 + 0.9 * variance
                assert found.returns[step, s, k] == pytest.approx(total)


def test_answering_to_its_own_shocks_widens_the_tail_of_a_long_horizon() -> None:
    residuals, sd = stocks()
    fixed = filtered_historical_scenarios(residuals, sd, horizons=(21,), scenarios=5000).at(21)
    moving = filtered_historical_scenarios(
        residuals, sd, horizons=(21,), scenarios=5000, recursion=VarianceRecursion(0.0, 0.06, 0.94)
    ).at(21)

    def kurtosis(x: np.ndarray) -> float:
        return float((((x - x.mean(axis=0)) / x.std(axis=0)) ** 4).mean())

    assert kurtosis(moving) > kurtosis(fixed) + 0.3


def test_the_same_seed_draws_the_same_and_another_one_others() -> None:
    residuals, sd = stocks()
    a, b, c = (
        filtered_historical_scenarios(residuals, sd, scenarios=50, random_state=seed).returns
        for seed in (1, 1, 2)
    )
    assert np.array_equal(a, b) and not np.array_equal(a, c)


def test_names_are_given_where_there_are_none() -> None:
    assert historical_scenarios([[0.1, 0.2]]).assets == ("asset 1", "asset 2")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: historical_scenarios([0.1, 0.2]), "one row a day and one column an asset"),
        (lambda: historical_scenarios([[0.1, np.nan]]), "missing on 1 of 1 days"),
        (lambda: historical_scenarios([[0.1]], horizons=(5,)), "do not hold a horizon of 5"),
        (lambda: historical_scenarios([[0.1]], horizons=()), "steps of at least 1"),
        (lambda: historical_scenarios([[0.1, 0.2]], assets=["a", "a"]), "2 different names, not 1"),
        (lambda: filtered_historical_scenarios([[1.0]], [0.0]), "not above 0"),
        (lambda: filtered_historical_scenarios([[1.0]], [0.1, 0.2]), r"give \(1,\) or \(1, 1\)"),
        (
            lambda: filtered_historical_scenarios(
                [[1.0]], [[0.1], [0.2]], horizons=(2,), recursion=VarianceRecursion(0, 0.1, 0.9)
            ),
            r"give \(1,\)\.",
        ),
        (lambda: VarianceRecursion(0.0, -0.1, 0.9), "at least 0"),
        (lambda: historical_scenarios([[0.1]]).at(2), r"choose one of \(1,\)"),
        (lambda: Scenarios(("a",), (1,), np.zeros((1, 3, 2))), "1 horizon and 1 asset have"),
        (lambda: Scenarios(("a",), (1,), np.full((1, 3, 1), np.nan)), "missing or infinite"),
    ],
)
def test_input_that_cannot_be_drawn_from_is_refused(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        call()
