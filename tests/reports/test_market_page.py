"""The report of a market backtest: one page, whole, from simple models of the S&P 500 and its members."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest

from bezant.desks.markets.backtest import MarketBacktest
from bezant.desks.markets.report import values_of_parts
from bezant.histories.market import Bars
from bezant.reports.palette import GOOD
from bezant.traditional.markets import Ewma, RollingQuantiles, combined
from bezant.types import InputError

PARTS = ("EWMA", "random walk")
WEIGHTS = {"EWMA": np.array([[[0.5, 0.6]] * 3] * 2), "random walk": np.array([[[0.5, 0.4]] * 3] * 2)}


def walked(bars: Bars, *notes: str) -> MarketBacktest:
    times = np.unique(bars.time)[[-600, -300]]
    rows = np.flatnonzero(bars.time >= times[0])
    found = {
        "EWMA": Ewma().fit(bars.until(times[0])).forecast(bars, rows),
        "random walk": RollingQuantiles().fit(bars.until(times[0])).forecast(bars, rows),
    }
    forecasts = {"forecaster": combined(list(found.values()), (0.5, 0.5)), **found}
    return MarketBacktest(bars, forecasts, times, WEIGHTS, notes)


@pytest.fixture(scope="module")
def backtest(bars: Bars) -> MarketBacktest:
    return walked(bars, "What was left out.")


@pytest.fixture(scope="module")
def page(backtest: MarketBacktest, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("page") / "deep" / "report.html"
    backtest.report(path, assets=["JPM"], created="2026-01-02T03:04:05")
    return path.read_text(encoding="utf-8")


def test_it_needs_nothing_from_outside(page: str) -> None:
    assert not re.search(r'(src|href)="(?!#)', page)
    assert "<script" not in page and "@import" not in page
    assert len(page) < 1_500_000


def test_it_shows_every_part_of_the_evidence(page: str, backtest: MarketBacktest) -> None:
    words = (
        "Who forecasts better",
        "Days within the 90% band",
        "By asset",
        "The last forecast",
        "dotted: what came",
        "Volatility",
        "VaR and its exceptions",
        "Regimes and breaks",
        "Exceptions in the last 250 days",
        "Is the difference more than chance?",
        "What each part gives",
        "Weight for quantiles, by fit",
        "Not predictable here",
        "What was left out.",
        "2 January 2026",
        "Kupiec",
        "Traffic light",
    )
    for text in words:
        assert text in page, text
    assert "1 further asset is" in page and "Model confidence set" in page
    test = backtest.scores.tails["JPM"][0.99]
    assert f"{int(test.exceptions.sum())}</td>" in page


def test_pictures_are_sound_and_their_ids_are_unique(page: str) -> None:
    drawn = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    assert len(drawn) >= 9
    for svg in drawn:
        ElementTree.fromstring(svg)
    ids = [i for svg in drawn for i in re.findall(r' id="([^"]+)"', svg)]
    assert len(ids) == len(set(ids))
    for svg in drawn:
        for link in re.findall(r"(?:url\(#|xlink:href=\"#)([\w.-]+)", svg):
            assert f'id="{link}"' in svg


def test_a_model_has_one_colour_in_the_table_of_scores_in_the_bands_and_among_the_weights(page: str) -> None:
    drawn = dict(re.findall(r"<figcaption><b>(.*?)</b>.*?</figcaption>\s*(<svg.*?</svg>)", page, re.DOTALL))
    shown = ("Who forecasts better", "Days within the 90% band, 1 bar ahead", "Weights for quantiles")
    colors = {model: {_color_of(model, drawn[title]) for title in shown} - {None} for model in PARTS}
    assert [len(found) for found in colors.values()] == [1, 1]
    assert colors[PARTS[0]] != colors[PARTS[1]]


def _color_of(text: str, svg: str) -> str | None:
    """Return the colour in which a picture writes a text; None if it does not."""
    for element in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text"):
        if element.text == text:
            found = re.search(r"fill: (#\w+)", element.get("style", ""))
            return found[1] if found else "black"
    return None


def test_better_is_green_and_worse_red_in_pictures_and_tables_alike(page: str) -> None:
    assert f"--good: {GOOD};" in page and ".better { color: var(--good); }" in page
    scores = re.search(r"<b>Who forecasts better</b>.*?</svg>", page, re.DOTALL)
    assert scores is not None and "Green is better, red is worse." in scores[0]
    assert f"fill: {GOOD}" in scores[0]


def test_what_a_part_gives_is_the_loss_without_it(backtest: MarketBacktest) -> None:
    ewma, walk = values_of_parts(backtest)
    assert (ewma.name, walk.name) == PARTS
    assert (ewma.variance_weight, ewma.quantile_weight) == pytest.approx((0.5, 0.6))
    # Without one of two parts the other is all: compare with the losses of both alone.
    tasks = {t.name: t for t in backtest.scores.tasks}
    alone = tasks["quantiles, 1 bar"].losses
    gap = alone["random walk"].mean() / alone["EWMA"].mean()
    assert (1 + ewma.without_quantiles[0]) / (1 + walk.without_quantiles[0]) == pytest.approx(gap, rel=1e-3)
    assert ewma.without_quantiles[0] > 0


def test_without_a_horizon_of_one_bar_what_there_is_is_drawn(bars: Bars, tmp_path: Path) -> None:
    times = np.unique(bars.time)[[-600, -300]]
    rows = np.flatnonzero(bars.time >= times[0])
    found = {
        "EWMA": Ewma().fit(bars.until(times[0]), horizons=(5,)).forecast(bars, rows),
        "random walk": RollingQuantiles().fit(bars.until(times[0]), horizons=(5,)).forecast(bars, rows),
    }
    forecasts = {"forecaster": combined(list(found.values()), (0.5, 0.5)), **found}
    path = tmp_path / "weekly.html"
    weights = {name: of[:, :1] for name, of in WEIGHTS.items()}
    MarketBacktest(bars, forecasts, times, weights).report(path)
    page = path.read_text(encoding="utf-8")
    assert "no forecast one bar ahead" in page and "The last forecast" in page
    assert "Regimes and breaks</h" not in page


def test_of_one_asset_nothing_is_told_twice(bars: Bars, tmp_path: Path) -> None:
    page = walked(bars.only("JPM")).report(tmp_path / "alone.html").read_text(encoding="utf-8")
    titles = re.findall(r"<figcaption><b>(Days within.*?)</b>", page)
    assert titles == ["Days within the 90% band, 1 bar ahead", "Days within the 90% band, 21 bars ahead"]
    rows = re.findall(r'<th scope="row">(\w+)</th><td class="number">[\d.]+%<small>', page)
    assert rows == ["calm", "middling", "stormy", "all"]


def test_figures_have_no_powers_of_ten_and_zero_no_sign(page: str) -> None:
    text = re.sub(r"<svg.*?</svg>|<style>.*?</style>", "", page, flags=re.DOTALL)
    assert not re.search(r"\d(\.\d+)?e[-+]\d", text)
    assert not re.search(r"[-+\N{MINUS SIGN}]0(\.0+)?(?![.\d])", re.sub(r"\d{4}-\d\d-\d\d", "", text))
    assert not re.search(r"\d\s%", text)


def test_rows_that_are_cut_are_counted(
    backtest: MarketBacktest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bezant.reports.market_page.MOST_TAILS", 1)
    path = backtest.report(tmp_path / "cut.html", assets=["JPM"])
    assert "3 further rows are not shown" in path.read_text(encoding="utf-8")


def test_an_asset_that_was_not_walked_is_refused(backtest: MarketBacktest, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'GE' is not among the 2 assets"):
        backtest.report(tmp_path / "x.html", assets=["GE"])
    assert not list(tmp_path.iterdir())
