"""Scores of models that forecast the same origins: who leads, by how much, and who could be the best."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from bezant.evidence.comparison import holm
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
Lead = Literal["better", "worse", "same"]
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

    def adjusted(self, model: str) -> dict[str, float]:
        """Return the p-value of a model against each other one, corrected for their number by Holm."""
        tests = {other: self.against(model, other) for other in self.losses if other != model}
        found = {other: test.p_value for other, test in tests.items() if test is not None}
        return dict(zip(found, holm(list(found.values())), strict=True))

    def lead(self, model: str, other: str) -> Lead:
        """Return whether a model is better than another, worse, or neither for sure."""
        p_value = self.adjusted(model).get(other)
        if p_value is None or not p_value < SIGNIFICANT:
            return "same"
        return "better" if self.figure(model) < self.figure(other) else "worse"

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
        """Where the judged model is better than the baselines, and where another one is better than it."""
        groups: dict[tuple[str, str], list[MarketTask]] = {}
        for task in self.tasks:
            groups.setdefault((task.measure, task.baseline), []).append(task)
        said = [
            f"{WORDS[measure]} against {baseline}: {', '.join(self._said(t) for t in tasks)}"
            for (measure, baseline), tasks in groups.items()
        ]
        held = ", ".join(f"{c.rate[-1]:.1%}" for c in self.by_asset.values())
        text = f"{'; '.join([*said, *self._lost()])}; the 90 % bands held {held}."
        return text[0].upper() + text[1:]

    def _said(self, task: MarketTask) -> str:
        """Return how a task went: in per cent or as a difference, and whether that is more than chance."""
        sure = " (not significant)" if task.lead(self.large, task.baseline) == "same" else ""
        return f"{_gap(task, self.large, task.baseline)} {_where(task)}{sure}"

    def _lost(self) -> list[str]:
        """Return where another model is better, by how much, and whether that is more than chance."""
        worse, behind = [], []
        for task in self.tasks:
            order = sorted(
                (m for m in task.losses if m != self.large), key=lambda m: float(task.losses[m].mean())
            )
            better = [m for m in order if task.lead(self.large, m) == "worse"]
            what = f"in {WORDS[task.measure]} {_where(task)}"
            if better:
                worse.append(f"than {better[0]} {what} ({_gap(task, self.large, better[0])})")
            elif order and task.figure(order[0]) < task.figure(self.large):
                behind.append(f"{order[0]} {what} ({_gap(task, self.large, order[0])})")
        said = [f"worse {', '.join(worse)}"] if worse else []
        return said + ([f"behind {', '.join(behind)}, which may be chance"] if behind else [])

    @property
    def unpredictable(self) -> str:
        """What was not predictable, in one sentence."""
        up = [str(d.horizon) for d in self.directions if d.low <= 0]
        lost = [f"the direction over {_listed(up)} {'bar' if up == ['1'] else 'bars'}"] if up else []
        for task in self.tasks:
            tested = task.against(self.large, task.baseline)
            if tested is not None and task.lead(self.large, task.baseline) != "better":
                what = task.name.split(", ")[0]
                lost.append(f"{what} {_where(task)} (no better than {task.baseline} foretells it)")
        if not lost:
            return "Nothing that was asked for was beyond prediction here."
        return f"Not predictable here: {'; '.join(lost)}."


def _gap(task: MarketTask, model: str, other: str) -> str:
    """Return by how much a model's loss is above another's: in per cent, or as a difference."""
    mine, theirs = (float(task.losses[m].mean()) for m in (model, other))
    return f"{signed(100 * (mine / theirs - 1), '.1f')} %" if task.relative else signed(mine - theirs, ".3f")


def _where(task: MarketTask) -> str:
    return (
        f"at {task.name.split(', ')[-1]}" if task.measure == "FZ0" else f"over {bars_in_words(task.horizon)}"
    )


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
