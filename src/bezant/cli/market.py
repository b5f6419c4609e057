"""``bezant fit market | forecast | backtest``: distributions of what markets do next, and their proof."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bezant.cli.console import out as console
from bezant.cli.console import print_json, refuse_unsavable, refuse_unwritable, say, show
from bezant.cli.covariates import CovariateColumns, Covariates, CovariatesFile, KnownAtClose, Lag, Published
from bezant.cli.fit import Epochs, Seed, Size, SizeName
from bezant.cli.market_checks import refuse_unjudged, say_absent
from bezant.cli.market_tables import (
    MOST_SHOWN,
    backtest_document,
    forecast_table,
    parts_table,
    plain_rows,
    scores_table,
)
from bezant.cli.plan import Backbone
from bezant.cli.sources import AsJson, File, read_source
from bezant.schema.words import counted
from bezant.types import InputError

if TYPE_CHECKING:
    import pyarrow as pa

    from bezant.desks.markets.forecaster import MarketForecaster

FIT_EXAMPLE = "Example: bezant fit market sp500 --out models/market"
FORECAST_EXAMPLE = "Example: bezant forecast models/market --live today.csv --out forecasts.csv"
BACKTEST_EXAMPLE = (
    "Example: bezant backtest sp500 --first-origin 2013-01-01 --refit-every 250 --folder walks/sp500 "
    "--processes 2 --report market.html"
)


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
    typer.Option(
        "--combine/--alone", help="Average with the regressions, GARCH and trees, or the large model alone."
    ),
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
    covariates: CovariatesFile = None,
    covariate: CovariateColumns = None,
    published: Published = None,
    lag: Lag = None,
    known_at_close: KnownAtClose = False,
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
    refuse_unsavable(out, source=file)
    beside = Covariates.typed(covariates, covariate, published, lag, known_at_close)
    table = read_source(file, raw=True)
    market = _forecaster(
        table, asset, time, value, change, horizon, backbone, window, combine, size, epochs, seed
    )
    market.fit(beside.joined(market, table))
    market.save(out)
    if as_json:
        said = {"evaluation": market.evaluation_.document(), "parts": market.parts_}
        print_json({"model": str(out), "notes": list(market.notes_), **said})
        return
    console().print(parts_table(market))
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
    covariates: CovariatesFile = None,
    covariate: CovariateColumns = None,
    published: Published = None,
    lag: Lag = None,
    known_at_close: KnownAtClose = False,
    as_json: AsJson = False,
) -> None:
    """Say what comes after the last bar of each asset: quantiles, volatility, the probability of up."""
    from bezant.histories.readers import BatchWriter, read_table, write_table

    if out is not None:
        refuse_unwritable(out, source=bars)
        BatchWriter(out)  # refuses a suffix that it does not write
    if bars is not None and live is not None:
        raise InputError("--bars replaces the model's bars and --live adds to them; give one of the two.")

    beside = Covariates.typed(covariates, covariate, published, lag, known_at_close)
    beside.refuse_unused(bars, live)
    market = load_market(model, live, beside)
    known = None if bars is None else beside.joined(market, read_source(bars, raw=True))
    say_absent(market, known)
    found = read_table(market.forecast(known))
    if out is not None:
        write_table(found, out)
    if as_json:
        print_json(plain_rows(found))
        return
    console().print(forecast_table(found))
    if found.num_rows > MOST_SHOWN:
        show(f"Not shown: {counted(found.num_rows - MOST_SHOWN, 'further row')}.", "dim")
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
    covariates: CovariatesFile = None,
    covariate: CovariateColumns = None,
    published: Published = None,
    lag: Lag = None,
    known_at_close: KnownAtClose = False,
    backbone: BackboneName = Backbone.RNN,
    window: MarketWindow = None,
    combine: Combine = True,
    size: Size = SizeName.SMALL,
    epochs: Epochs = None,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Walk forward: everything is fitted again on what was known then, and judged beside its rivals."""
    from bezant.histories.moments import read_moment
    from bezant.histories.readers import BatchWriter, read_table, write_table

    for path in (report, out):
        if path is not None:
            refuse_unwritable(path, source=file)
    if out is not None:
        BatchWriter(out)  # refuses a suffix that it does not write
    first = read_moment(first_origin, "--first-origin")
    beside = Covariates.typed(covariates, covariate, published, lag, known_at_close)
    table = read_source(file, raw=True)
    market = _forecaster(
        table, asset, time, value, change, horizon, backbone, window, combine, size, epochs, seed
    )
    bars = beside.joined(market, table)
    refuse_unjudged(bars, first, market.horizons, draw)
    found = read_table(market.backtest(bars, first, refit_every, folder=folder, processes=processes))
    walked = market.backtest_
    if out is not None:
        write_table(found, out)
    if report is not None:
        settings = {k: v for k, v in market.get_params(deep=False).items() if v is not None and k != "levels"}
        walked.report(report, assets=draw, configuration={**settings, "refit_every": refit_every})
    if as_json:
        print_json(backtest_document(walked))
        return
    console().print(scores_table(walked))
    show()
    show(walked.scores.verdict, "bold")
    show(walked.scores.unpredictable)
    for direction in walked.scores.directions:
        show(direction.sentence)
    for note in (*walked.notes, *walked.scores.notes):
        show(note, "dim")
    for name, path in (("Report", report), ("Forecasts", out)):
        if path is not None:
            show(f"{name}  {path}")


# ------------------------------------------------------------------------------------ used by risk too


def load_market(model: Path, live: str | None, beside: Covariates) -> MarketForecaster:
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
    if live is None:
        return market
    later = beside.joined(market, read_source(live, raw=True))
    missing = sorted(set(market.bars_.covariates) - set(later.covariates))
    if missing:
        raise InputError(
            f"The model was fitted with {missing[0]!r} known at each bar, and the "
            f"{counted(len(later), 'bar')} of --live are without it; give --covariates FILE --covariate "
            f"{missing[0]} as for the fit."
        )
    return market.update(later)


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
