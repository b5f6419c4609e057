"""Scores of forecasts of the same origins, from two simple models of the S&P 500."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy.stats import norm

from bezant.evidence.markets import MarketScores, MarketTask, judge_forecasts, realised_variance
from bezant.evidence.markets.judging import regimes_by_asset
from bezant.histories.market import Bars, best_variance, read_bars
from bezant.metrics.market import diebold_mariano
from bezant.traditional.markets import Ewma, MarketForecast, RollingQuantiles
from bezant.types import InputError
from market_support import drawn_bars

HORIZONS = (1, 5)


@pytest.fixture(scope="module")
def forecasts(bars: Bars) -> dict[str, MarketForecast]:
    cut = np.unique(bars.time)[-600]
    rows = np.flatnonzero(bars.time >= cut)
    models = {"EWMA": Ewma(), "random walk": RollingQuantiles()}
    return {n: m.fit(bars.until(cut), horizons=HORIZONS).forecast(bars, rows) for n, m in models.items()}


@pytest.fixture(scope="module")
def scores(bars: Bars, forecasts: dict[str, MarketForecast]) -> MarketScores:
    return judge_forecasts(bars, forecasts, "EWMA")


def test_a_task_averages_assets_by_day_and_compares_with_its_baseline(
    scores: MarketScores, bars: Bars, forecasts: dict[str, MarketForecast]
) -> None:
    assert [t.name for t in scores.tasks] == [
        "variance, 1 bar",
        "quantiles, 1 bar",
        "quantiles, 5 bars",
        "VaR and ES, 99 %",
        "VaR and ES, 95 %",
    ]
    task = scores.tasks[2]
    assert task.baseline == "random walk" and task.relative
    assert len(task.losses["EWMA"]) == 595
    slow = []
    for name in ("EWMA", "random walk"):
        found, total = forecasts[name], []
        for k, row in enumerate(found.rows):
            y = bars.ahead(5)[row]
            if np.isfinite(y):
                gap = y - found.quantiles[k, 1]
                total.append(
                    np.mean([max(p * g, (p - 1) * g) for p, g in zip(found.levels, gap, strict=True)])
                )
        slow.append(np.mean(total))
    assert task.figure("EWMA") == pytest.approx(slow[0] / slow[1])
    tested = task.against("EWMA", "random walk")
    again = diebold_mariano(task.losses["EWMA"], task.losses["random walk"], horizon=5)
    assert tested == again


def test_closes_without_ranges_are_judged_by_squared_returns_and_differences(
    scores: MarketScores, bars: Bars, forecasts: dict[str, MarketForecast]
) -> None:
    task = scores.tasks[0]
    assert not task.relative and task.measure == "QLIKE"
    assert task.baseline == "random walk"  # neither of the GARCH kind took part
    slow = {}
    for name, found in forecasts.items():
        total = {}
        for k, row in enumerate(found.rows):
            y = bars.ahead(1)[row]
            if np.isfinite(y):
                loss = y**2 / found.variance[k, 0] + np.log(found.variance[k, 0])
                total.setdefault(bars.time[row], []).append(loss)
        slow[name] = np.mean([np.mean(day) for day in total.values()])
    assert task.figure("EWMA") == pytest.approx(slow["EWMA"] - slow["random walk"])
    assert task.figure("EWMA") < -0.05


def test_coverage_is_counted_by_regime_and_asset(
    scores: MarketScores, bars: Bars, forecasts: dict[str, MarketForecast]
) -> None:
    regime = scores.by_regime[1]["EWMA"]
    assert regime.labels == ("calm", "middling", "stormy", "all")
    assert scores.by_asset[1].labels == ("AAPL", "JPM", "all")
    assert scores.by_asset[1].rows.tolist() == [599, 599, 1198]
    found = forecasts["EWMA"]
    low, high = found.quantiles[:, 0, found.at(0.05)], found.quantiles[:, 0, found.at(0.95)]
    came = bars.ahead(1)[found.rows]
    held = (came >= low) & (came <= high)
    owner = bars.owner[found.rows]
    assert scores.by_asset[1].inside.tolist() == [held[owner == 0].sum(), held[owner == 1].sum(), held.sum()]
    assert regime.inside[-1] == held.sum() == regime.inside[:-1].sum()
    assert max(regime.rows[:-1]) - min(regime.rows[:-1]) <= 2  # thirds of each asset


def test_a_shortfall_that_is_no_loss_is_said_and_not_compared(
    bars: Bars, forecasts: dict[str, MarketForecast]
) -> None:
    found = forecasts["EWMA"]
    step = np.zeros((len(found), 2))
    step[:3, 0] = 1.0  # far above 0 at three origins
    bold = found.moved(found.mean + step)
    judged = judge_forecasts(bars, {**forecasts, "EWMA": bold}, "EWMA")
    assert [task.name for task in judged.tasks if task.measure == "FZ0"] == []
    assert "VaR and ES at 99 % are not compared by FZ0" in judged.notes[0]
    assert "is no loss at 3 of 1198 origins" in judged.notes[0]


def test_tails_are_judged_by_asset_and_level(
    scores: MarketScores, bars: Bars, forecasts: dict[str, MarketForecast]
) -> None:
    assert list(scores.tails) == ["AAPL", "JPM"]
    assert set(scores.tails["JPM"]) == {0.99, 0.95}
    assert scores.tails["JPM"][0.99].light is not None
    found = forecasts["EWMA"]
    own = (bars.owner[found.rows] == 1) & np.isfinite(bars.ahead(1)[found.rows])
    below = bars.ahead(1)[found.rows][own] < found.quantiles[own, 0, found.at(0.05)]
    np.testing.assert_array_equal(scores.tails["JPM"][0.95].exceptions, below)


def test_what_was_not_predictable_is_said(scores: MarketScores) -> None:
    assert scores.unpredictable.startswith("Not predictable here: the direction over 1 and 5 bars")
    assert "EWMA" not in scores.unpredictable
    assert "loss of quantiles against random walk: " in scores.verdict
    assert scores.verdict.endswith("%.")


def judged_of(**losses: np.ndarray) -> MarketScores:
    tasks = [MarketTask("variance, 1 bar", "QLIKE", 1, losses, "GARCH-t", relative=True)]
    return MarketScores("forecaster", tuple(tasks), {}, {}, (), {})


def test_a_verdict_says_where_another_model_is_better() -> None:
    random = np.random.default_rng(0)
    base = random.gamma(2.0, size=500)
    noise = random.normal(0, 0.1, 500)
    named = {"GARCH-t": base, "forecaster": base - 0.1 + noise}
    lost = judged_of(**named, **{"log-HAR": base - 0.2})
    assert lost.tasks[0].lead("forecaster", "GARCH-t") == "better"
    gap = 100 * (lost.tasks[0].losses["forecaster"].mean() / lost.tasks[0].losses["log-HAR"].mean() - 1)
    assert f"; worse than log-HAR in loss of variance over 1 bar (+{gap:.1f} %); " in lost.verdict
    near = judged_of(**named, **{"log-HAR": base - 0.101 + random.permutation(noise)})
    assert "; behind log-HAR in loss of variance over 1 bar (+" in near.verdict
    assert "which may be chance" in near.verdict and "worse" not in near.verdict
    led = judged_of(**named, **{"log-HAR": base})
    assert "behind" not in led.verdict and "worse" not in led.verdict
    garch = judged_of(**{"GARCH-t": base - 0.001 * noise, "forecaster": base + noise})
    assert "variance over 1 bar (no better than GARCH-t foretells it)" in garch.unpredictable


def test_tests_are_corrected_for_the_number_of_models() -> None:
    random = np.random.default_rng(3)
    base = random.normal(5, 1, 400)
    losses = {f"m{k}": base + random.normal(0, 1, 400) for k in range(8)}
    gap = random.normal(0, 1, 400)
    losses |= {"GARCH-t": base, "forecaster": base + gap - gap.mean() - 0.12}
    task = judged_of(**losses).tasks[0]
    alone = task.against("forecaster", "GARCH-t")
    assert alone is not None and 0.005 < alone.p_value < 0.05
    assert task.adjusted("forecaster")["GARCH-t"] > 0.05
    assert task.lead("forecaster", "GARCH-t") == "same"
    assert "(not significant)" in judged_of(**losses).verdict


def test_a_forecast_that_knows_the_future_is_better_for_sure(
    bars: Bars, forecasts: dict[str, MarketForecast]
) -> None:
    found = forecasts["EWMA"]
    change = np.stack([np.nan_to_num(bars.ahead(h)[found.rows]) for h in HORIZONS], axis=1)
    spread = 0.001 * norm.ppf(found.levels)
    knows = dataclasses.replace(
        found,
        mean=change,
        quantiles=change[..., None] + spread,
        shortfall=change[..., None] + spread - 0.001,
        up=(change > 0).astype(float),
    )
    judged = judge_forecasts(bars, {"seer": knows, **forecasts}, "seer")
    task = judged.tasks[1]
    assert task.figure("seer") < 0.2
    assert task.confidence_set is not None and task.confidence_set.included == ("seer",)
    assert task.best_but("seer") == "EWMA"
    assert judged.directions[0].too_good
    assert "direction" not in judged.unpredictable


def test_origins_that_have_not_ended_are_not_judged(bars: Bars, forecasts: dict[str, MarketForecast]) -> None:
    few = {name: f.take(np.flatnonzero(f.rows % 10 > 100)) for name, f in forecasts.items()}
    with pytest.raises(InputError, match="None of the 0 origins"):
        judge_forecasts(bars, few, "EWMA")
    times = np.unique(bars.time)[-14:]
    late = np.flatnonzero(np.isin(bars.time[forecasts["EWMA"].rows], times))
    judged = judge_forecasts(bars, {n: f.take(late) for n, f in forecasts.items()}, "EWMA")
    assert list(judged.by_regime) == [1]
    assert "5 bars ahead are not judged" in judged.notes[0]


def test_an_asset_without_a_past_takes_the_level_of_the_others() -> None:
    bars = read_bars(drawn_bars(300))
    late = bars.take(np.flatnonzero((bars.owner == 0) | (bars.time >= bars.time[250])))
    rows = np.flatnonzero(late.time >= bars.time[250])[:-1]
    found, raw = realised_variance(late, rows, 1), np.roll(best_variance(late), -1)[rows]
    ended = np.isfinite(found) & (raw > 0)
    past = slice(1, 250)
    level = (late.returns[past] ** 2).sum() / np.nansum(best_variance(late)[past])
    assert abs(level - 1) > 0.02
    np.testing.assert_allclose((found / raw)[ended & (late.owner[rows] == 1)], level, rtol=1e-2)


def test_regimes_are_thirds_of_each_asset() -> None:
    regime = regimes_by_asset(np.array([1.0, 10.0, 2.0, 20.0, 3.0, 30.0]), np.array([0, 1] * 3))
    assert regime.tolist() == ["calm"] * 2 + ["middling"] * 2 + ["stormy"] * 2
