"""HAR against least squares and gamma regression of statsmodels on columns made by a loop."""

from __future__ import annotations

import dataclasses
import warnings

import numpy as np
import pytest

from bezant.histories.market import garman_klass, read_bars
from bezant.traditional.markets import Har
from bezant.traditional.markets.har import gamma_regression
from bezant.types import InputError
from market_support import cached, drawn_bars

BARS = read_bars(drawn_bars(400, ("A",)))
HORIZON = 5


def columns(bars, form):
    """The regressors of HAR, row by row."""
    variance, change = garman_klass(bars), bars.returns
    rows = []
    for k in range(22, len(bars)):
        means = [variance[k - w + 1 : k + 1].mean() for w in (1, 5, 22)]
        falls = [np.minimum(change[k - w + 1 : k + 1], 0).mean() for w in (1, 5, 22)]
        if form == "linear":
            rows.append([1.0, *means, *(abs(f) * f for f in falls)])
        else:
            logs = np.log(np.maximum(means, 0.02 * means[2]))
            rows.append([1.0, *logs, *(f / np.sqrt(means[2]) for f in falls)])
    target = [variance[k + 1 : k + 1 + HORIZON].mean() for k in range(22, len(bars) - HORIZON)]
    return np.array(rows), np.array(target)


@pytest.mark.parametrize("form", ["linear", "log", "gamma"])
def test_forecasts_are_those_of_statsmodels(form):
    api = pytest.importorskip("statsmodels.api")
    x, y = columns(BARS, form)
    past = x[: len(y)]
    if form == "gamma":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            family = api.families.Gamma(api.families.links.Log())
            expected = np.exp(x @ api.GLM(y, past, family=family).fit(tol=1e-10).params)
    else:
        fitted = api.OLS(y if form == "linear" else np.log(y), past).fit()
        expected = x @ fitted.params
        if form == "log":
            expected = np.exp(expected) * np.mean(np.exp(fitted.resid))
    found = Har(form=form).fit(BARS, horizons=(HORIZON,)).forecast(BARS, np.arange(30, 400))
    model = Har(form=form).fit(BARS, horizons=(HORIZON,)).regressions_["A"]
    expected = np.clip(expected[8:], model.low, model.high) * model.scale * HORIZON * model.squares
    assert np.allclose(found.variance[:, 0], expected, rtol=1e-4)


def test_a_fit_knows_no_horizon_that_has_not_ended():
    """Bars that are removed from the end take the last targets with them, and nothing else changes."""
    short = BARS.take(np.arange(395))
    x, y = columns(BARS, "log")
    kept = np.linalg.lstsq(x[: len(y) - 5], np.log(y[:-5]), rcond=None)[0]
    assert np.allclose(Har().fit(short, horizons=(HORIZON,)).regressions_["A"].coefficients[:, 0], kept)


def test_quantiles_cover_the_past_they_were_learned_on():
    model = Har().fit(BARS, horizons=(1,), levels=(0.05, 0.95))
    rows = np.arange(30, 399)
    found = model.forecast(BARS, rows)
    ahead = BARS.ahead(1)[rows]
    inside = (ahead > found.quantiles[:, 0, 0]) & (ahead < found.quantiles[:, 0, 1])
    assert inside.mean() == pytest.approx(0.9, abs=0.01)


def test_covariates_take_part_and_are_asked_for_by_name():
    log = np.log(garman_klass(BARS))
    told = dataclasses.replace(BARS, covariates={"vix": np.exp(np.append(log[1:], log[-1]))})
    model = Har(covariates=("vix",)).fit(told, horizons=(1,))
    assert model.regressions_["A"].coefficients[-1, 0] == pytest.approx(1, abs=1e-6)
    with pytest.raises(InputError, match="covariate 'vix', which the 400 bars do not have"):
        Har(covariates=("vix",)).fit(BARS)
    with pytest.raises(InputError, match="'vix' is not positive in 400 of 400"):
        Har(covariates=("vix",)).fit(dataclasses.replace(BARS, covariates={"vix": -np.ones(400)}))


def test_closes_alone_and_returns_of_zero_do():
    table = drawn_bars(400, ("A",)).select(["asset", "time", "close"]).to_pandas()
    table.loc[100:120, "close"] = table.loc[100, "close"]
    closes = read_bars(table)
    for form in ("linear", "log", "gamma"):
        found = Har(form=form).fit(closes, horizons=(1, 5)).forecast(closes, np.arange(100, 125))
        assert (found.variance > 0).all()


def test_an_origin_without_past_means_and_an_unknown_form_are_said():
    with pytest.raises(InputError, match="'A' are missing at 1 of 2 origins; begin later"):
        Har().fit(BARS).forecast(BARS, np.array([2, 100]))
    with pytest.raises(InputError, match="not 'square'"):
        Har(form="square").fit(BARS)


def test_the_gamma_regression_finds_the_least_loss():
    random = np.random.default_rng(0)
    x = np.column_stack([np.ones(500), random.normal(size=(500, 2))])
    y = np.exp(x @ [0.5, -1.0, 0.3]) * random.gamma(0.5, 2.0, 500)
    best = gamma_regression(x, y, np.zeros(3))
    gradient = x.T @ (1 - y * np.exp(-x @ best)) / 500
    assert np.abs(gradient).max() < 1e-4


def test_on_the_real_index_ranges_beat_squared_returns():
    bars = read_bars(cached("sp500"))
    rows = np.arange(len(bars) - 501, len(bars) - 1)
    past = bars.take(np.arange(rows[0] + 1))
    target = garman_klass(bars)[rows + 1]
    closes = dataclasses.replace(bars, open=None, high=None, low=None)

    def loss(some, cut):
        forecast = Har().fit(cut, horizons=(1,)).forecast(some, rows).variance[:, 0]
        ratio = target / (forecast * target.mean() / forecast.mean())
        return np.mean(ratio - np.log(ratio) - 1)

    by_range = loss(bars, past)
    by_close = loss(closes, dataclasses.replace(past, open=None, high=None, low=None))
    assert by_range < 0.9 * by_close
