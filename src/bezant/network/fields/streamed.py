"""Learn a FieldEmbedding from rows that come in pieces: more of them than fit into memory.

What has to be chosen or ranked (log-ratios, pairs, bins, scales, the weights of the additive model) is
learned from a sample of the rows. What can be counted (target statistics, corrections of pairs) is counted
over all rows, and is the same as if they had come whole. If the sample is all rows, everything is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import reduce

import torch
from torch import Tensor

from bezant.network.batch import Batch
from bezant.network.fields.embedding import FieldConfig, FieldEmbedding, finished_fields, with_ratios
from bezant.network.fields.interactions import (
    PAIR_BINS,
    AdditiveModel,
    additive_model,
    all_sources,
    bin_edges,
    choose_pairs,
    newton_steps,
    pair_statistics,
    single_statistics,
)
from bezant.network.fields.numbers import EdgeSpacing
from bezant.network.fields.ratios import choose_ratios
from bezant.network.fields.statistics import Tally, TargetStatistics

Pieces = Callable[[], Iterable[tuple[Batch, Tensor]]]
"""Gives all training rows anew, in pieces: a Batch with its target, and the fold of each of its rows."""

MOST_CELLS = 4_000_000
"""Cells of all pairs together that are counted: the sums by ten folds then take 640 MB."""

DENSE_VALUES = 1 << 22
"""A pair of sources with at most so many combinations is looked up in a table, others by halving."""


@dataclass(frozen=True)
class Cells:
    """The known cells of one pair of sources.

    Attributes
    ----------
    left, right, across : int
        The sources, and the number of values of the right one.
    keys : int64 tensor, shape (cells,)
        Sorted.
    dense : int32 tensor or None
        Place of every possible cell, where there are few enough.
    """

    left: int
    right: int
    across: int
    keys: Tensor
    dense: Tensor | None

    @classmethod
    def of(cls, pair: tuple[int, int], sizes: tuple[int, ...], keys: Tensor) -> Cells:
        """Know these cells of a pair."""
        left, right = pair
        dense = None
        if sizes[left] * sizes[right] <= DENSE_VALUES:
            dense = torch.full((sizes[left] * sizes[right],), len(keys), dtype=torch.int32)
            dense[keys] = torch.arange(len(keys), dtype=torch.int32)
        return cls(left, right, sizes[right], keys, dense)

    def places(self, sources: Tensor) -> Tensor:
        """Return the place of each row's cell (n,); one past the last for a cell that is not known."""
        keys = sources[:, self.left] * self.across + sources[:, self.right]
        if self.dense is not None:
            return self.dense[keys].long()
        if not len(self.keys):
            return torch.zeros_like(keys)
        place = torch.searchsorted(self.keys, keys).clamp_max(len(self.keys) - 1)
        return torch.where(self.keys[place] == keys, place, len(self.keys))


@dataclass(frozen=True)
class StreamedFields:
    """What was learned.

    Attributes
    ----------
    fields : FieldEmbedding
        With fresh weights.
    out_of_fold : callable
        Gives the out-of-fold statistics (n, S) of a piece of the training rows with its folds.
    notes : tuple of str
        What was left out.
    """

    fields: FieldEmbedding
    out_of_fold: Callable[[Batch, Tensor], Tensor]
    notes: tuple[str, ...] = ()


def learn_fields_in_pieces(
    pieces: Pieces,
    n_folds: int,
    sample: Batch,
    folds: Tensor,
    config: FieldConfig,
    most_bins: int,
    spacing: EdgeSpacing = "even",
) -> StreamedFields:
    """Build a FieldEmbedding from training rows in pieces; see :func:`.embedding.learn_fields`.

    Parameters
    ----------
    pieces : callable
        Gives all rows; it is called twice.
    n_folds : int
        Number of folds.
    sample : Batch
        Some of these rows with their target, in memory.
    folds : int64 tensor, shape (n,)
        Their folds.
    config : FieldConfig
        As wished; ``n_bins`` is filled in here.
    most_bins : int
        At most this many bins a number.
    spacing : {"even", "tails"}, default "even"
        Of their edges; see :func:`.numbers.quantile_edges`.
    """
    assert sample.target is not None
    ratios = choose_ratios(sample.numbers, config.most_ratios) if config.most_ratios else ()
    raw = with_ratios(sample.numbers, ratios)
    edges = bin_edges(raw)
    sizes = (*config.cardinalities, *[PAIR_BINS + 1] * raw.shape[1])

    def sources_of(rows: Batch) -> Tensor:
        return all_sources(rows.codes, with_ratios(rows.numbers, ratios), edges)

    learner = TargetStatistics(
        config.cardinalities, config.statistics, config.smoothings, binary=config.binary
    )
    of_codes, of_sources = _tallied(
        learner, single_statistics(sizes, config.binary), pieces, sources_of, n_folds
    )
    tables, sources = learner.take(of_codes), sources_of(sample)
    model, base = additive_model(sources, sizes, sample.target, folds, config.binary, of_sources)
    target, most = sample.target.double(), config.most_pairs
    pairs = (
        choose_pairs(sources, sizes, model.telling, base, target, folds, most, config.binary) if most else ()
    )
    known, notes = _cells(pairs, sizes, sources)
    learned = _count(known, model, pieces, sources_of, n_folds)
    whole = [(c.keys, steps) for c, (steps, _) in zip(known, learned, strict=True)]
    interactions = pair_statistics(pairs, edges, sizes, whole, len(config.cardinalities))
    without = [_padded(others) for _, others in learned]

    def out_of_fold(rows: Batch, which: Tensor) -> Tensor:
        found = sources_of(rows) if known else rows.codes
        corrections = [t[which, c.places(found)] for c, t in zip(known, without, strict=True)]
        statistics = learner.look_up(tables, rows.codes, which)
        return torch.cat([statistics, *[c[:, None] for c in corrections]], 1)

    found = finished_fields(
        config, raw, out_of_fold(sample, folds), ratios, learner, interactions, most_bins, spacing
    )
    return StreamedFields(found, out_of_fold, notes)


def _tallied(
    learner: TargetStatistics,
    single: TargetStatistics,
    pieces: Pieces,
    sources_of: Callable[[Batch], Tensor],
    n_folds: int,
) -> tuple[Tally, Tally]:
    """Return the tallies of all rows: of the codes that get statistics, and of every source."""

    def tallies() -> Iterator[tuple[Tally, Tally]]:
        for rows, which in pieces():
            target = _target(rows)
            yield (
                learner.tally(rows.codes, target, which, n_folds),
                single.tally(sources_of(rows), target, which, n_folds),
            )

    return reduce(lambda a, b: (a[0] + b[0], a[1] + b[1]), tallies())


def _target(rows: Batch) -> Tensor:
    assert rows.target is not None
    return rows.target


def _cells(
    pairs: tuple[tuple[int, int], ...], sizes: tuple[int, ...], sources: Tensor
) -> tuple[list[Cells], tuple[str, ...]]:
    """Return the cells of each pair that are counted: all that the sample has seen, or the more frequent.

    The notes say how many are not.
    """
    found = [
        torch.unique(sources[:, left] * sizes[right] + sources[:, right], return_counts=True)
        for left, right in pairs
    ]
    rows = torch.cat([n for _, n in found]) if found else torch.empty(0)
    least = int(rows.sort(descending=True).values[MOST_CELLS]) + 1 if len(rows) > MOST_CELLS else 1
    known = [Cells.of(pair, sizes, keys[n >= least]) for pair, (keys, n) in zip(pairs, found, strict=True)]
    left = int((rows < least).sum())
    said = (
        f"{left:,} of the {len(rows):,} cells of {len(pairs)} pairs of columns, those with fewer than "
        f"{least} of the {len(sources):,} rows drawn, got no correction: at most {MOST_CELLS:,} are counted."
    )
    return known, (said,) if left else ()


def _count(
    known: list[Cells],
    model: AdditiveModel,
    pieces: Pieces,
    sources_of: Callable[[Batch], Tensor],
    n_folds: int,
) -> list[tuple[Tensor, Tensor]]:
    """Return the corrections of each pair's cells (cells,), and those without each fold (K, cells)."""
    if not known:
        return []
    # One place more in each fold takes the rows of cells that are not known.
    sums = [torch.zeros(2, n_folds * (len(c.keys) + 1), dtype=torch.float64) for c in known]
    for rows, which in pieces():
        sources, target = sources_of(rows), _target(rows).double()
        base = model.answers(sources, which)
        residual = target - base
        information = base * (1 - base) if model.single.binary else torch.ones_like(base)
        for cells, total in zip(known, sums, strict=True):
            place = which * (len(cells.keys) + 1) + cells.places(sources)
            total[0].index_add_(0, place, residual)
            total[1].index_add_(0, place, information)
    return [newton_steps(*total.view(2, n_folds, -1)[..., :-1]) for total in sums]


def _padded(others: Tensor) -> Tensor:
    """Append a correction of 0 for cells that are not known, in single precision."""
    return torch.cat([others, others.new_zeros(len(others), 1)], 1).float()
