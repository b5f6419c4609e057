"""Walk a forecaster forward: everything fitted anew on what was known then, kept as it goes on.

Each fit is given the bars that had closed by its time and nothing else, so that a change which had not ended
by then cannot teach it: that is the purge of the horizon.
"""

from __future__ import annotations

import copy
import hashlib
import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from bezant.desks.markets.backtest_folder import BacktestFolder, Refit
from bezant.desks.markets.evaluation import COMBINED
from bezant.desks.markets.frames import bars_document, bars_from_tensors, bars_to_tensors, tidy
from bezant.desks.markets.parts import MEANS, MarketModels
from bezant.desks.markets.report import write_backtest_report
from bezant.desks.markets.short import ShortMarketModels
from bezant.evidence.markets import (
    MarketScores,
    SurpriseSignal,
    direction_of,
    judge_forecasts,
    surprise_signal,
)
from bezant.histories.market import Bars
from bezant.histories.moments import read_moment
from bezant.traditional.markets import Garch, MarketForecast, MarketModel, RollingQuantiles
from bezant.traditional.markets.forecast import stacked
from bezant.types import AnyArray, FloatArray, Frame, InputError, IntArray, MissingExtraError

RIVALS: dict[str, Callable[[], MarketModel]] = {"random walk": RollingQuantiles, "GARCH-t": Garch}
"""What the forecaster is judged against besides its own parts."""

Models = MarketModels | ShortMarketModels

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class MarketBacktest:
    """A forecaster and its rivals walked forward over the same origins.

    Attributes
    ----------
    bars : Bars
    forecasts : mapping of model to MarketForecast
        The forecaster first, then its parts, then rivals.
    refits : datetime64 array of shape (f,)
        Time of each fit.
    weights : mapping of part to float array of shape (f, h, 2)
        Weight of variance and of quantiles in each fit over each horizon; 0 where a part took no part.
    notes : tuple of str
        What was left out.
    """

    bars: Bars
    forecasts: Mapping[str, MarketForecast]
    refits: AnyArray
    weights: Mapping[str, FloatArray]
    notes: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        if COMBINED not in self.forecasts or len({len(f) for f in self.forecasts.values()}) != 1:
            raise InputError("A backtest holds the forecaster and others at the same origins.")

    @property
    def forecast(self) -> MarketForecast:
        """Return the forecaster's own."""
        return self.forecasts[COMBINED]

    @cached_property
    def scores(self) -> MarketScores:
        """Scores, coverage, direction and tails, with tests of who is better."""
        return judge_forecasts(self.bars, self.forecasts, COMBINED)

    def leaks(self) -> tuple[str, ...]:
        """Return what is said of directions foreseen too well, a leak being the likelier explanation."""
        found = self.forecast
        if found.horizons[0] != 1:
            return ()
        came = self.bars.ahead(1)[found.rows]
        ended = np.isfinite(came)
        if not ended.any():
            return ()
        judged = direction_of(1, found.up[ended, 0], came[ended], self.bars.time[found.rows[ended]])
        return (judged.sentence,) if judged.too_good else ()

    def frame(self, kind: str) -> Frame:
        """Return a row an origin and horizon with what came, as "pandas", "polars", "arrow" or "mapping"."""
        return tidy(self.forecast, self.bars, kind, came=True)

    def report(
        self,
        path: str | Path,
        *,
        assets: Sequence[str] | None = None,
        title: str = "Market forecasts, walked forward",
        created: str | None = None,
        configuration: Mapping[str, object] | None = None,
    ) -> Path:
        """Write it as one HTML file; see :func:`~bezant.desks.markets.report.write_backtest_report`."""
        return write_backtest_report(
            self, path, assets=assets, title=title, created=created, configuration=configuration
        )

    def surprise(self, asset: str, model: str = COMBINED) -> SurpriseSignal:
        """Return how surprising each return of an asset was to a forecast one bar ahead, and breaks.

        Parameters
        ----------
        asset : str
        model : str, default "forecaster"
            Whose forecast.
        """
        found = self.forecasts[model]
        if found.horizons[0] != 1:
            raise InputError(
                f"Surprise needs forecasts one bar ahead, and the horizons are {found.horizons}."
            )
        came = self.bars.ahead(1)[found.rows]
        names = self.bars.assets[self.bars.owner[found.rows]]
        own = np.flatnonzero((names == asset) & np.isfinite(came))
        if not len(own):
            raise InputError(f"No origin of the asset {asset!r} has ended; name one of the backtest.")
        rows = found.rows[own]
        return surprise_signal(
            self.bars.time[rows + 1],
            came[own],
            found.quantiles[own, 0],
            found.levels,
            found.variance[own, 0],
        )


def walk_market(
    models: Models,
    bars: Bars,
    first_origin: Any,
    refit_every: int,
    *,
    horizons: Sequence[int],
    levels: Sequence[float],
    folder: str | Path | None = None,
    processes: int = 1,
) -> MarketBacktest:
    """Walk forward; see :meth:`bezant.MarketForecaster.backtest`.

    Parameters
    ----------
    models : MarketModels or ShortMarketModels
        Not fitted; a copy of it is fitted each time.
    bars : Bars
    first_origin : date, datetime or text
    refit_every : int
        Distinct times from one fit to the next.
    horizons, levels : sequences
    folder : path, optional
        Where each fit's forecasts are kept; a backtest that was stopped goes on from them.
    processes : int, default 1
        Fits that run at once, each in a process of its own.
    """
    first = read_moment(first_origin, "first_origin")
    rows, fit_times, notes = _origins(bars, first, refit_every, processes, models.fewest(horizons))
    kept = BacktestFolder.begin(folder, _identity(models, bars, first, refit_every, horizons, levels))
    fits = {
        k: _Fit(time, rows[fit_times == time], tuple(horizons), tuple(levels))
        for k, time in enumerate(np.unique(fit_times))
    }
    done = {k: refit for k, fit in fits.items() if (refit := kept.read(k, fit.time, fit.rows)) is not None}
    if done:
        logger.info("%d of %d fits are in the folder already.", len(done), len(fits))
    missing = {k: fit for k, fit in fits.items() if k not in done}
    for k, refit in _made(models, bars, missing, kept, processes):
        done[k] = refit
        logger.info("Fit %d of %d, on what was known at %s.", len(done), len(fits), _day(refit.time))
    return _assembled(bars, [done[k] for k in sorted(done)], notes)


@dataclass(frozen=True, eq=False)
class _Fit:
    """A fit to make: its time, the origins it answers, and what is asked."""

    time: np.datetime64
    rows: IntArray
    horizons: tuple[int, ...]
    levels: tuple[float, ...]

    def make(self, models: Models, bars: Bars) -> Refit:
        """Fit on what was known at the time and answer at the origins until the next fit."""
        last = bars.time[self.rows].max()
        old = _known(bars, self.time) >= models.fewest(self.horizons)
        kept = np.flatnonzero((bars.time <= last) & old[bars.owner])
        near, places = bars.take(kept), np.searchsorted(kept, self.rows)
        assert np.array_equal(kept[np.minimum(places, len(kept) - 1)], self.rows)
        known = near.until(self.time)
        models = copy.deepcopy(models).fit(known, horizons=self.horizons, levels=self.levels)
        combined, parts = models.answers(near, places)
        found, notes = {COMBINED: combined, **parts}, list(models.notes_)
        for name, rival in RIVALS.items():
            if name in found:
                continue
            try:
                fitted = rival().fit(known, horizons=self.horizons, levels=self.levels)
                found[name] = fitted.forecast(near, places)
            except (InputError, MissingExtraError) as error:
                notes.append(f"{name} is left out: {error}")
        weights = models.combination_
        shares = np.stack([weights.variance_weights, weights.quantile_weights], axis=-1)  # (h, p, 2)
        everywhere = np.arange(len(self.rows))
        return Refit(
            self.time,
            {name: f.take(everywhere, rows=self.rows) for name, f in found.items()},
            {name: shares[:, k] for k, name in enumerate(parts)},
            tuple(notes),
        )


def _made(
    models: Models, bars: Bars, fits: Mapping[int, _Fit], folder: BacktestFolder, processes: int
) -> Iterator[tuple[int, Refit]]:
    """Yield fits as they are made, in this process or in several."""
    if processes == 1 or len(fits) < 2:
        for k, fit in fits.items():
            refit = fit.make(models, bars)
            folder.keep(k, refit)
            yield k, refit
        return
    from joblib import Parallel, delayed

    sent = bars_to_tensors(bars), bars_document(bars)
    jobs = (delayed(_in_process)(models, sent, k, fit, folder) for k, fit in fits.items())
    yield from Parallel(n_jobs=processes, return_as="generator_unordered")(jobs)


def _in_process(
    models: Models,
    sent: tuple[Mapping[str, Tensor], Mapping[str, Any]],
    place: int,
    fit: _Fit,
    folder: BacktestFolder,
) -> tuple[int, Refit]:
    """Make one fit in a process of its own, and keep it there: what is made is never lost."""
    refit = fit.make(models, bars_from_tensors(*sent))
    folder.keep(place, refit)
    return place, refit


def _origins(
    bars: Bars, first: np.datetime64, refit_every: int, processes: int, fewest: int
) -> tuple[IntArray, AnyArray, list[str]]:
    """Return the rows to forecast from and the time of each one's fit, a grid that all assets share.

    Assets too young at their fit are left out, and said; the grid stays where it is without them.
    """
    if refit_every < 1 or processes < 1:
        raise InputError(
            f"A backtest refits every 1 time or more in 1 process or more, not every {refit_every} in "
            f"{processes}."
        )
    rows = np.flatnonzero(bars.time >= first)
    if not len(rows) or not (bars.time < first).any():
        raise InputError(
            f"first_origin {_day(first)} leaves {len(rows)} of {len(bars)} bars to forecast from and "
            f"{len(bars) - len(rows)} to learn from; name a time within the bars."
        )
    times = np.unique(bars.time[rows])
    fit_times = times[(np.searchsorted(times, bars.time[rows]) // refit_every) * refit_every]
    known = np.zeros(len(rows), np.int64)
    for k, span in enumerate(bars.spans()):
        own = bars.owner[rows] == k
        known[own] = np.searchsorted(bars.time[span], fit_times[own], side="right")
    old = known >= fewest
    if not old.any():
        raise InputError(
            f"No asset has {fewest} bars before first_origin {_day(first)}; name a later time or "
            "give a longer past."
        )
    lost = sorted({str(bars.assets[k]) for k in bars.owner[rows[~old]]})
    named = f"{', '.join(lost[:3])}{' and others' if len(lost) > 3 else ''}"
    said = [
        f"{int((~old).sum())} of {len(rows)} origins are left out, where fewer than {fewest} bars "
        f"of their asset were known at the fit: {named}."
    ]
    return rows[old], fit_times[old], said if lost else []


def _known(bars: Bars, time: np.datetime64) -> IntArray:
    """Return the number of bars of each asset that had closed by a time."""
    return np.array([np.searchsorted(bars.time[span], time, side="right") for span in bars.spans()])


def _identity(
    models: Models,
    bars: Bars,
    first: np.datetime64,
    refit_every: int,
    horizons: Sequence[int],
    levels: Sequence[float],
) -> dict[str, Any]:
    digest = hashlib.sha256(json.dumps(bars_document(bars), sort_keys=True).encode())
    for name, values in sorted(bars_to_tensors(bars).items()):
        digest.update(name.encode() + values.numpy().tobytes())
    return {
        "version": version("bezant"),
        "parts": models.made_of(),
        "rivals": list(RIVALS),
        "means": MEANS if bars.change == "difference" else None,
        "model": {k: str(v) for k, v in sorted(vars(models).items())},
        "bars": digest.hexdigest(),
        "first": str(first),
        "refit_every": refit_every,
        "horizons": list(horizons),
        "levels": list(levels),
    }


def _assembled(bars: Bars, refits: Sequence[Refit], notes: list[str]) -> MarketBacktest:
    """Put fits together: models that are missing in some of them are left out of the comparison."""
    everywhere = [name for name in refits[0].forecasts if all(name in r.forecasts for r in refits)]
    some = sorted({name for r in refits for name in r.forecasts} - set(everywhere))
    notes += [f"{name} is not compared: it was left out of some of the {len(refits)} fits." for name in some]
    order = np.argsort(np.concatenate([r.forecasts[COMBINED].rows for r in refits]), kind="stable")
    parts = list(dict.fromkeys(name for r in refits for name in r.weights))
    none = np.zeros((len(refits[0].forecasts[COMBINED].horizons), 2))
    return MarketBacktest(
        bars,
        {name: stacked([r.forecasts[name] for r in refits]).take(order) for name in everywhere},
        np.array([r.time for r in refits]),
        {name: np.stack([r.weights.get(name, none) for r in refits]) for name in parts},
        tuple(dict.fromkeys((*bars.notes, *notes, *_notes_of(refits)))),
    )


def _notes_of(refits: Sequence[Refit]) -> Iterator[str]:
    """Yield the notes of all fits, each once, with the days of its fits where it is not one of all."""
    days: dict[str, list[str]] = {}
    for refit in refits:
        for note in dict.fromkeys(refit.notes):
            days.setdefault(note, []).append(_day(refit.time))
    for note, of in days.items():
        some = f"{', '.join(of[:3])}{f' and {len(of) - 3} others' if len(of) > 3 else ''}"
        yield note if len(of) == len(refits) else f"Fit of {some}: {note}"


def _day(time: np.datetime64) -> str:
    return str(time.astype("datetime64[D]"))
