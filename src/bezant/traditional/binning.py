"""Optimal bins of one column and their weights of evidence."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Self, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from bezant.solvers import import_binning
from bezant.traditional.inputs import Inputs
from bezant.types import IntArray

Column: TypeAlias = npt.NDArray[np.float64] | pa.Array


@dataclass(frozen=True)
class BinnedColumn:
    """The bins of one column and what each is worth.

    Parameters
    ----------
    name : str
        The column.
    edges : ndarray of shape (k - 1,), optional
        Numbers: rising; bin j holds ``edges[j - 1] <= x < edges[j]``.
    groups : tuple of k tuples of str, optional
        Categories: the values of each bin.
    rare : int or None
        Categories: the bin of rare values and of values never seen; None gives them the value 0.
    counts, events : ndarray of shape (k + 1,)
        Training rows and defaults in each bin; the last bin is "missing".

    Raises
    ------
    ValueError
        Unless exactly one of ``edges`` and ``groups`` is given and the counts fit it.
    """

    name: str
    edges: npt.NDArray[np.float64] | None
    groups: tuple[tuple[str, ...], ...] | None
    rare: int | None
    counts: npt.NDArray[np.int64]
    events: npt.NDArray[np.int64]

    def __post_init__(self) -> None:
        if (self.edges is None) == (self.groups is None):
            raise ValueError(f"The bins of {self.name!r} need either edges or groups of values.")
        if not len(self.counts) == len(self.events) == self.bins + 1:
            raise ValueError(f"The bins of {self.name!r} need {self.bins + 1} counts, the last for missing.")

    @property
    def bins(self) -> int:
        """Number of bins of known values, k."""
        return len(self.edges) + 1 if self.edges is not None else len(self.groups or ())

    @property
    def woe(self) -> npt.NDArray[np.float64]:
        """Weight of evidence of each bin, shape (k + 1,): ln(share of non-events / share of events).

        Half a row is added to both classes of a bin that lacks one; an empty bin is worth 0. (Siddiqi,
        *Credit Risk Scorecards*, chapter 6.)
        """
        good, bad = (self.counts - self.events).astype(np.float64), self.events.astype(np.float64)
        totals = good.sum(), bad.sum()
        pure = ((good == 0) | (bad == 0)) * 0.5
        woe = np.log((good + pure + (self.counts == 0)) / (bad + pure + (self.counts == 0)))
        woe -= math.log(totals[0] / totals[1])
        return np.where(self.counts == 0, 0.0, woe)

    @property
    def information_value(self) -> float:
        """Sum over bins of (share of non-events - share of events) * WoE."""
        good, bad = self.counts - self.events, self.events
        return float(np.sum((good / good.sum() - bad / bad.sum()) * self.woe))

    @property
    def labels(self) -> tuple[str, ...]:
        """What each bin holds, in words; shape (k + 1,)."""
        if self.edges is not None:
            ends = [-math.inf, *self.edges.tolist(), math.inf]
            known = [f"[{a:g}, {b:g})" for a, b in pairwise(ends)]
        else:
            known = [_words(g, j == self.rare) for j, g in enumerate(self.groups or ())]
        return (*known, "missing")

    def assign(self, column: Column) -> IntArray:
        """Return the bin of each row, shape (n,): 0 to k - 1, k for missing, -1 for a value never seen."""
        if self.edges is not None:
            values = np.asarray(column, dtype=np.float64)
            found = np.searchsorted(self.edges, values, side="right")
            return np.where(np.isnan(values), self.bins, found)
        groups = self.groups or ()
        known = pa.array([v for g in groups for v in g], pa.string())
        # the last two entries are those of null and of a value never seen
        unseen = -1 if self.rare is None else self.rare
        where = np.array([j for j, g in enumerate(groups) for _ in g] + [self.bins, unseen], dtype=np.int64)
        position = pc.fill_null(pc.index_in(column, value_set=known), len(known) + 1)
        position = pc.if_else(pc.is_null(column), len(known), position)
        found = where[position.to_numpy(zero_copy_only=False)]
        return np.asarray(found)

    def transform(self, column: Column) -> npt.NDArray[np.float64]:
        """Return the weight of evidence of each row, shape (n,)."""
        return np.append(self.woe, 0.0)[self.assign(column)]  # index -1 is the appended 0

    def to_document(self) -> dict[str, Any]:
        """Return the bins as JSON-ready values."""
        return {
            "name": self.name,
            "edges": None if self.edges is None else self.edges.tolist(),
            "groups": None if self.groups is None else [list(g) for g in self.groups],
            "rare": self.rare,
            "counts": self.counts.tolist(),
            "events": self.events.tolist(),
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """Read what :meth:`to_document` returned."""
        edges, groups = document["edges"], document["groups"]
        return cls(
            document["name"],
            None if edges is None else np.array(edges, dtype=np.float64),
            None if groups is None else tuple(tuple(g) for g in groups),
            document["rare"],
            np.array(document["counts"], dtype=np.int64),
            np.array(document["events"], dtype=np.int64),
        )


def column_of(inputs: Inputs, name: str) -> Column:
    """Return one column, be it of numbers or of categories."""
    return inputs.numbers[name] if name in inputs.numbers else inputs.categories[name]


def is_constant(column: Column) -> bool:
    """Say whether a column takes one value only, missing counted as a value."""
    if isinstance(column, np.ndarray):
        return len(np.unique(column)) < 2  # NaN counts as one value
    return len(pc.unique(column)) < 2


def optimal_edges(
    name: str, values: npt.NDArray[np.float64], labels: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Return the rising edges between the optimal bins of a number, without the missing rows."""
    known = ~np.isnan(values)
    if len(np.unique(values[known])) < 2 or len(np.unique(labels[known])) < 2:
        return np.empty(0)  # one bin of known values beside the missing ones
    found = import_binning().OptimalBinning(name=name, dtype="numerical").fit(values[known], labels[known])
    return np.asarray(found.splits, dtype=np.float64)


def optimal_groups(
    name: str, values: pa.Array, labels: npt.NDArray[np.float64], fewest: int
) -> tuple[tuple[tuple[str, ...], ...], int | None]:
    """Return the optimal groups of a category's values, and which of them is that of the rare ones.

    The rare ones are set aside here rather than by OptBinning's ``cat_cutoff``, which compares shares.
    """
    counted = pc.value_counts(values.drop_null())
    is_rare = pc.less(counted.field("counts"), fewest)
    names = counted.field("values")
    seldom = tuple(sorted(names.filter(is_rare).to_pylist()))
    common = names.filter(pc.invert(is_rare))
    rows = pc.is_in(values, value_set=common).to_numpy(zero_copy_only=False)
    if len(common) < 2 or len(np.unique(labels[rows])) < 2:
        groups: tuple[tuple[str, ...], ...] = (tuple(sorted(common.to_pylist())),) if len(common) else ()
    else:
        texts = np.array(values.filter(pa.array(rows)).to_pylist(), dtype=object)
        found = import_binning().OptimalBinning(name=name, dtype="categorical").fit(texts, labels[rows])
        groups = tuple(tuple(str(v) for v in group) for group in found.splits)
    return (groups, None) if not seldom else ((*groups, seldom), len(groups))


def _words(values: tuple[str, ...], rare: bool) -> str:
    listed = ", ".join(values[:8]) + (f" and {len(values) - 8} more" if len(values) > 8 else "")
    return f"rare or new: {listed}" if rare else listed
