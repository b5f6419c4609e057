from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bezant.risk import expected_shortfall, portfolio_risk, position_gains, room_for, size_to_budget
from bezant.types import InputError
from market_files import twenty_stocks

HELD = np.array([10_000.0 * (-1) ** (i % 4 == 3) for i in range(20)])


def returns() -> np.ndarray:
    return np.log1p(twenty_stocks().to_numpy())[-1000:]


@pytest.mark.parametrize("measure", ["var", "es"])
@pytest.mark.parametrize("factor", [0.4, 2.5])
def test_the_budget_is_used_exactly(measure: str, factor: float) -> None:
    before = getattr(portfolio_risk(returns(), HELD, level=0.99), measure)
    sized = size_to_budget(returns(), HELD, factor * before, measure=measure, level=0.99)
    after = getattr(portfolio_risk(returns(), sized.after, level=0.99), measure)
    assert after == pytest.approx(factor * before) == sized.risk_after
    assert sized.after / HELD == pytest.approx(np.full(20, factor))


def test_whole_lots_stay_within_the_budget() -> None:
    lots = np.array([700.0 + 130 * i for i in range(20)])
    sized = size_to_budget(returns(), HELD, 4000.0, lots=lots)
    assert np.allclose(sized.after / lots, np.round(sized.after / lots))
    total = position_gains(returns(), sized.after).sum(axis=1)
    assert expected_shortfall(total, 0.975) == pytest.approx(sized.risk_after) and sized.risk_after <= 4000
    assert sized.risk_after > 3000


def test_lots_larger_than_the_budget_leave_nothing() -> None:
    sized = size_to_budget(returns(), HELD, 100.0, lots=np.full(20, 1e9))
    assert (sized.after == 0).all() and sized.risk_after == 0


def test_rounding_a_hedge_down_does_not_break_the_budget() -> None:
    fall = np.log1p(twenty_stocks().to_numpy())[-1000:, :1]
    hedged = np.concatenate([fall, fall], axis=1)
    sized = size_to_budget(hedged, [100.0, -99.0], 5.0, lots=[1.0, 90.0])
    assert sized.risk_after <= 5.0


@pytest.mark.parametrize("side", ["long", "short"])
def test_room_for_one_asset_ends_where_the_budget_does(side: str) -> None:
    es = portfolio_risk(returns(), HELD, level=0.975).es
    sized = room_for(returns(), HELD, 4, 1.3 * es, side=side, most=1e7)
    change = sized.after - HELD
    assert sized.risk_after == pytest.approx(1.3 * es, rel=1e-6)
    assert np.flatnonzero(change).tolist() == [4] and (change[4] > 0) == (side == "long")
    a_bit_more = sized.after + 0.01 * change
    assert portfolio_risk(returns(), a_bit_more, level=0.975).es > 1.3 * es


def test_no_more_is_added_than_was_asked() -> None:
    es = portfolio_risk(returns(), HELD, level=0.975).es
    sized = room_for(returns(), HELD, 0, 10 * es, most=123.0)
    assert sized.after[0] - HELD[0] == pytest.approx(123)


def test_table_and_sentence_show_before_and_after() -> None:
    sized = size_to_budget(returns(), HELD, 2500.0, assets=twenty_stocks().columns)
    assert sized.as_table()["change"].to_numpy() == pytest.approx(sized.after - HELD)
    assert sized.sentence.startswith("ES 97.5 % goes from ")
    assert sized.sentence.endswith("to 2,500, within the budget of 2,500.")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: size_to_budget(returns(), HELD, 0.0), "amount of money above 0"),
        (lambda: size_to_budget(returns(), HELD, 1.0, measure="sd"), "choose 'var' or 'es'"),
        (lambda: size_to_budget(returns(), np.zeros(20), 1.0), "only a risk above 0 scales"),
        (lambda: size_to_budget(returns(), HELD, 1.0, lots=[1.0]), "as many lots above 0"),
        (lambda: room_for(returns(), HELD, 0, 1.0, most=10.0), "scale down first"),
        (lambda: room_for(returns(), HELD, 20, 1e9, most=10.0), "asset 20 of 20"),
        (lambda: room_for(returns(), HELD, 0, 1e9, most=10.0, side="up"), "'long' or"),
    ],
)
def test_budgets_that_cannot_be_met_are_refused(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        call()


def test_a_risk_beyond_the_budget_is_refused() -> None:
    sized = size_to_budget(returns(), HELD, 2500.0)
    with pytest.raises(InputError, match="beyond the budget"):
        replace(sized, risk_after=2600.0)
    with pytest.raises(InputError, match="differ in number"):
        replace(sized, assets=("a",))
