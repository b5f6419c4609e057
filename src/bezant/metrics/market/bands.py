"""How often what came lay within the band, on the whole and by group, such as by volatility regime."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bezant.metrics.checks import Floats, as_vector
from bezant.metrics.curves import wilson_interval
from bezant.metrics.regression import covered
from bezant.types import InputError, IntArray

REGIMES = ("calm", "middling", "stormy")
"""Names of three regimes of equal size, by the volatility that was forecast."""


@dataclass(frozen=True)
class Coverage:
    """Share of observations within a band, by group, with Wilson intervals.

    Parameters
    ----------
    labels : tuple of str
        Names of the k groups; the last is "all".
    rows, inside : integer arrays, shape (k,)
        Forecasts, and how many of them held what came.
    low, high : float64 arrays, shape (k,)
        Ends of the 95 % interval of the share. Forecasts count as independent: where horizons overlap or
        assets share days, the true interval is wider.
    """

    labels: tuple[str, ...]
    rows: IntArray
    inside: IntArray
    low: Floats
    high: Floats

    def __post_init__(self) -> None:
        if len({len(self.labels), len(self.rows), len(self.inside), len(self.low), len(self.high)}) != 1:
            raise InputError("The parts of a coverage have different lengths; give one of each a group.")

    @property
    def rate(self) -> Floats:
        """Share within the band, shape (k,)."""
        return np.asarray(self.inside / self.rows, dtype=np.float64)


def coverage(y: npt.ArrayLike, low: npt.ArrayLike, high: npt.ArrayLike) -> float:
    """Return the share of observations within their bands, ends included.

    Parameters
    ----------
    y, low, high : array-like of shape (n,)
        What came, and the ends of the band that was forecast for it.
    """
    return float(covered(y, low, high).mean())


def coverage_by(
    y: npt.ArrayLike,
    low: npt.ArrayLike,
    high: npt.ArrayLike,
    group: Sequence[Any] | npt.ArrayLike,
    *,
    order: Sequence[str] = REGIMES,
) -> Coverage:
    """Return the share within the band for each group, and for all.

    Parameters
    ----------
    y, low, high : array-like of shape (n,)
    group : array-like of shape (n,)
        Such as :func:`volatility_regimes`, the asset or the year.
    order : sequence of str, default ("calm", "middling", "stormy")
        Groups that come first, in this order; the others follow in the order of their first rows.

    Raises
    ------
    InputError
        If the lengths differ or a value is missing.
    """
    held = covered(y, low, high)
    names = np.asarray(group).astype(str)
    if names.shape != held.shape:
        raise InputError(f"There are {len(held)} forecasts and {names.size} groups; give one group a row.")
    found, first, of = np.unique(names, return_index=True, return_inverse=True)
    rank = {name: place for place, name in enumerate(order)}
    at = sorted(range(len(found)), key=lambda i: (rank.get(str(found[i]), len(rank)), first[i]))
    rows = np.append(np.bincount(of)[at], len(held))
    inside = np.append(np.bincount(of, weights=held)[at], held.sum()).astype(np.int64)
    ends = wilson_interval(inside, rows)
    return Coverage((*(str(name) for name in found[at]), "all"), rows, inside, *ends)


def volatility_regimes(volatility: npt.ArrayLike, names: Sequence[str] = REGIMES) -> npt.NDArray[np.str_]:
    """Name each row's regime by the volatility that was forecast for it: equal parts, the calmest first.

    The forecast, never what came: bands look too narrow on days that are chosen because they were wild.

    Parameters
    ----------
    volatility : array-like of shape (n,)
        Volatility or variance that was forecast.
    names : sequence of str, default ("calm", "middling", "stormy")
        One a part.

    Returns
    -------
    array of str, shape (n,)
    """
    forecast = as_vector(volatility, "The forecast volatility")
    place = np.empty(len(forecast), np.int64)
    place[np.argsort(forecast, kind="stable")] = np.arange(len(forecast))
    return np.asarray(names)[place * len(names) // len(forecast)]
