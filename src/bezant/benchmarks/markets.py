"""Volatility, quantiles, tails, the economy and rates: every model walked forward over the same origins.

Run it with ``python -m bezant.benchmarks.markets``; parts can be chosen. A further model takes part by an
entry in ``market_models.MODELS`` (daily prices) or ``ECONOMY`` (quarterly and monthly values); it needs no
more than ``fit`` and ``forecast`` of :class:`~bezant.traditional.markets.MarketModel`.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bezant.benchmarks.market_models import (
    BASE,
    BEZANT,
    ECONOMY,
    MODELS,
    UNSEEN,
    VIX_MODELS,
    WALK,
    Entrant,
    walked,
    with_combination,
)
from bezant.datasets import load_table
from bezant.desks.markets.forecaster import MarketForecaster
from bezant.evidence.markets import direction_of
from bezant.histories.market import Bars, garman_klass, read_bars, with_covariates
from bezant.metrics.market import diebold_mariano, fz0, pinball, qlike
from bezant.traditional.markets import HORIZONS, LEVELS, MarketForecast, last_origins
from bezant.types import FloatArray, InputError, IntArray

DAYS = 1500
COMBINATION = ("gamma-HAR, 4 means", "GJR-GARCH-t", "EGARCH-t")
"""What the row "equal weights" averages, where all of them take part."""
TAILS = (0.01, 0.05)
EUROPEAN_DAYS = 750
"""Origins of European indices: three years, after four to learn from."""
QUARTERS, MONTHS = 80, 240
LIVE = 20
VIX_KNOWN = 504
"""Days of the VIX before the first origin that is judged with it."""
GROWTH = ("realgdp", "realcons", "realinv", "realgovt", "realdpi", "cpi", "m1")
"""Series of ``us-macro`` of which 100 times the logarithm is forecast; the others below as they are."""
RATES = ("tbilrate", "unemp")


def by_day(bars: Bars, rows: IntArray, losses: FloatArray) -> FloatArray:
    """Return the mean loss of each time over the assets, shape (t,): one shock hits all of them."""
    _, day = np.unique(bars.time[rows], return_inverse=True)
    mean: FloatArray = np.bincount(day, losses) / np.bincount(day)
    return mean


def range_share(bars: Bars) -> FloatArray:
    """Return Garman-Klass variance over squared returns, of all bars up to each, shape (m,), one asset.

    It brings a variance of returns to the level of ranges, the same for every model, from the past alone.
    """
    squares = np.cumsum(np.nan_to_num(bars.returns**2))
    share: FloatArray = np.cumsum(garman_klass(bars)) / np.maximum(squares, np.finfo(np.float64).tiny)
    return share


def index_bars() -> Bars:
    """Return the bars of two indices; models that learn from all assets learn from both."""
    return read_bars(load_table("sp500")).append(read_bars(load_table("nasdaq")))


def index_part(days: int, chosen: Sequence[str] = ()) -> Iterator[str]:
    """Yield the lines of the variance of two indices, judged by their ranges."""
    bars = index_bars()
    rows = last_origins(bars, days, max(HORIZONS))
    yield from _index_tables(bars, rows, _of(MODELS, chosen), COMBINATION)


def vix_part(_: int, chosen: Sequence[str] = ()) -> Iterator[str]:
    """Yield the lines of the same with the VIX, from the day on which two years of it are known."""
    table = load_table("vix")
    table = table.filter(pc.is_valid(table["vix"]))
    bars = with_covariates(index_bars(), table, columns=["vix"], lag=timedelta(0))
    # It closes a quarter of an hour after the shares, long before their next day.
    rows = []
    for span in bars.spans():
        known = span.start + np.flatnonzero(np.isfinite(bars.covariates["vix"][span]))
        rows.append(np.arange(known[VIX_KNOWN], span.stop - 1))
    yield from _index_tables(bars, np.concatenate(rows), _of(VIX_MODELS, chosen), ())


def _of(entrants: Mapping[str, Entrant], chosen: Sequence[str]) -> dict[str, Entrant]:
    return {name: entrant for name, entrant in entrants.items() if not chosen or name in chosen}


def _index_tables(
    bars: Bars, rows: IntArray, entrants: Mapping[str, Entrant], parts: Sequence[str]
) -> Iterator[str]:
    all_found = list(with_combination(walked(entrants, bars, rows, (1,)), parts))
    for k, asset in enumerate(bars.assets):
        own, local = bars.only(str(asset)), rows[bars.owner[rows] == k] - bars.offsets[k]
        realised, share = garman_klass(own)[local + 1], range_share(own)[local]
        yield f"\n{asset}: {_span(own, local)}; QLIKE of Garman-Klass a day ahead;"
        yield "variance of returns is brought to the level of ranges by their ratio in the past"
        losses: dict[str, FloatArray] = {}
        for name, found, _ in all_found:
            if not isinstance(found, str):
                variance = found.variance[bars.owner[rows] == k, 0]
                losses[name] = qlike(realised, variance * share)
        yield f"{'model':<28} QLIKE   ratio  p (DM)   CPU s, both"
        for name, found, seconds in all_found:
            said = found if isinstance(found, str) else _against(losses, name, BASE, "{:6.3f}")
            yield f"{name:<28} {said} {seconds:7.1f}"
    for name, found, _ in all_found:
        if name == BEZANT and not isinstance(found, str):
            yield direction_of(1, found.up[:, 0], bars.ahead(1)[rows], bars.time[rows]).sentence


def stocks_part(days: int, chosen: Sequence[str] = ()) -> Iterator[str]:
    """Yield the lines of twenty shares: variance by squared returns, quantiles at three horizons."""
    yield from _closes_table(read_bars(load_table("us-stocks-20")), days, _of(MODELS, chosen))


def open_days(table: pa.Table) -> Bars:
    """Return bars without the days on which a close stands as the day before, where exchanges were shut."""
    close, asset = table["close"].to_numpy(), table["asset"].to_numpy(zero_copy_only=False)
    stands = np.append(False, (close[1:] == close[:-1]) & (asset[1:] == asset[:-1]))
    return read_bars(table.filter(pa.array(~stands)))


def europe_part(days: int, chosen: Sequence[str] = ()) -> Iterator[str]:
    """Yield the same lines of four European indices, which were looked at last."""
    bars = open_days(load_table("european-indices"))
    yield from _closes_table(bars, min(days, EUROPEAN_DAYS), _of(UNSEEN, chosen))


def dow_part(days: int, chosen: Sequence[str] = ()) -> Iterator[str]:
    """Yield the same lines of the Dow Jones, all of its closes from 1885 on, on which nothing was chosen."""
    bars = read_bars(load_table("dow-jones"))
    yield from _closes_table(bars, days, _of(UNSEEN, chosen))


def _closes_table(bars: Bars, days: int, entrants: Mapping[str, Entrant]) -> Iterator[str]:
    rows = last_origins(bars, days, max(HORIZONS))
    outcome = np.stack([bars.ahead(h)[rows] for h in HORIZONS], axis=1)
    yield f"{', '.join(bars.assets)}, {_span(bars, rows)}; difference of QLIKE of squared returns to {BASE},"
    yield f"pinball loss over {len(LEVELS)} levels as a ratio to {WALK}, and the share within the 90 % band"
    yield f"{'model':<28} QLIKE diff  p (DM)  pinball h = 1, 5, 21    covered            CPU s"
    losses: dict[str, FloatArray] = {}
    quantile: dict[str, FloatArray] = {}
    waiting: list[tuple[str, FloatArray, float]] = []
    said_last: list[str] = []
    for name, found, seconds in with_combination(walked(entrants, bars, rows, HORIZONS), COMBINATION):
        if isinstance(found, str):
            yield f"{name:<28} {found}"
            continue
        if name == BEZANT:
            said_last = [
                direction_of(h, found.up[:, k], outcome[:, k], bars.time[rows]).sentence
                for k, h in enumerate(HORIZONS)
            ]
        losses[name] = by_day(bars, rows, qlike(outcome[:, 0] ** 2, found.variance[:, 0], centred=False))
        quantile[name] = pinball(outcome, found.quantiles, found.levels).mean(axis=(0, 2))
        low, high = found.quantiles[..., found.at(0.05)], found.quantiles[..., found.at(0.95)]
        waiting.append((name, np.mean((outcome >= low) & (outcome <= high), axis=0), seconds))
        if BASE in losses and WALK in losses:  # lines come as models end, so that a stopped run is not lost
            yield from (_of_shares(losses, quantile, *of) for of in waiting)
            waiting = []
    yield from said_last


def _of_shares(
    losses: Mapping[str, FloatArray],
    quantile: Mapping[str, FloatArray],
    name: str,
    covered: FloatArray,
    seconds: float,
) -> str:
    difference = losses[name].mean() - losses[BASE].mean()
    ratio = "  ".join(f"{v:.3f}" for v in quantile[name] / quantile[WALK])
    band = "  ".join(f"{v:.1%}" for v in covered)
    return f"{name:<28} {difference:+9.4f}  {_p(losses, name, BASE)}  {ratio}  {band} {seconds:7.1f}"


def tails_part(days: int, chosen: Sequence[str] = ()) -> Iterator[str]:
    """Yield the lines of VaR and ES of a day at 1 % and 5 %: seven series, FZ0 in percent."""
    series = [index_bars(), read_bars(load_table("us-factors-5"))]
    scores: dict[str, list[FloatArray]] = {}
    count = sum(len(bars.assets) for bars in series)
    yield f"{count} series (two indices to 2018, five factor funds to 2022), {days:,} days each; mean FZ0 of"
    yield "returns in percent, and how often the return lay below the VaR"
    head = f"{'model':<28} FZ0 1 %  5 %     below 1 %  5 %"
    for bars in series:
        yield f"\n{', '.join(bars.assets)}\n{head}"
        rows = last_origins(bars, days, max(HORIZONS))
        outcome = 100 * bars.ahead(1)[rows]
        for name, found, _ in with_combination(walked(_of(MODELS, chosen), bars, rows, (1,)), COMBINATION):
            if isinstance(found, str):
                yield f"{name:<28} {found}"
                continue
            own = _tail_scores(bars, rows, outcome, found)
            scores.setdefault(name, []).extend(own)
            yield _of_tails(name, own)
    yield f"\nall {count}\n{head}"
    yield from (_of_tails(name, own) for name, own in scores.items())


def _of_tails(name: str, scores: Sequence[FloatArray]) -> str:
    one, five, below_one, below_five = np.mean(scores, axis=0)
    return f"{name:<28} {one:6.3f}  {five:6.3f}  {below_one:7.2%}  {below_five:6.2%}"


def _tail_scores(bars: Bars, rows: IntArray, outcome: FloatArray, found: MarketForecast) -> list[FloatArray]:
    """Return FZ0 at both levels and the shares below, of each asset."""
    places = [found.at(tail) for tail in TAILS]
    var, es = (-100 * part[:, 0, places] for part in (found.quantiles, found.shortfall))
    parts = []
    for asset in np.unique(bars.owner[rows]):
        own = bars.owner[rows] == asset
        score = [fz0(outcome[own], var[own, k], es[own, k], 1 - tail).mean() for k, tail in enumerate(TAILS)]
        below = [np.mean(outcome[own] < -var[own, k]) for k in range(len(TAILS))]
        parts.append(np.array([*score, *below]))
    return parts


def economy_bars() -> Bars:
    """Return ``us-macro``: 100 times the logarithm of what grows, rates as they are, changes as "
    "differences."""
    table = load_table("us-macro")
    columns = {name: pa.array(100 * np.log(table[name].to_numpy())) for name in GROWTH}
    columns |= {name: table[name] for name in RATES}
    names = (*GROWTH, *RATES)
    return read_bars({"time": table["time"], **columns}, asset=None, value=names, change="difference")


def macro_part(_: int, chosen: Sequence[str] = ()) -> Iterator[str]:
    """Yield the lines of the economy of the United States, one and four quarters ahead."""
    bars = economy_bars()
    rows = last_origins(bars, QUARTERS, 4)
    yield f"{_span(bars, rows)} by quarter, figures as revised by 2009; RMSE as a ratio to the random walk,"
    yield "in which growth goes on as over the last as many quarters, and rates and unemployment stay"
    yield from _ratios(bars, rows, (1, 4), GROWTH, _of(ECONOMY, chosen))


def rates_part(_: int, chosen: Sequence[str] = ()) -> Iterator[str]:
    """Yield the lines of rates and yields: the random walk is no change."""
    quarterly = economy_bars().only("tbilrate")
    monthly = read_bars(load_table("default-spreads"), asset=None, value=("aaa", "baa"), change="difference")
    for bars, count, horizons in ((quarterly, QUARTERS, (1, 4)), (monthly, MONTHS, (1, 3, 12))):
        rows = last_origins(bars, count, max(horizons))
        yield f"\n{', '.join(bars.assets)}, {_span(bars, rows)}: means of days, so that changes over one"
        yield "period are correlated by averaging alone; RMSE as a ratio to no change, p by Diebold-Mariano"
        yield from _ratios(bars, rows, horizons, (), _of(ECONOMY, chosen))


def live_part(_: int, chosen: Sequence[str] = ()) -> Iterator[str]:
    """Yield how long a live bar takes: the last ones of two indices, one time after the other."""
    bars = index_bars()
    times = np.unique(bars.time)
    market = MarketForecaster().fit(bars.until(times[-LIVE - 1]))
    took: list[tuple[float, float]] = []
    for now in times[-LIVE:]:
        new = bars.take(np.flatnonzero(bars.time == now))
        start = time.perf_counter()
        market.update(new)
        folded = time.perf_counter()
        market.forecast()
        took.append((folded - start, time.perf_counter() - folded))
    update, answer = 1000 * np.median(took, axis=0)
    yield f"{len(market.bars_):,} bars of {len(bars.assets)} assets, median of {LIVE} times: update"
    yield f"{update:.1f} ms, forecast of all assets after it {answer:.0f} ms"


def _ratios(
    bars: Bars,
    rows: IntArray,
    horizons: Sequence[int],
    persistent: Sequence[str],
    models: Mapping[str, Entrant],
) -> Iterator[str]:
    """Yield a line a model: the mean over series of the ratio of its RMSE, and each series' own."""
    outcome = np.stack([bars.ahead(h)[rows] for h in horizons], axis=1)
    stays = np.stack([bars.ahead(h)[rows - h] for h in horizons], axis=1)  # the change that has just ended
    stays[~np.isin(bars.assets, persistent)[bars.owner[rows]]] = 0.0
    base = (outcome - stays) ** 2
    entrants = {name: e for name, e in models.items() if not name.startswith("VAR") or len(bars.assets) > 1}
    yield f"{'model':<20} mean   " + "  ".join(f"{a}, {'/'.join(map(str, horizons))}" for a in bars.assets)
    found_all = with_combination(walked(entrants, bars, rows, horizons, (0.05, 0.5, 0.95)), tuple(entrants))
    for name, found, _ in found_all:
        if isinstance(found, str):
            yield f"{name:<20} {found}"
            continue
        losses = (outcome - found.mean) ** 2
        cells, ratios = [], []
        for asset in range(len(bars.assets)):
            own = bars.owner[rows] == asset
            ratio = np.sqrt(losses[own].mean(axis=0) / base[own].mean(axis=0))
            better = [
                diebold_mariano(losses[own, k], base[own, k], horizon=h).p_value < 0.05
                for k, h in enumerate(horizons)
            ]
            ratios.append(ratio)
            cells.append("/".join(f"{r:.2f}{'*' if b else ''}" for r, b in zip(ratio, better, strict=True)))
        mean = " ".join(f"{v:.3f}" for v in np.mean(ratios, axis=0))
        yield f"{name:<20} {mean}  {'  '.join(cells)}"
    yield "* p below .05 by Diebold-Mariano, for or against"


def _span(bars: Bars, rows: IntArray) -> str:
    first, last = (str(bars.time[rows].astype("datetime64[D]")[k]) for k in (0, -1))
    return f"{len(np.unique(bars.time[rows])):,} origins from {first} to {last}"


def _p(losses: Mapping[str, FloatArray], name: str, base: str) -> str:
    if name == base or base not in losses:
        return "   -  "
    return f"{diebold_mariano(losses[name], losses[base]).p_value:6.3f}"


def _against(losses: Mapping[str, FloatArray], name: str, base: str, form: str) -> str:
    own = losses[name].mean()
    ratio = own / losses[base].mean() if base in losses else np.nan
    return f"{own:.4f} {form.format(ratio)}  {_p(losses, name, base)}"


PARTS: dict[str, tuple[str, Callable[[int, Sequence[str]], Iterator[str]]]] = {
    "index": ("Variance of two indices", index_part),
    "vix": ("Variance of the S&P 500 with the VIX", vix_part),
    "stocks": ("Twenty shares, closes only", stocks_part),
    "europe": ("Four European indices, closes only", europe_part),
    "dow": ("The Dow Jones, closes only", dow_part),
    "tails": ("VaR and ES", tails_part),
    "macro": ("The economy", macro_part),
    "rates": ("Rates", rates_part),
    "live": ("Live bars", live_part),
}
"""Parts of the benchmark by name: a title, and what yields its lines for a number of days."""


def markets(parts: Sequence[str] = (), days: int = DAYS, models: Sequence[str] = ()) -> Iterator[str]:
    """Yield the lines of the named parts and models, all of them if none is named.

    Raises
    ------
    InputError
        If there is no such part.
    """
    for name in parts or PARTS:
        if name not in PARTS:
            raise InputError(f"There is no part {name!r}; the parts are {', '.join(PARTS)}.")
        title, lines = PARTS[name]
        yield f"\n## {title}\n"
        yield from lines(days, models)


def _main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bezant.benchmarks.markets", description=__doc__)
    parser.add_argument("parts", nargs="*", help=f"any of {', '.join(PARTS)}; all if none is named")
    parser.add_argument("--days", type=int, default=DAYS, help="origins of daily prices")
    parser.add_argument("--models", default="", help="names with a semicolon between them; all if not given")
    parser.add_argument("--refit-every", type=int, help="origins from one fit of bezant to the next")
    given = parser.parse_args()
    models = tuple(name.strip() for name in given.models.split(";") if name.strip())
    if given.refit_every:
        for entrants in (MODELS, UNSEEN, VIX_MODELS):
            entrants[BEZANT] = replace(entrants[BEZANT], refit_every=given.refit_every)
    for line in markets(given.parts, given.days, models):
        print(line, flush=True)


if __name__ == "__main__":
    _main()
