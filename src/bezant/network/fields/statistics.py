"""Target statistics: what the training rows say of each value of a category, as numbers.

The statistic of a value is its smoothed mean target. A row must not see its own target, or the
network learns to trust a copy of the answer; therefore training rows get statistics of the *other*
folds (Micci-Barreca 2001; the out-of-fold form), and every other row those of all training rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Tally:
    """What target statistics are made of; the tallies of the pieces of a table add up to the table's.

    Attributes
    ----------
    sums, rows : float64 tensor, shape (K, size)
        Sum of the target and number of rows, by fold and code.
    totals : float64 tensor, shape (2, K)
        The same two by fold alone.
    """

    sums: Tensor
    rows: Tensor
    totals: Tensor

    def __add__(self, other: Tally) -> Tally:
        """Return the tally of two pieces together."""
        return Tally(self.sums + other.sums, self.rows + other.rows, self.totals + other.totals)

    @property
    def mean(self) -> Tensor:
        """Mean of the target over all rows, shape ()."""
        sums, rows = self.totals.sum(1)
        mean: Tensor = sums / rows
        return mean


class TargetStatistics(nn.Module):
    """A table of smoothed target means and counts for each code of some code columns.

    Parameters
    ----------
    cardinalities : tuple of int
        Number of codes of every code column.
    columns : tuple of int
        Places of the code columns that get statistics.
    smoothings : tuple of float
        Strengths of the pull towards the overall mean, in rows; one statistic for each.
    binary : bool, default True
        Means are probabilities and are returned as log-odds.

    Notes
    -----
    Each of these columns gives ``len(smoothings) + 1`` numbers: the means, and log(1 + rows).
    """

    starts: Tensor
    place: Tensor
    table: Tensor

    def __init__(
        self,
        cardinalities: tuple[int, ...],
        columns: tuple[int, ...],
        smoothings: tuple[float, ...] = (10.0, 100.0),
        *,
        binary: bool = True,
    ) -> None:
        super().__init__()
        self.columns, self.smoothings, self.binary = tuple(columns), tuple(smoothings), binary
        sizes = [cardinalities[c] for c in columns]
        starts = torch.tensor([0, *sizes[:-1]] if sizes else [], dtype=torch.int64).cumsum(0)
        self.register_buffer("starts", starts, persistent=False)
        self.register_buffer("place", torch.tensor(self.columns, dtype=torch.int64), persistent=False)
        self.register_buffer("table", torch.zeros(sum(sizes), len(smoothings) + 1))

    @property
    def width(self) -> int:
        """Number S of statistics a row."""
        return len(self.columns) * (len(self.smoothings) + 1)

    def forward(self, codes: Tensor) -> Tensor:
        """Return the statistics (B, S) of codes (B, C), learned on all training rows."""
        return self.table[self._flat(codes)].flatten(1)  # (B, S)

    def learn(self, codes: Tensor, target: Tensor, folds: Tensor) -> Tensor:
        """Learn the table from training rows and return their out-of-fold statistics.

        Parameters
        ----------
        codes : int32 tensor, shape (n, C)
        target : float32 tensor, shape (n,)
        folds : int64 tensor, shape (n,)
            Fold of each row, 0 to K - 1.

        Returns
        -------
        float32 tensor, shape (n, S)
        """
        n_folds = int(folds.max()) + 1 if len(folds) else 1
        return self.look_up(self.take(self.tally(codes, target, folds, n_folds)), codes, folds)

    def tally(self, codes: Tensor, target: Tensor, folds: Tensor, n_folds: int) -> Tally:
        """Count a piece of the training rows; the parameters are those of :meth:`learn`."""
        flat, y = self._flat(codes), target.double()  # (n, columns), (n,)
        size = len(self.table)
        cell = (folds[:, None] * size + flat).flatten()
        values = y[:, None].expand(-1, flat.shape[1]).flatten()
        sums = torch.bincount(cell, values, n_folds * size).view(n_folds, size)
        rows = torch.bincount(cell, minlength=n_folds * size).double().view(n_folds, size)
        totals = torch.stack([torch.bincount(folds, v, n_folds) for v in (y, torch.ones_like(y))])
        return Tally(sums, rows, totals)

    def take(self, tally: Tally) -> Tensor:
        """Learn the table from a tally of all training rows; also return the tables without each fold.

        Returns
        -------
        float32 tensor, shape (K, size, statistics)
        """
        sums, rows, n_folds = tally.sums.sum(0), tally.rows.sum(0), len(tally.sums)
        self.table.copy_(self._statistics(sums, rows, tally.mean))
        tables = torch.empty(n_folds, *self.table.shape)
        for fold in range(n_folds):
            target, others = (tally.totals.sum(1) - tally.totals[:, fold]).unbind()
            prior = target / others if bool(others > 0) else tally.mean
            others_rows = rows - tally.rows[fold]
            table = self._statistics(sums - tally.sums[fold], others_rows, prior)
            table[:, -1] = torch.log1p(others_rows * n_folds / max(n_folds - 1, 1))
            tables[fold] = table.float()
        return tables

    def look_up(self, tables: Tensor, codes: Tensor, folds: Tensor) -> Tensor:
        """Return the out-of-fold statistics (n, S) of training rows, from what :meth:`take` gave."""
        return tables[folds[:, None], self._flat(codes)].flatten(1)

    def _flat(self, codes: Tensor) -> Tensor:
        return codes.index_select(1, self.place).long() + self.starts

    def _statistics(self, sums: Tensor, rows: Tensor, prior: Tensor) -> Tensor:
        columns = [(sums + a * prior) / (rows + a) for a in self.smoothings]
        if self.binary:
            columns = [torch.logit(c.clamp(1e-4, 1 - 1e-4)) for c in columns]
        return torch.stack([*columns, torch.log1p(rows)], 1)
