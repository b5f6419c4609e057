import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bezant.evidence.var_backtests import TrafficLight, exceptions_in_window, traffic_light
from bezant.types import InputError

TABLE = [
    (0, "green", 1.50, 8.11),
    (1, "green", 1.50, 28.58),
    (2, "green", 1.50, 54.32),
    (3, "green", 1.50, 75.81),
    (4, "green", 1.50, 89.22),
    (5, "amber", 1.70, 95.88),
    (6, "amber", 1.76, 98.63),
    (7, "amber", 1.83, 99.60),
    (8, "amber", 1.88, 99.89),
    (9, "amber", 1.92, 99.97),
    (10, "red", 2.00, 99.99),
    (50, "red", 2.00, 100.0),
]
"""Exceptions, zone, multiplier and cumulative probability in per cent, as the rule prints them."""


@pytest.mark.parametrize(("exceptions", "zone", "multiplier", "cumulative"), TABLE)
def test_zones_multipliers_and_probabilities_are_those_of_the_rule(
    exceptions: int, zone: str, multiplier: float, cumulative: float
) -> None:
    light = TrafficLight(exceptions)
    assert (light.zone, light.multiplier) == (zone, multiplier)
    assert 100 * light.cumulative_probability == pytest.approx(cumulative, abs=0.0051)


@given(st.lists(st.booleans(), min_size=250, max_size=300))
def test_the_window_counts_what_a_loop_counts(hits: list[bool]) -> None:
    slow = [sum(hits[t - 249 : t + 1]) for t in range(249, len(hits))]
    assert exceptions_in_window(hits).tolist() == slow
    assert traffic_light(hits).exceptions == slow[-1]


def test_exceptions_more_than_250_days_ago_are_forgotten() -> None:
    hits = np.zeros(500, bool)
    hits[:20] = True
    assert traffic_light(hits).zone == "green"
    assert exceptions_in_window(hits)[0] == 20


def test_the_sentence_names_zone_days_and_multiplier() -> None:
    assert TrafficLight(7).sentence == (
        "Basel traffic light amber: 7 exceptions of the 99 % VaR in the last 250 days, multiplier 1.83 "
        "(a right model has as many or fewer in 99.60 % of years)."
    )
    assert "1 exception of" in TrafficLight(1).sentence


def test_fewer_than_250_days_are_refused() -> None:
    with pytest.raises(InputError, match="counts 250 days and there are 249"):
        traffic_light(np.zeros(249, bool))
    with pytest.raises(InputError, match="cannot have 251"):
        TrafficLight(251)
