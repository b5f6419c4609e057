from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bezant.risk import LimitReport, RiskLimit, RiskLimits, portfolio_risk
from bezant.types import InputError
from market_files import twenty_stocks


@pytest.mark.parametrize(
    ("value", "status"), [(-5, "ok"), (79.9, "ok"), (80, "warning"), (100, "warning"), (100.1, "breach")]
)
def test_one_is_warned_from_80_per_cent_on_and_the_limit_itself_holds(value: float, status: str) -> None:
    assert RiskLimit("ES", 100.0).check(value).status == status


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6), st.floats(0.1, 1.0))
def test_more_risk_is_never_a_better_status(a: float, b: float, warning: float) -> None:
    limit, order = RiskLimit("ES", 1000.0, warning), ("ok", "warning", "breach")
    low, high = (order.index(limit.check(value).status) for value in sorted((a, b)))
    assert low <= high


def test_sentences_say_what_is_left_or_too_much() -> None:
    assert RiskLimit("VaR 99 %", 2_000_000.0).check(1_750_000).sentence == (
        "Warning: VaR 99 % is 1,750,000, 88 % of its limit of 2,000,000 (250,000 left)."
    )
    assert RiskLimit("ES", 0.05).check(0.06).sentence == (
        "Breach: ES is 0.06, 120 % of its limit of 0.05 (0.01 too much)."
    )


def test_limits_of_a_real_portfolio_are_reported_the_most_used_first() -> None:
    returns = np.log1p(twenty_stocks().to_numpy())[-1000:]
    risk = portfolio_risk(returns, np.full(20, 50_000.0), level=0.975)
    figures = {"VaR 97.5 %": risk.var, "ES 97.5 %": risk.es, "Largest part of ES": risk.es_parts.max()}
    limits = RiskLimits.of(
        {"VaR 97.5 %": 2 * risk.var, "ES 97.5 %": 1.1 * risk.es, "Largest part of ES": 0.01 * risk.es}
    )
    report = limits.check(figures)
    table = report.as_table()
    assert table["status"].tolist() == ["breach", "warning", "ok"] and report.status == "breach"
    assert table["share"].iloc[1] == pytest.approx(1 / 1.1)
    assert report.sentence.startswith("Breach: Largest part of ES") and "VaR" not in report.sentence


def test_where_all_limits_hold_the_most_used_is_named() -> None:
    report = RiskLimits.of({"VaR": 100, "ES": 100}).check({"VaR": 10, "ES": 20, "other": 1e9})
    assert report.sentence == "All 2 limits hold; ES uses most, 20 %."
    alone = RiskLimits.of({"ES": 100}).check({"ES": 20})
    assert alone.sentence == "The limit holds; ES uses 20 % of it."


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: RiskLimit("ES", 0.0), "give a number above 0"),
        (lambda: RiskLimit("ES", 1.0, 80), "write 0.8 for 80 %"),
        (lambda: RiskLimit("ES", 1.0).check(float("nan")), "ES is nan"),
        (lambda: RiskLimits(()), "There are no limits"),
        (lambda: RiskLimits((RiskLimit("ES", 1.0), RiskLimit("ES", 2.0))), "ES has 2 limits"),
        (lambda: RiskLimits.of({"ES": 1.0}).check({"VaR": 1.0}), "ES has a limit and no figure"),
        (lambda: LimitReport(()), "no limits to report"),
    ],
)
def test_limits_that_cannot_be_checked_are_refused(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        call()
