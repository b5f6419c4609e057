"""The pictures of the report of a market backtest, each with its title and what it says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from markupsafe import Markup

from bezant.evidence.markets import MarketScores, SurpriseSignal, realised_variance
from bezant.evidence.markets.judging import BAND, is_daily, nearest_level
from bezant.evidence.markets.words import bars_in_words
from bezant.histories.market import Bars
from bezant.reports.canvas import LineStyle, line_styles
from bezant.reports.market_breaks import price_with_breaks, weights_by_fit
from bezant.reports.market_scores import coverage_by_group, score_table
from bezant.reports.markets import fan, var_with_exceptions, volatility
from bezant.reports.pictures import Drawn
from bezant.traditional.markets import MarketForecast
from bezant.types import AnyArray, FloatArray, IntArray

FAN_LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
MOST_BARS = 1000
"""Bars of volatility and of VaR that are drawn, the last ones."""
MOST_MODELS, MOST_ASSETS = 4, 24
"""Models, and assets, in the pictures of coverage."""
CLOSES = "Closes so far; from the last bar on the median of the forecast, and bands that hold so much of it."
"""What the picture of a forecast shows."""
FEWEST_MEASURED = 4
"""Bars whose volatility is drawn, at least: half of them teach the band of the others."""


def page_styles(scores: MarketScores, parts: Iterable[str] = ()) -> dict[str, LineStyle]:
    """Give each model the style that it has in every picture of a page.

    Those that are drawn together come first, because the colours of the others begin anew.

    Parameters
    ----------
    scores : MarketScores
    parts : iterable of str
        Names of the parts of the combination.
    """
    judged = [model for task in scores.tasks for model in task.losses]
    return line_styles(list(dict.fromkeys([*_covered(scores), *parts, *judged])), scores.large)


def _covered(scores: MarketScores) -> list[str]:
    """Return the models whose coverage is drawn."""
    found = next(iter(scores.by_regime.values()))
    models = [m for m in (scores.large, "random walk", "GARCH-t", *found) if m in found]
    return list(dict.fromkeys(models))[:MOST_MODELS]


def score_picture(scores: MarketScores, styles: Mapping[str, LineStyle]) -> Drawn:
    """Draw the loss of every model on every task whose losses have a ratio."""
    tasks = [task for task in scores.tasks if task.relative]
    models = list(tasks[0].losses)
    ratios = np.array([[task.figure(model) for task in tasks] for model in models])
    kept = np.array([[_kept(task.confidence_set, model) for task in tasks] for model in models])
    svg = score_table(
        [task.name for task in tasks],
        models,
        ratios,
        kept=kept,
        styles=styles,
        baseline="the baseline",
    )
    against = dict.fromkeys((task.baseline, task.name.split(", ")[0]) for task in tasks)
    named = ", ".join(f"{baseline} for {what}" for baseline, what in against)
    caption = f"Loss over that of the baseline: {named}. Green is better, red is worse."
    return Drawn("Who forecasts better", caption, Markup(svg))


def _kept(chosen: object, model: str) -> bool:
    return chosen is not None and model in chosen.included  # type: ignore[attr-defined]


def coverage_pictures(scores: MarketScores, styles: Mapping[str, LineStyle]) -> list[Drawn]:
    """Draw how many days lay within the 90 % band: by regime, and by asset.

    Where no assets are drawn beside each other, the longest horizon is, by regime too.
    """
    by_asset = any(2 < len(each.labels) <= MOST_ASSETS + 1 for each in scores.by_asset.values())
    horizons = list(scores.by_regime)
    drawn = [_by_regime(scores, horizon, styles) for horizon in horizons[:1]]
    if not by_asset and len(horizons) > 1:
        drawn.append(_by_regime(scores, horizons[-1], styles))
    for horizon, each in scores.by_asset.items():
        if 2 < len(each.labels) <= MOST_ASSETS + 1:
            svg = coverage_by_group({scores.large: each}, 0.9, styles=styles, what="asset")
            ahead = f"{bars_in_words(horizon)} ahead"
            wider = "" if horizon == 1 else " Horizons overlap, so that true intervals are wider."
            drawn.append(
                Drawn(
                    f"By asset, {ahead}",
                    f"Of the {scores.large}.{wider}",
                    Markup(_renamed(svg, f"asset-{horizon}")),
                )
            )
    return drawn


def _by_regime(scores: MarketScores, horizon: int, styles: Mapping[str, LineStyle]) -> Drawn:
    found, ahead = scores.by_regime[horizon], f"{bars_in_words(horizon)} ahead"
    svg = coverage_by_group({model: found[model] for model in _covered(scores)}, 0.9, styles=styles)
    wider = "" if horizon == 1 else " Horizons overlap, so that true intervals are wider."
    said = f"By thirds of the volatility that was forecast. Lines are 95% intervals.{wider}"
    return Drawn(f"Days within the 90% band, {ahead}", said, Markup(_renamed(svg, f"regime-{horizon}")))


def _renamed(svg: str, name: str) -> str:
    """Give a picture's ids a name of their own: the page holds several of the same kind."""
    import re

    ids = dict.fromkeys(re.findall(r' id="([^"]+)"', svg))
    for each in ids:
        svg = re.sub(rf'(id="|#){re.escape(each)}(?=["\)])', rf"\g<1>{name}-{each}", svg)
    return svg


def part_pictures(
    refits: AnyArray,
    until: np.datetime64,
    weights: Mapping[str, FloatArray],
    styles: Mapping[str, LineStyle],
) -> list[Drawn]:
    """Draw the weights of parts over the fits; nothing for one fit or one part."""
    if len(refits) < 2 or len(weights) < 2:
        return []
    return [
        Drawn(
            f"Weights for {what}",
            caption,
            Markup(weights_by_fit(refits, until, weights, styles=styles, what=what, column=k)),
        )
        for k, (what, caption) in enumerate(
            (("variance", "Learned on past origins alone, by QLIKE."), ("quantiles", "By the pinball loss."))
        )
    ]


def asset_pictures(
    bars: Bars, found: MarketForecast, asset: str, signal: SurpriseSignal | None
) -> list[Drawn]:
    """Draw the forecasts of one asset: fans, volatility, VaR, and regimes with breaks if they are known."""
    names = bars.assets[bars.owner[found.rows]]
    own = found.take(np.flatnonzero(names == asset))
    place = int(bars.owner[own.rows[0]])
    span = slice(int(bars.offsets[place]), int(bars.offsets[place + 1]))
    drawn = [Drawn("The last forecast", CLOSES, Markup(_fan(bars, own, asset, span, len(own) - 1)))]
    ended = np.flatnonzero(own.rows + own.horizons[-1] < span.stop)
    if len(ended):
        caption = "The last forecast whose longest horizon has ended; dotted: what came."
        svg = _fan(bars, own, f"{asset}, earlier", span, int(ended[-1]))
        drawn.append(Drawn("A forecast and what came", caption, Markup(svg)))
    if own.horizons[0] == 1:
        rows = own.rows[own.rows + 1 < span.stop]
        own = own.take(np.arange(len(rows)))
        if len(rows) >= FEWEST_MEASURED:
            drawn.append(_volatility(bars, own, asset, rows))
        if len(rows):
            drawn.append(_var(bars, own, asset, rows))
    if signal is None:
        return drawn
    price = bars.close[span][np.searchsorted(bars.time[span], signal.time)]
    caption = signal.sentence
    drawn.append(Drawn("Regimes and breaks", caption, Markup(price_with_breaks(signal, price, title=asset))))
    return drawn


def _fan(bars: Bars, own: MarketForecast, title: str, span: slice, at: int) -> str:
    """Draw one forecast as levels, and what came after it if it is known."""
    row = int(own.rows[at])
    levels = [own.levels[nearest_level(own.levels, v)] for v in FAN_LEVELS]
    columns = [own.at(v) for v in levels]
    moves, close = own.quantiles[at][:, columns], bars.close[row]
    bands = close * np.exp(moves) if bars.change == "log" else close + moves
    longest = own.horizons[-1]
    past = slice(max(span.start, row - 6 * longest), row + 1)
    after = bars.time[row + 1 : min(row + longest + 1, span.stop)]
    realised = (after, bars.close[row + 1 : row + 1 + len(after)]) if len(after) == longest else None
    ahead = (
        np.array([bars.time[row + h] for h in own.horizons])
        if realised is not None
        else bars.time[row] + np.array([h * _step(bars.time[span]) for h in own.horizons])
    )
    return fan(bars.time[past], bars.close[past], ahead, bands, levels, title=title, realised=realised)


def _step(times: AnyArray) -> np.timedelta64:
    """Return the mean time between the last bars."""
    recent = times[-61:]
    step: np.timedelta64 = (recent[-1] - recent[0]) / max(len(recent) - 1, 1)
    return step


def _volatility(bars: Bars, own: MarketForecast, asset: str, rows: IntArray) -> Drawn:
    """Draw a year's volatility; its band is learned on the first half of the days and drawn on the others."""
    year = np.timedelta64(8766, "h") / _step(bars.time[rows])  # bars a year
    came, said = np.sqrt(realised_variance(bars, rows, 1) * year), np.sqrt(own.variance[:, 0] * year)
    half = len(rows) // 2
    ratio = np.quantile((came / said)[:half], BAND)
    late = np.arange(max(half, len(rows) - MOST_BARS), len(rows))
    svg = volatility(
        bars.time[rows + 1][late],
        came[late],
        said[late],
        title=asset,
        band=(np.maximum(said[late] * ratio[0], 1e-6), said[late] * ratio[1]),
        as_share=bars.change == "log",
    )
    measure = "the range of the day" if bars.has_ranges else "the squared return"
    held = np.mean((came[late] >= said[late] * ratio[0]) & (came[late] <= said[late] * ratio[1]))
    caption = (
        f"Measured by {measure}, at the level of squared returns. The band of 90% of the bars was learned on "
        f"the {half:,} before those drawn, and held {held:.1%} of these."
    )
    return Drawn("Volatility", caption, Markup(svg))


def _var(bars: Bars, own: MarketForecast, asset: str, rows: IntArray) -> Drawn:
    late = slice(-MOST_BARS, None)
    at = nearest_level(own.levels, 0.01)
    svg = var_with_exceptions(
        bars.time[rows + 1][late],
        bars.ahead(1)[rows][late],
        -own.quantiles[late, 0, at],
        title=asset,
        level=1 - own.levels[at],
        as_share=bars.change == "log",
        daily=is_daily(bars),
    )
    return Drawn("VaR and its exceptions", "Each VaR was forecast at the close before.", Markup(svg))
