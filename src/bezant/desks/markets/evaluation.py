"""What held-out origins say of a forecaster and of its parts; direction against always-up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Self

import numpy as np

from bezant.desks.markets.weights import Combination, Outcome
from bezant.evidence.markets import Direction, direction_of
from bezant.evidence.markets.judging import BAND, regimes_by_asset
from bezant.evidence.markets.words import bars_in_words
from bezant.histories.market import Bars
from bezant.metrics.market.bands import REGIMES
from bezant.traditional.markets import MarketForecast
from bezant.types import AnyArray, IntArray

COMBINED = "forecaster"
TABLES = ("variance_loss", "quantile_loss", "covered", "covered_by_regime", "covered_by_asset")
FEW = 50
"""Stretches without overlap that tell a share of 90 % from one of 80 %."""
MISSED = 0.05
"""How far the share within the 90 % band may be from that before it is said."""


@dataclass(frozen=True)
class MarketEvaluation:
    """Figures of held-out origins.

    Weights and corrections are learned on the first half of them and judged on the second, so that nothing is
    judged on what it learned; the large model's epoch was chosen on all of them, which flatters it a little.

    Attributes
    ----------
    origins : int
        Of the second half.
    horizons : tuple of int
    variance_loss, quantile_loss, covered : mapping of model to a value a horizon
        QLIKE without its constant (r / f + log f); mean pinball loss; share within the band of 90 %.
    direction : tuple of Direction
        Of the forecaster, one a horizon.
    covered_by_regime, covered_by_asset : mapping of group to a value a horizon
        The same share of the forecaster, by thirds of the volatility that it forecast over the shortest
        horizon ("calm", "middling", "stormy"), and by asset.
    """

    origins: int
    horizons: tuple[int, ...]
    variance_loss: Mapping[str, tuple[float, ...]]
    quantile_loss: Mapping[str, tuple[float, ...]]
    covered: Mapping[str, tuple[float, ...]]
    direction: tuple[Direction, ...]
    covered_by_regime: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    covered_by_asset: Mapping[str, tuple[float, ...]] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        parts: Mapping[str, MarketForecast],
        outcome: Outcome,
        bars: Bars,
        rows: IntArray,
        prior: Sequence[float] | None = None,
    ) -> Self:
        """Judge parts and their combination, whose weights begin at a prior (equal if not given)."""
        times = np.unique(bars.time[rows])
        early = bars.time[rows] < times[len(times) // 2]
        first, second = np.flatnonzero(early), np.flatnonzero(~early)
        learned = Combination.learn(
            [p.take(first) for p in parts.values()], _taken(outcome, first, len(times) // 2), prior
        )
        judged = {name: part.take(second) for name, part in parts.items()}
        judged[COMBINED] = learned.apply(list(judged.values()))
        rest = _taken(outcome, second, len(times) - len(times) // 2)
        low, high = (int(np.abs(np.asarray(judged[COMBINED].levels) - b).argmin()) for b in BAND)
        inside = {
            name: (rest.change >= f.quantiles[..., low]) & (rest.change <= f.quantiles[..., high])
            for name, f in judged.items()
        }
        days, owner = bars.time[rows[second]], bars.owner[rows[second]]
        regime = regimes_by_asset(judged[COMBINED].variance[:, 0], owner)
        return cls(
            len(second),
            judged[COMBINED].horizons,
            {name: _means(rest.variance_losses(f.variance)) for name, f in judged.items()},
            {name: _means(rest.quantile_losses(f)) for name, f in judged.items()},
            {name: _means(held) for name, held in inside.items()},
            tuple(
                direction_of(h, judged[COMBINED].up[:, k], rest.change[:, k], days)
                for k, h in enumerate(judged[COMBINED].horizons)
            ),
            {name: _means(inside[COMBINED][regime == name]) for name in REGIMES},
            {str(bars.assets[k]): _means(inside[COMBINED][owner == k]) for k in np.unique(owner)},
        )

    def sentences(self) -> tuple[str, ...]:
        """Say what the figures say."""
        return tuple(d.sentence for d in self.direction)

    def doubts(self) -> tuple[str, ...]:
        """Say over which horizons the 90 % band did not hold what it promises, and how few origins say so."""
        assets = max(len(self.covered_by_asset), 1)
        found = []
        for horizon, held in zip(self.horizons, self.covered[COMBINED], strict=True):
            if abs(held - (BAND[1] - BAND[0])) <= MISSED:
                continue
            count = max(self.origins // assets // horizon, 1)
            found.append(
                f"The 90 % band over {bars_in_words(horizon)} held {held:.0%} of held-out origins, which are "
                f"{count} {'stretch' if count == 1 else 'stretches'} without overlap of each asset: the past "
                f"is {'too short' if count < FEW else 'too unlike them'} to correct it by, so take it to be "
                f"{'narrower' if held < BAND[1] - BAND[0] else 'wider'} than it says."
            )
        return tuple(found)

    def document(self) -> dict[str, Any]:
        """Return all of it as JSON-ready values."""
        return asdict(self)

    @classmethod
    def restore(cls, document: Mapping[str, Any]) -> Self:
        """Build it again from what :meth:`document` gave."""
        tables = {name: {k: tuple(v) for k, v in document.get(name, {}).items()} for name in TABLES}
        direction = tuple(Direction(**d) for d in document["direction"])
        return cls(document["origins"], tuple(document["horizons"]), **tables, direction=direction)


def _means(values: AnyArray) -> tuple[float, ...]:
    return tuple(float(v) for v in values.mean(axis=0))


def _taken(outcome: Outcome, places: IntArray, times: int) -> Outcome:
    return Outcome(outcome.change[places], outcome.variance[places], times)
