"""The market-risk desk: from positions and a forecaster to VaR, ES, their parts and their backtests."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np

from bezant.evidence.markets import SurpriseSignal, surprise_signal
from bezant.evidence.var_backtests import RiskBacktest, backtest_risk
from bezant.histories.market import MEMORY, Bars, market_features
from bezant.risk import (
    PortfolioRisk,
    StressReport,
    expected_shortfall,
    fit_tail,
    historical_stress,
    hypothetical_stress,
    portfolio_risk,
    value_at_risk,
)
from bezant.risk.portfolio import position_gains
from bezant.risk.words import counted
from bezant.schema.words import listed, nearest
from bezant.traditional.markets import Garch, MarketForecast, MarketModel, at_horizon
from bezant.types import FloatArray, InputError, IntArray

Method = Literal["forecast", "filtered", "tail", "garch", "historical"]
METHODS: tuple[Method, ...] = ("forecast", "filtered", "tail", "garch", "historical")

LEAST_DAYS = 250
"""Past outcomes that scenarios are drawn from, at least."""

LEAST_BEYOND = 2
"""Scenarios beyond a level, at least: with one, the ES would be the VaR."""


class Forecasting(Protocol):
    """What the desk asks of a forecaster, such as :class:`bezant.MarketForecaster`."""

    models_: MarketModel
    """Fitted."""
    bars_: Bars
    """All bars so far."""


@dataclass(frozen=True, eq=False)
class _Past:
    """What came after each of S past times for k assets, and how volatile each was thought to be then."""

    changes: FloatArray  # (S, k)
    scale: FloatArray  # (S, k)


class MarketRisk:
    """VaR and expected shortfall of positions; losses are positive.

    Parameters
    ----------
    forecaster : fitted forecaster
        A :class:`bezant.MarketForecaster`, or anything with a fitted model of markets as ``models_`` and its
        ``bars_``.
    method : {"forecast", "filtered", "tail", "garch", "historical"}, default "forecast"
        Where scenarios come from. "forecast": the forecaster's distribution of each asset, joined by how the
        assets moved together on past days (an empirical copula of past moves over their volatility).
        "filtered": past moves over their volatility, times the forecast volatility (filtered historical
        simulation). "tail": as "filtered", with a Pareto tail fitted to the portfolio's losses. "garch": as
        "forecast", but of GARCH-t, fitted to the forecaster's bars. "historical": past moves as they were.
    days : int, default 1000
        Past days that scenarios are drawn from.

    Notes
    -----
    Past moves over a horizon of several days overlap: they count as fewer than they are.
    """

    def __init__(self, forecaster: Forecasting, *, method: Method = "forecast", days: int = 1000) -> None:
        if method not in METHODS:
            raise InputError(f"method is one of {', '.join(METHODS)}, not {method!r}.")
        if days < LEAST_DAYS:
            raise InputError(f"Scenarios need at least {LEAST_DAYS} past days, not {days}.")
        if not hasattr(forecaster, "models_") or not hasattr(forecaster, "bars_"):
            raise InputError("The forecaster is not fitted; call its fit(bars) first.")
        self.forecaster, self.method, self.days = forecaster, method, days
        self._garch: tuple[Any, Garch] | None = None

    def var(self, positions: Mapping[str, float], level: float = 0.99, horizon: int = 1) -> float:
        """Return the loss that is exceeded with the probability ``1 - level`` over a horizon of bars.

        Parameters
        ----------
        positions : mapping of str to float
            Money in each asset; short positions are negative. Where the bars' differences count (rates),
            money gained where the value rises by 1.0: a bond's DV01 times -100, for a yield in per cent.
        level : float, default 0.99
        horizon : int, default 1
            Bars ahead. Between the forecaster's horizons its distributions go over into each other; beyond
            the longest, volatility grows with the root of time
            (:func:`~bezant.traditional.markets.at_horizon`).
        """
        return self._measured(self.forecaster.bars_, positions, level, horizon)[0]

    def es(self, positions: Mapping[str, float], level: float = 0.975, horizon: int = 1) -> float:
        """Return the mean loss in the worst ``1 - level`` of the cases; see :meth:`var`."""
        return self._measured(self.forecaster.bars_, positions, level, horizon)[1]

    def attribution(
        self, positions: Mapping[str, float], level: float = 0.975, horizon: int = 1
    ) -> PortfolioRisk:
        """Return what each position adds to VaR and ES (Euler); the parts of each add up to the whole.

        With "tail", whole and positions alone are of Pareto tails, and the whole's are dealt to the positions
        in the proportions of the scenarios.
        """
        bars, names, money = self.forecaster.bars_, *_apart(positions)
        drawn = self.scenarios(tuple(names), horizon)
        found = portfolio_risk(drawn, money, level=level, assets=names, log=bars.change == "log")
        if self.method != "tail":
            _refuse_thin(len(drawn), level)
            return found
        var, es = self._risk(drawn, money, level, bars)
        each = range(len(names))
        alone = np.array(
            [self._risk(drawn[:, [j]], money[[j]], level, bars) if money[j] else (0.0, 0.0) for j in each]
        )
        return dataclasses.replace(
            found,
            var=var,
            es=es,
            var_parts=found.var_parts * (var / found.var) if found.var else found.var_parts,
            es_parts=found.es_parts * (es / found.es) if found.es else found.es_parts,
            var_alone=alone[:, 0],
            es_alone=alone[:, 1],
        )

    def scenarios(self, assets: tuple[str, ...], horizon: int = 1) -> FloatArray:
        """Return joint changes of assets over a horizon, shape (S, k), as "forecast" or another method.

        "tail" has those of "filtered": its tail is fitted to the losses of a portfolio.
        """
        return self._scenarios(self.forecaster.bars_, assets, horizon, self._model(assets))

    def stress(
        self, positions: Mapping[str, float], shocks: Mapping[str, Mapping[str, float]] | None = None
    ) -> tuple[StressReport, ...]:
        """Return what the positions would lose in past crises, and under shocks that one names.

        Parameters
        ----------
        positions : mapping of str to float
        shocks : mapping of scenario to mapping of asset to simple return, optional
            Assets that a scenario does not name move as is expected given those it names.

        Returns
        -------
        tuple of StressReport
            Of the crises and worst stretches that the bars reach, then of the shocks if there are any.
        """
        bars, names, money = self.forecaster.bars_, *_apart(positions)
        if bars.change != "log":
            raise InputError("Stress needs prices, and these bars hold values whose differences count.")
        days, prices = _prices(bars, names)
        reports = [historical_stress(days, prices, money, assets=names)]
        if shocks:
            whole = prices[np.isfinite(prices).all(axis=1)]
            returns = whole[1:] / whole[:-1] - 1
            reports.append(hypothetical_stress(money, shocks, names, returns=returns))
        return tuple(reports)

    def breaks(self, asset: str, days: int = 1000) -> SurpriseSignal:
        """Return how surprising each of the last returns was to the forecaster, regimes and breaks.

        Forecasts are made from each bar's past; the parameters are those of the fit, so that days it was
        fitted to look less surprising than they were (a backtest fits anew).

        Parameters
        ----------
        asset : str
        days : int, default 1000
            Bars looked at, fewer where volatility is not known that far back.
        """
        if days < 1:
            raise InputError(f"Breaks are looked for in 1 bar or more, not {days}.")
        bars, model = self.forecaster.bars_, self.forecaster.models_
        place = _places(bars, [asset])[0]
        rows = np.arange(bars.offsets[place], bars.offsets[place + 1])[MEMORY:-1][-days:]
        if not len(rows):
            raise InputError(
                f"{asset!r} has {int(np.diff(bars.offsets)[place])} bars, and {MEMORY + 2} are needed."
            )
        found = model.forecast(bars, rows)
        if found.horizons[0] != 1:
            raise InputError(f"Breaks need forecasts one bar ahead, and the horizons are {found.horizons}.")
        return surprise_signal(
            bars.time[rows + 1],
            bars.ahead(1)[rows],
            found.quantiles[:, 0],
            found.levels,
            found.variance[:, 0],
        )

    def backtest(
        self, positions: Mapping[str, float], level: float = 0.99, *, days: int = 250
    ) -> RiskBacktest:
        """Judge the VaR and ES of each of the last days, from what was known the day before.

        Volatilities and scenarios are of each day's past. The forecaster's parameters are those of its fit:
        days it was fitted to flatter it, so fit it to earlier bars and ``update`` it with those to judge.

        Parameters
        ----------
        positions : mapping of str to float
            The same money in each asset every day.
        level : float, default 0.99
        days : int, default 250
            One bar ahead each. A forecaster whose shortest horizon is longer is taken to grow with the root
            of time up to it (:func:`~bezant.traditional.markets.at_horizon`).
        """
        bars = self.forecaster.bars_
        names, money = _apart(positions)
        times = _common_times(bars, names)
        if len(times) < days + LEAST_DAYS + 2:
            raise InputError(
                f"{days} days to judge need {days + LEAST_DAYS + 2} common bars of the assets, there are "
                f"{len(times)}; judge fewer days."
            )
        origins = times[-days - 1 : -1]
        rows = _rows_at(bars, names, origins)  # (days, k)
        found = at_horizon(self._model(names, origins[0]).forecast(bars, rows.ravel()), 1)
        past = self._past(bars, names, 1)
        came = bars.ahead(1)[rows]
        gains = position_gains(came, money, log=bars.change == "log").sum(axis=1)
        measured = []
        for day in range(days):
            known = _before(past, len(times) - days - 1 + day, 1, self.days)
            part = found.take(np.arange(day * len(names), (day + 1) * len(names)))
            drawn = self._drawn(known, part)
            measured.append(self._risk(drawn, money, level, bars))
        bounds, means = np.array(measured).T
        return backtest_risk(gains, bounds, means, level=level, name=f"The method {self.method!r}")

    # ---------------------------------------------------------------------------------------- scenarios

    def _measured(
        self, bars: Bars, positions: Mapping[str, float], level: float, horizon: int
    ) -> tuple[float, float]:
        names, money = _apart(positions)
        drawn = self._scenarios(bars, tuple(names), horizon, self._model(names))
        return self._risk(drawn, money, level, bars)

    def _risk(self, drawn: FloatArray, money: FloatArray, level: float, bars: Bars) -> tuple[float, float]:
        gains = position_gains(drawn, money, log=bars.change == "log").sum(axis=1)
        if self.method == "tail":
            tail = fit_tail(-gains)
            return float(tail.value_at_risk(level)), float(tail.expected_shortfall(level))
        _refuse_thin(len(gains), level)
        return float(value_at_risk(gains, level)), float(expected_shortfall(gains, level))

    def _model(self, assets: Sequence[str], until: np.datetime64 | None = None) -> MarketModel:
        """Return what forecasts; GARCH-t is fitted when it is asked for, to the bars up to a time."""
        if self.method != "garch":
            return self.forecaster.models_
        bars = self.forecaster.bars_
        asked = (tuple(sorted(assets)), until if until is not None else bars.time.max())
        if self._garch is None or self._garch[0] != asked:
            self._garch = asked, Garch().fit(bars.only(*assets).until(asked[1]))
        return self._garch[1]

    def _scenarios(self, bars: Bars, assets: tuple[str, ...], horizon: int, model: MarketModel) -> FloatArray:
        names = list(assets)
        times = _common_times(bars, names)
        rows = _rows_at(bars, names, times[-1:])[0]
        found = at_horizon(model.forecast(bars, rows), horizon)
        past = _before(self._past(bars, names, horizon), len(times) - 1, horizon, self.days)
        return self._drawn(past, found)

    def _past(self, bars: Bars, names: list[str], horizon: int) -> _Past:
        """Return changes and scales at all common times; what is not known yet is NaN."""
        rows = _rows_at(bars, names, _common_times(bars, names))
        scale = market_features(bars).scale.astype(np.float64) * np.sqrt(horizon)
        return _Past(bars.ahead(horizon)[rows], scale[rows])

    def _drawn(self, past: _Past, found: MarketForecast) -> FloatArray:
        """Return scenarios of the one horizon that both the past and the forecast are of."""
        if self.method == "historical":
            return past.changes
        moves = past.changes / past.scale
        if self.method in ("filtered", "tail"):
            standard = (moves - moves.mean(axis=0)) / moves.std(axis=0)
            filtered: FloatArray = found.mean[:, 0] + standard * np.sqrt(found.variance[:, 0])
            return filtered
        columns = [
            _at_ranks(moves[:, j], found.quantiles[j, 0], np.asarray(found.levels))
            for j in range(moves.shape[1])
        ]
        return np.column_stack(columns)


def _refuse_thin(scenarios: int, level: float) -> None:
    """Refuse a level beyond which next to nothing was drawn."""
    if (1 - level) * scenarios < LEAST_BEYOND - 1e-9:
        raise InputError(
            f"Of {scenarios:,} scenarios fewer than {LEAST_BEYOND} lie beyond {100 * level:g} %; give a "
            "lower level, more days, or method='tail', which fits what lies beyond."
        )


def _at_ranks(moves: FloatArray, quantiles: FloatArray, levels: FloatArray) -> FloatArray:
    """Return the forecast's quantile at the rank of each past move; beyond its levels, the past's tails."""
    ranks = (np.argsort(np.argsort(moves)) + 0.5) / len(moves)
    found = np.interp(ranks, levels, quantiles)
    middle = np.interp(0.5, levels, quantiles)
    centre = np.median(moves)
    for level, quantile, beyond in (
        (levels[0], quantiles[0], ranks < levels[0]),
        (levels[-1], quantiles[-1], ranks > levels[-1]),
    ):
        edge = np.quantile(moves, level) - centre
        if beyond.any() and edge:
            stretch = np.maximum((moves[beyond] - centre) / edge, 1.0)
            found[beyond] = middle + (quantile - middle) * stretch
    return np.asarray(found)


def _before(past: _Past, now: int, horizon: int, days: int) -> _Past:
    """Return the last days whose outcome was known at a time, by its place."""
    end = now - horizon + 1
    changes, scale = past.changes[:end][-days:], past.scale[:end][-days:]
    known = np.isfinite(changes).all(axis=1) & np.isfinite(scale).all(axis=1) & (scale > 0).all(axis=1)
    if known.sum() < LEAST_DAYS:
        raise InputError(
            f"Scenarios need {LEAST_DAYS} past days on which all assets have a move and a volatility, there "
            f"are {int(known.sum())}; give a longer past."
        )
    return _Past(changes[known], scale[known])


def _apart(positions: Mapping[str, float]) -> tuple[list[str], FloatArray]:
    if not positions:
        raise InputError("There is no position; give money in at least one asset.")
    money = np.array(list(positions.values()), np.float64)
    if not np.isfinite(money).all():
        raise InputError(
            f"{int((~np.isfinite(money)).sum())} of {counted(len(money), 'position')} hold no finite number; "
            "give money in each."
        )
    return [str(name) for name in positions], money


def _common_times(bars: Bars, names: list[str]) -> Any:
    """Return the times at which all of these assets have a bar."""
    places = _places(bars, names)
    times = bars.time[bars.offsets[places[0]] : bars.offsets[places[0] + 1]]
    for place in places[1:]:
        times = np.intersect1d(times, bars.time[bars.offsets[place] : bars.offsets[place + 1]])
    if not len(times):
        raise InputError(f"The {len(names)} assets have no bar at the same time; align their calendars.")
    return times


def _prices(bars: Bars, names: list[str]) -> tuple[Any, FloatArray]:
    """Return adjusted prices at every time of any of the assets, the last known one where there is none."""
    places = _places(bars, names)
    parts = [slice(int(bars.offsets[k]), int(bars.offsets[k + 1])) for k in places]
    times = np.unique(np.concatenate([bars.time[part] for part in parts]))
    table = np.full((len(times), len(parts)), np.nan)
    for column, part in enumerate(parts):
        close = bars.close[part] if bars.factor is None else bars.close[part] * bars.factor[part]
        last = np.searchsorted(bars.time[part], times, side="right") - 1
        table[:, column] = np.where(last >= 0, close[np.maximum(last, 0)], np.nan)
    return times, table


def _rows_at(bars: Bars, names: list[str], times: Any) -> IntArray:
    """Return the row of each asset at each time, shape (times, k)."""
    columns = []
    for place in _places(bars, names):
        start, stop = bars.offsets[place], bars.offsets[place + 1]
        columns.append(start + np.searchsorted(bars.time[start:stop], times))
    return np.column_stack(columns)


def _places(bars: Bars, names: list[str]) -> list[int]:
    known = {str(asset): i for i, asset in enumerate(bars.assets)}
    missing = [name for name in names if name not in known]
    if missing:
        raise InputError(
            f"There is a position in {missing[0]!r}, which is not among the "
            f"{counted(len(known), 'asset')} of the forecaster; {_meant(missing[0], list(known))}, leave it "
            "out or fit with its bars."
        )
    return [known[name] for name in names]


def _meant(name: str, known: list[str]) -> str:
    near = nearest(name, known)
    return f"name it {near!r} if that is meant" if near else f"name it as one of {listed(known)}"
