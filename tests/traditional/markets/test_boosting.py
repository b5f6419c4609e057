"""LightGBM on bars: what it can learn it learns, at any price level."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from bezant.histories.market import best_variance, read_bars
from bezant.traditional.markets import MarketBoosting
from bezant.types import InputError
from market_support import drawn_bars

BARS = read_bars(drawn_bars(1500))
LEVELS = (0.05, 0.5, 0.95)


@pytest.fixture(scope="module")
def model():
    return MarketBoosting(trees=60, fewest=40).fit(BARS, horizons=(1, 5), levels=LEVELS)


def test_its_bands_cover_and_its_variance_beats_the_mean(model):
    rows = np.flatnonzero(np.isfinite(BARS.ahead(5)) & (np.arange(len(BARS)) % 1500 > 300))
    found = model.forecast(BARS, rows)
    for k, horizon in enumerate((1, 5)):
        ahead = BARS.ahead(horizon)[rows]
        inside = (ahead > found.quantiles[:, k, 0]) & (ahead < found.quantiles[:, k, 2])
        assert inside.mean() == pytest.approx(0.9, abs=0.04)
    realised = best_variance(BARS)[rows + 1]
    ratio = found.variance[:, 0].mean() / np.mean(BARS.returns[rows + 1] ** 2)
    assert ratio == pytest.approx(1, abs=0.15)

    def loss(forecast):
        forecast = forecast * realised.mean() / np.mean(forecast)
        return np.mean(realised / forecast + np.log(forecast))

    assert loss(found.variance[:, 0]) < loss(np.ones(len(rows))) - 0.1


def test_a_price_level_does_not_matter(model):
    dearer = dataclasses.replace(
        BARS, **{n: getattr(BARS, n) * 512 for n in ("open", "high", "low", "close")}
    )
    rows = np.array([700, 1400, 2900])
    one, other = model.forecast(BARS, rows), model.forecast(dearer, rows)
    assert np.allclose(one.quantiles, other.quantiles, rtol=0.02, atol=1e-5)


def test_other_columns_and_an_origin_too_early_are_said(model):
    closes = dataclasses.replace(BARS, open=None, high=None, low=None)
    with pytest.raises(InputError, match="fit it again on bars with these columns"):
        model.forecast(closes, np.array([700]))
    with pytest.raises(InputError, match="not known at 1 of 2 origins"):
        model.forecast(BARS, np.array([1, 700]))


def test_of_too_many_origins_an_even_share_is_learned_from():
    small = MarketBoosting(trees=2, rows=500).fit(BARS, horizons=(1,), levels=(0.5,))
    assert small.notes_ == ("Learned from 500 origins of 2 assets.",)
