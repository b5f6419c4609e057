import numpy as np
import pytest

from bezant.metrics.curves import wilson_interval
from bezant.metrics.market import Coverage, coverage, coverage_by, volatility_regimes
from bezant.types import InputError
from market_files import ewma_variance, sp500


def test_ends_of_the_band_count_as_inside() -> None:
    assert coverage([1.0, 2.0, 3.1, 0.0], [1, 1, 1, 1], [3, 3, 3, 3]) == 0.5


def test_groups_equal_a_loop_over_them() -> None:
    y = sp500().to_numpy()
    sd = np.sqrt(ewma_variance(y))
    regime = volatility_regimes(sd)
    found = coverage_by(y, -1.645 * sd, 1.645 * sd, regime)
    for label, rows, rate, low in zip(found.labels, found.rows, found.rate, found.low, strict=True):
        chosen = [i for i in range(len(y)) if label in ("all", regime[i])]
        inside = sum(abs(y[i]) <= 1.645 * sd[i] for i in chosen)
        assert (rows, rate) == (len(chosen), pytest.approx(inside / len(chosen)))
        assert low == pytest.approx(wilson_interval(inside, len(chosen))[0])
    assert found.labels == ("calm", "middling", "stormy", "all")
    assert coverage_by(y, y, y, ["b"] + ["a"] * (len(y) - 1)).labels == ("b", "a", "all")


def test_a_constant_band_covers_calm_days_too_often_and_stormy_ones_too_rarely() -> None:
    y = sp500().to_numpy()
    half = 1.645 * y.std()
    found = coverage_by(
        y, np.full(len(y), -half), np.full(len(y), half), volatility_regimes(ewma_variance(y))
    )
    rate = dict(zip(found.labels, found.rate, strict=True))
    assert rate["calm"] > 0.97 > 0.9 > rate["stormy"]


def test_regimes_are_equal_parts_in_the_order_of_volatility() -> None:
    regime = volatility_regimes([5.0, 1.0, 3.0, 4.0, 2.0, 6.0])
    assert regime.tolist() == ["stormy", "calm", "middling", "middling", "calm", "stormy"]


def test_groups_of_another_length_are_refused() -> None:
    with pytest.raises(InputError, match="2 forecasts and 3 groups"):
        coverage_by([1.0, 2.0], [0, 0], [3, 3], ["a", "b", "c"])
    one = np.array([1])
    with pytest.raises(InputError, match="different lengths"):
        Coverage(("a", "all"), one, one, one.astype(float), one.astype(float))
