import builtins
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bezant.risk import allocate_under_es, expected_shortfall
from bezant.risk.allocation import Allocation
from bezant.types import InputError, MissingExtraError
from market_files import twenty_stocks


def returns(assets: int = 20) -> np.ndarray:
    return twenty_stocks().to_numpy()[-750:, :assets]


def test_the_limit_of_es_holds_and_is_used() -> None:
    found = allocate_under_es(returns(), 0.04, most=0.25, assets=twenty_stocks().columns)
    assert found.es == pytest.approx(0.04, abs=1e-5)
    assert found.es == pytest.approx(expected_shortfall(returns() @ found.weights, 0.975))
    assert found.weights.sum() == pytest.approx(1) and found.cash == pytest.approx(0, abs=1e-9)
    assert found.weights.min() >= -1e-9 and found.weights.max() <= 0.25 + 1e-9
    assert found.least_es < 0.04


def test_no_other_weights_do_better_within_the_limit() -> None:
    drawn = returns(3)
    found = allocate_under_es(drawn, 0.065)
    best = 0.0
    for a in range(101):
        for b in range(0, 101 - a, 4):
            w = np.array([a, b, 100 - a - b]) / 100
            if drawn.mean(axis=0) @ w > best and expected_shortfall(drawn @ w, 0.975) <= 0.065:
                best = float(drawn.mean(axis=0) @ w)
    assert found.expected_return >= best - 1e-7


def test_expected_returns_decide_instead_of_past_means() -> None:
    worst = int(returns().mean(axis=0).argmin())
    expected = np.zeros(20)
    expected[worst] = 0.01
    found = allocate_under_es(returns(), 0.2, expected=expected)
    assert found.weights[worst] == pytest.approx(1, abs=1e-4)
    assert found.expected_return == pytest.approx(0.01, abs=1e-6)


def test_with_cash_any_limit_can_be_met() -> None:
    found = allocate_under_es(returns(), 0.005, cash=True)
    assert found.es <= 0.005 + 1e-6 and 0.5 < found.cash < 1 and found.least_es == 0
    table = found.as_table()
    assert table["asset"].iloc[-1] == "cash" and table["weight"].sum() == pytest.approx(1)


def test_a_limit_below_the_least_possible_es_is_refused_and_that_is_named() -> None:
    with pytest.raises(InputError, match=r"least possible ES is 0\.03\d+, beyond the limit 0\.01"):
        allocate_under_es(returns(), 0.01)


def test_the_sentence_names_return_es_and_the_least_possible() -> None:
    found = Allocation(("a", "b"), np.array([1.0, 0.0]), 0.975, 0.02, 0.03, 0.001, 0.01)
    assert found.sentence == (
        "1 of 2 assets with an expected return of 0.100 % a step and an ES 97.5 % of 2.00 % of the capital, "
        "limit 3.00 %; the least possible ES is 1.00 %."
    )
    with pytest.raises(InputError, match="2 assets have 1 weights"):
        Allocation(("a", "b"), np.ones(1), 0.975, 0.02, 0.03, 0.001, 0.01)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: allocate_under_es(returns(), 0.0), "share of the capital above 0"),
        (lambda: allocate_under_es(returns(), 0.03, most=0.01), "cannot sum to 1"),
        (lambda: allocate_under_es(returns(), 0.03, expected=[0.1]), "20 assets have 1 expected"),
        (lambda: allocate_under_es(returns()[:, 0], 0.03), "have gaps or no columns"),
    ],
)
def test_impossible_requests_are_refused(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        call()


def test_without_skfolio_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("skfolio"):
            raise ImportError(name)
        return whole(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=r"pip install 'bezant\[markets\]'"):
        allocate_under_es(returns(), 0.05)


def test_a_scorecard_can_be_fitted_after_an_allocation() -> None:
    code = (
        "import numpy as np; from bezant.risk import allocate_under_es; "
        "allocate_under_es(np.random.default_rng(0).normal(0.001, 0.01, (300, 3)), 0.05); "
        "from optbinning import OptimalBinning"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "HIGHS" not in done.stderr
