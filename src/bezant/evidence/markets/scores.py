"""Scores of models that forecast the same origins: who leads, by how much, and who could be the best."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from bezant.evidence.markets.direction import Direction
from bezant.evidence.markets.words import bars_in_words, signed
from bezant.evidence.var_backtests import RiskBacktest
from bezant.metrics.market import (
    Coverage,
    DieboldMariano,
    ModelConfidenceSet,
    diebold_mariano,
    model_confidence_set,
)
from bezant.types import FloatArray, InputError, MissingExtraError

SIZE = 0.1
"""The confidence set holds the best model with 90 %."""
SIGNIFICANT = 0.05
WORDS = {"QLIKE": "loss of variance", "pinball loss": "loss of quantiles", "FZ0": "FZ0 of VaR and ES"}


@dataclass(frozen=True, eq=False)
class MarketTask:
    """Losses of every model on one question, a value a time: assets of one time share its shock.

    Attributes
    ----------
    name : str
        Such as "quantiles, 5 bars".
    measure : str
        Name of the loss.
    horizon : int
    losses : mapping of model to float array of shape (t,)
        Mean over the assets at each time, in order of time.
    baseline : str
        Model that the others are compared with in the table.
    relative : bool
        Whether ratios of losses mean something; differences are given otherwise.
    """

    name: str
    measure: str
    horizon: int
    losses: Mapping[str, FloatArray]
    baseline: str
    relative: bool

    def __post_init__(self) -> None:
        if self.baseline not in self.losses or len({len(v) for v in self.losses.values()}) != 1:
            raise InputError(f"The losses of {self.name!r} differ in length or lack {self.baseline!r}.")

    def figure(self, model: str) -> float:
        """Return a model's mean loss over that of the baseline, or minus it."""
        mean, base = float(self.losses[model].mean()), float(self.losses[self.baseline].mean())
        return mean / base if self.relative else mean - base

    def against(self, model: str, other: str) -> DieboldMariano | None:
        """Test two models; None where there are too few times."""
        if model == other or len(self.losses[model]) < max(3 * self.horizon, 3):
            return None
        return diebold_mariano(self.losses[model], self.losses[other], horizon=self.horizon)

    def best_but(self, model: str) -> str | None:
        """Return the best of the other models; None if there is none."""
        others = [name for name in self.losses if name != model]
        return min(others, key=lambda name: float(self.losses[name].mean()), default=None)

    @cached_property
    def confidence_set(self) -> ModelConfidenceSet | None:
        """The models that could be the best; None for one model, or without the package arch."""
        rows = len(next(iter(self.losses.values())))
        if len(self.losses) < 2 or rows < 3 * self.horizon:
            return None
        try:
            return model_confidence_set(
                self.losses, size=SIZE, block_size=max(self.horizon, math.isqrt(rows))
            )
        except MissingExtraError:
            return None


@dataclass(frozen=True, eq=False)
class MarketScores:
    """What origins that have ended say of several models' forecasts.

    Attributes
    ----------
    large : str
        The model that is judged.
    tasks : tuple of MarketTask
    by_regime : mapping of horizon to mapping of model to Coverage
        Of the 90 % band, by thirds of the volatility that the judged model forecast, of each asset.
    by_asset : mapping of horizon to Coverage
        Of the judged model.
    directions : tuple of Direction
        Of the judged model, one a horizon.
    tails : mapping of asset to mapping of level to RiskBacktest
        Of the judged model, one bar ahead.
    notes : tuple of str
        What could not be judged.
    """

    large: str
    tasks: tuple[MarketTask, ...]
    by_regime: Mapping[int, Mapping[str, Coverage]]
    by_asset: Mapping[int, Coverage]
    directions: tuple[Direction, ...]
    tails: Mapping[str, Mapping[float, RiskBacktest]]
    notes: tuple[str, ...] = ()

    @property
    def verdict(self) -> str:
        """Where the judged model is better than the baselines, and where not, in one sentence."""
        groups: dict[tuple[str, str], list[MarketTask]] = {}
        for task in self.tasks:
            groups.setdefault((task.measure, task.baseline), []).append(task)
        said = [
            f"{WORDS[measure]} against {baseline}: {', '.join(self._said(t) for t in tasks)}"
            for (measure, baseline), tasks in groups.items()
        ]
        held = ", ".join(f"{c.rate[-1]:.1%}" for c in self.by_asset.values())
        text = f"{'; '.join(said)}; the 90 % bands held {held}."
        return text[0].upper() + text[1:]

    def _said(self, task: MarketTask) -> str:
        """Return how a task went: in per cent or as a difference, and whether that is more than chance."""
        figure, tested = task.figure(self.large), task.against(self.large, task.baseline)
        gap = f"{signed(100 * (figure - 1), '.1f')} %" if task.relative else signed(figure, ".3f")
        sure = "" if tested is not None and tested.p_value < SIGNIFICANT else " (not significant)"
        where = (
            f"at {task.name.split(', ')[-1]}"
            if task.measure == "FZ0"
            else f"over {bars_in_words(task.horizon)}"
        )
        return f"{gap} {where}{sure}"

    @property
    def unpredictable(self) -> str:
        """What was not predictable, in one sentence."""
        up = [str(d.horizon) for d in self.directions if d.low <= 0]
        lost = [f"the direction over {_listed(up)} {'bar' if up == ['1'] else 'bars'}"] if up else []
        for task in self.tasks:
            tested = task.against(self.large, task.baseline)
            if tested is not None and not (tested.difference < 0 and tested.p_value < SIGNIFICANT):
                what, where = task.name.split(", ")
                joined = "at" if task.measure == "FZ0" else "over"
                lost.append(f"{what} {joined} {where} (no better than {task.baseline})")
        if not lost:
            return "Nothing that was asked for was beyond prediction here."
        return f"Not predictable here: {'; '.join(lost)}."


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
