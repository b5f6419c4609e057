"""What each part of a combination gives: what is lost where it is left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bezant.evidence.markets.judging import realised_variance
from bezant.histories.market import Bars
from bezant.metrics.market import pinball
from bezant.traditional.markets import MarketForecast
from bezant.types import FloatArray, InputError


@dataclass(frozen=True)
class PartValue:
    """One part of a combination.

    Attributes
    ----------
    name : str
    variance_weight, quantile_weight : float
        Mean over the origins and horizons.
    without_variance : float
        By how much QLIKE rises (difference, shortest horizon) where the others share its weight.
    without_quantiles : tuple of float
        By how much the pinball loss rises then, as a share of it, one a horizon; below 0 the part harms.
    """

    name: str
    variance_weight: float
    quantile_weight: float
    without_variance: float
    without_quantiles: tuple[float, ...]


def part_values(
    bars: Bars, parts: Mapping[str, MarketForecast], weights: Mapping[str, FloatArray]
) -> tuple[PartValue, ...]:
    """Leave out one part after the other, the rest keeping their proportions.

    Parameters
    ----------
    bars : Bars
    parts : mapping of part to MarketForecast
        Of the same n origins.
    weights : mapping of part to float array of shape (n, h, 2)
        At each origin and over each horizon, of variance and of quantiles.
    """
    names = list(parts)
    if len(names) < 2 or set(names) != set(weights):
        raise InputError(f"What a part gives needs two parts with their weights, not {len(names)}.")
    one = parts[names[0]]
    change = np.stack([bars.ahead(h)[one.rows] for h in one.horizons], axis=1)  # (n, h)
    came = realised_variance(bars, one.rows, one.horizons[0])
    variances = np.stack([parts[name].variance[:, 0] for name in names])  # (p, n)
    quantiles = np.stack([parts[name].quantiles for name in names])  # (p, n, h, q)
    of = [np.stack([weights[name][..., k] for name in names]) for k in (0, 1)]  # (p, n, h) each
    if of[0].shape[1:] != change.shape:
        raise InputError(f"Weights of {of[0].shape[1:]} origins and horizons do not fit {change.shape}.")

    def losses(kept: Sequence[int]) -> tuple[float, FloatArray]:
        variance = _mixed(variances[kept], of[0][kept, :, 0])
        mixed = _mixed(quantiles[kept], of[1][kept])
        ended = np.isfinite(came)
        qlike = (came / variance + np.log(variance))[ended].mean()
        by_horizon = []
        for k in range(len(one.horizons)):
            known = np.isfinite(change[:, k])
            lost = pinball(change[known, k], mixed[known, k], one.levels)
            by_horizon.append(float(lost.mean()) if known.any() else float("nan"))
        return float(qlike), np.array(by_horizon)

    everyone = list(range(len(names)))
    whole = losses(everyone)
    found = []
    for place, name in enumerate(names):
        rest = losses([k for k in everyone if k != place])
        found.append(
            PartValue(
                name,
                float(of[0][place].mean()),
                float(of[1][place].mean()),
                rest[0] - whole[0],
                tuple(float(v) for v in rest[1] / whole[1] - 1),
            )
        )
    return tuple(found)


def _mixed(values: FloatArray, weights: FloatArray) -> FloatArray:
    """Return the weighted mean over the first axis; equal weights where those that are left have none."""
    total = weights.sum(axis=0)
    share = np.where(total > 1e-9, weights / np.maximum(total, 1e-9), 1 / len(weights))
    mean: FloatArray = (values * share.reshape(*share.shape, *[1] * (values.ndim - weights.ndim))).sum(axis=0)
    return mean
