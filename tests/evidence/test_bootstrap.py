import math

import numpy as np
import pytest

from bezant.evidence import bootstrap as b
from bezant.metrics import CLASSIFICATION
from bezant.types import InputError
from independent import slow_average_precision, slow_expected_calibration_error, slow_ks


def rows(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    p = rng.beta(1, 4, n)
    return (rng.random(n) < p**1.2).astype(int), p


def test_the_value_is_the_figure_of_the_rows() -> None:
    y, p = rows(1500)
    found = b.bootstrap_estimates(y, p)
    slow = {
        "ks": slow_ks,
        "average_precision": slow_average_precision,
        "expected_calibration_error": slow_expected_calibration_error,
    }
    for figure, function in slow.items():
        assert found[figure].value == pytest.approx(function(y.tolist(), p.tolist()))


@pytest.mark.parametrize("n", [300, 5000])
@pytest.mark.parametrize("figure", ["ks", "average_precision"])
def test_percentile_interval_agrees_with_drawing_rows_one_by_one(figure: str, n: int) -> None:
    y, p = rows(n)
    rng = np.random.default_rng(7)
    function = CLASSIFICATION[figure].function
    slow = [function(y[at], p[at]) for at in (rng.integers(0, n, n) for _ in range(600))]
    found = b.bootstrap_estimates(y, p, figures=(figure,), method="percentile", resamples=1000)[figure]
    low, high = np.quantile(slow, [0.025, 0.975])
    assert found.low == pytest.approx(low, abs=0.1 * (high - low))
    assert found.high == pytest.approx(high, abs=0.1 * (high - low))


def test_cells_are_exact_where_there_are_few_scores() -> None:
    y, p = rows(400)
    cells = b._Cells.of(y == 1, p)
    for figure, (of_rows, of_cells) in b.BOOTSTRAPPED.items():
        whole = of_cells(cells, cells.events[None], cells.non_events[None])
        assert whole[0] == pytest.approx(of_rows(y, p)), figure


def test_basic_interval_of_the_calibration_error_reaches_zero_for_true_probabilities() -> None:
    rng = np.random.default_rng(0)
    p = rng.beta(1, 4, 20_000)
    y = rng.random(20_000) < p
    figure = "expected_calibration_error"
    basic = b.bootstrap_estimates(y, p)[figure]
    percentile = b.bootstrap_estimates(y, p, method="percentile")[figure]
    assert basic.low < 0.001
    assert basic.high < percentile.high


def test_stratified_draws_hold_the_event_rate_and_narrow_average_precision() -> None:
    y, p = rows(2000)
    plain, held = (b.bootstrap_estimates(y, p, stratified=s)["average_precision"] for s in (False, True))
    assert held.high - held.low < plain.high - plain.low


def test_the_same_seed_gives_the_same_interval_and_another_does_not() -> None:
    y, p = rows(500)
    assert b.bootstrap_estimates(y, p, random_state=1) == b.bootstrap_estimates(y, p, random_state=1)
    assert b.bootstrap_estimates(y, p, random_state=1) != b.bootstrap_estimates(y, p, random_state=2)


def test_one_class_and_one_row_are_survived() -> None:
    found = b.bootstrap_estimates([1, 1, 1], [0.1, 0.2, 0.3])
    assert math.isnan(found["ks"].value)
    assert found["expected_calibration_error"].value == pytest.approx(0.8)
    assert b.bootstrap_estimates([0], [0.25])["expected_calibration_error"].value == 0.25


def test_a_few_events_among_many_rows_still_have_an_interval() -> None:
    y, p = rows(200)
    y[:] = 0
    y[:2] = 1
    found = b.bootstrap_estimates(y, p)["ks"]  # about one sample in seven has no event
    assert found.low <= found.value <= found.high


def test_an_unknown_method_is_refused() -> None:
    with pytest.raises(InputError, match="choose 'basic' or 'percentile'"):
        b.bootstrap_estimates([0, 1], [0.1, 0.2], method="studentised")
