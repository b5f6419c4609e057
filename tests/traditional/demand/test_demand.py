"""Models of demand against published estimates, integrals and simulation."""

from __future__ import annotations

import datetime

import numpy as np
import pyarrow as pa
import pytest
from scipy.integrate import quad
from scipy.stats import beta as beta_law
from scipy.stats import gamma as gamma_law

from bezant import datasets
from bezant.datasets.cache import cached_path
from bezant.traditional.demand import (
    BgNbd,
    Demand,
    DemandBoosting,
    GammaGamma,
    ParetoNbd,
    Purchases,
    Summary,
    bg_nbd,
    pareto_nbd,
    purchases,
    summarise,
)
from bezant.traditional.demand.boosting import earlier_cut
from bezant.traditional.demand.spend import gamma_gamma_log_likelihood
from bezant.types import InputError

CUT, END = np.datetime64("1997-10-01"), np.datetime64("1998-07-01")
CUSTOMERS = [(0.0, 0.0, 20.0), (1.0, 0.5, 30.0), (2.0, 30.43, 38.86), (6.0, 12.0, 14.0)]


def one(x: float, t: float, age: float) -> tuple[np.ndarray, ...]:
    return np.array([x]), np.array([t]), np.array([age])


@pytest.fixture(scope="module")
def tenth() -> Purchases:
    if not cached_path(datasets.DATASETS["cdnow-sample"], raw=False).exists():
        pytest.skip("cdnow-sample is not in the cache; bezant.datasets.load('cdnow-sample') fetches it")
    return purchases(datasets.load_table("cdnow-sample"), amount="amount")


def test_bg_nbd_finds_the_published_estimates(tenth):
    """Fader, Hardie and Lee (2005), Marketing Science 24(2), table 2, and the first customer's figure."""
    model = bg_nbd().fit(tenth, CUT, 39)
    assert model.parameters_ == pytest.approx((0.243, 4.414, 0.793, 2.426), abs=6e-4)
    assert BgNbd.expected_count(model.parameters_, *one(2, 30.43, 38.86), 39)[0] == pytest.approx(
        1.226, abs=1e-3
    )


def test_pareto_nbd_and_gamma_gamma_find_the_published_estimates(tenth):
    """The same table; Fader and Hardie (2013), "The Gamma-Gamma model of monetary value", section 4."""
    model = pareto_nbd().fit(tenth, CUT, 39)
    assert model.parameters_ == pytest.approx((0.553, 10.578, 0.606, 11.669), abs=1e-3)
    spend = model.spend_
    assert (spend.p, spend.q, spend.gamma) == pytest.approx((6.25, 3.74, 15.44), abs=1e-2)


@pytest.mark.parametrize(("x", "t", "age"), CUSTOMERS)
def test_the_likelihood_of_pareto_nbd_is_the_integral_over_rates_and_departures(x, t, age):
    grid = np.linspace(-45, 4, 900)  # logarithms of the rates, where the densities have no peak at 0
    lam, mu = np.exp(grid)[:, None], np.exp(grid)[None, :]
    stays = np.exp(-(lam + mu) * age)
    told = lam**x * (lam * stays + mu * np.exp(-(lam + mu) * t)) / (lam + mu)
    for r, alpha, s, beta in ((0.55, 10.6, 0.61, 11.7), (0.9, 4.0, 1.4, 9.0)):
        drawn = lam * gamma_law.pdf(lam, r, scale=1 / alpha) * mu * gamma_law.pdf(mu, s, scale=1 / beta)
        slow = np.sum(told * drawn) * (grid[1] - grid[0]) ** 2
        log = ParetoNbd.log_likelihood((r, alpha, s, beta), *one(x, t, age))[0]
        assert np.exp(log) == pytest.approx(slow, rel=1e-5)


@pytest.mark.parametrize(("x", "t", "age"), CUSTOMERS)
def test_the_likelihood_of_bg_nbd_is_the_integral_over_rates_and_departures(x, t, age):
    r, alpha, a, b = parameters = (0.243, 4.414, 0.793, 2.426)

    def rate(power, time):
        return quad(
            lambda u: np.exp(u * (1 + power) - np.exp(u) * time)
            * gamma_law.pdf(np.exp(u), r, scale=1 / alpha),
            -90, 4, limit=200,
        )[0]  # fmt: skip

    stays = quad(lambda p: (1 - p) ** x * beta_law.pdf(p, a, b), 0, 1)[0]
    leaves = quad(lambda p: p * (1 - p) ** max(x - 1, 0) * beta_law.pdf(p, a, b), 0, 1)[0]
    slow = stays * rate(x, age) + (leaves * rate(x, t) if x else 0)
    assert np.exp(BgNbd.log_likelihood(parameters, *one(x, t, age))[0]) == pytest.approx(slow, rel=1e-5)


def simulated(law: str, customers: int) -> tuple[np.ndarray, ...]:
    """Purchases of 30 weeks and of 20 more, drawn one customer at a time."""
    rng = np.random.default_rng(0)
    rows = []
    for _ in range(customers):
        lam = rng.gamma(1.2, 1 / 8.0)
        end = rng.exponential(1 / rng.gamma(0.9, 1 / 12.0)) if law == "pareto" else np.inf
        stop = rng.beta(0.9, 2.5) if law == "bg" else 0.0
        times, now = [], 0.0
        while True:
            now += rng.exponential(1 / lam)
            if now > min(end, 50):
                break
            times.append(now)
            if rng.random() < stop:
                break
        before = [v for v in times if v <= 30]
        rows.append((len(before), before[-1] if before else 0.0, len(times) - len(before)))
    x, t, later = np.array(rows, float).T
    return x, t, np.full(customers, 30.0), later


@pytest.mark.parametrize(
    ("law", "name", "parameters"),
    [(ParetoNbd, "pareto", (1.2, 8.0, 0.9, 12.0)), (BgNbd, "bg", (1.2, 8.0, 0.9, 2.5))],
)
def test_expected_counts_and_chances_are_those_of_simulated_customers(law, name, parameters):
    x, t, age, later = simulated(name, 20_000)
    count = law.expected_count(parameters, x, t, age, 20.0)
    active = -np.expm1(
        law.log_likelihood(parameters, x, t, age + 20) - law.log_likelihood(parameters, x, t, age)
    )
    for part in (x == 0, (x > 0) & (x < 4), x >= 4, t > 25):
        error = 4 * later[part].std() / np.sqrt(part.sum())
        assert count[part].mean() == pytest.approx(later[part].mean(), abs=error)
        assert active[part].mean() == pytest.approx((later[part] > 0).mean(), abs=2 / np.sqrt(part.sum()))


def test_the_gamma_gamma_likelihood_is_the_integral_over_rates():
    p, q, gamma = parameters = (6.25, 3.74, 15.44)
    for x, m in ((1, 20.0), (3, 45.0)):
        slow = quad(
            lambda v, x=x, m=m: gamma_law.pdf(m, p * x, scale=1 / (v * x))
            * gamma_law.pdf(v, q, scale=1 / gamma),
            0, 10,
        )[0]  # fmt: skip
        log = gamma_gamma_log_likelihood(parameters, np.array([x]), np.array([m]))[0]
        assert np.exp(log) == pytest.approx(slow, rel=1e-6)


def test_a_customer_without_repeats_is_expected_to_spend_what_everyone_does():
    model = GammaGamma(6.25, 3.74, 15.44)
    new, loyal = model.expected(np.array([0.0, 1e6]), np.array([0.0, 50.0]))
    assert new == pytest.approx(6.25 * 15.44 / 2.74)
    assert loyal == pytest.approx(50.0, rel=1e-4)


def test_the_summary_counts_days_after_the_first_and_nothing_from_the_cut_on():
    days = [datetime.datetime(1997, 1, d, h) for d, h in ((8, 9), (1, 8), (8, 20), (22, 0), (23, 0))]
    table = pa.table({"customer": [7] * 5, "time": days, "amount": [5.0, 1.0, 2.0, 4.0, 100.0]})
    bought = purchases(table, amount="amount")
    known = summarise(bought, np.datetime64("1997-01-23"))
    assert (known.frequency[0], known.recency[0], known.age[0]) == (2, 3.0, 3.0)
    assert (known.first[0], known.money[0]) == (1.0, 5.5)
    count, spend = bought.between(
        np.datetime64("1997-01-22"), np.datetime64("1997-01-24"), np.array([6, 7, 9])
    )
    assert (count.tolist(), spend.tolist()) == ([0, 2, 0], [0.0, 104.0, 0.0])


def test_changing_what_comes_after_the_cut_changes_no_prediction(tenth):
    later = np.flatnonzero(tenth.day >= CUT)
    changed = tenth.amount.copy()
    changed[later] = 1e6
    other = Purchases(tenth.names, tenth.customer, tenth.day, changed).until(np.datetime64("1998-01-01"))
    for model in (DemandBoosting(trees=3), bg_nbd()):
        first = model.fit(tenth, CUT, 39).predict(tenth, CUT, 39)
        second = model.fit(other, CUT, 39).predict(other, CUT, 39)
        np.testing.assert_array_equal(first.count, second.count)
        np.testing.assert_array_equal(first.spend, second.spend)


def test_boosting_tells_who_comes_back(tenth):
    model = DemandBoosting().fit(tenth, CUT, 39)
    found = model.predict(tenth, CUT, 39)
    count, _ = tenth.between(CUT, END, found.names)
    assert found.active[count > 0].mean() > 1.5 * found.active[count == 0].mean()
    assert "1997-05-18" in model.notes_[0]


def test_the_earlier_question_is_a_whole_horizon_back_or_the_same_in_proportion():
    start, cut = np.datetime64("2000-01-01"), np.datetime64("2000-01-01") + np.timedelta64(700, "D")
    assert earlier_cut(start, cut, 20) == (cut - np.timedelta64(140, "D"), 20.0)
    assert earlier_cut(start, cut, 100) == (cut - np.timedelta64(350, "D"), 50.0)


def test_impossible_customers_purchases_and_answers_are_refused():
    with pytest.raises(InputError, match="between 0 and the age"):
        Summary(np.array([1]), *one(1, 9, 5), np.ones(1), np.ones(1))
    with pytest.raises(InputError, match="without a repeat"):
        Summary(np.array([1]), *one(0, 4, 5), np.ones(1), np.ones(1))
    with pytest.raises(InputError, match="Nobody bought before"):
        purchases(pa.table({"customer": [1], "time": [datetime.datetime(2000, 1, 1)]})).until(CUT)
    with pytest.raises(InputError, match="finite number"):
        Demand(np.array([1]), np.array([np.nan]), np.ones(1), np.ones(1))
    with pytest.raises(InputError, match="Only 1 customer "):
        DemandBoosting().fit(
            purchases(pa.table({"customer": [1], "time": [datetime.datetime(1997, 1, 1)]})), CUT, 39
        )


def test_customers_who_all_buy_at_one_rate_are_fitted_within_the_bounds_of_the_shapes():
    """Without bounds the shapes run off to infinity, where one likelihood can take minutes."""
    x, t, _, _ = simulated("bg", 150)
    days = np.repeat(np.arange(len(x)), x.astype(int) + 1)
    place = np.concatenate([np.arange(int(n) + 1) for n in x])
    steps = np.repeat(np.where(x > 0, 7 * t / np.maximum(x, 1), 0), x.astype(int) + 1)
    day = np.datetime64("2020-01-01") + np.rint(np.maximum(place * steps, place)).astype("timedelta64[D]")
    bought = Purchases(np.arange(len(x)), days, day, np.full(len(days), 9.0))
    for model in (bg_nbd(), pareto_nbd()):
        model.fit(bought, np.datetime64("2020-08-01"), 20)
        assert (np.log(model.parameters_) <= np.array(model.law.largest) + 1e-9).all()
        assert np.isfinite(model.predict(bought, np.datetime64("2020-08-01"), 20).count).all()
