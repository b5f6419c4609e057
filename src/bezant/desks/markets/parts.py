"""The large model and traditional ones as one model of markets, weighted by what held-out origins say."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
from torch import Tensor

from bezant.desks.markets.network import (
    FEWEST,
    MarketDeep,
    cut_of,
    ended_before,
    refuse_unlearnable,
    return_scales,
    trimmed,
)
from bezant.desks.markets.weights import Combination, Outcome
from bezant.histories.market import MEMORY, REALISED, Bars
from bezant.network.backbones import BackboneKind
from bezant.network.sizes import SizeName
from bezant.traditional.markets import (
    HORIZONS,
    LEVELS,
    Garch,
    Har,
    MarketBoosting,
    MarketForecast,
    MarketModel,
    PooledGamma,
    WeighedMeans,
)
from bezant.traditional.markets.forecast import stacked
from bezant.traditional.model import refuse_unfitted
from bezant.training.config import TrainingConfig
from bezant.types import InputError, IntArray, MissingExtraError

LARGE = "large model"
TRADITIONAL: dict[str, Callable[[], MarketModel]] = {
    "gamma regression": PooledGamma,
    "gamma-HAR": lambda: Har(form="gamma", windows=(1, 5, 22, 66)),
    "GJR-GARCH-t": lambda: Garch(kind="gjr"),
    "EGARCH-t": lambda: Garch(kind="egarch"),
    "LightGBM": lambda: MarketBoosting(linear=True, trees=30),
}
"""What the large model is averaged with, by name."""
TOLD = "log-HAR with covariates"
"""A further part where bars have covariates: how much an asset's variance is in an implied volatility, say,
is not the same for two assets, and the regression of all assets has one coefficient."""
MEANS = "weighed means"
"""Where all parts have their middle on values whose differences count: how wide a change will be is known
without knowing where to, and what is known of that (rates and growth go on) others know better."""
PRIOR = {LARGE: 10.0, "gamma regression": 10.0, TOLD: 10.0}
"""Weights before held-out origins are seen, 1 where not named: what sees all assets at once led at every
origin before those that are judged in the benchmark, and what sees an asset's own covariates was level with
it in the year of the VIX before those."""
PROVEN = 3500
"""Times of bars from which on these hold: with fewer they are less, down to 1. On histories cut to 760 and
1,500 days before those that are judged, weights of 10 lost up to 2 % of FZ0 at 1 % to weights of 2 to 4."""
FEWEST_ORIGINS = 20
TAUGHT = 0.6
"""Share of the bars that know a late covariate which teach before the others weigh."""
SHORT_MEMORY = ("gamma regression", "LightGBM")
"""Models that look back no further than features do: they are given the last bars only."""


class MarketModels:
    """A model of markets made of several.

    Parts are fitted on what came before the last 15 % of times, asked for those, and weighted by what came
    then; traditional ones are then fitted again on all bars. The large model is not: those times chose its
    epoch.

    Parameters
    ----------
    backbone, size, window, training, random_state
        Of the large model (:class:`~bezant.desks.markets.network.MarketDeep`).
    combine : bool, default True
        False for the large model alone, corrected.
    """

    key: ClassVar[str] = "market_models"
    name: ClassVar[str] = "bezant: large model, gamma regression, gamma-HAR, GARCH, LightGBM"
    means_: WeighedMeans | None

    def __init__(
        self,
        *,
        backbone: BackboneKind = "rnn",
        size: SizeName = "small",
        window: int = 64,
        training: TrainingConfig | None = None,
        combine: bool = True,
        random_state: int = 0,
    ) -> None:
        self.backbone, self.size, self.window = backbone, size, window
        self.training, self.combine, self.random_state = training, combine, random_state

    def fit(
        self, bars: Bars, *, horizons: Sequence[int] = HORIZONS, levels: Sequence[float] = LEVELS
    ) -> Self:
        """Fit all parts, weigh them on the last times, and fit the traditional ones again on all bars."""
        self.horizons_, self.levels_ = tuple(horizons), tuple(levels)
        refuse_unlearnable(bars, self.horizons_)
        self.cut_ = cut_of(bars)
        rows = _origins(bars, self.cut_, self.horizons_)
        early = bars.take(np.flatnonzero(bars.time < self.cut_))
        told_from = _told_from(bars, self.cut_)
        told = bars.take(np.flatnonzero(bars.time < told_from))
        self.told_ = told_by(told, self.horizons_)
        large = self._large().fit(bars, horizons=horizons, levels=levels)
        notes = [*large.notes_]
        rows = rows[np.isin(bars.assets[bars.owner[rows]], early.assets)]
        old, taught = old_enough(bars, self.horizons_), old_enough(early, self.horizons_)
        self.young_, untaught = _but(bars, old), _but(bars, taught)
        if self.combine:
            rows = _of_assets(bars, rows, taught, notes)
            notes += _said_of_young(bars, self.young_)
        self.models_: dict[str, MarketModel] = {LARGE: large}
        self.held_out_ = {LARGE: large.forecast(bars, rows)}
        large.learn_level(bars)
        for name, make in self._traditional().items() if self.combine else ():
            try:
                known, since = (told, told_from) if name == TOLD else (early, self.cut_)
                model = make().fit(_only(known, taught), horizons=horizons, levels=levels)
                self.held_out_[name] = _asked(
                    name, model, bars, rows, untaught, self.held_out_[LARGE], since=since
                )
                self.models_[name] = make().fit(_only(bars, old), horizons=horizons, levels=levels)
            except (InputError, MissingExtraError) as error:
                self.held_out_.pop(name, None)
                notes.append(f"{name} takes no part: {error}")
                continue
            notes += [f"{name}: {note}" for note in self.models_[name].notes_]
        self._learn_means(bars, rows, notes)
        self.outcome_ = Outcome.of(bars, rows, self.horizons_, return_scales(bars, bars.time < self.cut_))
        self.prior_ = prior_of(self.held_out_, len(np.unique(bars.time)))
        self.combination_ = Combination.learn(list(self.held_out_.values()), self.outcome_, self.prior_)
        self.rows_, self.notes_ = rows, tuple(notes)
        return self

    def forecast(self, bars: Bars, rows: IntArray) -> MarketForecast:
        """Ask every part and weigh the answers."""
        return self.answers(bars, rows)[0]

    def answers(self, bars: Bars, rows: IntArray) -> tuple[MarketForecast, dict[str, MarketForecast]]:
        """Return the weighed answer, and that of each part by name.

        For assets that were too young for a traditional part the large model's answer stands in its place.
        """
        refuse_unfitted(self, "models_", "The forecaster")
        rows = np.asarray(rows)
        parts = {LARGE: self.models_[LARGE].forecast(bars, rows)}
        for name, model in self.models_.items():
            if name != LARGE:
                parts[name] = _asked(name, model, bars, rows, self.young_, parts[LARGE])
        if self.means_ is not None:
            centre = _asked(MEANS, self.means_, bars, rows, self.young_, parts[LARGE]).mean
            parts = {name: part.moved(centre) for name, part in parts.items()}
        return self.combination_.apply(list(parts.values())), parts

    def tensors(self) -> dict[str, Tensor]:
        """Return the tensors of the large model."""
        return self._deep.tensors()

    def document(self) -> dict[str, Any]:
        """Return everything else; of traditional parts their names, since bars fit them again."""
        return {
            "large": self._deep.document(),
            "parts": list(self.models_),
            "told": list(self.told_),
            "means": self.means_ is not None,
            "combination": self.combination_.document(),
            "notes": list(self.notes_),
        }

    def read(self, tensors: Mapping[str, Tensor], document: Mapping[str, Any], bars: Bars) -> Self:
        """Take over what :meth:`tensors` and :meth:`document` gave; bars fit traditional parts again."""
        large = self._large().read(tensors, document["large"])
        self.horizons_, self.levels_, self.cut_ = large.horizons_, large.levels_, large.cut_
        old = old_enough(bars, self.horizons_)
        self.models_, self.young_ = {LARGE: large}, _but(bars, old)
        self.told_ = tuple(document.get("told", ()))  # forecasters saved before have no such part
        for name in document["parts"][1:]:
            model = self._traditional()[name]()
            self.models_[name] = model.fit(_only(bars, old), horizons=self.horizons_, levels=self.levels_)
        # Forecasters saved before there were means are without.
        self.means_ = self._means(_only(bars, old)) if document.get("means", False) else None
        self.combination_ = Combination.restore(document["combination"])
        self.notes_ = tuple(document["notes"])
        return self

    def _traditional(self) -> dict[str, Callable[[], MarketModel]]:
        """Return how the parts beside the large model are made, by name."""
        told: dict[str, Callable[[], MarketModel]] = {TOLD: lambda: Har(covariates=self.told_)}
        return TRADITIONAL | (told if self.told_ else {})

    def _learn_means(self, bars: Bars, rows: IntArray, notes: list[str]) -> None:
        """Move the parts' held-out answers to the mean that past origins believe in; for values alone."""
        self.means_ = None
        if not self.combine or bars.change != "difference":
            return
        early = bars.take(np.flatnonzero(bars.time < self.cut_))
        try:
            taught = old_enough(early, self.horizons_)
            found = self._means(_only(early, taught))
            untaught = _but(bars, taught)
            centre = _asked(MEANS, found, bars, rows, untaught, self.held_out_[LARGE]).mean
            self.means_ = self._means(_only(bars, old_enough(bars, self.horizons_)))
        except InputError as error:
            notes.append(f"{MEANS} take no part: {error}")
            return
        self.held_out_ = {name: part.moved(centre) for name, part in self.held_out_.items()}
        notes += [f"{MEANS}: {note}" for note in self.means_.notes_]

    def _means(self, bars: Bars) -> WeighedMeans:
        return WeighedMeans().fit(bars, horizons=self.horizons_, levels=self.levels_)

    @staticmethod
    def fewest(horizons: Sequence[int]) -> int:
        """Return the bars that one asset at least must have, and others to be walked forward."""
        return FEWEST + max(horizons)

    @staticmethod
    def made_of() -> dict[str, float]:
        """Return the parts and their weights before anything is seen, with many times."""
        return {name: PRIOR.get(name, 1.0) for name in (LARGE, *TRADITIONAL, TOLD)}

    @property
    def _deep(self) -> MarketDeep:
        model = self.models_[LARGE]
        assert isinstance(model, MarketDeep)
        return model

    def _large(self) -> MarketDeep:
        return MarketDeep(
            backbone=self.backbone,
            size=self.size,
            window=self.window,
            training=self.training,
            random_state=self.random_state,
        )


def prior_of(names: Iterable[str], times: int) -> tuple[float, ...]:
    """Return the weights of parts before anything is seen.

    Parameters
    ----------
    names : iterable of str
    times : int
        Distinct times of the bars that are fitted: the fewer, the less more is known of models with many
        parameters.
    """
    share = min(times / PROVEN, 1.0)
    return tuple(max(share * PRIOR.get(name, 1.0), 1.0) for name in names)


def _told_from(bars: Bars, cut: np.datetime64) -> np.datetime64:
    """Return the moment before which the part with covariates is fitted to be weighed: the cut or later.

    Covariates may begin after the cut. Then the first TAUGHT of the bars that know them all teach, so that
    there are held-out ones that know them, too.
    """
    if not bars.covariates:
        return cut
    known = np.isfinite(np.stack(list(bars.covariates.values()))).all(axis=0)
    times = np.sort(bars.time[known])
    return max(cut, times[int(TAUGHT * len(times))]) if len(times) else cut


def told_by(bars: Bars, horizons: Sequence[int]) -> tuple[str, ...]:
    """Return the covariates of which a regression can take the logarithm, and learn.

    They are positive, and known at as many bars of each asset as traditional parts learn from.
    """
    least = FEWEST + max(horizons)
    return tuple(
        name
        for name, values in bars.covariates.items()
        if name != REALISED
        and not (values <= 0).any()
        and (np.bincount(bars.owner, np.isfinite(values), len(bars.assets)) >= least).all()
    )


def old_enough(bars: Bars, horizons: Sequence[int]) -> tuple[str, ...]:
    """Return the assets with bars enough for every traditional part to learn from."""
    sizes = np.diff(bars.offsets)
    return tuple(str(name) for name in bars.assets[sizes >= FEWEST + max(horizons)])


def _only(bars: Bars, assets: Sequence[str]) -> Bars:
    """Return the bars of some assets; all bars if none are named, which parts then refuse themselves."""
    kept = np.isin(bars.assets, assets)
    return bars if kept.all() or not kept.any() else bars.take(np.flatnonzero(kept[bars.owner]))


def _asked(
    name: str,
    model: MarketModel,
    bars: Bars,
    rows: IntArray,
    young: Sequence[str],
    stand_in: MarketForecast,
    *,
    since: np.datetime64 | None = None,
) -> MarketForecast:
    """Ask a traditional part; another stands in for assets that were too young, or covariates not known.

    So it does before a moment up to which the part has learned.
    """
    own = ~np.isin(bars.assets, young)[bars.owner]
    answered = own[rows] if since is None else own[rows] & (bars.time[rows] >= since)
    for covariate in getattr(model, "covariates", ()):
        answered = answered & np.isfinite(bars.covariates[covariate][rows])
    known = np.flatnonzero(answered)
    if not len(known):
        return stand_in
    kept = np.flatnonzero(own)
    near, places = (
        (bars, rows[known])
        if len(kept) == len(bars)
        else (bars.take(kept), np.searchsorted(kept, rows[known]))
    )
    if name in SHORT_MEMORY:
        near, places = trimmed(near, places, MEMORY + 1)
    found = model.forecast(near, places)
    if len(known) == len(rows):
        return found.take(np.arange(len(rows)), rows=rows)
    others = np.flatnonzero(~answered)
    whole = stacked([found, stand_in.take(others)])
    return whole.take(np.argsort(np.concatenate([known, others])), rows=rows)


def _of_assets(bars: Bars, rows: IntArray, assets: Sequence[str], notes: list[str]) -> IntArray:
    """Return the held-out rows of assets that were old enough before them; all where that leaves too few."""
    kept = rows[np.isin(bars.assets[bars.owner[rows]], assets)]
    if len(kept) == len(rows) or len(kept) < FEWEST_ORIGINS:
        return rows
    notes.append(
        f"Models are weighed on {len(kept)} of {len(rows)} held-out origins; the others are of assets with "
        "too few bars before them."
    )
    return kept


def _but(bars: Bars, assets: Sequence[str]) -> tuple[str, ...]:
    return tuple(str(name) for name in bars.assets if str(name) not in assets)


def _said_of_young(bars: Bars, young: Sequence[str]) -> list[str]:
    if not young or len(young) == len(bars.assets):
        return []
    named = f"{', '.join(young[:3])}{' and others' if len(young) > 3 else ''}"
    return [
        f"{len(young)} of {len(bars.assets)} assets are too young for traditional parts, and the large model "
        f"answers for them alone: {named}."
    ]


def _origins(bars: Bars, cut: np.datetime64, horizons: Sequence[int]) -> IntArray:
    """Return the held-out rows whose horizons have all ended."""
    ended = ended_before(bars, bars.time.max() + np.timedelta64(1, "us"), horizons).all(axis=1)
    rows = np.flatnonzero((bars.time >= cut) & ended)
    if len(rows) < FEWEST_ORIGINS:
        raise InputError(
            f"The last 15 % of the times hold {len(rows)} origins whose {max(horizons)} bars have ended, and "
            f"{FEWEST_ORIGINS} are needed to weigh models; give a longer past or shorter horizons."
        )
    return rows
