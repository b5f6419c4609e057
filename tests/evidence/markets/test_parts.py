"""What a part of a combination gives, with weights of each horizon, against a slow truth."""

from __future__ import annotations

import numpy as np
import pytest

from bezant.evidence.markets import part_values
from bezant.histories.market import read_bars
from bezant.traditional.markets import Ewma, RollingQuantiles
from bezant.types import InputError
from market_support import drawn_bars

BARS = read_bars(drawn_bars(400, ("A",)).select(["time", "close"]), asset=None)
ROWS = np.arange(300, 390)
LEVELS = (0.05, 0.5, 0.95)


def test_each_horizon_is_mixed_with_its_own_weights() -> None:
    known = BARS.until(BARS.time[300])
    parts = {
        name: model.fit(known, horizons=(1, 5), levels=LEVELS).forecast(BARS, ROWS)
        for name, model in {"EWMA": Ewma(), "past": RollingQuantiles()}.items()
    }
    first = np.array([[0.9, 0.2], [0.1, 0.7]])  # a row a horizon: variance, quantiles
    weights = {"EWMA": np.tile(first, (90, 1, 1)), "past": np.tile(1 - first, (90, 1, 1))}
    found = {value.name: value for value in part_values(BARS, parts, weights)}
    assert found["EWMA"].variance_weight == pytest.approx(0.5)
    assert found["EWMA"].quantile_weight == pytest.approx(0.45)

    one, other = parts["EWMA"], parts["past"]
    square = BARS.returns[ROWS + 1] ** 2

    def qlike(variance: np.ndarray) -> float:
        return float(np.mean(square / variance + np.log(variance)))

    whole = qlike(0.9 * one.variance[:, 0] + 0.1 * other.variance[:, 0])
    assert found["past"].without_variance == pytest.approx(qlike(one.variance[:, 0]) - whole)
    for k, (horizon, share) in enumerate(((1, 0.2), (5, 0.7))):
        came = BARS.ahead(horizon)[ROWS]

        def lost(quantiles: np.ndarray, came: np.ndarray = came) -> float:
            gap = came[:, None] - quantiles
            return float(np.maximum(np.array(LEVELS) * gap, (np.array(LEVELS) - 1) * gap).mean())

        mixed = lost(share * one.quantiles[:, k] + (1 - share) * other.quantiles[:, k])
        alone = lost(one.quantiles[:, k])
        assert found["past"].without_quantiles[k] == pytest.approx(alone / mixed - 1)

    with pytest.raises(InputError, match="do not fit"):
        part_values(BARS, parts, {name: w[:, 0] for name, w in weights.items()})
