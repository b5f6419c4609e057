"""Quantiles, their shortfalls and the probability of up: of samples, of the normal law, of other "
"quantiles."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bezant.types import FloatArray


def empirical(sample: FloatArray, levels: Sequence[float]) -> tuple[FloatArray, FloatArray]:
    """Return quantiles and shortfalls (means of the lowest share) of samples.

    The quantile of level p is the p (s + 1)-th lowest, interpolated: a further draw lies below it with
    probability p. The usual p (s - 1) + 1 is exceeded too often: at 1 % of 700 draws in 1.14 % of cases.

    Parameters
    ----------
    sample : float array of shape (..., s)
    levels : sequence of q floats

    Returns
    -------
    quantiles, shortfall : float arrays of shape (..., q)

    References
    ----------
    Hyndman and Fan (1996), "Sample quantiles in statistical packages", definition 6.
    """
    ordered = np.sort(sample, axis=-1)
    size = ordered.shape[-1]
    share = np.asarray(levels, np.float64)
    place = np.clip(share * (size + 1) - 1, 0, size - 1)
    low = np.floor(place).astype(np.int64)
    high = np.minimum(low + 1, size - 1)
    quantiles = ordered[..., low] + (place - low) * (ordered[..., high] - ordered[..., low])
    total = np.cumsum(ordered, axis=-1)
    whole = np.floor(share * size).astype(np.int64)
    part = share * size - whole
    before = np.where(whole > 0, total[..., np.maximum(whole - 1, 0)], 0.0)
    shortfall = (before + part * ordered[..., np.minimum(whole, size - 1)]) / (share * size)
    return quantiles, np.minimum(shortfall, quantiles)


def normal(
    mean: FloatArray, deviation: FloatArray, levels: Sequence[float]
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return quantiles and shortfalls of shape (..., q), and the probability above 0, of normal laws."""
    from scipy.stats import norm

    share = np.asarray(levels, np.float64)
    z = norm.ppf(share)
    quantiles = mean[..., None] + deviation[..., None] * z
    shortfall = mean[..., None] - deviation[..., None] * norm.pdf(z) / share
    return quantiles, shortfall, norm.cdf(mean / deviation)


def shortfall_of(quantiles: FloatArray, levels: Sequence[float]) -> FloatArray:
    """Return the mean at or below each quantile from the quantiles alone, shape (..., q).

    Between levels quantiles are straight lines; below the lowest the tail falls like a Pareto law through the
    two lowest distances from the median, which is where a model of quantiles says nothing.
    """
    share = np.asarray(levels, np.float64)
    if len(share) < 3:
        return quantiles - np.abs(quantiles) * 0.2 - np.finfo(np.float64).tiny
    widths = np.diff(share)
    areas = np.cumsum((quantiles[..., 1:] + quantiles[..., :-1]) / 2 * widths, axis=-1)
    middle = quantiles[..., len(share) // 2, None]
    far, near = middle - quantiles[..., :1], middle - quantiles[..., 1:2]
    ratio = np.maximum(far, 1e-300) / np.maximum(near, 1e-300)
    index = np.clip(np.log(np.maximum(ratio, 1.0)) / np.log(share[1] / share[0]), 0.05, 0.5)
    first = middle - far / (1 - index)
    whole = np.concatenate([first * share[0], first * share[0] + areas], axis=-1)
    return np.minimum(whole / share, quantiles)


def up_of(quantiles: FloatArray, levels: Sequence[float]) -> FloatArray:
    """Return the probability above 0 from quantiles, by lines between them, shape (...)."""
    share = np.asarray(levels, np.float64)
    below = (quantiles < 0).sum(axis=-1)
    low, high = np.clip(below - 1, 0, len(share) - 1), np.clip(below, 0, len(share) - 1)
    left = np.take_along_axis(quantiles, low[..., None], -1)[..., 0]
    right = np.take_along_axis(quantiles, high[..., None], -1)[..., 0]
    gap = np.where(right > left, right - left, 1.0)
    part = np.where(right > left, np.clip(-left / gap, 0.0, 1.0), 0.0)
    probability: FloatArray = 1.0 - (share[low] + part * (share[high] - share[low]))
    return probability
