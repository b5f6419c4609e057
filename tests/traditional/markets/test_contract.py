"""What every traditional model of markets must do: learn from the past alone, and answer with "
"distributions."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from bezant.histories.market import read_bars
from bezant.traditional.markets import (
    ARRAYS,
    Automatic,
    Autoregression,
    Ewma,
    Garch,
    Har,
    MarketBoosting,
    PooledGamma,
    RollingQuantiles,
    WeighedMeans,
    walk,
)
from bezant.types import InputError
from market_support import drawn_bars

MODELS = {
    "random walk": RollingQuantiles,
    "ewma": Ewma,
    "garch": Garch,
    "gjr": lambda: Garch(kind="gjr"),
    "egarch": lambda: Garch(kind="egarch"),
    "har": lambda: Har(form="linear"),
    "log-har": Har,
    "gamma-har": lambda: Har(form="gamma"),
    "pooled": PooledGamma,
    "ar": Autoregression,
    "boosting": lambda: MarketBoosting(trees=5, fewest=20),
    "ets": Automatic,
    "theta": lambda: Automatic(kind="theta"),
    "weighed means": WeighedMeans,
}
NEEDS = {
    "garch": "arch",
    "gjr": "arch",
    "egarch": "arch",
    "ets": "statsforecast",
    "theta": "statsforecast",
}
BARS = read_bars(drawn_bars(420))
PAST = BARS.until(BARS.time[0] + np.timedelta64(350, "D"))
ROWS = np.array([355, 700, 352, 360, 705])
LEVELS = (0.01, 0.05, 0.5, 0.95)


@pytest.fixture(params=MODELS)
def model(request):
    pytest.importorskip(NEEDS.get(request.param, "numpy"))
    return MODELS[request.param]()


@pytest.fixture
def fitted(model):
    return model.fit(PAST, horizons=(1, 3), levels=LEVELS)


def same(one, other) -> bool:
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in ARRAYS)


def test_garbage_behind_an_origin_moves_no_forecast(fitted):
    found = fitted.forecast(BARS, ROWS)
    last = BARS.time[ROWS].max()
    later = BARS.time > last
    random = np.random.default_rng(0)
    price = np.exp(random.normal(3, 3, len(BARS)))
    wrong = dataclasses.replace(
        BARS,
        **{n: np.where(later, price, getattr(BARS, n)) for n in ("open", "high", "low", "close", "volume")},
    )
    assert later.sum() > 50
    assert same(fitted.forecast(wrong, ROWS), found)


def test_origins_are_answered_alike_alone_together_and_in_any_order(fitted):
    """The bars of later origins in the same call are the future of the earlier ones."""
    together = fitted.forecast(BARS, ROWS)
    assert together.rows.tolist() == ROWS.tolist()
    for k, row in enumerate(ROWS):
        alone = fitted.forecast(
            BARS.until(BARS.time[row]), np.searchsorted(np.flatnonzero(BARS.time <= BARS.time[row]), [row])
        )
        for name in ARRAYS:
            assert np.allclose(getattr(alone, name)[0], getattr(together, name)[k], rtol=1e-9, atol=1e-12)


def test_answers_are_distributions_of_the_right_size(fitted):
    found = fitted.forecast(BARS, ROWS)
    deviation = np.sqrt(found.variance)
    typical = np.std(BARS.returns[1:300])
    assert ((deviation > typical / 8) & (deviation < typical * 12)).all()
    assert (found.quantiles[:, :, 0] < 0).all() and (found.quantiles[:, :, -1] > 0).all()
    assert (found.shortfall < found.quantiles).all()
    assert found.horizons == (1, 3) and found.levels == LEVELS
    assert (found.variance[:, 1] > found.variance[:, 0]).all()


def test_a_walk_refits_and_is_the_same_twice(model):
    rows = np.concatenate([np.arange(352, 358), np.arange(712, 718)])
    found = walk(model, BARS, rows, refit_every=3, horizons=(1,), levels=LEVELS)
    assert same(found, walk(model, BARS, rows, refit_every=3, horizons=(1,), levels=LEVELS))
    kept = np.flatnonzero(BARS.time <= BARS.time[355])
    model.fit(BARS.take(kept), horizons=(1,), levels=LEVELS)
    last = model.forecast(BARS, rows[3:6])
    assert np.allclose(last.quantiles, found.quantiles[3:6], rtol=1e-9)


def test_the_bars_stay_as_they_are(fitted):
    before = {n: getattr(PAST, n).copy() for n in ("open", "high", "low", "close", "volume")}
    fitted.forecast(BARS, ROWS)
    assert all(np.array_equal(getattr(PAST, n), values) for n, values in before.items())
    assert isinstance(fitted.notes_, tuple)


def test_an_asset_that_was_not_there_and_a_short_past_are_said(model):
    if not isinstance(model, RollingQuantiles | MarketBoosting):
        model.fit(PAST.only("A"), horizons=(1,), levels=LEVELS)
        with pytest.raises(InputError, match="without"):
            model.forecast(BARS, np.array([705]))
    with pytest.raises(InputError, match=r"needs \d+ bars of each asset but 'B' has 1[0-9]"):
        model.fit(BARS.until(BARS.time[0] + np.timedelta64(51, "D")), horizons=(1,), levels=LEVELS)


def test_an_unfitted_model_says_so(model):
    with pytest.raises(InputError, match="not fitted yet"):
        model.forecast(BARS, ROWS)


def test_prices_that_stood_still_for_weeks_leave_forecasts_of_a_sane_size(model):
    """As the early prices of a share that is quoted in steps."""
    table = drawn_bars(420).to_pandas()
    for start in (0, 150):
        still = (table["asset"] == "A") & (table.index >= start) & (table.index < start + 30)
        for name in ("open", "high", "low", "close"):
            table.loc[still, name] = table.loc[start, "close"]
    bars = read_bars(table)
    model.fit(bars.until(PAST.time.max()), horizons=(1, 3), levels=LEVELS)
    found = model.forecast(bars, ROWS)
    typical = np.std(bars.returns[200:350])
    assert ((np.sqrt(found.variance) > typical / 10) & (np.sqrt(found.variance) < typical * 12)).all()
    assert (np.abs(found.quantiles) < 0.5).all()
