from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bezant.risk import CRISES, StressReport, historical_stress, hypothetical_stress
from bezant.types import InputError
from market_files import sp500, twenty_stocks

NAMES = tuple(twenty_stocks().columns)


def prices() -> np.ndarray:
    return (1 + twenty_stocks()).cumprod().to_numpy()


def test_crises_of_real_stocks_equal_their_price_ratios() -> None:
    found = historical_stress(twenty_stocks().index, prices(), np.full(20, 100.0), assets=NAMES)
    assert found.scenarios[:2] == ("Lehman, 2008", "Covid, 2020")
    growth = (1 + twenty_stocks()).loc["2020-02-20":"2020-03-23"].prod()
    assert found.gains[1] == pytest.approx(100 * (growth.to_numpy() - 1))
    assert found.notes == ("Black Monday, 1987 is left out: the prices run from 1990-01-03 to 2022-12-28.",)
    assert found.totals[1] < -0.2 * found.capital


def test_the_worst_day_and_the_worst_ten_equal_a_loop() -> None:
    held = np.array([100.0 if i % 2 else -50.0 for i in range(20)])
    table = prices()
    found = historical_stress(twenty_stocks().index, table, held, crises={})
    for row, steps in enumerate((1, 10)):
        slow = min(float(held @ (table[t + steps] / table[t] - 1)) for t in range(len(table) - steps))
        assert found.totals[row] == pytest.approx(slow)
        assert found.scenarios[row].startswith("Worst day, to " if steps == 1 else "Worst 10 days, to ")


def test_black_monday_is_computed_where_the_data_reach() -> None:
    days = np.array(["1987-10-12", "1987-10-13", "1987-10-16", "1987-10-19", "1987-10-20"], "datetime64[D]")
    close = np.array([[309.39], [314.52], [282.70], [224.84], [236.83]])  # the S&P 500's closes
    found = historical_stress(days, close, [1000.0], crises={"1987": CRISES["Black Monday, 1987"]})
    assert found.gains[0, 0] == pytest.approx(1000 * (224.84 / 314.52 - 1))
    assert found.scenarios[1] == "Worst day, to 1987-10-19"
    assert found.notes == ("The worst 10 steps are left out: all prices are there on 5 days.",)


def test_the_dates_of_lehman_hold_the_fall_of_the_index() -> None:
    series = sp500()
    found = historical_stress(series.index, np.exp(series.cumsum()).to_numpy()[:, None], [100.0])
    assert found.gains[0, 0] == pytest.approx(-28.2, abs=0.3)
    assert [note[:11] for note in found.notes] == ["Black Monda", "Covid, 2020"]


def test_an_asset_that_began_later_is_named() -> None:
    table = prices()
    table[: len(table) // 2 + 1000, 3] = np.nan
    found = historical_stress(twenty_stocks().index, table, np.ones(20), assets=NAMES)
    assert f"Lehman, 2008 is left out: {NAMES[3]} had no price yet." in found.notes
    assert "Covid, 2020" in found.scenarios


def test_a_named_shock_moves_what_it_names_and_nothing_else() -> None:
    held = np.arange(1.0, 21.0)
    found = hypothetical_stress(held, {"tech": {"AAPL": -0.5, "MSFT": -0.2}}, NAMES)
    expected = np.zeros(20)
    expected[NAMES.index("AAPL")] = -0.5 * held[NAMES.index("AAPL")]
    expected[NAMES.index("MSFT")] = -0.2 * held[NAMES.index("MSFT")]
    assert found.gains[0] == pytest.approx(expected)
    assert found.notes == ("Assets that a scenario does not name stay where they are.",)


def test_with_returns_the_others_follow_by_their_slopes() -> None:
    returns = twenty_stocks().to_numpy()[-1000:]
    found = hypothetical_stress(np.ones(20), {"AAPL falls": {"AAPL": -0.3}}, NAMES, returns=returns)
    at = NAMES.index("AAPL")
    slope = np.cov(returns[:, at], returns[:, 5])[0, 1] / returns[:, at].var(ddof=1)
    assert found.gains[0, at] == pytest.approx(-0.3)
    assert found.gains[0, 5] == pytest.approx(-0.3 * slope)
    assert found.totals[0] < -0.3


def test_nothing_falls_by_more_than_all() -> None:
    returns = np.array([[0.01, 0.05], [-0.01, -0.05], [0.0, 0.001]])
    found = hypothetical_stress([1.0, 1.0], {"x": {"a": -0.5}}, ("a", "b"), returns=returns)
    assert found.gains[0].tolist() == pytest.approx([-0.5, -1.0])


def test_the_table_shows_the_worst_first_and_the_sentence_names_it() -> None:
    shocks = {"mild": {"AAPL": -0.1}, "hard": {"AAPL": -0.4, "MSFT": -0.2}}
    found = hypothetical_stress(np.full(20, 100.0), shocks, NAMES)
    table = found.as_table()
    assert table["scenario"].tolist() == ["hard", "mild"]
    assert table["worst_position"].tolist() == ["AAPL", "AAPL"]
    assert table["share"].iloc[0] == pytest.approx(-60 / 2000)
    assert found.sentence.startswith(
        "The worst of 2 scenarios is hard: the positions lose 60, 3.0 % of their size."
    )


def test_one_scenario_is_not_called_many() -> None:
    found = hypothetical_stress(np.full(20, 100.0), {"hard": {"AAPL": -0.4}}, NAMES)
    assert found.sentence.startswith("The worst of 1 scenario is hard:")


def test_a_report_without_any_scenario_says_so() -> None:
    found = historical_stress(twenty_stocks().index[:50], prices()[:50], np.ones(20), worst_steps=())
    assert found.sentence.startswith(
        "No scenario of stress could be computed. Black Monday, 1987 is left out"
    )


DAYS = np.array(["2020-01-01", "2020-01-02"], "datetime64[D]")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: historical_stress(DAYS, [[1.0]], [1.0]), "2 dates and 1 position;"),
        (lambda: historical_stress(DAYS[::-1], [[1.0], [2.0]], [1.0]), "do not rise"),
        (lambda: historical_stress(DAYS, [[1.0], [0.0]], [1.0]), "1 prices are not above 0"),
        (lambda: historical_stress(DAYS, [[1.0], [2.0]], [1.0], worst_steps=(0,)), "at least 1 step"),
        (lambda: hypothetical_stress([1.0], {"x": {"b": -0.1}}, ("a",)), "names b, which is not held"),
        (lambda: hypothetical_stress([1.0], {"x": {}}, ("a",)), "names no asset"),
        (lambda: hypothetical_stress([1.0], {"x": {"a": -30}}, ("a",)), r"write -0\.3"),
        (lambda: hypothetical_stress([1.0], {"x": {"a": 30}}, ("a",)), r"rises by 3,000 %; write 0\.3"),
        (
            lambda: hypothetical_stress([1.0], {"x": {"a": -0.3}}, ("a",), returns=[[1.0, 2.0]]),
            "do not fit 1",
        ),
        (lambda: hypothetical_stress([1.0, 2.0], {}, ("a",)), "2 assets need 2"),
        (lambda: StressReport(("x",), ("a",), np.zeros((2, 1)), 1.0), "1 scenario and 1 position,"),
    ],
)
def test_stress_that_cannot_be_computed_is_refused(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        call()
