"""EWMA against a loop."""

from __future__ import annotations

import numpy as np
import pytest

from bezant.histories.market import read_bars
from bezant.traditional.markets import Ewma
from bezant.types import InputError
from market_support import drawn_bars


def test_the_variance_is_that_of_a_loop_and_grows_with_the_horizon():
    bars = read_bars(drawn_bars(300, ("A",)))
    found = Ewma(decay=0.9).fit(bars, horizons=(1, 5)).forecast(bars, np.array([50, 299]))
    variance = np.mean(bars.returns[1:23] ** 2)
    for k in range(1, 300):
        variance = 0.9 * variance + 0.1 * bars.returns[k] ** 2
        if k == 50:
            assert found.variance[0, 0] == pytest.approx(variance)
    assert found.variance[1, 0] == pytest.approx(variance)
    assert np.allclose(found.variance[:, 1] / found.variance[:, 0], 5, rtol=0.25)


def test_the_earliest_origin_knows_nothing_later_and_earlier_ones_are_refused():
    bars = read_bars(drawn_bars(300, ("A",)))
    model = Ewma().fit(bars, horizons=(1,))
    found = model.forecast(bars, np.array([22, 40]))
    cut = model.forecast(bars.take(np.arange(23)), np.array([22]))
    assert found.variance[0] == pytest.approx(cut.variance[0])
    with pytest.raises(InputError, match="22 changes but 'A' has 2 of 3 origins with fewer"):
        model.forecast(bars, np.array([5, 21, 22]))
