"""``bezant risk``: from a file of positions to VaR, ES, who adds what, limits, stress and their proof."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer
from rich.table import Table

from bezant.cli.console import out as console
from bezant.cli.console import print_json, show
from bezant.cli.covariates import CovariateColumns, Covariates, CovariatesFile, KnownAtClose, Lag, Published
from bezant.cli.market import Live, MarketModel, load_market
from bezant.cli.market_checks import say_absent
from bezant.cli.sources import AsJson, read_source
from bezant.risk.words import counted
from bezant.schema import unknown_column
from bezant.types import InputError

if TYPE_CHECKING:
    from bezant.desks.markets.risk import MarketRisk
    from bezant.risk import LimitReport, PortfolioRisk, StressReport

EXAMPLE = (
    "Example: bezant risk models/market positions.csv --level 0.99 --horizon 1 --horizon 10 "
    "--limit es:0.975:10=100000 --stress --backtest 250"
)


PER_POINT = (
    "The differences of these values count, so that an amount is money gained where the value rises by 1.0, "
    "and lost where it falls: a bond that loses 450 when its yield, in per cent, rises by 0.01 is -45,000."
)
"""What money means for rates and spreads."""
NOTHING = 5e-7
"""Amounts and shares below it are what rounding left of 0."""


class MethodName(StrEnum):
    """Where scenarios come from."""

    FORECAST = "forecast"
    FILTERED = "filtered"
    TAIL = "tail"
    GARCH = "garch"
    HISTORICAL = "historical"


Positions = Annotated[
    str,
    typer.Argument(
        metavar="POSITIONS",
        help="CSV or Parquet: a row an asset, money held in it; short below 0. Of rates (--change "
        "difference): money gained where the value rises by 1.0.",
    ),
]


def risk(
    model: MarketModel,
    positions: Positions,
    asset: Annotated[str, typer.Option("--asset", metavar="COLUMN", help="Column of the asset.")] = "asset",
    amount: Annotated[
        str, typer.Option("--amount", metavar="COLUMN", help="Column of the money held.")
    ] = "amount",
    level: Annotated[
        list[float] | None,
        typer.Option(
            "--level", metavar="SHARE", help="Of VaR and ES; may be repeated; 0.975 and 0.99 if not given."
        ),
    ] = None,
    horizon: Annotated[
        list[int] | None,
        typer.Option("--horizon", min=1, metavar="BARS", help="Bars ahead; may be repeated; 1 if not given."),
    ] = None,
    method: Annotated[
        MethodName,
        typer.Option("--method", help="The forecast's distributions, or past moves, scaled or as they were."),
    ] = MethodName.FORECAST,
    limit: Annotated[
        list[str] | None,
        typer.Option(
            "--limit", metavar="MEASURE:LEVEL:BARS=MONEY", help="Such as es:0.975:10=100000; may be repeated."
        ),
    ] = None,
    stress: Annotated[
        bool, typer.Option("--stress", help="Losses in past crises and worst stretches.")
    ] = False,
    shock: Annotated[
        list[str] | None,
        typer.Option(
            "--shock",
            metavar="ASSET=RETURN",
            help="Such as 'AAPL=-0.3,JPM=-0.2'; a scenario each; may be repeated.",
        ),
    ] = None,
    backtest: Annotated[
        int | None, typer.Option("--backtest", min=1, metavar="DAYS", help="Judge the VaR of the last days.")
    ] = None,
    breaks: Annotated[
        bool, typer.Option("--breaks", help="Look for breaks in the last 1,000 bars of each asset held.")
    ] = False,
    live: Live = None,
    covariates: CovariatesFile = None,
    covariate: CovariateColumns = None,
    published: Published = None,
    lag: Lag = None,
    known_at_close: KnownAtClose = False,
    as_json: AsJson = False,
) -> None:
    """Measure the risk of positions: VaR and ES, what each adds, limits, stress, and a backtest.

    Losses are positive. Exits with 1 if a limit is breached.
    """
    beside = Covariates.typed(covariates, covariate, published, lag, known_at_close)
    beside.refuse_unused(live)
    asked, shocks = _limits(limit or []), dict(_shock(s) for s in shock or ())
    levels, horizons = tuple(level or (0.975, 0.99)), tuple(horizon or (1,))
    _refuse_levels([*levels, *(a.level for a in asked)])
    held, added = _positions(positions, asset, amount)
    from bezant.desks.markets.risk import MarketRisk

    market = load_market(model, live, beside)
    say_absent(market)
    desk = MarketRisk(market, method=method.value)
    found = _Found.of(desk, held, levels, horizons, asked)
    found.added = added
    found.stress = desk.stress(held, shocks) if stress or shocks else ()
    found.breaks = {name: desk.breaks(name).sentence for name in held} if breaks else {}
    if backtest:
        fitted = desk.method not in ("garch", "historical")  # those are not the forecaster's
        flattered = market.days_fitted(backtest) if fitted else 0
        found.judged = desk.backtest(held, max(levels), days=backtest).sentence + (
            f" {flattered} of these {backtest} days were among those that the model was fitted to, which "
            "flatters it: fit to earlier bars and give the later ones with --live."
            if flattered
            else ""
        )
    print_json(found.document()) if as_json else found.show()
    if found.limits is not None and found.limits.status == "breach":
        raise typer.Exit(1)


@dataclass
class _Found:
    """What was measured."""

    desk: MarketRisk
    figures: dict[tuple[float, int], PortfolioRisk]
    whole: dict[tuple[float, int], tuple[float, float]]
    limits: LimitReport | None
    horizons: frozenset[int]
    stress: tuple[StressReport, ...] = ()
    judged: str | None = None
    breaks: dict[str, str] = field(default_factory=dict)
    added: str | None = None

    @classmethod
    def of(
        cls,
        desk: MarketRisk,
        held: dict[str, float],
        levels: tuple[float, ...],
        horizons: tuple[int, ...],
        asked: list[_Limit],
    ) -> _Found:
        pairs = [(v, h) for h in horizons for v in levels]
        needed = dict.fromkeys([*pairs, *((a.level, a.horizon) for a in asked)])
        whole = {(v, h): (desk.var(held, v, h), desk.es(held, v, h)) for v, h in needed}
        parts = {(v, h): desk.attribution(held, v, h) for v, h in pairs}
        limits = None
        if asked:
            from bezant.risk import RiskLimits

            values = {a.name: whole[a.level, a.horizon][a.measure == "ES"] for a in asked}
            limits = RiskLimits.of({a.name: a.money for a in asked}).check(values)
        return cls(
            desk, parts, {pair: whole[pair] for pair in pairs}, limits, frozenset(h for _, h in needed)
        )

    def show(self) -> None:
        """Print tables and sentences."""
        console().print(self._table())
        last = list(self.figures)[-1]
        show()
        show(f"What each position adds: {_name(*last)}", "bold")
        console().print(_frame_table(self.figures[last].as_table()))
        show(self.figures[last].sentence)
        if self.limits is not None:
            show()
            show(self.limits.sentence, "red" if self.limits.status == "breach" else "")
        for report in self.stress:
            show()
            console().print(_frame_table(report.as_table()))
            show(report.sentence)
        if self.judged is not None:
            show()
            show(self.judged)
        for name, sentence in self.breaks.items():
            show(f"{name}: {sentence}")
        for note in self._notes():
            show(note, "dim")

    def _notes(self) -> list[str]:
        longest = max(self.desk.forecaster.models_.horizons_)  # type: ignore[attr-defined]
        beyond = sorted(h for h in self.horizons if h > longest)
        added = [self.added] if self.added is not None else []
        if self.desk.forecaster.bars_.change == "difference":
            added.append(PER_POINT)
        if not beyond or self.desk.method == "historical":
            return added
        bars = "1 bar is" if beyond == [1] else f"{', '.join(map(str, beyond))} bars are"
        return [
            *added,
            f"{bars} beyond the model's longest horizon of {longest}: volatility was taken to grow with the "
            "root of time.",
        ]

    def _table(self) -> Table:
        table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
        table.add_column(f"Method {self.desk.method}")
        for title in ("VaR", "ES"):
            table.add_column(title, justify="right", no_wrap=True)
        for pair, (var, es) in self.whole.items():
            table.add_row(_name(*pair), f"{var:z,.2f}", f"{es:z,.2f}")
        return table

    def document(self) -> dict[str, Any]:
        """Return all of it as JSON-ready values."""
        return {
            "method": self.desk.method,
            "figures": [
                {
                    "level": v,
                    "horizon": h,
                    "var": var,
                    "es": es,
                    "parts": self.figures[v, h].as_table().to_dict("records"),
                }
                for (v, h), (var, es) in self.whole.items()
            ],
            "limits": self.limits.as_table().to_dict("records") if self.limits is not None else None,
            "stress": [row for r in self.stress for row in r.as_table().to_dict("records")],
            "backtest": self.judged,
            "breaks": self.breaks,
            "notes": [*self._notes(), *(note for r in self.stress for note in r.notes)],
        }


@dataclass(frozen=True)
class _Limit:
    measure: str
    level: float
    horizon: int
    money: float

    @property
    def name(self) -> str:
        return f"{self.measure} {_name(self.level, self.horizon)}"


def _limit(text: str) -> _Limit:
    found = re.fullmatch(r"(var|es):([0-9.]+):(\d+)=([0-9.eE+]+)", text.strip().lower())
    try:
        if found is None:
            raise ValueError
        return _Limit(found[1].upper().replace("VAR", "VaR"), float(found[2]), int(found[3]), float(found[4]))
    except ValueError as error:
        raise InputError(f"--limit {text!r} cannot be read; write it as es:0.975:10=100000.") from error


def _limits(texts: list[str]) -> list[_Limit]:
    """Read limits; two of one measure would hide each other."""
    found = [_limit(text) for text in texts]
    names = [each.name for each in found]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"--limit {name} is given {names.count(name)} times; give it once.")
    return found


def _refuse_levels(levels: list[float]) -> None:
    """Refuse levels that are no share, before the model is read."""
    from bezant.metrics.market.losses import tail_of

    for level in levels:
        tail_of(level)


def _shock(text: str) -> tuple[str, dict[str, float]]:
    try:
        pairs = [part.rsplit("=", 1) for part in text.split(",")]
        return text, {name.strip(): float(size) for name, size in pairs}
    except ValueError as error:
        raise InputError(f"--shock {text!r} cannot be read; write it as AAPL=-0.3,JPM=-0.2.") from error


def _name(level: float, horizon: int) -> str:
    return f"{100 * level:g} %, {horizon} bar{'' if horizon == 1 else 's'}"


def _positions(file: str, asset: str, amount: str) -> tuple[dict[str, float], str | None]:
    """Read positions; those of the same asset are added up, which is said."""
    table = read_source(file, raw=True)
    for name, option in ((asset, "--asset"), (amount, "--amount")):
        if name not in table.column_names:
            raise unknown_column(name, table.column_names, "the positions", f"name another by {option}")
    names, money = table[asset].to_pylist(), [_money(value) for value in table[amount].to_pylist()]
    wrong = [k for k, value in enumerate(money) if not np.isfinite(value)]
    if wrong:
        first = table[amount][wrong[0]].as_py()
        holds = "nothing" if first is None else f"{first!r}"
        raise InputError(
            f"Column {amount!r} holds no number in {len(wrong)} of {counted(table.num_rows, 'position')}, "
            f"such as {holds} in row {wrong[0] + 1}; write money as 1200.5, without signs of thousands "
            "or currency."
        )
    unnamed = sum(name is None for name in names)
    if unnamed:
        raise InputError(
            f"Column {asset!r} is missing in {unnamed} of {counted(table.num_rows, 'position')}; fill it, "
            "or leave them out."
        )
    held: dict[str, float] = {}
    for name, value in zip(names, money, strict=True):
        held[str(name)] = held.get(str(name), 0.0) + value
    twice = sorted({str(name) for name in names if names.count(name) > 1})
    if not twice:
        return held, None
    listed = f"{', '.join(twice[:3])}{' and others' if len(twice) > 3 else ''}"
    rows = counted(len(names), "position")
    return held, f"{rows} are of {counted(len(held), 'asset')}: those of {listed} were added up."


def _money(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return np.nan


def _frame_table(frame: Any) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for name in frame.columns:
        table.add_column(str(name), justify="left" if frame[name].dtype == object else "right", no_wrap=True)
    for row in frame.itertuples(index=False):
        table.add_row(*(_figure(v) if isinstance(v, float) else str(v) for v in row))
    return table


def _figure(value: float) -> str:
    """Return money as money: no powers of ten, and no sign before nothing."""
    if abs(value) >= 999.95:
        return f"{value:,.0f}"
    if abs(value) < NOTHING:
        return "0"
    return np.format_float_positional(value, precision=4, fractional=False, trim="-")
