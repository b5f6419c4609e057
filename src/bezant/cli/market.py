"""``bezant fit market | forecast | backtest``: distributions of what markets do next, and their proof."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from bezant.cli.console import out as console
from bezant.cli.console import print_json, refuse_unwritable, say, show
from bezant.cli.fit import Epochs, Seed, Size, SizeName
from bezant.cli.plan import Backbone
from bezant.cli.sources import AsJson, File, read_source
from bezant.types import InputError

if TYPE_CHECKING:
    import pyarrow as pa

    from bezant.desks.markets.backtest import MarketBacktest
    from bezant.desks.markets.forecaster import MarketForecaster

FIT_EXAMPLE = "Example: bezant fit market sp500 --out models/market"
FORECAST_EXAMPLE = "Example: bezant forecast models/market --live today.csv --out forecasts.csv"
BACKTEST_EXAMPLE = (
    "Example: bezant backtest sp500 --first-origin 2013-01-01 --refit-every 250 --folder walks/sp500 "
    "--processes 2 --report market.html"
)
MOST_SHOWN = 30
"""Forecasts that are printed."""


class ChangeName(StrEnum):
    """What is forecast."""

    LOG = "log"
    DIFFERENCE = "difference"


Asset = Annotated[
    str | None,
    typer.Option(
        "--asset",
        metavar="COLUMN",
        help="Column that names the asset; 'asset' where there is one, else all rows are of one.",
    ),
]
BarTime = Annotated[str, typer.Option("--time", metavar="COLUMN", help="When the bar closed.")]
Value = Annotated[
    list[str] | None,
    typer.Option(
        "--value",
        metavar="COLUMN",
        help="Single values instead of open to close; several are one asset each.",
    ),
]
ChangeOption = Annotated[
    ChangeName,
    typer.Option("--change", help="difference is for what may be 0 or less, such as rates."),
]
Horizons = Annotated[
    list[int] | None,
    typer.Option(
        "--horizon", min=1, metavar="BARS", help="Bars ahead; may be repeated; 1, 5 and 21 if not given."
    ),
]
BackboneName = Annotated[Backbone, typer.Option("--backbone", help="What mixes the bars.")]
MarketWindow = Annotated[
    int | None, typer.Option("--window", min=2, metavar="BARS", help="Bars that the network reads at once.")
]
Combine = Annotated[
    bool,
    typer.Option("--combine/--alone", help="Average with HAR, GARCH and LightGBM, or the large model alone."),
]
MarketModel = Annotated[
    Path, typer.Argument(metavar="MODEL", help="A folder that 'bezant fit market' wrote.")
]
Live = Annotated[
    str | None,
    typer.Option(
        "--live", metavar="FILE", help="New bars alone, later than those of the model, folded in first."
    ),
]


def fit_market(
    file: File,
    asset: Asset = None,
    time: BarTime = "time",
    value: Value = None,
    change: ChangeOption = ChangeName.LOG,
    horizon: Horizons = None,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FOLDER", help="Where the model goes.")] = Path(
        "models/market"
    ),
    backbone: BackboneName = Backbone.RNN,
    window: MarketWindow = None,
    combine: Combine = True,
    size: Size = SizeName.SMALL,
    epochs: Epochs = None,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Train a forecaster of quantiles, volatility and direction, and judge its parts on held-out bars.

    The file has a row an asset and bar: open, high, low, close, volume, of which only close is needed, or
    values. The saved model holds the bars too, so that new ones can be folded in.
    """
    refuse_unwritable(out, source=file)
    table = read_source(file, raw=True)
    market = _forecaster(
        table, asset, time, value, change, horizon, backbone, window, combine, size, epochs, seed
    )
    market.fit(table)
    market.save(out)
    if as_json:
        said = {"evaluation": market.evaluation_.document(), "parts": market.parts_}
        print_json({"model": str(out), "notes": list(market.notes_), **said})
        return
    console().print(_parts_table(market))
    show()
    for note in market.notes_:
        show(note, "dim")
    show(f"Model   {out}")


def forecast(
    model: MarketModel,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE", help="Write all of it there: .csv, .tsv or .parquet."),
    ] = None,
    bars: Annotated[
        str | None,
        typer.Option("--bars", metavar="FILE", help="Bars with their past, instead of those of the model."),
    ] = None,
    live: Live = None,
    as_json: AsJson = False,
) -> None:
    """Say what comes after the last bar of each asset: quantiles, volatility, the probability of up."""
    if out is not None:
        refuse_unwritable(out, source=bars)
    if bars is not None and live is not None:
        raise InputError("--bars replaces the model's bars and --live adds to them; give one of the two.")
    from bezant.histories.readers import read_table

    market = load_market(model, live)
    found = read_table(market.forecast(read_source(bars, raw=True) if bars is not None else None))
    if out is not None:
        write_table(found, out)
    if as_json:
        print_json(_plain_rows(found))
        return
    console().print(_forecast_table(found))
    if found.num_rows > MOST_SHOWN:
        show(f"{found.num_rows - MOST_SHOWN:,} further rows are not shown.", "dim")
    if out is not None:
        show(f"{found.num_rows:,} forecasts: {out}")


def backtest(
    file: File,
    first_origin: Annotated[
        str, typer.Option("--first-origin", metavar="DATE", help="The first time that is forecast from.")
    ],
    refit_every: Annotated[
        int,
        typer.Option("--refit-every", min=1, metavar="BARS", help="Distinct times from one fit to the next."),
    ] = 63,
    asset: Asset = None,
    time: BarTime = "time",
    value: Value = None,
    change: ChangeOption = ChangeName.LOG,
    horizon: Horizons = None,
    folder: Annotated[
        Path | None,
        typer.Option(
            "--folder", metavar="FOLDER", help="Keep each fit's forecasts there; a stopped backtest goes on."
        ),
    ] = None,
    processes: Annotated[int, typer.Option("--processes", min=1, help="Fits that run at once.")] = 1,
    report: Annotated[
        Path | None, typer.Option("--report", metavar="HTML", help="Write the report there.")
    ] = None,
    draw: Annotated[
        list[str] | None,
        typer.Option(
            "--draw",
            metavar="ASSET",
            help="An asset to draw in the report; may be repeated; three if not given.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", metavar="FILE", help="Write every forecast and what came: .csv, .tsv or .parquet."
        ),
    ] = None,
    backbone: BackboneName = Backbone.RNN,
    window: MarketWindow = None,
    combine: Combine = True,
    size: Size = SizeName.SMALL,
    epochs: Epochs = None,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Walk forward: everything is fitted again on what was known then, and judged beside its rivals."""
    for path in (report, out):
        if path is not None:
            refuse_unwritable(path, source=file)
    table = read_source(file, raw=True)
    market = _forecaster(
        table, asset, time, value, change, horizon, backbone, window, combine, size, epochs, seed
    )
    found = market.backtest(table, first_origin, refit_every, folder=folder, processes=processes)
    walked = market.backtest_
    if out is not None:
        write_table(found, out)
    if report is not None:
        settings = {k: v for k, v in market.get_params(deep=False).items() if v is not None and k != "levels"}
        walked.report(report, assets=draw, configuration={**settings, "refit_every": refit_every})
    if as_json:
        print_json(_backtest_document(walked))
        return
    console().print(_scores_table(walked))
    show()
    show(walked.scores.verdict, "bold")
    show(walked.scores.unpredictable)
    for note in (*walked.notes, *walked.scores.notes):
        show(note, "dim")
    for name, path in (("Report", report), ("Forecasts", out)):
        if path is not None:
            show(f"{name}  {path}")


# ------------------------------------------------------------------------------------ used by risk too


def load_market(model: Path, live: str | None = None) -> MarketForecaster:
    """Load a saved forecaster and fold new bars in; one sentence says why it cannot be."""
    from bezant.desks.loading import load
    from bezant.desks.markets.forecaster import MarketForecaster

    if not model.is_dir():
        raise InputError(f"There is no model {str(model)!r}; name a folder that 'bezant fit market' wrote.")
    market = load(model)
    if not isinstance(market, MarketForecaster):
        raise InputError(
            f"The folder {str(model)!r} holds a {type(market).__name__}; name one that 'bezant fit market' "
            "wrote."
        )
    return market if live is None else market.update(read_source(live, raw=True))


def write_table(table: pa.Table, path: Path) -> None:
    """Write a table whole or not at all, by the suffix of its path."""
    from bezant.histories.readers import BatchWriter

    with BatchWriter(path) as writer:
        writer.write(table)


def _forecaster(
    table: pa.Table,
    asset: str | None,
    time: str,
    value: list[str] | None,
    change: ChangeName,
    horizon: list[int] | None,
    backbone: Backbone,
    window: int | None,
    combine: bool,
    size: SizeName,
    epochs: int | None,
    seed: int,
) -> MarketForecaster:
    """Return a forecaster with the settings that were typed."""
    from bezant.desks.markets.forecaster import MarketForecaster

    if asset is None and "asset" in table.column_names:
        asset = "asset"
    if asset is None:
        say("There is no column 'asset': all rows are of one asset.", "dim")
    chosen: dict[str, Any] = {"horizons": tuple(sorted(set(horizon)))} if horizon else {}
    if value:
        chosen["value"] = value[0] if len(value) == 1 else tuple(value)
    if window is not None:
        chosen["window"] = window
    if epochs is not None:
        chosen["training"] = {"max_epochs": epochs}
    return MarketForecaster(
        asset=asset,
        time=time,
        change=change.value,
        backbone=backbone.value,
        combine=combine,
        size=size.value,
        random_state=seed,
        **chosen,
    )


# ------------------------------------------------------------------------------------------- tables


def _empty(first: str, *titles: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column(first)
    for title in titles:
        table.add_column(title, justify="right", no_wrap=True)
    return table


def _parts_table(market: MarketForecaster) -> Table:
    """Return held-out losses of every part and of their combination, with the weights."""
    said, horizons = market.evaluation_, [str(h) for h in market.evaluation_.horizons]
    at = ", ".join(horizons)
    titles = ("weights", f"QLIKE ({at})", f"pinball x 1e4 ({at})", f"90% band ({at})")
    table = _empty(f"{said.origins:,} origins held out", *titles)
    for name in said.variance_loss:
        part = market.parts_.get(name)
        weights = f"{part['variance_weight']:.0%}, {part['quantile_weight']:.0%}" if part else ""
        cells = (
            ", ".join(f"{v:.3f}" for v in said.variance_loss[name]),
            ", ".join(f"{1e4 * v:.2f}" for v in said.quantile_loss[name]),
            ", ".join(f"{v:.1%}" for v in said.covered[name]),
        )
        table.add_row(name, weights, *cells, style="" if part else "bold")
    return table


def _forecast_table(found: pa.Table) -> Table:
    levels = [n for n in ("q0.05", "q0.5", "q0.95") if n in found.column_names]
    titles = {"q0.05": "5%", "q0.5": "median", "q0.95": "95%"}
    table = _empty("asset", "from", "bars", "volatility", "up", *(titles[n] for n in levels))
    for row in found.slice(0, MOST_SHOWN).to_pylist():
        table.add_row(
            str(row["asset"]),
            str(row["origin"])[:16].removesuffix(" 00:00"),
            str(row["horizon"]),
            f"{row['variance'] ** 0.5:.4g}",
            f"{row['p_up']:.1%}",
            *(f"{row[n]:+.4f}" for n in levels),
        )
    return table


def _plain_rows(found: pa.Table) -> list[dict[str, Any]]:
    return [{k: str(v) if k == "origin" else v for k, v in row.items()} for row in found.to_pylist()]


def _scores_table(walked: MarketBacktest) -> Table:
    scores = walked.scores
    table = _empty(
        f"{len(walked.forecast):,} origins, {len(walked.refits)} fits", *(t.name for t in scores.tasks)
    )
    for model in scores.tasks[0].losses:
        cells = (f"{t.figure(model):.3f}" if t.relative else f"{t.figure(model):+.3f}" for t in scores.tasks)
        table.add_row(model, *cells, style="bold" if model == scores.large else "")
    baselines = ((f"/ {t.baseline}" if t.relative else f"- {t.baseline}") for t in scores.tasks)
    table.add_row("loss", *baselines, style="dim")
    return table


def _backtest_document(walked: MarketBacktest) -> dict[str, Any]:
    scores = walked.scores
    return {
        "origins": len(walked.forecast),
        "fits": [str(t) for t in walked.refits],
        "verdict": scores.verdict,
        "unpredictable": scores.unpredictable,
        "tasks": [
            {
                "name": t.name,
                "measure": t.measure,
                "baseline": t.baseline,
                "losses": {m: float(v.mean()) for m, v in t.losses.items()},
                "could_be_best": list(t.confidence_set.included) if t.confidence_set else None,
                "p_value": tested.p_value if (tested := t.against(scores.large, t.baseline)) else None,
            }
            for t in scores.tasks
        ],
        "covered": {
            str(h): dict(zip(c.labels, c.rate.tolist(), strict=True)) for h, c in scores.by_asset.items()
        },
        "tails": {
            asset: {f"{level:g}": test.sentence for level, test in levels.items()}
            for asset, levels in scores.tails.items()
        },
        "notes": [*walked.notes, *scores.notes],
    }
