"""The fields of a row with everything worked out that depends on one code or one cell alone.

The statistics of a code, their scaling, their curves and the code's own vector are one table lookup; so
is the vector of a pair's cell. What is left to compute a row are its raw numbers. The result is that of
:class:`bezant.network.fields.embedding.FieldEmbedding`, its columns in another order.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from math import pi

import torch
from torch import Tensor

from bezant.network.fields.embedding import FieldEmbedding
from bezant.network.fields.interactions import PAIR_BINS
from bezant.network.fields.ratios import log_ratio

DENSE_CELLS = 1 << 22
"""Most places of the table that gives a pair's cell at once; pairs beyond it are looked up by halving."""

FOLDING_ROWS = 8_192
"""Codes or cells embedded at once."""


@dataclass(frozen=True)
class Curves:
    """The raw numbers and log-ratios as vectors.

    Attributes
    ----------
    centre, scale, low, high : Tensor, shape (Q,)
        Of the robust scaling, and the range of each scaled number.
    missing : Tensor, shape (Q, D)
        Vectors of numbers not known.
    edges : Tensor, shape (Q, M), optional
        Bins of the piecewise-linear curves; infinite beyond the last.
    knots : Tensor, shape (Q * M, D), optional
        The curves' values at the edges.
    frequencies, mix, shift : Tensor, shapes (Q, F), (Q, 2 F, D), (Q, D), optional
        The periodic embedding: ``relu(cos and sin of 2 pi f x, times mix, plus shift)``.
    """

    centre: Tensor
    scale: Tensor
    low: Tensor
    high: Tensor
    missing: Tensor
    edges: Tensor | None
    knots: Tensor | None
    frequencies: Tensor | None
    mix: Tensor | None
    shift: Tensor | None

    def __call__(self, numbers: Tensor) -> Tensor:
        """Return the vectors (B, Q, D) of raw numbers (B, Q)."""
        x = ((numbers - self.centre) / self.scale).clamp(-1e9, 1e9)
        x = x / torch.sqrt(1 + (x / 3) ** 2)
        gone = torch.isnan(x)
        x = x.nan_to_num(0.0).clamp(self.low, self.high)
        parts = [p for p in (self._piecewise(x), self._periodic(x)) if p is not None]
        vectors = parts[0] if len(parts) == 1 else parts[0] + parts[1]
        return torch.where(gone[..., None], self.missing, vectors)

    def _piecewise(self, x: Tensor) -> Tensor | None:
        if self.edges is None or self.knots is None:
            return None
        columns = x.T.contiguous()  # (Q, B)
        right = torch.searchsorted(self.edges, columns).clamp_min(1)
        low, high = self.edges.gather(1, right - 1), self.edges.gather(1, right)
        share = ((columns - low) / (high - low)).T.reshape(-1, 1)
        starts = torch.arange(len(self.edges)) * self.edges.shape[1]
        place = (right.T + starts).flatten()
        below, above = self.knots.index_select(0, place - 1), self.knots.index_select(0, place)
        return torch.lerp(below, above, share).view(*x.shape, self.knots.shape[1])

    def _periodic(self, x: Tensor) -> Tensor | None:
        if self.frequencies is None or self.mix is None or self.shift is None:
            return None
        angle = 2 * pi * self.frequencies * x[..., None]  # (B, Q, F)
        waves = torch.cat([torch.cos(angle), torch.sin(angle)], -1).transpose(0, 1)
        return torch.relu((waves @ self.mix).transpose(0, 1) + self.shift)


@dataclass(frozen=True)
class Cells:
    """The vectors of the pairs' cells.

    Attributes
    ----------
    left, right : Tensor, shape (pairs,)
        Places of each pair's sources: code columns first, then ``binned`` numbers.
    across : Tensor, shape (pairs,)
        Number of values of the right source: a cell is ``left * across + right``.
    binned : Tensor, shape (U,)
        Numbers that take part.
    edges : Tensor, shape (U, 15)
        Their inner bin edges.
    keys : tuple of Tensor
        Known cells of each pair, sorted.
    first : tuple of int
        Row in ``vectors`` of each pair's first known cell.
    vectors : Tensor, shape (pairs + cells, D)
        One row a pair for cells never seen, then the known cells.
    dense : Tensor
        Row of every possible cell, of all pairs with few, one after another.
    starts : Tensor, shape (pairs,)
        Where a pair begins in ``dense``; -1 if it has too many cells.
    halved : tuple of int
        Those pairs.
    """

    left: Tensor
    right: Tensor
    across: Tensor
    binned: Tensor
    edges: Tensor
    keys: tuple[Tensor, ...]
    first: tuple[int, ...]
    vectors: Tensor
    dense: Tensor
    starts: Tensor
    halved: tuple[int, ...]

    def __call__(self, codes: Tensor, numbers: Tensor) -> Tensor:
        """Return the vectors (B, pairs, D) of codes (B, C) and raw numbers (B, Q)."""
        columns = numbers[:, self.binned].T.contiguous()
        bins = torch.searchsorted(self.edges, columns, right=True) + 1
        sources = torch.cat([codes.T.long(), torch.where(torch.isnan(columns), 0, bins)])  # (C + U, B)
        keys = torch.addcmul(sources[self.right], sources[self.left], self.across[:, None])  # (pairs, B)
        rows = self._rows(keys).T.flatten()
        return self.vectors.index_select(0, rows).view(keys.shape[1], len(keys), self.vectors.shape[1])

    def _rows(self, keys: Tensor) -> Tensor:
        """Rows of cells (pairs, B) in ``vectors``."""
        few = self.starts >= 0
        places = torch.where(few[:, None], keys + self.starts[:, None], 0)
        rows = self.dense.index_select(0, places.flatten()).view(keys.shape).long()
        for pair in self.halved:
            known = self.keys[pair]
            place = torch.searchsorted(known, keys[pair]).clamp_max(len(known) - 1)
            rows[pair] = torch.where(known[place] == keys[pair], place + self.first[pair], pair)
        return rows


@dataclass(frozen=True)
class FoldedFields:
    """The fields of a row as parts of its vector.

    Attributes
    ----------
    ratios : Tensor, shape (2, R)
        Pairs of numbers whose log-ratios are appended to the raw numbers.
    curves : Curves or None
        Raw numbers and log-ratios.
    cells : Cells or None
        Pairs.
    codes : tuple of int
        Code columns that have a table.
    tables : tuple of Tensor, shape (codes, width)
        Vector of each code.
    order : Tensor, shape (D,)
        For each place of curves, then cells, then tables: its place in the network's own vector.
    """

    ratios: Tensor
    curves: Curves | None
    cells: Cells | None
    codes: tuple[int, ...]
    tables: tuple[Tensor, ...]
    order: Tensor

    def computed(self, numbers: Tensor, codes: Tensor) -> list[Tensor]:
        """Return the parts that are not tables, (B, width) each."""
        raw = numbers
        if self.ratios.numel():
            left, right = (numbers.index_select(1, side) for side in self.ratios)
            raw = torch.cat([numbers, log_ratio(left, right)], 1)
        parts = [] if self.curves is None else [self.curves(raw).flatten(1)]
        if self.cells is not None:
            parts.append(self.cells(codes, raw).flatten(1))
        return parts


def fold_fields(fields: FieldEmbedding) -> FoldedFields:
    """Work out the tables of a trained FieldEmbedding."""
    config = fields.config
    own = len(config.smoothings) + 1
    raw = len(config.n_bins) - own * len(config.statistics) - len(config.pairs)
    first_pair = len(config.n_bins) - len(config.pairs)
    width = config.number_width
    order = [*range(raw * width), *range(first_pair * width, len(config.n_bins) * width)]
    codes, tables = [], []
    for column in range(len(config.cardinalities)):
        found = list(_table_of(fields, column, raw))
        if found:
            codes.append(column)
            tables.append(torch.cat([table for table, _ in found], 1))
            order.extend(place for _, places in found for place in places)
    return FoldedFields(
        ratios=torch.tensor(config.ratios, dtype=torch.int64).view(-1, 2).T.contiguous(),
        curves=_curves(fields, raw) if raw else None,
        cells=_cells(fields, raw, first_pair) if config.pairs else None,
        codes=tuple(codes),
        tables=tuple(tables),
        order=torch.tensor(order, dtype=torch.int64),
    )


def _table_of(fields: FieldEmbedding, column: int, raw: int) -> Iterator[tuple[Tensor, range]]:
    """Yield the vectors of a code column's codes, and their places in the row's vector."""
    config = fields.config
    size, own, width = config.cardinalities[column], len(config.smoothings) + 1, config.number_width
    if column in config.statistics:
        place = config.statistics.index(column)
        start = int(fields.statistics.starts[place])
        first = raw + place * own
        values = fields.statistics.table[start : start + size]
        yield (
            _embedded(fields, list(range(first, first + own)), values),
            range(first * width, (first + own) * width),
        )
    if column in config.embedded and fields.categories is not None:
        place = config.embedded.index(column)
        start = int(fields.categories.starts[place])
        begin = len(config.n_bins) * width + place * config.category_width
        vectors = fields.categories.vectors.weight[start : start + size].detach()
        yield vectors, range(begin, begin + config.category_width)


def _embedded(fields: FieldEmbedding, columns: list[int], values: Tensor) -> Tensor:
    """Return the vectors (m, len(columns) * D) of raw values (m, len(columns)) of these numbers."""
    assert fields.numbers is not None
    done = []
    for part in torch.split(values, FOLDING_ROWS):
        whole = torch.full((len(part), len(fields.config.n_bins)), torch.nan)
        whole[:, columns] = part
        done.append(fields.numbers(fields.scale(whole))[:, columns].flatten(1))
    return torch.cat(done)


def _curves(fields: FieldEmbedding, raw: int) -> Curves:
    assert fields.numbers is not None
    numbers, scale = fields.numbers, fields.scale
    edges = knots = frequencies = mix = shift = None
    if (line := numbers.piecewise) is not None:
        edges = line.edges[:raw, : max(fields.config.n_bins[:raw]) + 1].contiguous()
        whole = line.knots().view(*line.edges.shape, -1)
        knots = whole[:raw, : edges.shape[1]].flatten(0, 1)
    if (waves := numbers.periodic) is not None:
        frequencies = waves.periodic.weight[:raw]
        mix, shift = waves.linear.weight[:raw], waves.linear.bias[:raw]
    return Curves(
        scale.centre[:raw],
        scale.scale[:raw],
        numbers.low[:raw],
        numbers.high[:raw],
        numbers.missing[:raw].detach(),
        edges,
        knots,
        frequencies,
        mix,
        shift,
    )


def _cells(fields: FieldEmbedding, raw: int, first_pair: int) -> Cells:
    learned = fields.interactions
    assert learned is not None
    pairs, n_codes = len(learned.left), len(fields.config.cardinalities)
    bounds = [*torch.searchsorted(learned.keys, learned.starts).tolist(), len(learned.keys)]
    parts = [slice(a, b) for a, b in itertools.pairwise(bounds)]
    keys = tuple(learned.keys[part] - learned.starts[p] for p, part in enumerate(parts))
    unseen = [_embedded(fields, [first_pair + p], torch.zeros(1, 1)) for p in range(pairs)]
    seen = [_embedded(fields, [first_pair + p], learned.values[s, None]) for p, s in enumerate(parts)]
    sources = torch.cat([learned.left, learned.right])
    binned = torch.unique(sources[sources >= n_codes]) - n_codes

    def place(source: Tensor) -> Tensor:
        return torch.where(source < n_codes, source, n_codes + torch.searchsorted(binned, source - n_codes))

    first = tuple(pairs + part.start for part in parts)
    values = [*fields.config.cardinalities, *[PAIR_BINS + 1] * raw]
    dense, starts = _dense(keys, first, [values[left] * values[right] for left, right in fields.config.pairs])
    return Cells(
        place(learned.left),
        place(learned.right),
        learned.across,
        binned,
        learned.edges[binned].contiguous(),
        keys,
        first,
        torch.cat([*unseen, *seen]),
        dense,
        torch.tensor(starts, dtype=torch.int64),
        tuple(p for p, start in enumerate(starts) if start < 0),
    )


def _dense(keys: tuple[Tensor, ...], first: tuple[int, ...], sizes: list[int]) -> tuple[Tensor, list[int]]:
    """Return the rows of all possible cells of the smaller pairs, and where each pair begins."""
    tables = [torch.zeros(1, dtype=torch.int32)]  # what pairs without a place read, in vain
    starts, used = [-1] * len(sizes), 1
    for pair in sorted(range(len(sizes)), key=lambda p: sizes[p]):
        if used + sizes[pair] > DENSE_CELLS:
            break
        table = torch.full((sizes[pair],), pair, dtype=torch.int32)
        table[keys[pair]] = torch.arange(first[pair], first[pair] + len(keys[pair]), dtype=torch.int32)
        tables.append(table)
        starts[pair], used = used, used + sizes[pair]
    return torch.cat(tables), starts
