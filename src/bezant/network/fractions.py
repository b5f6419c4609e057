"""Distributions of fractions in [0, 1]: cells with atoms at both ends, their quantiles, their honesty."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch

from bezant.network.batch import Batch
from bezant.network.heads.fraction import FractionHead
from bezant.network.model import SCORING_ROWS
from bezant.network.scoring import TableModel
from bezant.types import FloatArray, InputError, IntArray

KNOTS = 1001
"""Knots of a level map at most."""


@dataclass(frozen=True)
class FractionDistribution:
    """The predicted distributions of n fractions.

    Between the edges of a cell the distribution function is a straight line; 0 and 1 have atoms.

    Attributes
    ----------
    cells : float64 array, shape (n, c + 2)
        Probabilities of exactly 0, of the c cells in between, of exactly 1.
    edges : float64 array, shape (c + 1,)
        From 0 to 1, not decreasing.
    """

    cells: FloatArray
    edges: FloatArray

    def __post_init__(self) -> None:
        if self.cells.ndim != 2 or self.cells.shape[1] != len(self.edges) + 1:
            raise ValueError(f"{self.cells.shape} probabilities do not fit {len(self.edges)} edges")

    def __len__(self) -> int:
        return len(self.cells)

    @property
    def heights(self) -> FloatArray:
        """The distribution function at the edges, the atom at 1 not yet counted; shape (n, c + 1)."""
        return np.asarray(np.minimum(self.cells[:, :-1].cumsum(axis=1), 1.0))

    def quantiles(self, levels: npt.ArrayLike) -> FloatArray:
        """Return quantiles, shape (n, l), of levels of shape (l,) or of own levels a row, (n, l)."""
        wanted = np.asarray(levels, np.float64)
        wanted = np.broadcast_to(wanted, (len(self), wanted.shape[-1]))
        heights = self.heights
        found = np.empty(wanted.shape)
        for j in range(wanted.shape[1]):  # a column at a time: (n, c) comparisons, never (n, c, l)
            level = wanted[:, j]
            right = np.clip((heights < level[:, None]).sum(axis=1), 1, len(self.edges) - 1)
            row = np.arange(len(self))
            low, high = heights[row, right - 1], heights[row, right]
            share = np.clip((level - low) / np.maximum(high - low, 1e-300), 0, 1)
            inner = self.edges[right - 1] + share * (self.edges[right] - self.edges[right - 1])
            found[:, j] = np.where(level <= heights[:, 0], 0.0, np.where(level > heights[:, -1], 1.0, inner))
        return found

    def levels_of(self, y: FloatArray, random_state: int = 0) -> FloatArray:
        """Return the level at which each observed fraction stands, shape (n,).

        Uniform if the distributions are right. In an atom the level is drawn within its jump.

        References
        ----------
        Rosenblatt (1952), "Remarks on a multivariate transformation"; Brockwell (2007), "Universal
        residuals", for the drawing.
        """
        heights = self.heights
        row = np.arange(len(self))
        right = np.clip(np.searchsorted(self.edges, y, side="right"), 1, len(self.edges) - 1)
        low, high = self.edges[right - 1], self.edges[right]
        share = np.clip((y - low) / np.maximum(high - low, 1e-300), 0, 1)
        inner = heights[row, right - 1] + share * (heights[row, right] - heights[row, right - 1])
        drawn = np.random.default_rng(random_state).random(len(self))
        top = heights[:, -1] + drawn * (1 - heights[:, -1])
        return np.where(y <= 0, drawn * heights[:, 0], np.where(y >= 1, top, inner))


def predicted_fractions(model: TableModel, table: pa.Table) -> FractionDistribution:
    """Return the distributions that a model with the fraction head predicts for n typed rows."""
    head = model.network.head
    assert isinstance(head, FractionHead)
    batch = Batch.of(model.encoding.encode(table))
    model.network.eval()
    with torch.inference_mode():
        parts = [
            head.distribution(model.network(batch.rows(slice(start, start + SCORING_ROWS))))
            for start in range(0, max(len(batch), 1), SCORING_ROWS)
        ]
    cells = torch.cat(parts).double()
    return FractionDistribution((cells / cells.sum(1, keepdim=True)).numpy(), head.edges.double().numpy())


@dataclass(frozen=True)
class LevelMap:
    """From the level that is asked for to the level of the predicted distribution that keeps the promise.

    Split-conformal: with the map learned on n exchangeable rows, a new observed fraction lies below the
    quantile of level q with a probability of q, to within 1 / (n + 1), however wrong the predicted
    distributions are. Where the world moves on, rows are not exchangeable and nothing is promised.

    Attributes
    ----------
    values : float64 array, shape (k,)
        The map at k equally spaced levels from 0 to 1; not decreasing, so quantiles still do not cross.

    References
    ----------
    Chernozhukov, Wuethrich and Zhu (2021), "Distributional conformal prediction", PNAS 118(48).
    """

    values: FloatArray

    def __post_init__(self) -> None:
        if len(self.values) < 2 or np.any(np.diff(self.values) < 0):
            raise ValueError("a level map does not decrease and has at least two knots")

    @classmethod
    def identity(cls) -> LevelMap:
        """Return the map that changes nothing."""
        return cls(np.array([0.0, 1.0]))

    @classmethod
    def learn(cls, levels: FloatArray) -> LevelMap:
        """Learn from the levels at which held-out fractions stood, shape (n,)."""
        rows = len(levels)
        known = np.concatenate([[0.0], np.sort(levels), [1.0]])
        asked = np.linspace(0, 1, min(KNOTS, rows + 2))
        return cls(np.interp(asked, np.arange(rows + 2) / (rows + 1), known))

    def __call__(self, levels: npt.ArrayLike) -> FloatArray:
        """Map levels of any shape."""
        return np.interp(np.asarray(levels, np.float64), np.linspace(0, 1, len(self.values)), self.values)


def crossed_intervals(
    predicted: FractionDistribution, stands: FloatArray, fold: IntArray, shares: tuple[float, ...]
) -> dict[float, tuple[FloatArray, FloatArray]]:
    """Return intervals of held-out rows, each from a level map that was learned without its own fold.

    Parameters
    ----------
    predicted : FractionDistribution
        Of n rows.
    stands : float64 array, shape (n,)
        Levels at which the observed fractions stood (:meth:`FractionDistribution.levels_of`).
    fold : integer array, shape (n,)
    shares : tuple of float
        What the intervals promise to hold.

    Returns
    -------
    dict of float to (low, high)
        Ends of shape (n,) by share.
    """
    intervals: dict[float, tuple[FloatArray, FloatArray]] = {
        s: (np.empty(len(stands)), np.empty(len(stands))) for s in shares
    }
    for k in np.unique(fold):
        inside = np.flatnonzero(fold == k)
        levels = LevelMap.learn(stands[fold != k])
        part = FractionDistribution(predicted.cells[inside], predicted.edges)
        for share, (low, high) in intervals.items():
            ends = part.quantiles(levels([(1 - share) / 2, (1 + share) / 2]))
            low[inside], high[inside] = ends[:, 0], ends[:, 1]
    return intervals


def checked_levels(levels: npt.ArrayLike) -> FloatArray:
    """Return levels as float64 of shape (l,), or an InputError if one is none."""
    found = np.atleast_1d(np.asarray(levels, np.float64))
    if found.ndim != 1 or not len(found) or not np.all((found > 0) & (found < 1)):
        raise InputError(f"The levels {levels!r} are not all between 0 and 1; write [0.05, 0.95], say.")
    return found
