"""``--covariates``: what else was known when each bar closed, joined as of its publication."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from bezant.cli.sources import read_source
from bezant.types import InputError

if TYPE_CHECKING:
    import pyarrow as pa

    from bezant.desks.markets.forecaster import MarketForecaster
    from bezant.histories.market import Bars

CovariatesFile = Annotated[
    str | None,
    typer.Option(
        "--covariates",
        metavar="FILE",
        help="Rates, implied volatility, the economy: a row a time, joined as they were known at each bar.",
    ),
]
CovariateColumns = Annotated[
    list[str] | None,
    typer.Option("--covariate", metavar="COLUMN", help="A column of that file to join; may be repeated."),
]
Published = Annotated[
    str | None,
    typer.Option("--published", metavar="COLUMN", help="Column of that file: when the row became known."),
]
Lag = Annotated[
    float | None,
    typer.Option(
        "--lag",
        min=0,
        metavar="DAYS",
        help="Days from a row's time until it was known, without such a column.",
    ),
]
KnownAtClose = Annotated[
    bool,
    typer.Option(
        "--known-at-close/--known-before-close",
        help="Whether a bar knows what was published at the very time it bears; with dates alone that may "
        "come after its close.",
    ),
]


@dataclass(frozen=True)
class Covariates:
    """What was typed of covariates; when they became known is never guessed."""

    file: str | None
    columns: tuple[str, ...]
    published: str | None
    lag: float | None
    at_close: bool = False

    def __post_init__(self) -> None:
        if self.file is None:
            if self.columns or self.published is not None or self.lag is not None or self.at_close:
                raise InputError(
                    "--covariate, --published, --lag and --known-at-close are of a file; name it by "
                    "--covariates."
                )
        elif not self.columns or (self.published is None) == (self.lag is None):
            raise InputError(
                f"Name the columns of {self.file!r} by --covariate, and when they became known by either "
                "--published COLUMN or --lag DAYS: it is never guessed."
            )

    @classmethod
    def typed(
        cls,
        file: str | None,
        columns: list[str] | None,
        published: str | None,
        lag: float | None,
        at_close: bool,
    ) -> Covariates:
        """Return what was typed."""
        return cls(file, tuple(columns or ()), published, lag, at_close)

    def refuse_unused(self, *sources: str | None) -> None:
        """Refuse a file of covariates where there are no bars from a file to join them to."""
        if self.file is not None and all(source is None for source in sources):
            raise InputError(
                f"--covariates {self.file!r} has no bars to join: those of the model have theirs "
                "already; leave it out, or give bars by --live."
            )

    def joined(self, market: MarketForecaster, table: pa.Table) -> Bars:
        """Return bars, with their covariates if there are any."""
        from bezant.histories.market import read_bars, with_covariates

        try:
            bars = read_bars(
                table, asset=market.asset, time=market.time, value=market.value, change=market.change
            )
        except InputError as error:
            raise _in_options(error, market) from error
        if self.file is None:
            return bars
        return with_covariates(
            bars,
            read_source(self.file, raw=True),
            columns=self.columns,
            time=market.time,
            published=self.published,
            lag=None if self.lag is None else timedelta(days=self.lag),
            inclusive=self.at_close,
        )


def _in_options(error: InputError, market: MarketForecaster) -> InputError:
    """Return what is said of bars with the mends that can be typed instead of those of Python."""
    fitted = hasattr(market, "models_")  # a saved one, whose columns are those it was fitted with
    text = str(error)
    for of_python, typed in (
        ("give asset=None if all rows are of one asset", "leave out --asset if all rows are of one"),
        ("or give change='difference' where", "or give --change difference where"),
    ):
        if fitted:
            text = text.replace(f"; {of_python}", "").replace(f", {of_python}", ", or fit again where")
            text = text.replace(f" {_upper(of_python)}.", "")
        text = text.replace(of_python, typed).replace(_upper(of_python), _upper(typed))
    if text.startswith("There is no column"):
        columns = {market.time, *([market.asset] if market.asset else [])}
        named = ", ".join(map(repr, sorted(columns)))
        how = (
            f"the model was fitted with {named}, and bars to forecast from need the same."
            if fitted
            else "name others by --asset, --time or --value."
        )
        text = f"{text} {_upper(how)}" if text.endswith("?") else f"{text.rstrip('.')}; {how}"
    return InputError(text)


def _upper(text: str) -> str:
    """Return a text with a capital at its beginning."""
    return text[:1].upper() + text[1:]
