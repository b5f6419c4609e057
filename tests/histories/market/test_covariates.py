"""Covariates come as of their publication, which is stated and never guessed."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from bezant.histories.market import read_bars, with_covariates
from bezant.types import InputError
from market_support import cached

DAYS = np.datetime64("2020-01-01") + np.arange(6)
MACRO = {
    "time": np.array(["2019-12-31", "2020-01-02"], "datetime64[us]"),
    "known": np.array(["2020-01-03", "2020-01-05"], "datetime64[us]"),
    "cpi": [1.0, 2.0],
}


@pytest.fixture
def days():
    return read_bars({"time": DAYS, "close": np.arange(1.0, 7.0)}, asset=None)


def test_a_value_is_known_from_its_publication_on(days):
    joined = with_covariates(days, MACRO, columns=["cpi"], published="known")
    assert joined.covariates["cpi"].tolist()[2:] == [1.0, 1.0, 2.0, 2.0]
    assert np.isnan(joined.covariates["cpi"][:2]).all()
    assert joined.notes[-1] == "Covariate 'cpi' was not known yet at 2 of 6 bars."
    strictly = with_covariates(days, MACRO, columns=["cpi"], published="known", inclusive=False)
    assert np.isnan(strictly.covariates["cpi"]).tolist() == [True] * 3 + [False] * 3


def test_a_stated_lag_does_the_same(days):
    lagged = with_covariates(days, MACRO, columns=["cpi"], lag=timedelta(days=3))
    assert np.isnan(lagged.covariates["cpi"]).tolist() == [True] * 2 + [False] * 4
    assert lagged.covariates["cpi"][3:].tolist() == [1.0, 2.0, 2.0]


def test_an_infinite_covariate_is_a_missing_one_and_that_is_said(days):
    given = {"time": MACRO["time"], "cpi": [1.0, float("inf")]}
    joined = with_covariates(days, given, columns=["cpi"], lag=timedelta(0))
    assert joined.covariates["cpi"][0] == 1.0
    assert np.isnan(joined.covariates["cpi"][1:]).all()
    assert joined.notes[0] == "Column 'cpi': 1 of 2 rows is infinite and counts as missing."


def test_nothing_is_guessed(days):
    with pytest.raises(InputError, match="not stated; give either published='column' or lag"):
        with_covariates(days, MACRO, columns=["cpi"])
    with pytest.raises(InputError, match="no column 'gdp'"):
        with_covariates(days, MACRO, columns=["gdp"], lag=timedelta(0))
    text = {"time": MACRO["time"], "cpi": ["low", "high"]}
    with pytest.raises(InputError, match="'cpi' holds string"):
        with_covariates(days, text, columns=["cpi"], lag=timedelta(0))


def test_covariates_of_an_asset_reach_that_asset_alone():
    two = read_bars({"asset": ["A", "B"], "time": DAYS[[5, 5]], "close": [1.0, 1.0]})
    of_a = {"name": ["A"], "time": DAYS[:1], "rating": ["7"]}
    joined = with_covariates(two, of_a, columns=["rating"], asset="name", lag=timedelta(0))
    assert joined.covariates["rating"][0] == 7.0
    assert np.isnan(joined.covariates["rating"][1])


def test_changing_what_is_published_later_changes_nothing_before(days):
    changed = dict(MACRO, cpi=[1.0, 1e9])
    one, other = (with_covariates(days, m, columns=["cpi"], published="known") for m in (MACRO, changed))
    assert one.covariates["cpi"][2:4].tolist() == other.covariates["cpi"][2:4].tolist()


def test_the_vix_of_the_day_is_known_at_its_close(sp500):
    joined = with_covariates(sp500, cached("vix"), columns=["vix"], lag=timedelta(0))
    day = np.flatnonzero(joined.time == np.datetime64("2018-12-31"))[0]
    assert joined.covariates["vix"][day] == 25.42
    assert np.isnan(joined.covariates["vix"][0])
