"""AutoETS and its kin against statsforecast's own forecasts."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from bezant.histories.market import read_bars
from bezant.traditional.markets import Automatic
from bezant.types import InputError
from market_support import drawn_bars

models = pytest.importorskip("statsforecast.models")

BARS = read_bars(drawn_bars(120, ("A",)))
LEVEL = np.append(0.0, np.cumsum(BARS.returns[1:]))


@pytest.mark.parametrize("kind", ["ets", "arima", "theta"])
def test_at_the_end_of_the_fit_the_answer_is_statsforecasts(kind):
    theirs = {"ets": models.AutoETS, "arima": models.AutoARIMA, "theta": models.AutoTheta}[kind]
    expected = theirs(season_length=1).fit(LEVEL).predict(h=3, level=[90])
    found = (
        Automatic(kind=kind).fit(BARS, horizons=(1, 3), levels=(0.05, 0.5)).forecast(BARS, np.array([119]))
    )
    for k, step in enumerate((0, 2)):
        assert found.mean[0, k] == pytest.approx(expected["mean"][step] - LEVEL[-1], abs=1e-6)
        low = expected["mean"][step] - (expected["hi-90"][step] - expected["lo-90"][step]) / 2 - LEVEL[-1]
        assert found.quantiles[0, k, 0] == pytest.approx(low, rel=0.02, abs=1e-6)
    assert np.allclose(found.up, norm.cdf(found.mean / np.sqrt(found.variance)))


def test_an_unknown_kind_is_refused():
    with pytest.raises(InputError, match="not 'prophet'"):
        Automatic(kind="prophet").fit(BARS)
