"""Rolling quantiles against a loop."""

from __future__ import annotations

import numpy as np
import pytest

from bezant.histories.market import read_bars
from bezant.traditional.markets import RollingQuantiles
from market_support import drawn_bars


def test_quantiles_are_those_of_the_changes_that_had_ended():
    bars = read_bars(drawn_bars(300))
    levels, horizons = (0.05, 0.5, 0.9), (1, 5)
    model = RollingQuantiles(window=100).fit(bars, horizons=horizons, levels=levels)
    rows = np.array([299, 70, 150])
    found = model.forecast(bars, rows)
    log = np.log(bars.close)
    for k, row in enumerate(rows):
        for j, h in enumerate(horizons):
            changes = [log[e] - log[e - h] for e in range(max(row - 99, h), row + 1)]
            assert np.allclose(found.quantiles[k, j], np.quantile(changes, levels, method="weibull"))
            assert found.variance[k, j] == pytest.approx(np.mean(np.square(changes)))
            assert found.up[k, j] == pytest.approx(np.mean(np.array(changes) > 0))
    assert (found.mean == 0).all()
