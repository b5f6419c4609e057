"""The markets desk: distributions of change over several horizons, for every asset."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from bezant.artifacts import save_folder
from bezant.desks.estimators.settings import seed_of
from bezant.desks.markets.backtest import Models, walk_market
from bezant.desks.markets.evaluation import MarketEvaluation
from bezant.desks.markets.frames import bars_document, bars_from_tensors, bars_to_tensors, kind_of_bars, tidy
from bezant.desks.markets.network import MARKET_SIZES
from bezant.desks.markets.parts import MarketModels
from bezant.desks.markets.short import ShortMarketModels, is_short
from bezant.evidence.markets.judging import BAND
from bezant.histories.market import Bars, Change, read_bars, said_of_splits
from bezant.network.backbones import FORMS, BackboneKind
from bezant.network.sizes import SizeName
from bezant.traditional.markets import LEVELS
from bezant.traditional.markets.forecast import refuse_levels
from bezant.training.config import TrainingConfig, read_config
from bezant.types import Frame, InputError

NETWORK, BARS = "network.", "bars."


class MarketForecaster(BaseEstimator):  # type: ignore[misc]
    """Quantiles, volatility and the probability of up, from bars.

    A large model of all assets, gamma regressions, two GARCH models and LightGBM, averaged with weights that
    held-out times give and corrected by what came then. The mean change of a market is hardly ever to be
    foreseen; its spread is. Where no asset has 250 bars and the longest horizon, as of months and quarters,
    weighed means, an autoregression, a random walk and EWMA answer instead, from 60 bars of each asset on.

    Parameters
    ----------
    horizons : tuple of int, default (1, 5, 21)
        Bars ahead.
    asset : str or None, default "asset"
        Column that names the asset; None if all rows are of one.
    time : str, default "time"
        Column of the moment at which a bar closed.
    value : str or tuple of str, optional
        Column of single values instead of open to close.
    change : {"log", "difference"}, default "log"
        What is forecast: the change of the logarithm, or of the value (rates, spreads).
    levels : tuple of float
        Probabilities of the quantiles, 0.5 % to 99.5 % if not given; 5 % and 95 % are among them.
    backbone : {"rnn", "cnn", "transformer"}, default "rnn"
    size : {"tiny", "small", "base", "large", "xl"}, default "small"
        Of the large model.
    window : int, default 64
        Bars that the large model reads at once.
    combine : bool, default True
        False for the large model alone.
    training : TrainingConfig or mapping, optional
        How the large model is trained.
    random_state : int, optional
        Repeats a fit exactly. None is 0.

    Attributes
    ----------
    models_ : MarketModels or ShortMarketModels
        The fitted parts.
    parts_ : dict
        For each part its weights (of variance and of quantiles) and its held-out figures a horizon.
    evaluation_ : MarketEvaluation
        Held-out figures, direction against always-up among them.
    bars_ : Bars
        All bars so far.
    notes_ : tuple of str
        Everything that was skipped, imputed, truncated or replaced.

    Examples
    --------
    >>> import bezant as bz
    >>> bars = bz.datasets.load("sp500")                                     # doctest: +SKIP
    >>> market = bz.MarketForecaster(asset=None).fit(bars)                   # doctest: +SKIP
    >>> market.forecast()                                                    # doctest: +SKIP
    """

    def __init__(
        self,
        *,
        horizons: Sequence[int] = (1, 5, 21),
        asset: str | None = "asset",
        time: str = "time",
        value: str | Sequence[str] | None = None,
        change: Change = "log",
        levels: Sequence[float] = LEVELS,
        backbone: BackboneKind = "rnn",
        size: SizeName = "small",
        window: int = 64,
        combine: bool = True,
        training: TrainingConfig | Mapping[str, Any] | None = None,
        random_state: int | None = None,
    ) -> None:
        self.horizons, self.asset, self.time, self.value = horizons, asset, time, value
        self.change, self.levels, self.backbone, self.size = change, levels, backbone, size
        self.window, self.combine, self.training = window, combine, training
        self.random_state = random_state

    def fit(self, bars: Frame | Bars) -> Self:
        """Learn from all bars.

        Parameters
        ----------
        bars : frame, file or Bars
            A row an asset and time: open, high, low, close, volume, of which only close is needed, or values.

        Raises
        ------
        InputError
            If a setting or a column is wrong, or there are too few bars.
        """
        self._refuse_unknown_settings()
        read = self._read(bars)
        models = self._models(read).fit(read, horizons=self._horizons, levels=tuple(self.levels))
        self.models_, self.bars_, self.kind_ = models, read, kind_of_bars(bars)
        self.fitted_until_ = read.time.max()
        self.evaluation_ = MarketEvaluation.of(
            models.held_out_, models.outcome_, read, models.rows_, models.prior_
        )
        self.parts_ = self._parts()
        judged = (*self.evaluation_.sentences(), *self.evaluation_.doubts())
        self.notes_: tuple[str, ...] = (*read.notes, *models.notes_, *judged)
        for found, said in zip(self.evaluation_.direction, self.evaluation_.sentences(), strict=True):
            if found.too_good:
                warnings.warn(said, UserWarning, stacklevel=2)
        return self

    def forecast(self, bars: Frame | Bars | None = None) -> Frame:
        """Return the distributions from the last bar of each asset.

        Parameters
        ----------
        bars : frame, file or Bars, optional
            Bars with their past, of assets that were fitted; those of ``fit`` and ``update`` if not given.

        Returns
        -------
        frame
            Of the input's kind, a row an asset and horizon: asset, origin, horizon, variance (of the whole
            change), p_up, a column a quantile of the change, ``q0.005`` to ``q0.995``, and one a quantile of
            the close (raw where it was adjusted), ``level_q0.005`` to ``level_q0.995``. A forecaster that
            was loaded, and given no bars, answers in the kind that it was fitted in.
        """
        check_is_fitted(self, "models_")
        read = self.bars_ if bars is None else self._read(bars)
        found = self.models_.forecast(read, read.offsets[1:] - 1)
        return tidy(found, read, self.kind_ if bars is None else kind_of_bars(bars))

    def update(self, bars: Frame | Bars) -> Self:
        """Fold in live bars, each later than the last of its asset, without fitting anything.

        Parameters
        ----------
        bars : frame, file or Bars
            New bars alone, of assets that were fitted.
        """
        check_is_fitted(self, "models_")
        later = self._read(bars)
        unknown = later.assets[~np.isin(later.assets, self.bars_.assets)]
        if len(unknown):
            raise InputError(
                f"The asset {str(unknown[0])!r} was not among the {len(self.bars_.assets)} that were fitted; "
                "fit again with its bars, or leave it out."
            )
        self.bars_ = self.bars_.append(later)
        said = said_of_splits(self.bars_, since=later.time.min())  # a split may lie between old bars and new
        self._note(*later.notes, *said, self.absent())
        return self

    def absent(self, bars: Bars | None = None) -> str | None:
        """Say which fitted assets have no bar at the last time: the others are then seen without them.

        Parameters
        ----------
        bars : Bars, optional
            Those of ``fit`` and ``update`` if not given.

        Returns
        -------
        str or None
            A sentence; None if all are there. ``update`` adds it to ``notes_``; a forecast changes nothing.
        """
        check_is_fitted(self, "models_")
        known = self.bars_ if bars is None else bars
        last = known.time[known.offsets[1:] - 1]
        here = known.assets[last == last.max()]
        absent = self.bars_.assets[~np.isin(self.bars_.assets, here)]
        if not len(absent):
            return None
        named = f"{', '.join(map(str, absent[:3]))}{' and others' if len(absent) > 3 else ''}"
        when = str(last.max())[:16].removesuffix("T00:00")
        return (
            f"{len(absent)} of the {len(self.bars_.assets)} fitted assets have no bar at {when}, the last "
            f"time ({named}): the market as a whole is measured without them there."
        )

    def _note(self, *said: str | None) -> None:
        self.notes_ = tuple(dict.fromkeys((*self.notes_, *(note for note in said if note is not None))))

    def days_fitted(self, days: int) -> int:
        """Return how many of the last so many times were among those that the model was fitted to."""
        check_is_fitted(self, "models_")
        return int((np.unique(self.bars_.time)[-days:] <= self.fitted_until_).sum())

    def backtest(
        self,
        bars: Frame | Bars,
        first_origin: Any,
        refit_every: int = 63,
        *,
        folder: str | Path | None = None,
        processes: int = 1,
    ) -> Frame:
        """Walk forward from an origin on; everything is fitted again, on what was known then alone.

        ``backtest_`` then holds the forecasts of all parts and rivals too, scores and tests of them, breaks,
        and the report (:class:`~bezant.desks.markets.backtest.MarketBacktest`).

        Parameters
        ----------
        bars : frame, file or Bars
        first_origin : date, datetime or text
            The first time that is forecast from.
        refit_every : int, default 63
            Distinct times from one fit to the next.
        folder : path, optional
            Where each fit's forecasts are kept; a backtest that was stopped goes on from them.
        processes : int, default 1
            Fits that run at once, each in a process of its own.

        Returns
        -------
        frame
            As :meth:`forecast`, a row an asset, origin and horizon, and ``change``, what came: NaN where it
            is not known yet.
        """
        self._refuse_unknown_settings()
        read = self._read(bars)
        self.backtest_ = walk_market(
            self._models(read),
            read,
            first_origin,
            refit_every,
            horizons=self._horizons,
            levels=tuple(self.levels),
            folder=folder,
            processes=processes,
        )
        for said in self.backtest_.leaks():
            warnings.warn(said, UserWarning, stacklevel=2)
        return self.backtest_.frame(kind_of_bars(bars))

    def save(self, path: str | Path) -> Path:
        """Write the forecaster and its bars to a folder, whole or not at all.

        :func:`bezant.load` reads it, and estimates the traditional parts again from the bars they were
        fitted on, which gives the same ones.
        """
        check_is_fitted(self, "models_")
        given = self.get_params(deep=False)
        if isinstance(given["training"], TrainingConfig):
            given["training"] = given["training"].model_dump(mode="json")
        documents = {
            "model": {"kind": "MarketForecaster", **self.models_.document()},
            "parameters": given,
            "bars": {
                **bars_document(self.bars_),
                "fitted_until": str(self.fitted_until_),
                "kind": self.kind_,
            },
            "evidence": {"evaluation": self.evaluation_.document(), "notes": list(self.notes_)},
        }
        tensors = {f"{NETWORK}{k}": v for k, v in self.models_.tensors().items()}
        tensors |= {f"{BARS}{k}": v for k, v in bars_to_tensors(self.bars_).items()}
        save_folder(path, tensors, documents)
        return Path(path)

    @classmethod
    def restore(cls, tensors: Mapping[str, Tensor], documents: Mapping[str, Any]) -> Self:
        """Build the forecaster again from what :meth:`save` wrote; use :func:`bezant.load`."""
        given, stored = dict(documents["parameters"]), documents["bars"]
        for name in ("horizons", "levels"):
            given[name] = tuple(given[name])
        model = cls(**given)
        parts = {
            prefix: {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
            for prefix in (NETWORK, BARS)
        }
        model.bars_ = bars_from_tensors(parts[BARS], stored)
        model.fitted_until_, model.kind_ = np.datetime64(stored["fitted_until"]), stored["kind"]
        past = model.bars_.until(model.fitted_until_)
        model.models_ = model._models(past).read(parts[NETWORK], documents["model"], past)
        model.evaluation_ = MarketEvaluation.restore(documents["evidence"]["evaluation"])
        model.notes_ = tuple(documents["evidence"]["notes"])
        model.parts_ = model._parts()
        return model

    @property
    def _horizons(self) -> tuple[int, ...]:
        return tuple(int(h) for h in self.horizons)

    def _read(self, bars: Frame | Bars) -> Bars:
        if isinstance(bars, Bars):
            return bars
        return read_bars(bars, asset=self.asset, time=self.time, value=self.value, change=self.change)

    def _models(self, bars: Bars) -> Models:
        """Return what is fitted to these bars, not fitted: without the large model where they are few."""
        if self.combine and len(bars) and is_short(bars, self._horizons):
            return ShortMarketModels()
        training = self.training
        if training is not None and not isinstance(training, TrainingConfig):
            training = read_config(training)
        return MarketModels(
            backbone=self.backbone,
            size=self.size,
            window=self.window,
            training=training,
            combine=self.combine,
            random_state=seed_of(self),
        )

    def _parts(self) -> dict[str, dict[str, Any]]:
        weights, said = self.models_.combination_, self.evaluation_
        return {
            name: {
                "variance_weight": weights.of_variance[k],
                "quantile_weight": weights.of_quantiles[k],
                "variance_loss": said.variance_loss[name],
                "quantile_loss": said.quantile_loss[name],
                "covered": said.covered[name],
            }
            for k, name in enumerate(self.models_.models_)
        }

    def _refuse_unknown_settings(self) -> None:
        for name, allowed in (("backbone", tuple(FORMS)), ("size", tuple(MARKET_SIZES))):
            if getattr(self, name) not in allowed:
                raise InputError(
                    f"{name} is one of {', '.join(map(repr, allowed))}, not {getattr(self, name)!r}."
                )
        horizons = list(self.horizons)
        if not horizons or any(int(h) != h or h < 1 for h in horizons) or sorted(set(horizons)) != horizons:
            raise InputError(f"horizons are rising whole numbers of bars from 1 on, not {self.horizons!r}.")
        refuse_levels(tuple(self.levels))
        lacking = [p for p in BAND if not np.isclose(np.asarray(self.levels), p, rtol=0, atol=1e-9).any()]
        if lacking:
            raise InputError(
                f"levels lack {' and '.join(f'{p:g}' for p in lacking)}, an end of the 90 % band that "
                "is judged; add it."
            )
        if self.window < 2:
            raise InputError(f"window is a number of bars from 2 on, not {self.window!r}; 64 is usual.")
        seed_of(self)
