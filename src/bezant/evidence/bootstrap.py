"""Bootstrap intervals of the figures that have no formula: KS, average precision, calibration error."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bezant.evidence.intervals import Estimate, normal_quantile
from bezant.metrics.checks import Floats, outcomes_and_probabilities
from bezant.metrics.classification import (
    CALIBRATION_BINS,
    average_precision,
    equal_mass_edges,
    expected_calibration_error,
    ks,
)
from bezant.types import InputError, IntArray

RESAMPLES = 300
"""Bootstrap samples: the ends of a 95 % interval then vary by about a tenth of its width."""

CELLS = 50 * CALIBRATION_BINS
"""Cells of equal mass that the ranking is cut into; a multiple of the bins, so that a bin is whole cells."""


@dataclass(frozen=True)
class _Cells:
    """A ranking in cells, the highest scores first; exact where there are at most ``CELLS`` distinct scores.

    A bootstrap sample of the rows is then a multinomial draw of cell counts, whose cost does not grow
    with the rows.
    """

    events: IntArray  # (k,)
    non_events: IntArray  # (k,)
    mean_score: Floats  # (k,)
    bin_starts: IntArray  # first cell of each bin of the calibration error

    @classmethod
    def of(cls, outcomes: npt.NDArray[np.bool_], scores: Floats) -> _Cells:
        edges = equal_mass_edges(scores, CELLS)
        cell = len(edges) - 1 - np.searchsorted(edges, scores)
        rows = np.bincount(cell)
        events = np.bincount(cell[outcomes], minlength=len(rows))
        of_bin = np.searchsorted(equal_mass_edges(scores), edges)[::-1]
        starts = np.append(0, np.flatnonzero(np.diff(of_bin)) + 1)
        return cls(events, rows - events, np.bincount(cell, weights=scores) / rows, starts)

    def draw(self, resamples: int, stratified: bool, rng: np.random.Generator) -> tuple[IntArray, IntArray]:
        """Return counts of events and non-events, each of shape (resamples, k)."""
        if stratified:
            return _multinomial(self.events, resamples, rng), _multinomial(self.non_events, resamples, rng)
        both = _multinomial(np.concatenate([self.events, self.non_events]), resamples, rng)
        return both[:, : len(self.events)], both[:, len(self.events) :]


def _multinomial(counts: IntArray, resamples: int, rng: np.random.Generator) -> IntArray:
    return rng.multinomial(int(counts.sum()), counts / max(int(counts.sum()), 1), size=resamples)


def _ks(cells: _Cells, events: IntArray, non_events: IntArray) -> Floats:
    gap = events.cumsum(axis=1) / events.sum(axis=1, keepdims=True)
    gap -= non_events.cumsum(axis=1) / non_events.sum(axis=1, keepdims=True)
    return np.asarray(np.abs(gap).max(axis=1))


def _average_precision(cells: _Cells, events: IntArray, non_events: IntArray) -> Floats:
    found = events.cumsum(axis=1)
    precision = found / np.maximum((events + non_events).cumsum(axis=1), 1)
    return np.asarray((events * precision).sum(axis=1) / found[:, -1])


def _calibration_error(cells: _Cells, events: IntArray, non_events: IntArray) -> Floats:
    rows = events + non_events
    gap = np.add.reduceat(rows * cells.mean_score - events, cells.bin_starts, axis=1)
    return np.asarray(np.abs(gap).sum(axis=1) / rows.sum(axis=1))


_OfCells = Callable[[_Cells, IntArray, IntArray], Floats]
_OfRows = Callable[[npt.ArrayLike, npt.ArrayLike], float]
BOOTSTRAPPED: Mapping[str, tuple[_OfRows, _OfCells]] = {
    "ks": (ks, _ks),
    "average_precision": (average_precision, _average_precision),
    "expected_calibration_error": (expected_calibration_error, _calibration_error),
}
"""The figures :func:`bootstrap_estimates` knows: of rows, and of many draws of cells at once."""


def bootstrap_estimates(
    y: npt.ArrayLike,
    p: npt.ArrayLike,
    *,
    figures: tuple[str, ...] = tuple(BOOTSTRAPPED),
    level: float = 0.95,
    method: str = "basic",
    stratified: bool = False,
    resamples: int = RESAMPLES,
    random_state: int | np.random.SeedSequence | None = 0,
) -> dict[str, Estimate]:
    """Return figures with bootstrap intervals.

    The value is that of the rows themselves. The interval comes from samples of the ranking cut into
    500 cells of equal mass, which is exact up to 500 distinct scores and else as good as exact (the
    figure of the cells, not of the rows, is what the samples are measured from).

    Parameters
    ----------
    y : array-like of shape (n,)
        0 or 1.
    p : array-like of shape (n,)
        Probabilities.
    figures : tuple of str, default all of :data:`BOOTSTRAPPED`
    level : float, default 0.95
    method : {"basic", "percentile"}, default "basic"
        KS and the calibration error are too high by chance, and twice so in a sample of the sample. The
        basic interval (2 x figure - quantiles of the samples) takes that out; the percentile interval
        would stand too high (on 150 samples of 5,000 rows 95 % intervals held the true KS in 91 % and 84 %,
        the true calibration error in 89 % and 79 %). Cut off at 0 and 1, widened to hold the figure itself.
    stratified : bool, default False
        Draw events and non-events apart, which holds the event rate and narrows the interval of the
        average precision.
    resamples : int, default 300
    random_state : int, SeedSequence or None, default 0

    Raises
    ------
    InputError
        If the method or the level is not one of those above.

    References
    ----------
    Davison and Hinkley (1997), "Bootstrap methods and their application", section 5.2.
    """
    normal_quantile(level)  # refuses a level that is none
    if method not in ("basic", "percentile"):
        raise InputError(f"There is no bootstrap interval {method!r}; choose 'basic' or 'percentile'.")
    outcomes, scores = outcomes_and_probabilities(y, p)
    cells = _Cells.of(outcomes, scores)
    drawn = cells.draw(resamples, stratified, np.random.default_rng(random_state))
    whole = cells.events[None, :], cells.non_events[None, :]
    estimates = {}
    for figure in figures:
        of_rows, of_cells = BOOTSTRAPPED[figure]
        with np.errstate(divide="ignore", invalid="ignore"):  # a sample of one class gives NaN
            shifts = of_cells(cells, *drawn) - of_cells(cells, *whole)[0]
        estimates[figure] = _from_shifts(of_rows(outcomes, scores), shifts, level, method)
    return estimates


def _from_shifts(value: float, shifts: Floats, level: float, method: str) -> Estimate:
    shifts = shifts[np.isfinite(shifts)]
    if math.isnan(value) or len(shifts) < 20:
        return Estimate(value)
    low, high = np.quantile(shifts, [0.5 - level / 2, 0.5 + level / 2])
    if method == "basic":
        low, high = -high, -low
    return Estimate(value, min(max(value + low, 0.0), value), max(min(value + high, 1.0), value))
