"""The GARCH family against arch's own forecasts, a loop, and a recursion by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import lfilter
from scipy.stats import t

from bezant.histories.market import read_bars
from bezant.traditional.markets import Garch
from bezant.traditional.markets.filtered import simulate
from bezant.traditional.markets.garch import estimate
from market_support import cached, drawn_bars

arch = pytest.importorskip("arch")

FORMS = {"garch": ("GARCH", 0), "gjr": ("GARCH", 1), "egarch": ("EGARCH", 1)}
FITTED = {  # of the S&P 500, 1999 to 2018, by arch 8.0.0 on returns in percent
    "garch": {"mu": 0.0646, "alpha[1]": 0.0995, "beta[1]": 0.9002},
    "gjr": {"mu": 0.0367, "gamma[1]": 0.1815, "beta[1]": 0.8987},
    "egarch": {"mu": 0.0367, "alpha[1]": 0.1285, "gamma[1]": -0.1541, "beta[1]": 0.9824},
}


def bars():
    return read_bars(cached("sp500")).tail(1500)


@pytest.mark.parametrize("kind", FORMS)
def test_forecasts_of_later_origins_are_those_of_arch_with_the_same_parameters(kind):
    """arch filters the whole series with the parameters of the part before ``last_obs``."""
    own = bars()
    vol, asymmetry = FORMS[kind]
    percent = 100 * own.returns[1:]
    model = arch.arch_model(percent, vol=vol, o=asymmetry, dist="t")
    fitted = model.fit(last_obs=1200, disp="off")
    expected = fitted.forecast(horizon=1, start=1200, reindex=False).variance.to_numpy()[:, 0] / 1e4
    found = (
        Garch(kind=kind).fit(own.take(np.arange(1201)), horizons=(1,)).forecast(own, np.arange(1201, 1500))
    )
    assert np.allclose(found.variance[:, 0], expected, rtol=5e-3)
    assert found.mean[0, 0] == pytest.approx(fitted.params["mu"] / 100, rel=2e-2)


@pytest.mark.parametrize("kind", FORMS)
def test_the_parameters_are_those_that_arch_finds_on_the_whole_index(kind):
    change = read_bars(cached("sp500")).returns[1:]
    found, converged = estimate(change, kind)
    values = dict(
        zip(found["recursion"].process.parameter_names(), found["recursion"].parameters, strict=True)
    )
    values["mu"] = 100 * found["mu"]
    assert converged
    for name, value in FITTED[kind].items():
        assert values[name] == pytest.approx(value, abs=2e-3)


@pytest.mark.parametrize("kind", FORMS)
def test_the_variance_over_many_days_is_arch_s_where_shocks_have_the_variance_one(kind):
    """Analytic for GARCH and GJR, simulated for EGARCH; residuals of the past have another variance."""
    own, shocks = bars(), t(8).ppf((np.arange(5000) + 0.5) / 5000)
    vol, asymmetry = FORMS[kind]
    model = arch.arch_model(100 * own.returns[1:], vol=vol, o=asymmetry, dist="t").fit(disp="off")
    draws = {"method": "simulation", "simulations": 20_000} if kind == "egarch" else {}
    expected = model.forecast(horizon=21, **draws).variance.to_numpy()[0].cumsum()[[4, 20]] / 1e4
    recursion = estimate(own.returns[1:], kind)[0]["recursion"]
    found = simulate(
        recursion.step,
        shocks / shocks.std(),
        np.array([2e-5, 4e-4]),
        0.0,
        (5, 21),
        (0.5,),
        paths=20_000,
    )
    following = recursion.variances(own.returns[1:] - model.params["mu"] / 100)[-1:]
    assert np.allclose(found.at(following)[0][0], expected, rtol=0.05)


def test_the_filter_is_the_recursion():
    change = read_bars(drawn_bars(400, ("A",))).returns[1:]
    recursion = estimate(change, "garch")[0]["recursion"]
    omega, alpha, beta = recursion.parameters
    found = recursion.variances(change)
    scaled = change / recursion.scale
    expected, _ = lfilter(
        [1.0], [1.0, -beta], omega + alpha * scaled**2, zi=[beta * found[0] / recursion.scale**2]
    )
    assert len(found) == len(change) + 1
    assert np.allclose(found[1:], expected * recursion.scale**2)


def test_the_one_day_quantiles_are_those_of_the_residuals():
    own = read_bars(drawn_bars(400, ("A",)))
    model = Garch(window=None).fit(own, horizons=(1,), levels=(0.01, 0.05, 0.5))
    state = model.states_["A"]
    residuals = (own.returns[1:] - state.drift) / np.sqrt(state.variances(own.returns[1:] - state.drift)[:-1])
    residuals = (residuals - residuals.mean()) / residuals.std()
    found = model.forecast(own, np.array([300, 399]))
    expected = np.quantile(residuals, [0.01, 0.05, 0.5], method="weibull")
    assert np.allclose((found.quantiles[:, 0] - state.drift) / np.sqrt(found.variance), expected)
    assert found.up[0, 0] == pytest.approx(
        np.mean(residuals * np.sqrt(found.variance[0, 0]) > -state.drift), abs=0.01
    )


def test_falls_raise_the_variance_more_than_rises():
    """The asymmetry of an index, on its own last shocks."""
    own = bars()
    for kind in ("gjr", "egarch"):
        variances = Garch(kind=kind).fit(own, horizons=(1,)).states_["S&P 500"].variances
        shock = np.zeros(300)
        shock[-1] = 0.02
        assert variances(-shock)[-1] > 1.2 * variances(shock)[-1]


def test_a_share_whose_prices_hardly_move_is_smoothed_and_that_is_said():
    random = np.random.default_rng(0)
    steps = np.where(random.random(600) < 0.97, 0, random.choice([-1, 1], 600))
    table = drawn_bars(640, ("A",)).slice(0, 600).select(["asset", "time", "close"]).to_pandas()
    table["close"] = 0.5 + 0.001 * np.cumsum(steps) + np.where(np.arange(600) > 598, 0.3, 0.0)
    bars = read_bars(table)
    model = Garch().fit(bars, horizons=(1, 21))
    assert model.notes_ == (
        "The likelihood of 'A' has no maximum that its residuals bear out; EWMA stands in for it.",
    )
    assert np.isfinite(model.forecast(bars, np.array([599])).quantiles).all()
