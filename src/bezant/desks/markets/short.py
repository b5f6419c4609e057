"""Markets with few bars, months and quarters: what can be fitted there, weighed by past origins."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
from torch import Tensor

from bezant.desks.markets.network import FEWEST, ended_before, refuse_still, return_scales
from bezant.desks.markets.weights import Combination, Outcome
from bezant.histories.market import Bars
from bezant.traditional.markets import (
    HORIZONS,
    LEVELS,
    Autoregression,
    Ewma,
    MarketForecast,
    MarketModel,
    RollingQuantiles,
    WeighedMeans,
)
from bezant.traditional.markets.model import walk
from bezant.traditional.model import refuse_unfitted
from bezant.types import InputError, IntArray, MissingExtraError

SHORTEST = 60
"""Bars of each asset with which anything is forecast."""
HELD_OUT = 30
"""Per cent of the shortest history whose last bars weigh and judge: more than of long ones, for nothing but
the weights is chosen on them, and parts are fitted again along the way."""
REFITS = 6
"""Fits of each part over these bars."""
FEWEST_TIMES = 8
"""Held-out times that weigh and judge."""
MONTHLY = 0.97
"""Share of the variance that EWMA keeps, the one that its authors give for months."""
PARTS: dict[str, Callable[[], MarketModel]] = {
    "weighed means": WeighedMeans,
    "autoregression": lambda: Autoregression(tightness=0.2),
    "random walk": lambda: RollingQuantiles(fewest=24),
    "EWMA": lambda: Ewma(decay=MONTHLY),
}
"""What is fitted where there are bars enough for it, by name. Weights begin equal: of the economy the
weighed means lead, of shares EWMA does, and there are too few bars to tell beforehand."""


class ShortMarketModels:
    """Traditional models alone, where no asset has the bars that the large model needs.

    Parts are walked over the last 30 % of the bars, weighed by what came, and fitted again on all bars.
    """

    key: ClassVar[str] = "short_market_models"
    name: ClassVar[str] = "bezant: weighed means, autoregression, random walk, EWMA"
    models_: dict[str, MarketModel]
    held_out_: dict[str, MarketForecast]

    def fit(
        self, bars: Bars, *, horizons: Sequence[int] = HORIZONS, levels: Sequence[float] = LEVELS
    ) -> Self:
        """Walk all parts over the last times, weigh them, and fit them on all bars."""
        self.horizons_, self.levels_ = tuple(horizons), tuple(levels)
        refuse_too_short(bars, self.horizons_)
        refuse_still(bars)
        self.cut_ = _cut_of(bars)
        ended = ended_before(bars, bars.time.max() + np.timedelta64(1, "us"), horizons).all(axis=1)
        self.rows_ = np.flatnonzero((bars.time >= self.cut_) & ended)
        notes = [_said(bars, self.horizons_)]
        self._walk(bars, notes)
        scales = return_scales(bars, bars.time < self.cut_)
        self.outcome_ = Outcome.of(bars, self.rows_, self.horizons_, scales)
        self.prior_ = (1.0,) * len(self.held_out_)
        self.combination_ = Combination.learn(list(self.held_out_.values()), self.outcome_, self.prior_)
        notes.append(
            f"The parts are weighed, and judged, on the {self.outcome_.times} times from {_day(self.cut_)} "
            f"on from which {max(horizons)} further bars are known."
        )
        self.notes_ = tuple(notes)
        return self

    def forecast(self, bars: Bars, rows: IntArray) -> MarketForecast:
        """Ask every part and weigh the answers."""
        return self.answers(bars, rows)[0]

    def answers(self, bars: Bars, rows: IntArray) -> tuple[MarketForecast, dict[str, MarketForecast]]:
        """Return the weighed answer, and that of each part by name."""
        refuse_unfitted(self, "models_", "The forecaster")
        parts = {name: model.forecast(bars, np.asarray(rows)) for name, model in self.models_.items()}
        return self.combination_.apply(list(parts.values())), parts

    def tensors(self) -> dict[str, Tensor]:
        """Return nothing: bars fit all parts again."""
        return {}

    def document(self) -> dict[str, Any]:
        """Return the names of the parts, what weighs them, and notes, as JSON-ready values."""
        return {
            "short": {"horizons": list(self.horizons_), "levels": list(self.levels_)},
            "parts": list(self.models_),
            "combination": self.combination_.document(),
            "notes": list(self.notes_),
        }

    def read(self, tensors: Mapping[str, Tensor], document: Mapping[str, Any], bars: Bars) -> Self:
        """Take over what :meth:`document` gave; bars fit the parts again."""
        asked = document["short"]
        self.horizons_, self.levels_ = tuple(asked["horizons"]), tuple(asked["levels"])
        self.models_ = {name: self._fitted(name, bars) for name in document["parts"]}
        self.combination_ = Combination.restore(document["combination"])
        self.cut_, self.notes_ = _cut_of(bars), tuple(document["notes"])
        return self

    @staticmethod
    def fewest(horizons: Sequence[int]) -> int:
        """Return the bars of each asset that are needed."""
        return fewest_bars(horizons)

    @staticmethod
    def made_of() -> dict[str, float]:
        """Return the parts and their weights before anything is seen."""
        return dict.fromkeys(PARTS, 1.0)

    def _fitted(self, name: str, bars: Bars) -> MarketModel:
        return PARTS[name]().fit(bars, horizons=self.horizons_, levels=self.levels_)

    def _walk(self, bars: Bars, notes: list[str]) -> None:
        """Ask parts that were fitted on what came before at the held-out times, and fit them on all bars.

        Raises
        ------
        InputError
            If no part can be fitted.
        """
        self.models_, self.held_out_ = {}, {}
        every = -(-len(np.unique(bars.time[self.rows_])) // REFITS)
        last: Exception | None = None
        for name, make in PARTS.items():
            try:
                walked = walk(
                    make(),
                    bars,
                    self.rows_,
                    refit_every=every,
                    horizons=self.horizons_,
                    levels=self.levels_,
                )
                self.models_[name] = self._fitted(name, bars)
            except (InputError, MissingExtraError) as error:
                last = error
                notes.append(f"{name} takes no part (weighing begins at {_day(self.cut_)}): {error}")
                continue
            self.held_out_[name] = walked
            notes += [f"{name}: {note}" for note in self.models_[name].notes_]
        if last is not None and not self.models_:
            raise last


def is_short(bars: Bars, horizons: Sequence[int]) -> bool:
    """Return whether no asset has the bars that the large model needs."""
    return bool(np.diff(bars.offsets).max() < FEWEST + max(horizons))


def fewest_bars(horizons: Sequence[int]) -> int:
    """Return the bars of each asset with which these horizons can be forecast and judged."""
    held_out = max(horizons) + FEWEST_TIMES
    return max(SHORTEST, -(-held_out * 100 // HELD_OUT))


def refuse_too_short(bars: Bars, horizons: Sequence[int]) -> None:
    """Raise an :class:`~bezant.types.InputError` if an asset has too few bars for the longest horizon."""
    sizes, fewest = np.diff(bars.offsets), fewest_bars(horizons)
    size = int(sizes.min())
    if size >= fewest:
        return
    name = str(bars.assets[int(np.argmin(sizes))])
    longest = size * HELD_OUT // 100 - FEWEST_TIMES
    mend = (
        f"give horizons of at most {longest} bars (--horizon), or a longer past"
        if size >= SHORTEST
        else f"give a longer past ({SHORTEST} bars are least) or leave it out"
    )
    raise InputError(
        f"A forecast of {max(horizons)} bars needs {fewest} bars of each asset but {name!r} has {size}; "
        f"{mend}."
    )


def _cut_of(bars: Bars) -> np.datetime64:
    """Return the first of the shortest history's last times, a share of it."""
    short = int(np.argmin(np.diff(bars.offsets)))
    end, size = int(bars.offsets[short + 1]), int(np.diff(bars.offsets)[short])
    cut: np.datetime64 = bars.time[end - size * HELD_OUT // 100]
    return cut


def _said(bars: Bars, horizons: Sequence[int]) -> str:
    return (
        "The large model, the gamma regressions, HAR, GARCH and gradient boosting take no part: they need "
        f"{FEWEST + max(horizons)} bars of an asset, and the longest history has "
        f"{int(np.diff(bars.offsets).max())}. The settings of the large model have no effect"
        + (f", and covariates ({', '.join(bars.covariates)}) are not read." if bars.covariates else ".")
    )


def _day(time: np.datetime64) -> str:
    return str(time.astype("datetime64[D]"))
