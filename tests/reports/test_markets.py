"""Pictures of markets, drawn from the real S&P 500 with exponentially weighted forecasts."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.stats import norm

from bezant.reports import markets
from bezant.reports.palette import EVENT
from bezant.types import InputError
from market_files import ewma_variance, sp500

LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
DAYS, RETURNS = sp500().index[-1500:], sp500().to_numpy()[-1500:]
SD = np.sqrt(ewma_variance(sp500().to_numpy()))[-1500:]
PRICE = 1000 * np.exp(np.cumsum(RETURNS))


def fan_of(**more: Any) -> str:
    steps = [1, 5, 21]
    bands = np.array([PRICE[999] * np.exp(SD[1000] * np.sqrt(h) * norm.ppf(LEVELS)) for h in steps])
    ahead = DAYS[[999 + h for h in steps]]
    return markets.fan(DAYS[:1000], PRICE[:1000], ahead, bands, LEVELS, title="S&P 500", **more)


def drawn(name: str) -> str:
    if name == "fan":
        return fan_of()
    if name == "fan with what came":
        return fan_of(realised=(DAYS[1000:1021], PRICE[1000:1021]))
    if name == "volatility":
        f = SD * np.sqrt(252)
        return markets.volatility(
            DAYS, np.abs(RETURNS) * np.sqrt(252), f, title="S&P 500", band=(f / 3, 2 * f)
        )
    if name == "var":
        return markets.var_with_exceptions(DAYS, RETURNS, norm.ppf(0.99) * SD, title="S&P 500")
    assert name == "var 95"
    return markets.var_with_exceptions(DAYS, RETURNS, 1.645 * SD, title="S&P 500", level=0.95)


ALL = ("fan", "fan with what came", "volatility", "var", "var 95")


@pytest.mark.parametrize("name", ALL)
def test_a_picture_is_well_formed_small_named_and_always_the_same(name: str) -> None:
    svg = drawn(name)
    root = ElementTree.fromstring(svg)
    assert root.attrib["aria-label"] and "viewBox" in root.attrib
    assert len(svg) < 140_000
    assert drawn(name) == svg


def test_a_fan_names_its_bands_and_their_ends() -> None:
    svg = fan_of()
    assert "S&amp;P 500; bands of 50% and 90%" in svg
    for text in ("median", ">5%<", ">25%<", ">75%<", ">95%<"):
        assert text in svg
    assert "dotted" not in svg and "dotted: what came" in drawn("fan with what came")


def test_bands_widen_with_the_root_of_time_and_pass_through_the_horizons() -> None:
    origin, ahead = np.datetime64("2020-01-01", "s"), np.array(["2020-01-02", "2020-01-17"], "datetime64[s]")
    days, paths = markets._widening(origin, 100.0, ahead, np.array([[99.0, 101.0], [96.0, 104.0]]))
    assert paths[0].tolist() == [100, 100]
    for date, low in ((ahead[0], 99.0), (ahead[1], 96.0)):
        assert paths[days == date][0, 0] == pytest.approx(low)
    assert np.allclose(100 - paths[:, 0], np.sqrt((days - origin).astype(float) / 86400))


def test_a_fan_shows_so_many_horizons_of_the_past() -> None:
    short, long = fan_of(shown=2.0), fan_of(shown=40.0)
    assert len(long) > len(short)


def test_every_exception_is_marked_and_counted() -> None:
    found = int((RETURNS + norm.ppf(0.99) * SD < 0).sum())
    svg = drawn("var")
    assert f"{found} of 1500 days beyond ({100 * found / 1500:.2f}%)" in svg
    marks = re.findall(rf'<use [^>]*style="fill: {EVENT}; stroke: {EVENT}"', svg)
    assert len(marks) == found


def test_the_traffic_light_stands_beneath_the_99_per_cent_var_alone() -> None:
    hits = RETURNS[-250:] < -norm.ppf(0.99) * SD[-250:]
    assert f"amber: {hits.sum()}, ×1.88" in drawn("var") and hits.sum() == 8
    assert "Basel" not in drawn("var 95")
    few = markets.var_with_exceptions(DAYS[:249], RETURNS[:249], 3 * SD[:249], title="x")
    assert "Basel" not in few


def test_changes_of_a_rate_are_no_shares_and_months_have_no_traffic_light() -> None:
    svg = markets.var_with_exceptions(
        DAYS, 100 * RETURNS, 100 * norm.ppf(0.99) * SD, title="x", as_share=False, daily=False
    )
    assert "bars beyond" in svg and "daily" not in svg and "Basel" not in svg
    assert not re.search(r">[\u2212-]?\d+%<", svg)
    f = 100 * SD * np.sqrt(252)
    assert ">10<" in markets.volatility(DAYS, f, f, title="x", as_share=False)


def test_ten_exceptions_or_more_are_red_with_the_multiplier_of_two() -> None:
    svg = markets.var_with_exceptions(DAYS[:300], RETURNS[:300], 0.5 * SD[:300], title="x")
    assert re.search(r"red: \d\d, ×2\.00", svg)


def test_volatility_is_printed_in_per_cent_and_its_band_named() -> None:
    svg = drawn("volatility")
    assert ">10%<" in svg and ">20%<" in svg and "band of 90% of days" in svg
    f = SD * np.sqrt(252)
    assert "band" not in markets.volatility(DAYS, f, f, title="x")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: markets.fan(DAYS, PRICE, DAYS[-1:], [[1.0, 2, 3]], (0.1, 0.5, 0.8), title="x"),
            "give symmetric levels",
        ),
        (lambda: markets.fan(DAYS, PRICE, DAYS[-1:], [[1.0, 2]], LEVELS, title="x"), r"shape \(1, 2\)"),
    ],
)  # fmt: skip
def test_pictures_of_what_does_not_fit_are_refused(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        call()
